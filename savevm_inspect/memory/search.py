"""Finding bytes in what may be huge and mostly empty."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ..errors import SavevmError

_STEP_BYTES: Final = 1 << 20

Ranges = Iterable[tuple[int, int]]
"""Starts and ends in bytes, ascending, without overlap."""


def find_bytes(
    pattern: bytes, *, start: int, size: int, filled: Ranges, read: Callable[[int, memoryview], None]
) -> Iterator[int]:
    """Find each position where bytes begin; no more than a step of content is held.

    Args:
        pattern: what to look for.
        start: where to begin, in bytes.
        size: where the content ends, in bytes.
        filled: the ranges outside of which all bytes are zero.
        read: fills a buffer from a position on.

    Yields:
        Positions in bytes, ascending; what is found there may overlap.

    Raises:
        SavevmError: the pattern is empty, or the start is negative.
    """
    if not pattern or start < 0:
        raise SavevmError("a search needs at least one byte to look for, and a start that is not negative")
    around = len(pattern) - 1
    ranges = _widened(filled, around, size) if any(pattern) else [(0, size)]
    piece = bytearray(_STEP_BYTES + around)
    for first, end in ranges:
        pos = max(first, start)
        while end - pos > around:
            view = memoryview(piece)[: end - pos]
            read(pos, view)
            found = piece.find(pattern, 0, len(view))
            while found >= 0:
                yield pos + found
                found = piece.find(pattern, found + 1, len(view))
            pos += len(view) - around


def _widened(ranges: Ranges, around: int, size: int) -> Iterator[tuple[int, int]]:
    """Let ranges reach further on both sides, and join those that meet."""
    first, end = 0, 0
    for begin, stop in ranges:
        if begin - around > end:
            if first < end:
                yield first, end
            first = max(begin - around, 0)
        end = min(stop + around, size)
    if first < end:
        yield first, end
