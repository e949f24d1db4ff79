"""Every page of a stream in stream order, as rows of one growing array; pages are never objects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

import numpy as np
import numpy.typing as npt

PAGE_DTYPE = np.dtype(
    [
        ("offset", "<u8"),
        ("length", "<u4"),
        ("addr", "<u8"),
        ("block", "<u2"),
        ("kind", "u1"),
        ("section", "<u4"),
        ("channel", "u1"),
        ("epoch", "<u4"),
    ]
)
"""A row, 32 bytes.

- ``offset``: in bytes on the channel, of the page's content, of the fill byte for a zero page
- ``length``: bytes of that content
- ``addr``: in bytes in the RAM block
- ``block``: index of the block in the block list
- ``kind``: a :class:`PageKind`
- ``section``: running number of the RAM section that holds it, from 0 (the START section)
- ``channel``: number of the channel
- ``epoch``: how many times all channels were brought into line before; pages of one epoch have no order
"""

PAGE_ROW = Struct("<QIQHBIBI")
"""The same row for one page at a time."""

_SPARE_ROWS = 4096
_UNFILLED_ROWS = 1 << 16
"""What a scan may reserve and not fill: with room for it after what is expected, nothing moves at the end."""
_RELEASED_ROWS = 1 << 18
_MOST_EXPECTED_ROWS = 1 << 22


def copy_rows(rows: npt.NDArray[np.void], target: npt.NDArray[np.void]) -> None:
    """Copy rows as bytes; numpy would copy them field by field, which takes thirty times as long."""
    target.view(np.uint8)[:] = rows.view(np.uint8)


class PageKind(IntEnum):
    """How a page lies in the stream."""

    ZERO = 0
    NORMAL = 1
    XBZRLE = 2
    COMPRESSED = 3


@dataclass(frozen=True, slots=True)
class Stretch:
    """What stays the same while pages follow one another.

    Attributes:
        page_size: bytes of a page.
        block: index of the block that was named last.
        used_bytes: the block's length.
        section: running number of the RAM section.
        epoch: the epoch.
    """

    page_size: int
    block: int
    used_bytes: int
    section: int
    epoch: int


class PageLog:
    """Rows of :data:`PAGE_DTYPE`, appended; they lie in one piece, which grows in place where the system can."""

    __slots__ = ("_count", "_rows")

    def __init__(self) -> None:
        self._rows = np.zeros(0, PAGE_DTYPE)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> npt.NDArray[np.void]:
        """What was logged, shape (n,), dtype :data:`PAGE_DTYPE`; as long as it is held, appending copies."""
        return self._rows[: self._count]

    def reserve(self, count: int) -> npt.NDArray[np.void]:
        """Room for rows after the last one, to be filled and then counted by :meth:`commit`.

        Args:
            count: number of rows.

        Returns:
            Shape (count,), dtype :data:`PAGE_DTYPE`.
        """
        needed = self._count + count
        if needed > len(self._rows):
            self._resize(needed + needed // 8 + _SPARE_ROWS)
        return self._rows[self._count : needed]

    def expect(self, count: int) -> None:
        """Make room at once, not step by step, for rows that are likely to come; what is not used takes no memory.

        Args:
            count: number of rows after the last one; of very many, only some are believed.
        """
        needed = self._count + min(count, _MOST_EXPECTED_ROWS)
        if needed > 2 * len(self._rows) + _SPARE_ROWS:
            rows = np.empty(needed + _UNFILLED_ROWS, PAGE_DTYPE)
            copy_rows(self._rows[: self._count], rows[: self._count])
            self._rows = rows

    def commit(self, count: int) -> None:
        """Count the first rows of what was reserved last."""
        assert self._count + count <= len(self._rows)
        self._count += count

    def extend(self, packed: bytes | bytearray) -> None:
        """Append rows that were packed one by one with :data:`PAGE_ROW`."""
        rows = np.frombuffer(packed, PAGE_DTYPE)
        copy_rows(rows, self.reserve(len(rows)))
        self.commit(len(rows))

    def clear(self) -> None:
        """Forget all rows, and keep the room."""
        self._count = 0

    def truncate(self, count: int) -> None:
        """Forget all rows but the first ones, and keep the room."""
        assert count <= self._count
        self._count = count

    def move_last(self, target: npt.NDArray[np.void]) -> None:
        """Take rows from the end; the memory that they lay in is given back.

        Args:
            target: filled with the last rows in their order; as many as it has.
        """
        while len(target):
            count = min(len(target), _RELEASED_ROWS)
            copy_rows(self._rows[self._count - count : self._count], target[-count:])
            target = target[:-count]
            self._count -= count
            if len(self._rows) - self._count >= _RELEASED_ROWS:
                self.trim()

    def trim(self) -> None:
        """Give back the room that is not used."""
        self._resize(self._count)

    def _resize(self, length: int) -> None:
        try:
            self._rows.resize(length)
        except ValueError:  # a view of it is held
            rows = np.zeros(length, PAGE_DTYPE)
            copy_rows(self._rows[: self._count], rows[: self._count])
            self._rows = rows


assert PAGE_ROW.size == PAGE_DTYPE.itemsize
