"""A RAM block's final bytes: the last page that was sent to each address wins, zero pages included.

What is held grows with the pages that were sent, never with the length that a block claims to have.
"""

import io
import os
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import NotFound
from ..payload.ram import PageKind, RamBlock
from .page_table import PageTable

ZERO: Final = -1
"""Stands for the offset of a page that is all zero."""


class BlockImage(io.RawIOBase):
    """The final bytes of a block as a read-only file; reads only what is asked for.

    Pages that were never sent read as zeros; :attr:`missing_pages` tells how many there are.

    Args:
        buffer: the bytes of the channel that the pages' offsets refer to.
        block: the block.
        sent: shape (n,), int64, ascending: the numbers of the block's pages that were sent.
        content: shape (n,), int64: the offset in ``buffer`` of each one's content, or :data:`ZERO`.
        page_size: bytes of a page.
    """

    def __init__(
        self,
        buffer: memoryview,
        block: RamBlock,
        sent: npt.NDArray[np.int64],
        content: npt.NDArray[np.int64],
        page_size: int,
    ) -> None:
        super().__init__()
        self._buffer = buffer
        self.block = block
        self.sent = sent
        self.content = content
        self.page_size = page_size
        self._position = 0

    @property
    def missing_pages(self) -> int:
        """Pages that were never sent."""
        return -(-self.block.used_bytes // self.page_size) - len(self.sent)

    def readable(self) -> bool:
        """A block can be read."""
        return True

    def seekable(self) -> bool:
        """A block can be read at any place."""
        return True

    def tell(self) -> int:
        """The place of the next read, in bytes in the block."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place of the next read.

        Args:
            offset: bytes from the place that ``whence`` names.
            whence: as in :meth:`io.IOBase.seek`.

        Returns:
            The new place in bytes.

        Raises:
            ValueError: it lies before the block.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.block.used_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"place {base + offset} lies before the block")
        self._position = base + offset
        return self._position

    def readinto(self, target: object, /) -> int:
        """Fill a buffer from the current place on.

        Args:
            target: a writable buffer of bytes.

        Returns:
            The number of bytes read; 0 at the block's end.
        """
        view = memoryview(target).cast("B")  # type: ignore[arg-type]  # io types buffers as object
        length = min(len(view), max(self.block.used_bytes - self._position, 0))
        view = view[:length]
        view[:] = bytes(length)
        start = self._position
        first, last = np.searchsorted(self.sent, (start // self.page_size, -(-(start + length) // self.page_size)))
        for page, offset in zip(self.sent[first:last].tolist(), self.content[first:last].tolist(), strict=True):
            if offset != ZERO:
                at = page * self.page_size - start
                skip = max(-at, 0)
                piece = self._buffer[offset + skip : offset + min(self.page_size, length - at)]
                view[at + skip : at + skip + len(piece)] = piece
        self._position += length
        return length


class Memory(Mapping[str, BlockImage]):
    """The RAM blocks of a stream by name.

    Args:
        buffer: the bytes of the channel that holds the pages.
        pages: the stream's pages.
    """

    def __init__(self, buffer: memoryview, pages: PageTable) -> None:
        self._buffer = buffer
        self._pages = pages
        self._index = {block.name: index for index, block in enumerate(pages.blocks)}

    def __getitem__(self, name: str) -> BlockImage:
        if name not in self._index:
            known = ", ".join(self._index) or "none"
            raise NotFound(f"no RAM block {name!r}; the stream has: {known}")
        index = self._index[name]
        rows = self._pages.of_block(index)
        # Of each address the first row from the end counts: the page that was sent last wins.
        addrs, backwards = np.unique(rows["addr"][::-1], return_index=True)
        final = rows[::-1][backwards]
        return BlockImage(
            self._buffer,
            self._pages.blocks[index],
            (addrs // self._pages.page_size).astype(np.int64),
            np.where(final["kind"] == PageKind.ZERO, ZERO, final["offset"].astype(np.int64)),
            self._pages.page_size,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)
