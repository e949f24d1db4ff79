"""A guest whose every write is known beforehand: memory, dirty log, and a workload that runs in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ...errors import SavevmError
from ..sim.clock import US_PER_S

_WORD_BYTES: Final = 8
_BATCH: Final = 1 << 16
_AHEAD: Final = 256
"""Writes that are looked at together, ahead of time."""

# Steele, Lea and Flood's splitmix64: each number is a function of its index alone, so that any part of the sequence
# can be made at once, and what the guest has still to do is one counter.
_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)


def splitmix64(seed: int, first: int, count: int) -> npt.NDArray[np.uint64]:
    """Random numbers by their index.

    Args:
        seed: which sequence.
        first: index of the first number.
        count: how many.

    Returns:
        shape (count,), uint64.
    """
    z = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(seed & 0xFFFFFFFFFFFFFFFF)) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    mixed: npt.NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the guest does all day, as data.

    Attributes:
        writes_per_s: how many words it writes a second; 0 is an idle guest.
        first_page: first page of the part of memory that it writes to.
        hot_pages: length of that part in pages; 0 is all up to the end of the block.
        sequential: go through the pages in order, instead of picking them at random.
        grows_by_pages_per_s: how fast that part grows.
        stops_after_us: time at which it falls silent, in microseconds; ``None`` is never.
    """

    writes_per_s: int = 0
    first_page: int = 0
    hot_pages: int = 0
    sequential: bool = False
    grows_by_pages_per_s: int = 0
    stops_after_us: int | None = None


