"""A guest whose every write is known beforehand: memory, dirty log, and a workload that runs in virtual time."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import shake_256

from ..errors import SavevmError
from .clock import US_PER_S

_DIRTY = b"\x01"
_WORD_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the guest does all day, as data.

    Attributes:
        writes_per_s: how many words it writes a second; 0 is an idle guest.
        first_page: first page of the part of memory that it writes to.
        num_pages: length of that part in pages; 0 is all up to the end of the block.
        sequential: go through the pages in order, instead of picking them at random.
        stops_after_us: time at which it falls silent, in microseconds; ``None`` is never.
    """

    writes_per_s: int = 0
    first_page: int = 0
    num_pages: int = 0
    sequential: bool = False
    stops_after_us: int | None = None


class GuestBlock:
    """One RAM block: its bytes, and which pages were written since the log was last collected.

    Args:
        name: the block's idstr.
        size_bytes: its length, a multiple of the page size.
        page_size: in bytes.
    """

    def __init__(self, name: str, size_bytes: int, page_size: int) -> None:
        if size_bytes % page_size:
            raise SavevmError(f"block {name!r} of {size_bytes} bytes is no multiple of the page size, {page_size}")
        self.name = name
        self.page_size = page_size
        self.memory = bytearray(size_bytes)
        self.dirty_log = bytearray(size_bytes // page_size)
        """One byte a page, 1 if it was written since the last :meth:`collect_dirty`."""

    @property
    def num_pages(self) -> int:
        """Length in pages."""
        return len(self.dirty_log)

    def page(self, number: int) -> bytes:
        """A copy of a page's content."""
        start = number * self.page_size
        return bytes(self.memory[start : start + self.page_size])

    def write(self, addr: int, data: bytes) -> None:
        """Write as the guest does: the pages touched enter the dirty log.

        Args:
            addr: place in the block in bytes.
            data: the bytes.

        Raises:
            SavevmError: the block ends before the data does.
        """
        if not 0 <= addr <= len(self.memory) - len(data):
            raise SavevmError(
                f"{len(data)} bytes at {addr:#x} leave block {self.name!r} of {len(self.memory):#x} bytes"
            )
        self.memory[addr : addr + len(data)] = data
        first, behind = addr // self.page_size, -(-(addr + len(data)) // self.page_size)
        if data:
            self.dirty_log[first:behind] = _DIRTY * (behind - first)

    def collect_dirty(self) -> Iterator[int]:
        """The numbers of the pages that were written, clearing the log as it goes."""
        page = self.dirty_log.find(_DIRTY)
        while page >= 0:
            self.dirty_log[page] = 0
            yield page
            page = self.dirty_log.find(_DIRTY, page + 1)


class Guest:
    """Blocks of memory and the workload on the first of them.

    Args:
        blocks: name and length in bytes of each block, in the order of the block list.
        page_size: in bytes.
        workload: what it does while it runs.
        seed: of all that is random in it; the same seed makes the same guest, write by write.
        filled: share of the pages that hold something other than zeros at first, from 0 to 1.
    """

    def __init__(
        self,
        blocks: tuple[tuple[str, int], ...],
        *,
        page_size: int,
        workload: Workload,
        seed: int = 0,
        filled: float = 0.0,
    ) -> None:
        self.page_size = page_size
        self.blocks = [GuestBlock(name, size_bytes, page_size) for name, size_bytes in blocks]
        self.running = False
        self.on_write: list[Callable[[int], None]] = []
        """Called with the number of the page at each write of the workload."""
        # random() alone is promised to give the same numbers in every version of Python.
        self._random = random.Random(seed)  # noqa: S311 - a reproducible guest, nothing secret
        self._workload = workload
        self._then_us = 0
        self._owed = 0  # part of a write that is due, x 10^6
        self._writes = 0
        for block in self.blocks:
            self._fill(block, seed, filled)

    def _fill(self, block: GuestBlock, seed: int, filled: float) -> None:
        for number in range(block.num_pages):
            if self._random.random() < filled:
                start = number * block.page_size
                content = shake_256(f"{seed}/{block.name}/{number}".encode()).digest(block.page_size)
                block.memory[start : start + block.page_size] = content

    def catch_up(self, now_us: int) -> None:
        """Do all that the workload does up to a time.

        Args:
            now_us: the virtual clock, in microseconds; time in which the guest is stopped passes without writes.
        """
        until_us = now_us
        if self._workload.stops_after_us is not None:
            until_us = min(now_us, self._workload.stops_after_us)
        ran_us = max(0, until_us - self._then_us) if self.running else 0
        self._then_us = max(now_us, self._then_us)
        due, self._owed = divmod(ran_us * self._workload.writes_per_s + self._owed, US_PER_S)
        for _ in range(due):
            self._write_one()

    def _write_one(self) -> None:
        if not self.blocks or not self.blocks[0].num_pages:
            return
        block = self.blocks[0]
        first = min(self._workload.first_page, block.num_pages - 1)
        span = min(self._workload.num_pages or block.num_pages, block.num_pages - first)
        page = first + (self._writes % span if self._workload.sequential else int(self._random.random() * span))
        word = int(self._random.random() * (block.page_size // _WORD_BYTES))
        self._writes += 1
        block.write(page * block.page_size + word * _WORD_BYTES, self._writes.to_bytes(_WORD_BYTES, "little"))
        for listener in self.on_write:
            listener(page)
