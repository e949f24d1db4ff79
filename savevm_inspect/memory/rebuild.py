"""A RAM block's final bytes: the last page that was sent to each address wins, zero pages included.

What is held grows with the pages that were sent, never with the length that a block claims to have.
"""

import io
import os
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ..errors import BadPayload, NotFound
from ..payload.page_log import PageKind
from ..payload.ram_blocks import RamBlock
from .page_table import PageTable
from .unpack import Buffers, unpack_page


class BlockImage(io.RawIOBase):
    """The final bytes of a block as a read-only file; reads only what is asked for.

    Pages that were never sent read as zeros; :attr:`missing_pages` tells how many there are.

    Args:
        buffers: the bytes of each channel.
        block: the block.
        rows: shape (n,), dtype ``PAGE_DTYPE``: all that was sent of the block, in the order in which it was sent.
        page_size: bytes of a page.
    """

    def __init__(self, buffers: Buffers, block: RamBlock, rows: npt.NDArray[np.void], page_size: int) -> None:
        super().__init__()
        self.block = block
        self.page_size = page_size
        self._buffers = buffers
        self._rows = rows[np.argsort(rows["addr"], kind="stable")]
        addrs = self._rows["addr"]
        self._last = np.flatnonzero(np.append(addrs[1:] != addrs[:-1], len(addrs) > 0))
        self._position = 0

    @property
    def sent(self) -> npt.NDArray[np.int64]:
        """The numbers of the block's pages that were sent, ascending; shape (n,), int64."""
        return (self._rows["addr"][self._last] // self.page_size).astype(np.int64)

    @property
    def final(self) -> npt.NDArray[np.void]:
        """The row of each of :attr:`sent` that was sent last; shape (n,), dtype ``PAGE_DTYPE``."""
        rows: npt.NDArray[np.void] = self._rows[self._last]
        return rows

    @property
    def ignored(self) -> bool:
        """Whether x-ignore-shared left the block out, so that its content is not in the stream."""
        return self.block.gpa is not None and self.block.mapped is None and not len(self._last)

    @property
    def missing_pages(self) -> int:
        """Pages that were never sent; in mapped-ram a page that is absent is zero."""
        if self.block.mapped is not None:
            return 0
        return -(-self.block.used_bytes // self.page_size) - len(self._last)

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
        for page, content in self._contents(start, length):
            at = page * self.page_size - start
            skip = max(-at, 0)
            piece = content[skip : min(self.page_size, length - at)]
            view[at + skip : at + skip + len(piece)] = piece
        self._position += length
        return length

    def problems(self) -> Iterator[BadPayload]:
        """Unpack every page that does not lie bare in the stream.

        Yields:
            What is wrong with each that can't be unpacked.
        """
        packed = np.isin(self._rows["kind"][self._last], (PageKind.XBZRLE, PageKind.COMPRESSED))
        for page in self.sent[packed].tolist():
            try:
                for _ in self._contents(page * self.page_size, 1):
                    pass
            except BadPayload as error:
                yield error

    def _contents(self, start: int, length: int) -> Iterator[tuple[int, memoryview | bytes]]:
        """The pages of a range that are not zero, with their content."""
        places = (start // self.page_size, -(-(start + length) // self.page_size))
        first, end = np.searchsorted(self.sent, places)
        for number in range(first, end):
            row = self._rows[self._last[number]]
            page = int(row["addr"]) // self.page_size
            if row["kind"] == PageKind.NORMAL:
                offset = int(row["offset"])
                yield page, self._buffers[int(row["channel"])][offset : offset + self.page_size]
            elif row["kind"] != PageKind.ZERO:
                begin = self._last[number - 1] + 1 if number else 0
                yield page, unpack_page(self._buffers, self._rows[begin : self._last[number] + 1], self.page_size)


class Memory(Mapping[str, BlockImage]):
    """The RAM blocks of a stream by name.

    Args:
        buffers: the bytes of each channel that holds pages.
        pages: the stream's pages.
    """

    def __init__(self, buffers: Buffers, pages: PageTable) -> None:
        self._buffers = buffers
        self._pages = pages
        self._index = {block.name: index for index, block in enumerate(pages.blocks)}

    def __getitem__(self, name: str) -> BlockImage:
        if name not in self._index:
            known = ", ".join(self._index) or "none"
            raise NotFound(f"no RAM block {name!r}; the stream has: {known}")
        index = self._index[name]
        rows = self._pages.of_block(index)
        return BlockImage(self._buffers, self._pages.blocks[index], rows, self._pages.page_size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)