class GuestBlock:
    """One RAM block: its bytes, and which pages were written since the log was last collected.

    Args:
        name: the block's idstr.
        size_bytes: its length, a multiple of the page size.
        page_size: in bytes.
        shared: it lies in a file that both sides have; with x-ignore-shared it is not sent.

    Attributes:
        memory: its bytes.
        page_contents: the same, shape (pages, page_size), uint8; a view.
        dirty_log: shape (pages,), bool.
    """

    def __init__(self, name: str, size_bytes: int, page_size: int, *, shared: bool = False) -> None:
        if size_bytes % page_size:
            raise SavevmError(f"block {name!r} of {size_bytes} bytes is no multiple of the page size, {page_size}")
        self.name = name
        self.page_size = page_size
        self.shared = shared
        self.page_contents: npt.NDArray[np.uint8] = np.zeros((size_bytes // page_size, page_size), np.uint8)
        self.dirty_log: npt.NDArray[np.bool_] = np.zeros(len(self.page_contents), np.bool_)

    @property
    def memory(self) -> memoryview:
        """Its bytes, to read and to write."""
        return self.page_contents.reshape(-1).data

    @property
    def num_pages(self) -> int:
        """Length in pages."""
        return len(self.page_contents)

    @property
    def size_bytes(self) -> int:
        """Length in bytes."""
        return self.page_contents.size

    def page(self, number: int) -> bytes:
        """A copy of a page's content."""
        content: bytes = self.page_contents[number].tobytes()
        return content

    def write(self, addr: int, data: bytes) -> None:
        """Write as the guest does: the pages touched enter the dirty log.

        Args:
            addr: in bytes in the block.
            data: the bytes.

        Raises:
            SavevmError: the block ends before the data does.
        """
        if not 0 <= addr <= self.size_bytes - len(data):
            raise SavevmError(
                f"{len(data)} bytes at {addr:#x} leave block {self.name!r} of {self.size_bytes:#x} bytes"
            )
        self.memory[addr : addr + len(data)] = data
        if data:
            self.dirty_log[addr // self.page_size : -(-(addr + len(data)) // self.page_size)] = True

    def collect_dirty(self) -> npt.NDArray[np.intp]:
        """The numbers of the pages that were written since the last time, ascending; shape (n,)."""
        dirty = np.flatnonzero(self.dirty_log)
        self.dirty_log[dirty] = False
        return dirty


class Guest:
    """Blocks of memory and the workload on the first of them.

    Args:
        blocks: in the order of the block list.
        page_size: in bytes.
        workload: what it does while it runs.
        seed: of all that is random in it; the same seed makes the same guest, write by write.
        filled: share of the pages that hold something other than zeros at first, from 0 to 1.

    Attributes:
        running: whether it executes.
        writes: how many words it has written so far; with the seed, all there is to know of its future.
        throttle_percent: share of its time that is taken from it (auto-converge).
        on_write: called with the number of the page at each write of the workload.
        missing: says which pages of a block are not there yet; ``None`` where all are.
        fault: the page that it waits for, as block and address in bytes; ``None`` while it waits for none.
        faults: for how many it has waited, or begun to.
        on_fault: called with True, block and address when it begins to wait, with False when it goes on.
    """

    def __init__(
        self,
        blocks: list[GuestBlock],
        *,
        page_size: int,
        workload: Workload,
        seed: int = 0,
        filled: float = 0.0,
    ) -> None:
        self.page_size = page_size
        self.blocks = blocks
        self.running = False
        self.writes = 0
        self.throttle_percent = 0
        self.on_write: list[Callable[[int], None]] = []
        self.missing: Callable[[GuestBlock], npt.NDArray[np.bool_]] | None = None
        self.fault: tuple[str, int] | None = None
        self.faults = 0
        self.on_fault: Callable[[bool, str, int], object] | None = None
        self._sound = 0
        self._seed = seed
        self._workload = workload
        self._then_us = 0
        self._owed = 0  # part of a write that is due, x 10^6
        for number, block in enumerate(blocks):
            self._fill(block, seed ^ (number + 1) << 32, filled)

    def _fill(self, block: GuestBlock, seed: int, filled: float) -> None:
        """Give some of the pages random content."""
        words = self.page_size // _WORD_BYTES
        chosen = splitmix64(seed, 0, block.num_pages) < np.uint64(min(filled, 1 - 2**-53) * 2**64)
        if filled >= 1:
            chosen[:] = True
        for page in np.flatnonzero(chosen):
            block.page_contents[page] = splitmix64(seed, block.num_pages + int(page) * words, words).view(np.uint8)

    def catch_up(self, now_us: int) -> None:
        """Do all that the workload does up to a time.

        Args:
            now_us: the virtual clock, in microseconds; time in which the guest stands still passes without writes.
        """
        stops_us = self._workload.stops_after_us
        ran_us = max(0, (now_us if stops_us is None else min(now_us, stops_us)) - self._then_us)
        self._then_us = max(now_us, self._then_us)
        if not self.running or self.fault is not None:
            return
        due, self._owed = divmod(ran_us * self._rate + self._owed, US_PER_S)
        while due and self.fault is None and self.blocks and self.blocks[0].num_pages:
            count = min(due, _BATCH)
            self.write_next(count)
            due -= count

    @property
    def _rate(self) -> int:
        """Writes a second."""
        return self._workload.writes_per_s * (100 - self.throttle_percent) // 100

    def next_fault_us(self) -> int | None:
        """When it will write to a page that is missing, in microseconds; ``None`` if it will not soon.

        Of the writes that lie ahead those were looked at that can't fault any more: no page goes missing later.
        """
        if self.missing is None or not self.running or self.fault is not None or not self._rate or not self.blocks:
            return None
        first = max(self._sound, self.writes)
        block = self.blocks[0]
        absent = np.flatnonzero(self.missing(block)[self._pages(block, first, _AHEAD)])
        self._sound = first + (int(absent[0]) if len(absent) else _AHEAD)
        if not len(absent):
            return None
        ahead = self._sound + 1 - self.writes
        time_us = self._then_us - (self._owed - ahead * US_PER_S) // self._rate
        stops_us = self._workload.stops_after_us
        return time_us if stops_us is None or time_us <= stops_us else None

    def arrived(self, block: str, addr: int) -> None:
        """A page has come: go on if it was the one that it waited for."""
        if self.fault == (block, addr):
            self._go_on()

    def expect(self, missing: Callable[[GuestBlock], npt.NDArray[np.bool_]] | None) -> None:
        """From here on wait for pages that are missing, or not any more.

        Args:
            missing: says of a block which pages are, shape (pages,); a page that is not never goes missing later.
        """
        self.missing = missing
        self._sound = 0
        if missing is None and self.fault is not None:
            self._go_on()

    def _stand(self, block: str, addr: int) -> None:
        self.fault = (block, addr)
        self.faults += 1
        if self.on_fault is not None:
            self.on_fault(True, block, addr)

    def _go_on(self) -> None:
        assert self.fault is not None
        (block, addr), self.fault = self.fault, None
        if self.on_fault is not None:
            self.on_fault(False, block, addr)

    def write_next(self, count: int) -> None:
        """Write words, or fewer if a page is missing: there the guest stands until it has come.

        Args:
            count: how many.
        """
        block = self.blocks[0]
        pages = self._pages(block, self.writes, count)
        random = splitmix64(self._seed, 2 * self.writes, 2 * count)[1::2]
        absent = np.flatnonzero(self.missing(block)[pages]) if self.missing is not None else pages[:0]
        stands = int(pages[absent[0]]) if len(absent) else None
        if stands is not None:
            pages, random = pages[: absent[0]], random[: absent[0]]
        words = block.page_contents.reshape(block.num_pages, -1, _WORD_BYTES).view(np.uint64)[:, :, 0]
        values = np.arange(self.writes + 1, self.writes + 1 + len(pages), dtype=np.uint64)
        words[pages, random % np.uint64(self.page_size // _WORD_BYTES)] = values
        block.dirty_log[pages] = True
        self.writes += len(pages)
        for listener in self.on_write:
            for page in pages.tolist():
                listener(page)
        if stands is not None:
            self._owed = US_PER_S  # the write that it stands before is done as soon as it goes on
            self._stand(block.name, stands * self.page_size)

    def _pages(self, block: GuestBlock, number: int, count: int) -> npt.NDArray[np.intp]:
        """The pages of writes from a number on; shape (count,)."""
        load = self._workload
        first = min(load.first_page, block.num_pages - 1)
        grown = load.grows_by_pages_per_s * self._then_us // US_PER_S
        span = min((load.hot_pages or block.num_pages) + grown, block.num_pages - first)
        if load.sequential:
            return first + np.arange(number, number + count) % span
        random = splitmix64(self._seed, 2 * number, 2 * count)[::2]
        return first + (random % np.uint64(span)).astype(np.intp)
