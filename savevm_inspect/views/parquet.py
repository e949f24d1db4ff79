"""The tables of a stream as a folder of Parquet files: all of them, or none."""

import os
from collections.abc import Callable
from pathlib import Path

from ..container.held_inputs import refuse_input
from ..container.put_in_place import put_in_place
from ..container.whole_file import draft_folder
from ..errors import HostError, SavevmError
from .arrow import pyarrow
from .table import Table
from .tables import Tables

_SUFFIX = ".parquet"


def write_parquet(tables: Tables, folder: Path, progress: Callable[[Table, int], object]) -> None:
    """Write ``sections.parquet``, ``fields.parquet``, ``pages.parquet`` and ``events.parquet``.

    Rows are written some at a time, each run of them a row group. The folder appears under its name when all of it
    is written.

    Args:
        tables: what to write.
        folder: the folder to make; it must not exist, be empty, or hold an earlier export, which it replaces.
        progress: called with a table and the number of its rows that are written.

    Raises:
        MissingPackage: pyarrow is not installed.
        SavevmError: something else lies there, or one of the files there is an input.
        HostError: it can't be written; nothing is left of it.
    """
    pyarrow()
    _check_free(tables, folder)
    try:
        target = Path(os.path.realpath(folder))  # a link stays one
        with draft_folder(target.parent) as temporary:
            draft = temporary / "tables"
            draft.mkdir()
            for table in tables:
                _write(table, draft / f"{table.name}{_SUFFIX}", progress)
            put_in_place(draft, target)
    except OSError as error:
        raise HostError.of(folder, error) from error


def _check_free(tables: Tables, folder: Path) -> None:
    ours = {f"{table.name}{_SUFFIX}" for table in tables}
    if folder.exists() and (not folder.is_dir() or not {each.name for each in folder.iterdir()} <= ours):
        raise SavevmError(f"{folder}: exists and is no export of tables; not overwritten")
    for name in ours:
        refuse_input(folder / name)


def _write(table: Table, path: Path, progress: Callable[[Table, int], object]) -> None:
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - loaded only when something is exported

    written = 0
    with ParquetWriter(path, table.arrow_schema(), compression="zstd") as writer:
        for batch in table.record_batches():
            writer.write_batch(batch)
            written += len(batch)
            progress(table, written)
