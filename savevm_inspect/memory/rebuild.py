"""A RAM block's final bytes: the last page that was sent to each address wins, zero pages included."""

import io
import os
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import NotFound
from ..payload.ram import PageKind, RamBlock
from .page_table import PageTable

NEVER_SENT: Final = -1
ZERO: Final = -2


class BlockImage(io.RawIOBase):
    """The final bytes of a block as a read-only file; reads only what is asked for.

    Pages that were never sent read as zeros; :attr:`missing_pages` tells how many there are.

    Args:
        buffer: the bytes of the channel that the pages' offsets refer to.
        block: the block.
        content: shape (pages of the block,), int64: the offset in ``buffer`` of each page's content, or
            :data:`ZERO` or :data:`NEVER_SENT`.
        page_size: bytes of a page.
    """

    def __init__(self, buffer: memoryview, block: RamBlock, content: npt.NDArray[np.int64], page_size: int) -> None:
        super().__init__()
        self._buffer = buffer
        self.block = block
        self.content = content
        self.page_size = page_size
        self._position = 0

    @property
    def missing_pages(self) -> int:
        """Pages that were never sent."""
        return int(np.count_nonzero(self.content == NEVER_SENT))

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
        done = 0
        while done < length:
            page, within = divmod(self._position + done, self.page_size)
            piece = min(self.page_size - within, length - done)
            offset = int(self.content[page])
            if offset < 0:
                view[done : done + piece] = bytes(piece)
            else:
                view[done : done + piece] = self._buffer[offset + within : offset + within + piece]
            done += piece
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
        block, page_size = self._pages.blocks[index], self._pages.page_size
        content = np.full(-(-block.used_bytes // page_size), NEVER_SENT, np.int64)
        rows = self._pages.of_block(index)
        # An index that is repeated keeps the value that is assigned last: the page that was sent last wins.
        content[(rows["addr"] // page_size).astype(np.int64)] = np.where(
            rows["kind"] == PageKind.ZERO, ZERO, rows["offset"].astype(np.int64)
        )
        return BlockImage(self._buffer, block, content, page_size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)
