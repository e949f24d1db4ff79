"""Which of the rows of a page table count in the end: the last one of each page, unless it was discarded later.

What is held grows with the pages that were sent, never with the length that a block claims to have.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind
from ..payload.ram_blocks import RamBlock

_STEP_ROWS = 1 << 18
_ALWAYS_DENSE_PAGES = 1 << 16
_STEP_PAGES = 1 << 16
_NONE = -1

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Discard:
    """A range of a RAM block that the destination of a postcopy migration must forget; it will be sent again.

    Attributes:
        block: the block's name.
        start: first byte, in bytes in the block.
        length: number of bytes.
        rows_before: number of rows of the page table that were sent before; as long as that is not made, of the main
            channel alone.
        epoch: how many times all channels had been brought into line.
    """

    block: str
    start: int
    length: int
    rows_before: int
    epoch: int = 0

    def at_rows(self, rows_before: int) -> "Discard":
        """The same one after another number of rows."""
        return replace(self, rows_before=rows_before)


class FinalPages:
    """The last row of each page of each block.

    The pages of all blocks, one block after the other, are numbered as slots. Where most of them were sent, there is
    an entry for every slot; otherwise there is one for each that was sent.

    Args:
        rows: shape (n,), dtype ``PAGE_DTYPE``, in the order in which they were sent.
        blocks: the block list.
        page_size: bytes of a page.
        discards: what was to be forgotten between the rows, in order.

    Attributes:
        not_sent_again: pages that were discarded and not sent after that.
    """

    def __init__(
        self, rows: npt.NDArray[np.void], blocks: Sequence[RamBlock], page_size: int, discards: Sequence[Discard] = ()
    ) -> None:
        self._rows = rows
        self._page_size = page_size
        pages = [-(-block.used_bytes // page_size) for block in blocks]
        self._base = np.concatenate(([0], np.cumsum(pages, dtype=np.int64)))
        total = int(self._base[-1])
        dense = total <= max(2 * len(rows), _ALWAYS_DENSE_PAGES)
        self._keys = None if dense else np.unique(np.concatenate([_EMPTY, *(keys for _, keys in self._steps())]))
        index = np.int32 if len(rows) <= np.iinfo(np.int32).max else np.int64
        self._last: Numbers = np.full(total if self._keys is None else len(self._keys), _NONE, index)
        chained = bool((rows["kind"] == PageKind.XBZRLE).any())
        self._before: Numbers = np.full(len(rows) if chained else 0, _NONE, index)
        for first, keys in self._steps():
            slots = self._slots(keys)
            if chained:
                self._chain(first, slots)
            self._last[slots] = np.arange(first, first + len(slots), dtype=index)  # of equal slots the last one stays
        self.not_sent_again = 0
        self._forget(blocks, discards)

    def _steps(self) -> Iterator[tuple[int, Numbers]]:
        """The page of each row as a number that counts through all blocks, a step of rows at a time."""
        for first in range(0, len(self._rows), _STEP_ROWS):
            rows = self._rows[first : first + _STEP_ROWS]
            numbers = (rows["addr"] // np.uint64(self._page_size)).astype(np.int64)
            yield first, self._base[rows["block"]] + numbers

    def _slots(self, keys: Numbers) -> Numbers:
        return keys if self._keys is None else np.searchsorted(self._keys, keys)

    def _chain(self, first: int, slots: Numbers) -> None:
        """Note for each row of a step which row of the same page came before it."""
        order = np.argsort(slots, kind="stable")
        same = slots[order[1:]] == slots[order[:-1]]
        before = self._before[first : first + len(slots)]
        before[order[1:][same]] = first + order[:-1][same]
        begins = order[np.append(True, ~same)]
        before[begins] = self._last[slots[begins]]

    def _forget(self, blocks: Sequence[RamBlock], discards: Sequence[Discard]) -> None:
        """Drop the rows that were sent before a discard of their page, each page once, by its last discard."""
        bases = {block.name: (int(self._base[n]), int(self._base[n + 1])) for n, block in enumerate(blocks)}
        ranges = []
        for discard in discards:
            base, end = bases.get(discard.block, (0, 0))  # a name that the list lacks is the destination's to refuse
            first = base + discard.start // self._page_size
            stop = base + -(-(discard.start + discard.length) // self._page_size)
            if first < min(stop, end):
                ranges.append((first, min(stop, end), discard.rows_before))
        for first, stop, rows_before in _last_of_ranges(ranges):
            slot, slot_end = self._slots(np.array([first, stop]))
            last = self._last[slot:slot_end]
            last[last < rows_before] = _NONE
            self.not_sent_again += stop - first - int(np.count_nonzero(last != _NONE))

    @property
    def missing(self) -> int:
        """Pages of all blocks that were never sent, or discarded and not sent again."""
        return int(self._base[-1]) - int(np.count_nonzero(self._last != _NONE))

    def between(self, block: int, first: int, stop: int) -> tuple[Numbers, Numbers]:
        """The pages of a range that were sent.

        Args:
            block: index of the block.
            first: number of the first page in the block.
            stop: number of the page after the last one.

        Returns:
            The numbers of the pages in the block, ascending, and the index of the last row of each.
        """
        base, end = (int(self._base[block + more]) for more in (0, 1))
        start, stop = (min(base + number, end) for number in (first, stop))
        if self._keys is None:
            last = self._last[start:stop]
            sent = np.flatnonzero(last != _NONE)
            return sent + (start - base), last[sent].astype(np.int64)
        slot, slot_end = self._slots(np.array([start, stop]))
        last = self._last[slot:slot_end]
        sent = np.flatnonzero(last != _NONE)
        return self._keys[slot:slot_end][sent] - base, last[sent].astype(np.int64)

    def steps(self, block: int) -> Iterator[tuple[Numbers, Numbers]]:
        """All pages of a block that were sent, as :meth:`between`, some at a time."""
        slot, stop = self._slots(self._base[block : block + 2]).tolist()
        base = int(self._base[block])
        for first in range(slot, stop, _STEP_PAGES):
            last = self._last[first : min(first + _STEP_PAGES, stop)]
            sent = np.flatnonzero(last != _NONE)
            keys = sent + first if self._keys is None else self._keys[first:stop][sent]
            yield keys - base, last[sent].astype(np.int64)

    def count(self, block: int) -> int:
        """How many pages of a block were sent and not discarded."""
        slot, stop = self._slots(self._base[block : block + 2])
        return int(np.count_nonzero(self._last[slot:stop] != _NONE))

    def history(self, row: int) -> list[int]:
        """The rows that make a page: up to a given one, from the last one before it that holds all of the page.

        Args:
            row: index of a row.

        Returns:
            Indices of rows, ascending.
        """
        found = [row]
        while self._rows["kind"][found[-1]] == PageKind.XBZRLE and (before := int(self._before[found[-1]])) != _NONE:
            found.append(before)
        return found[::-1]


_EMPTY: Numbers = np.zeros(0, np.int64)


def _last_of_ranges(ranges: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Cut ranges so that none overlaps a later one; each page is then visited once, however many they are."""
    edges = sorted({edge for first, stop, _ in ranges for edge in (first, stop)})
    index = {edge: number for number, edge in enumerate(edges)}
    free = list(range(len(edges)))  # the first piece from here on that no later range took

    def next_free(number: int) -> int:
        while free[number] != number:
            free[number] = free[free[number]]
            number = free[number]
        return number

    for first, stop, value in reversed(ranges):
        number = next_free(index[first])
        while number < index[stop]:
            yield edges[number], edges[number + 1], value
            free[number] = number + 1
            number = next_free(number + 1)
