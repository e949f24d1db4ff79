"""What a column of a table holds, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Batch = Mapping[str, Any]
"""Some rows: for each column, by name, an array, or a list in which ``None`` stands for no value."""


class ColumnType(StrEnum):
    """What a column holds; ``ints`` and ``texts`` are lists."""

    BOOL = "bool"
    UINT8 = "uint8"
    UINT32 = "uint32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    CATEGORY = "category"
    TEXT = "text"
    BYTES = "bytes"
    INTS = "int64 list"
    UINTS = "uint64 list"
    TEXTS = "text list"


_NUMPY: Final[Mapping[ColumnType, str]] = {
    ColumnType.BOOL: "?",
    ColumnType.UINT8: "u1",
    ColumnType.UINT32: "<u4",
    ColumnType.UINT64: "<u8",
    ColumnType.INT64: "<i8",
    ColumnType.FLOAT32: "<f4",
    ColumnType.FLOAT64: "<f8",
    ColumnType.CATEGORY: "<u2",
}
"""The dtype of each type that has one; all others, and what may have no value, are objects."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name; a unit ends it.
        type: what it holds.
        what: what it means.
        optional: whether a row may have no value.
        categories: for ``CATEGORY``, what the numbers stand for.
    """

    name: str
    type: ColumnType
    what: str = ""
    optional: bool = False
    categories: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """The dtype in :meth:`Table.to_numpy`."""
        return "O" if self.optional else _NUMPY.get(self.type, "O")
