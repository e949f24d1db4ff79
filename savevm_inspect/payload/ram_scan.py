"""The walk over pages that follow one another regularly: many at a time, where the plain loop takes one.

A scan takes pages from the cursor on as long as all is regular: they continue the block that was named last,
lie within it, and are of a kind that the scan knows. It stops in front of the first thing that it does not know (a
name, a mark, an error), which the plain loop of :class:`~savevm_inspect.payload.ram.RamReader` then reads. So
whatever scans, the rows are the same, and so is the error.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from ..errors import MissingPackage
from ..wire import RamSaveFlag
from .page_log import PageKind, PageLog, Stretch

if TYPE_CHECKING:
    from ..stream.cursor import Cursor

Scanner = Literal["auto", "python", "numpy", "numba"]
"""``auto`` is numpy, and numba as soon as that would have paid; see :class:`RamScan`."""

WORD_BYTES: Final = 8

_CONTINUE = int(RamSaveFlag.RAM_SAVE_FLAG_CONTINUE)
_FLAGS: Final = {
    PageKind.NORMAL: int(RamSaveFlag.RAM_SAVE_FLAG_PAGE) | _CONTINUE,
    PageKind.ZERO: int(RamSaveFlag.RAM_SAVE_FLAG_ZERO) | _CONTINUE,
}

_COMPILED = f"{__package__}.ram_compiled"
_SEEN_PAGES = 8
_LONGEST_PATTERN = 4
_FIRST_PAGES = 32
_MOST_PAGES = 1 << 15
_LEAST_GAIN_PAGES = 64
_MOST_PATIENCE_PAGES = 1 << 10

NUMBA_PAYS_PAGES = 500_000
"""Pages left to the plain loop that take it as long as to bring numba: about half a second."""


class RamScan:
    """Takes regular pages, and says when it wants to be asked.

    numpy finds patterns of kinds that repeat (all normal, all zero, one of each in turn), and costs a look at each
    place where a pattern breaks; so the plain loop goes on by itself for longer each time that a look gained little.
    A compiled walk takes any sequence of pages, but numba must be imported first, which takes as long as half a
    million pages of the plain loop: it is brought when that many were left to it, and so costs at most as much as
    was lost without it. Once it is there, every stream of the process is scanned with it.

    Args:
        scanner: what to scan with.

    Attributes:
        patience: how many records the plain loop may read before it asks; ``None`` if it need not ask.

    Raises:
        MissingPackage: numba is asked for, and not installed.
    """

    def __init__(self, scanner: Scanner = "auto") -> None:
        self._left_pages = 0
        self._ahead_pages = _FIRST_PAGES  # how many are looked at together: what the run before had
        self._may_compile = scanner == "auto" and find_spec("numba") is not None
        self._compiled = scanner == "numba" or (scanner == "auto" and _COMPILED in sys.modules)
        self.patience: int | None = None if scanner == "python" else _SEEN_PAGES
        if self._compiled:
            self._bring_numba()

    def _bring_numba(self) -> None:
        # Late, because it imports numba, which comes with an extra and takes its time.
        try:
            from .ram_compiled import take_pages  # noqa: PLC0415
        except ImportError as error:
            raise MissingPackage("a compiled walk", "numba", extra="fast") from error
        self._compiled, self._may_compile = True, False
        self._take_compiled = take_pages
        self.patience = 1

    def take(self, cursor: Cursor, log: PageLog, stretch: Stretch) -> None:
        """Append the regular pages at the cursor to a log, and move the cursor past them.

        Args:
            cursor: stands on a word.
            log: where to; its last rows predict what follows.
            stretch: what the pages have in common.
        """
        if self._compiled:
            self._take_compiled(cursor, log, stretch)
            return
        assert self.patience is not None
        self._left_pages += self.patience
        taken = self._take_repeats(cursor, log, stretch)
        if taken >= _LEAST_GAIN_PAGES:
            self.patience = 1
        else:
            self.patience = min(max(2 * self.patience, _SEEN_PAGES), _MOST_PATIENCE_PAGES)
            if self._may_compile and self._left_pages >= NUMBA_PAYS_PAGES:
                self._bring_numba()

    def _take_repeats(self, cursor: Cursor, log: PageLog, stretch: Stretch) -> int:
        """Take pages as long as their kinds repeat as those before did; returns how many."""
        pattern = _repeating(log.rows["kind"][-_SEEN_PAGES:].tolist())
        if not pattern:
            return 0
        repeat = _Repeat(pattern, stretch)
        taken, ahead = 0, self._ahead_pages // len(pattern)
        while True:
            wanted = min(ahead, cursor.remaining // repeat.stride)
            found = repeat.take(cursor, log, wanted) if wanted else 0
            taken += found * len(pattern)
            if found < ahead:
                break
            ahead = min(4 * ahead, _MOST_PAGES // len(pattern))
        self._ahead_pages = min(max(taken, _FIRST_PAGES), _MOST_PAGES)
        return taken


def _repeating(kinds: list[int]) -> list[int]:
    """The shortest pattern that the kinds repeat; empty if there is none that can be taken."""
    if len(kinds) < _SEEN_PAGES or not _FLAGS.keys() >= set(kinds):
        return []
    for length in range(1, _LONGEST_PATTERN + 1):
        if kinds[length:] == kinds[:-length]:
            return kinds[-length:]
    return []


class _Repeat:
    """A pattern of kinds that may repeat, and how it then lies in the stream.

    Args:
        pattern: the kinds, in order; at the first page the pattern begins again.
        stretch: what the pages have in common.

    Attributes:
        stride: bytes from one repeat to the next.
    """

    def __init__(self, pattern: list[int], stretch: Stretch) -> None:
        self._stretch = stretch
        self._kinds = np.array(pattern, np.uint8)
        self._flags = np.array([_FLAGS[PageKind(kind)] for kind in pattern], np.uint64)
        self._lengths = np.where(self._kinds == PageKind.NORMAL, stretch.page_size, 1)
        ends = np.cumsum(self._lengths + WORD_BYTES)
        self._words = (ends - self._lengths - WORD_BYTES).tolist()
        self._contents = (ends - self._lengths).astype(np.uint64)
        self.stride = int(ends[-1])

    def take(self, cursor: Cursor, log: PageLog, count: int) -> int:
        """Take as many repeats as there are.

        Args:
            cursor: stands on the first word; that many repeats fit into what is left.
            log: where to.
            count: how many at most.

        Returns:
            How many were taken.
        """
        addrs, found = self._addrs(cursor, count)
        stretch, pages = self._stretch, found * len(self._kinds)
        rows = log.reserve(pages)
        starts = np.arange(found, dtype=np.uint64) * np.uint64(self.stride) + np.uint64(cursor.offset)
        for phase in range(len(self._kinds)):
            each = rows[phase :: len(self._kinds)]
            np.add(starts, self._contents[phase], out=each["offset"])
            each["length"] = self._lengths[phase]
            each["addr"] = addrs[phase, :found]
            each["kind"] = self._kinds[phase]
        rows["block"] = stretch.block
        rows["section"] = stretch.section
        rows["channel"] = cursor.channel
        rows["epoch"] = stretch.epoch
        log.commit(pages)
        cursor.require(found * self.stride, "pages that were seen")
        return found

    def _addrs(self, cursor: Cursor, count: int) -> tuple[npt.NDArray[np.uint64], int]:
        """What the words say, and how many repeats they go on for.

        Returns:
            The pages' addresses in the block, shape (pattern, count), in bytes; the number of repeats.
        """
        stretch = self._stretch
        addrs = np.empty((len(self._kinds), count), np.uint64)
        for phase, at in enumerate(self._words):
            addrs[phase] = np.ndarray((count,), ">u8", cursor.buffer, cursor.pos + at, (self.stride,))
        addrs ^= self._flags[:, None]  # leaves the address, if the flags are these
        wrong = (addrs & np.uint64(stretch.page_size - 1)) != 0
        wrong |= addrs >= np.uint64(stretch.used_bytes)
        for phase, at in enumerate(self._words):
            if self._kinds[phase] == PageKind.ZERO:
                fills = np.ndarray((count,), np.uint8, cursor.buffer, cursor.pos + at + WORD_BYTES, (self.stride,))
                wrong[phase] |= fills != 0
        breaks = np.logical_or.reduce(wrong) if len(wrong) > 1 else wrong[0]
        first = int(breaks.argmax())
        return addrs, first if breaks[first] else count
