"""A RAM block's final bytes: the last page that was sent to each address wins, zero pages included.

What is held grows with the pages that were sent, never with the length that a block claims to have.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ..errors import BadPayload, NotFound, listed, printable
from ..markup import html_table
from ..payload.page_log import PageKind
from .page_table import PageTable
from .raw_file import RawFile
from .runs import find_runs
from .search import find_bytes
from .unpack import Buffers, unpack_page


class BlockImage(RawFile):
    """The final bytes of a block as a read-only file; reads only what is asked for.

    Pages that were never sent, or discarded and not sent again, read as zeros; :meth:`missing` says which they are.

    Args:
        buffers: the bytes of each channel.
        pages: all pages of the stream.
        index: of the block in the block list.
    """

    def __init__(self, buffers: Buffers, pages: PageTable, index: int) -> None:
        super().__init__()
        self.block = pages.blocks[index]
        self.limit = self.block.used_bytes
        self.page_size = pages.page_size
        self._buffers = buffers
        self._rows = pages.rows
        self._final = pages.final
        self._index = index

    def __repr__(self) -> str:
        return printable(f"<BlockImage {self.block.name}: {self.block.used_bytes} bytes>")

    @property
    def num_pages(self) -> int:
        """How many pages the block has; the last one may be shorter than the others."""
        return -(-self.block.used_bytes // self.page_size)

    @property
    def sent(self) -> npt.NDArray[np.int64]:
        """The numbers of the block's pages that were sent, ascending; shape (n,), int64."""
        return self._final.between(self._index, 0, self.num_pages)[0]

    @property
    def final(self) -> npt.NDArray[np.void]:
        """The row of each of :attr:`sent` that was sent last; shape (n,), dtype ``PAGE_DTYPE``."""
        rows: npt.NDArray[np.void] = self._rows[self._final.between(self._index, 0, self.num_pages)[1]]
        return rows

    @property
    def ignored(self) -> bool:
        """Whether x-ignore-shared left the block out, so that its content is not in the stream."""
        return self.block.gpa is not None and self.block.mapped is None and not self._final.count(self._index)

    def _check_sent(self) -> None:
        if self.ignored:
            raise NotFound(f"block {self.block.name!r} is shared memory that x-ignore-shared left out of the stream")

    @property
    def missing_pages(self) -> int:
        """Pages that were never sent, or not again; in mapped-ram a page that is absent is zero."""
        return 0 if self.block.mapped is not None else self.num_pages - self._final.count(self._index)

    def missing(self) -> Iterator[tuple[int, int]]:
        """The ranges of the block that were never sent, or discarded and not sent again.

        Yields:
            Address in bytes in the block, and length in bytes, ascending.
        """
        if self.block.mapped is not None:
            return
        end = 0
        for numbers, _ in self._final.steps(self._index):
            for first, stop in _consecutive(numbers):
                if first > end:
                    yield end * self.page_size, (first - end) * self.page_size
                end = stop
        if end < self.num_pages:
            yield end * self.page_size, self.block.used_bytes - end * self.page_size

    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer from an address on, without moving the position of the next read.

        Args:
            start: address of the first byte, in bytes in the block.
            view: writable bytes, no more than the block has from there on.

        Raises:
            FileError: the file is closed.
            NotFound: the block was left out of the stream.
            BadPayload: a page can't be unpacked.
        """
        self._check_open()
        self._check_sent()
        size, end = self.page_size, start + len(view)
        first, full_end = -(-start // size), end // size  # the whole pages
        if first <= full_end:
            self._fill(np.frombuffer(view, np.uint8, (full_end - first) * size, first * size - start), first)
            edges = [(start, first * size), (full_end * size, end)]
        else:
            edges = [(start, end)]  # within one page
        for addr, stop in edges:
            if addr < stop:
                page = np.empty(size, np.uint8)
                self._fill(page, addr // size)
                view[addr - start : stop - start] = page[addr % size :][: stop - addr].data

    def _fill(self, target: npt.NDArray[np.uint8], first: int) -> None:
        """Fill a buffer with whole pages, from a page on."""
        size = self.page_size
        pages = target.reshape(-1, size)
        numbers, index = self._final.between(self._index, first, first + len(pages))
        kinds = self._rows["kind"][index]
        filled = np.flatnonzero(kinds != PageKind.ZERO)
        if len(filled) < len(pages):
            pages[:] = 0
        numbers, index, kinds = numbers[filled], index[filled], kinds[filled]
        offsets, channels = self._rows["offset"][index].astype(np.int64), self._rows["channel"][index]
        bare = kinds == PageKind.NORMAL
        apart = (channels[1:] != channels[:-1]) | ~(bare[1:] & bare[:-1])
        for run in find_runs(numbers, offsets, apart):
            at = int(numbers[run.first]) - first
            if not bare[run.first]:
                pages[at] = np.frombuffer(self._unpack(int(index[run.first])), np.uint8)
                continue
            buffer, offset = self._buffers[int(channels[run.first])], int(offsets[run.first])
            content = np.ndarray((run.num_pages, size), np.uint8, buffer, offset, (run.stride, 1))
            pages[at : at + run.num_pages * run.step : run.step] = content

    def _unpack(self, row: int) -> bytes:
        return unpack_page(self._buffers, self._rows[self._final.history(row)], self.page_size)

    def search(self, pattern: bytes, start: int = 0) -> Iterator[int]:
        """Find bytes in the final content, also where they cross from one page to the next.

        Args:
            pattern: what to look for; at least one byte.
            start: where to begin, in bytes in the block.

        Yields:
            Each address where it begins, ascending, in bytes in the block.

        Raises:
            NotFound: the block was left out of the stream.
        """
        self._check_sent()
        size = self.block.used_bytes
        return find_bytes(pattern, start=start, size=size, filled=self.filled(), read=self.read_at)

    def filled(self, gap_pages: int = 0) -> Iterator[tuple[int, int]]:
        """The ranges outside of which all bytes are zero or were never sent; whole pages, but for the last one.

        Args:
            gap_pages: ranges no further apart than this are one.

        Yields:
            Place and end in bytes in the block, ascending; neighbours may meet.
        """
        for numbers, index in self._final.steps(self._index):
            filled = numbers[self._rows["kind"][index] != PageKind.ZERO]
            for first, stop in _consecutive(filled, gap_pages):
                yield first * self.page_size, min(stop * self.page_size, self.block.used_bytes)

    def problems(self) -> Iterator[BadPayload]:
        """Unpack every page that does not lie bare in the stream.

        Yields:
            What is wrong with each that can't be unpacked.
        """
        for _, index in self._final.steps(self._index):
            packed = np.isin(self._rows["kind"][index], (PageKind.XBZRLE, PageKind.COMPRESSED))
            for row in index[packed].tolist():
                try:
                    self._unpack(row)
                except BadPayload as error:
                    yield error


def _consecutive(numbers: npt.NDArray[np.int64], gap: int = 0) -> Iterator[tuple[int, int]]:
    """Ascending numbers as ranges: the first one, and the one after the last.

    Args:
        numbers: the numbers.
        gap: ranges no further apart than this are one.
    """
    borders = np.flatnonzero(np.diff(numbers) > 1 + gap)
    firsts = numbers[np.append(0, borders + 1)] if len(numbers) else numbers
    lasts = numbers[np.append(borders, -1)] if len(numbers) else numbers
    yield from zip(firsts.tolist(), (lasts + 1).tolist(), strict=True)


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
            known = listed(self._index)
            raise NotFound(f"no RAM block {name!r}; the stream has: {known}")
        return BlockImage(self._buffers, self._pages, self._index[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def _ipython_key_completions_(self) -> list[str]:
        """What IPython offers in ``memory["``."""
        return list(self)

    def __repr__(self) -> str:
        return printable(f"<{type(self).__name__}: {listed(self)}>")

    def _repr_html_(self) -> str:
        rows = ((name, image.block.used_bytes, image.missing_pages) for name, image in self.items())
        return html_table(self, ("block", "bytes", "pages never sent"), rows)
