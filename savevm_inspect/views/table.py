"""A table whose rows come in batches: what numpy, Arrow and pandas are made from."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import arrow
from .columns import Batch, Column, ColumnType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


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

    def arrow_schema(self) -> "pa.Schema":
        """The types of its columns as a ``pyarrow.Schema``."""
        return arrow.schema(self.columns)

    def record_batches(self) -> "Iterator[pa.RecordBatch]":
        """Its rows as ``pyarrow.RecordBatch``, some at a time."""
        schema = self.arrow_schema()
        for batch in self.batches():
            yield arrow.record_batch(self.columns, schema, batch)


def _fill(target: npt.NDArray[Any], values: Any) -> None:
    if target.dtype == object and not isinstance(values, np.ndarray):
        for number, value in enumerate(values):  # numpy would take lists for further dimensions
            target[number] = value
    else:
        target[:] = values
