"""A span of bytes as rows of hexadecimal cells, each cell knowing the name of its byte."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..span import Span
from .named import NamedBytes

ROW_BYTES: Final = 16

UNNAMED: Final = -1
"""The run of a byte that has no name."""


@dataclass(frozen=True, slots=True)
class HexCell:
    """One byte.

    Attributes:
        value: the byte.
        run: index of the named run that it belongs to, or :data:`UNNAMED`.
        marked: whether it is to stand out.
    """

    value: int
    run: int
    marked: bool

    @property
    def char(self) -> str:
        """The byte as a printable ASCII character, a dot if it is none."""
        return chr(self.value) if 0x20 <= self.value < 0x7F else "."


@dataclass(frozen=True, slots=True)
class HexRow:
    """Up to 16 bytes.

    Attributes:
        offset: of the first one on its channel, in bytes.
        cells: the bytes.
    """

    offset: int
    cells: tuple[HexCell, ...]


def hex_rows(data: bytes, offset: int, runs: Sequence[NamedBytes] = (), *, mark: Span | None = None) -> list[HexRow]:
    """Lay out bytes for a hex pane.

    Args:
        data: the bytes.
        offset: of the first one on its channel; the first row begins with it.
        runs: names of the bytes, in stream order; they may reach beyond them.
        mark: bytes that are to stand out.

    Returns:
        Rows of 16 bytes; the last one may be shorter.
    """
    run_of = [UNNAMED] * len(data)
    for number, run in enumerate(runs):
        first = max(run.span.offset - offset, 0)
        end = min(run.span.end - offset, len(data))
        for index in range(first, end):
            run_of[index] = number
    marked = range(mark.offset, mark.end) if mark is not None else range(0)
    return [
        HexRow(
            offset + start,
            tuple(
                HexCell(value, run_of[start + column], offset + start + column in marked)
                for column, value in enumerate(data[start : start + ROW_BYTES])
            ),
        )
        for start in range(0, len(data), ROW_BYTES)
    ]
