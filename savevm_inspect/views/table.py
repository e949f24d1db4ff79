"""A table whose rows come in batches: what numpy, Arrow and pandas are made from."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import listed
from ..markup import html_table
from . import arrow
from .columns import Batch, Column, ColumnType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


_ROWS_SHOWN: Final = 10
_BYTES_SHOWN: Final = 16


class Table:
    """Rows that are made when they are asked for, some at a time.

    Args:
        name: what it is a table of.
        columns: its columns.
        batches: makes its rows anew, each time from the first one.
        expected_rows: how many there will be, if it is known before.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[Column],
        batches: Callable[[], Iterator[Batch]],
        expected_rows: int | None = None,
    ) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.expected_rows = expected_rows
        self._batches = batches

    def batches(self) -> Iterator[Batch]:
        """Its rows, some at a time: for each column, by name, an array or a list."""
        return self._batches()

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """By column: what the numbers of :meth:`to_numpy` stand for."""
        return {column.name: column.categories for column in self.columns if column.type is ColumnType.CATEGORY}

    def to_numpy(self) -> npt.NDArray[np.void]:
        """The whole table as one structured array.

        Returns:
            Shape (rows,). Numbers have the dtype of their column; categories are numbers, see :attr:`categories`;
            text, bytes, lists, and columns in which values may be missing (``None``) are objects.
        """
        dtype = np.dtype([(column.name, column.dtype) for column in self.columns])
        parts = [np.zeros(0, dtype)]
        for batch in self.batches():
            parts.append(np.zeros(len(batch[self.columns[0].name]), dtype))
            for column in self.columns:
                _fill(parts[-1][column.name], batch[column.name])
        return np.concatenate(parts)

    def to_arrow(self) -> "pa.Table":
        """The whole table as a ``pyarrow.Table``; what columns mean is in the metadata of its fields.

        Raises:
            MissingPackage: pyarrow is not installed.
        """
        return arrow.to_table(self.arrow_schema(), self.record_batches())

    def to_pandas(self) -> "pd.DataFrame":
        """The whole table as a ``pandas.DataFrame``; numbers that may be missing keep their type (``Int64``).

        Raises:
            MissingPackage: pyarrow or pandas is not installed.
        """
        return arrow.to_pandas(self.to_arrow())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Its rows by Arrow's C stream interface, some at a time; pyarrow, pandas, polars and DuckDB take it.

        Args:
            requested_schema: a capsule with the types that the caller would rather have.

        Raises:
            MissingPackage: pyarrow is not installed.
        """
        return arrow.c_stream(self.arrow_schema(), self.record_batches(), requested_schema)

    def __repr__(self) -> str:
        rows = "" if self.expected_rows is None else f"{self.expected_rows} rows, "
        return f"<Table {self.name}: {rows}{len(self.columns)} columns: {listed(each.name for each in self.columns)}>"

    def _repr_html_(self) -> str:
        batch = next(self.batches(), {})
        columns = [batch.get(column.name, ()) for column in self.columns]
        names = [column.categories if column.type is ColumnType.CATEGORY else None for column in self.columns]
        rows = (
            [_shown(value, known) for value, known in zip(row, names, strict=True)]
            for row in zip(*(column[: _ROWS_SHOWN + 1] for column in columns), strict=True)
        )
        return html_table(self, [column.name for column in self.columns], rows, most=_ROWS_SHOWN)

    def arrow_schema(self) -> "pa.Schema":
        """The types of its columns as a ``pyarrow.Schema``."""
        return arrow.schema(self.columns)

    def record_batches(self) -> "Iterator[pa.RecordBatch]":
        """Its rows as ``pyarrow.RecordBatch``, some at a time."""
        schema = self.arrow_schema()
        for batch in self.batches():
            yield arrow.record_batch(self.columns, schema, batch)


def _shown(value: Any, categories: tuple[str, ...] | None) -> object:
    """A value of a row for people."""
    if value is None:
        return ""
    if categories is not None:
        return categories[value]
    if isinstance(value, bytes):
        return value[:_BYTES_SHOWN].hex(" ") + (" …" if len(value) > _BYTES_SHOWN else "")
    return value.item() if isinstance(value, np.generic) else value


def _fill(target: npt.NDArray[Any], values: Any) -> None:
    if target.dtype == object and not isinstance(values, np.ndarray):
        for number, value in enumerate(values):  # numpy would take lists for further dimensions
            target[number] = value
    else:
        target[:] = values
