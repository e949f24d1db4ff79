"""Tables as Arrow and pandas have them; pyarrow and pandas are loaded here, and only when they are asked for."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import MissingPackage
from .columns import Batch, Column, ColumnType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TYPES: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.BOOL: lambda pa: pa.bool_(),
    ColumnType.UINT8: lambda pa: pa.uint8(),
    ColumnType.UINT32: lambda pa: pa.uint32(),
    ColumnType.UINT64: lambda pa: pa.uint64(),
    ColumnType.INT64: lambda pa: pa.int64(),
    ColumnType.FLOAT32: lambda pa: pa.float32(),
    ColumnType.FLOAT64: lambda pa: pa.float64(),
    ColumnType.CATEGORY: lambda pa: pa.dictionary(pa.uint16(), pa.string()),
    ColumnType.TEXT: lambda pa: pa.string(),
    ColumnType.BYTES: lambda pa: pa.large_binary(),
    ColumnType.INTS: lambda pa: pa.list_(pa.int64()),
    ColumnType.UINTS: lambda pa: pa.list_(pa.uint64()),
    ColumnType.TEXTS: lambda pa: pa.list_(pa.string()),
}

_PANDAS_TYPES: Final[Mapping[ColumnType, str]] = {
    ColumnType.BOOL: "boolean",
    ColumnType.INT64: "Int64",
    ColumnType.UINT64: "UInt64",
}
"""Names of the types of pandas that can do without a value."""


def pyarrow() -> Any:
    """The package pyarrow.

    Raises:
        MissingPackage: it is not installed.
    """
    return _load("pyarrow", MissingPackage("an Arrow table", "pyarrow", extra="tables"))


def schema(columns: Sequence[Column]) -> "pa.Schema":
    """The Arrow types of columns; what each means is in the metadata of its field."""
    pa = pyarrow()
    fields = [
        pa.field(
            column.name,
            _TYPES[column.type](pa),
            nullable=column.optional,
            metadata={"description": column.what} if column.what else None,
        )
        for column in columns
    ]
    return pa.schema(fields, metadata={"pandas": json.dumps(_pandas_metadata(columns))})


def _pandas_metadata(columns: Sequence[Column]) -> dict[str, Any]:
    """What makes pandas, also when it reads a Parquet file, keep integers that may be missing; it had floats else."""
    described = [
        {
            "name": column.name,
            "field_name": column.name,
            "pandas_type": column.type.value,
            "numpy_type": _PANDAS_TYPES[column.type],
            "metadata": None,
        }
        for column in columns
        if column.optional and column.type in _PANDAS_TYPES
    ]
    return {"columns": described, "index_columns": [], "column_indexes": []}


def record_batch(columns: Sequence[Column], schema: "pa.Schema", batch: Batch) -> "pa.RecordBatch":
    """Some rows as Arrow has them."""
    pa = pyarrow()
    arrays = []
    for column, field in zip(columns, schema, strict=True):
        values = batch[column.name]
        if column.type is ColumnType.CATEGORY:
            numbers = np.asarray(values, np.uint16)
            arrays.append(pa.DictionaryArray.from_arrays(numbers, list(column.categories)))
        else:
            arrays.append(_array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: Any) -> Any:
    try:
        return pyarrow().array(values, kind)
    except UnicodeEncodeError:  # the JSON of a description or an event may hold halves of surrogate pairs
        return pyarrow().array([_encodable(value) for value in values], kind)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_encodable(each) for each in value] if isinstance(value, tuple) else value


def to_table(schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]") -> "pa.Table":
    """A whole table as Arrow has it."""
    return pyarrow().Table.from_batches(batches, schema)


def c_stream(schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]", requested: object) -> object:
    """A capsule of Arrow's C stream interface, from which rows are taken some at a time.

    Args:
        schema: of the rows.
        batches: the rows.
        requested: a capsule with the schema that the consumer asks for, or ``None``.
    """
    return pyarrow().RecordBatchReader.from_batches(schema, batches).__arrow_c_stream__(requested)


def to_pandas(table: "pa.Table") -> "pd.DataFrame":
    """A whole table as pandas has it; integers that may be missing stay integers.

    Raises:
        MissingPackage: pandas is not installed.
    """
    _load("pandas", MissingPackage("a DataFrame", "pandas"))
    return table.to_pandas()


def _load(name: str, missing: MissingPackage) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise missing from error
