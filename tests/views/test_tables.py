"""Tables of a stream: nothing is lost, and numpy, Arrow, pandas and Parquet hold the same.

``python tests/views/test_tables.py`` draws the columns in docs/tables.md anew.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.memory.content import ContentClass
from savevm_inspect.memory.page_table import PAGE_DTYPE
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.span import Span
from savevm_inspect.stream.values import FieldValue, Undecoded, Value
from savevm_inspect.trace.from_stream import stream_events
from savevm_inspect.views import tables as module
from savevm_inspect.views.columns import Column
from savevm_inspect.views.parquet import write_parquet
from savevm_inspect.views.table import Table
from savevm_inspect.views.tables import EVENT_COLUMNS, FIELD_COLUMNS, SECTION_COLUMNS, page_columns, tables

DOCS = Path(__file__).parent.parent.parent / "docs" / "tables.md"

Options = Callable[[str], dict[str, Any]]


def drawn_columns() -> str:
    """The columns of all tables, as the docs show them."""
    lines: list[str] = []
    for name, columns in (
        ("sections", SECTION_COLUMNS),
        ("fields", FIELD_COLUMNS),
        ("pages", page_columns(())),
        ("events", EVENT_COLUMNS),
    ):
        lines += ["", f"## {name}", ""]
        if name == "events":
            lines += ["The keys of a capture's `events.jsonl`; `savevm_inspect/stream/events.py` explains them.", ""]
        lines += ["| column | type | numpy | what it is |", "|---|---|---|---|"]
        lines += [_row(column) for column in columns]
    return "\n".join(lines) + "\n"


def _row(column: Column) -> str:
    kind = f"{column.type}{', may be missing' if column.optional else ''}"
    return f"| `{column.name}` | {kind} | `{column.dtype}` | {column.what} |"


def redraw(text: str) -> str:
    start, end = "<!-- drawn: columns -->\n", "<!-- end of what is drawn -->"
    return re.sub(f"{start}.*{end}", lambda _: f"{start}{drawn_columns()}{end}", text, flags=re.DOTALL)


def test_the_docs_list_every_column() -> None:
    text = DOCS.read_text()
    assert redraw(text) == text
    assert "`entropy_bits`" in text


def value_of(row: Any) -> Value:
    """What a field holds, by its columns alone."""
    number = row["value_int"] if row["value_int"] is not None else row["value_uint"]
    run = row["value_ints"] if row["value_ints"] is not None else row["value_uints"]
    text, data = row["value_text"], row["value_bytes"]
    match row["value_kind"]:
        case "int":
            return int(text) if number is None else number
        case "bool":
            return bool(number)
        case "text":
            return str(text)
        case "bytes":
            return bytes(data)
        case "ints":
            return tuple(map(int, text.split())) if run is None else tuple(run)
        case "bools":
            return tuple(map(bool, run))
    return Undecoded(text, data)


@pytest.mark.parametrize(
    "name", ["q35-misc-7.2", "ppc64-pseries-11.1", "s390x-s390-ccw-virtio-11.1", "s-10.0-bitmaps"]
)
def test_no_field_is_lost(name: str, capture_options: Options) -> None:
    with si.open_stream(**capture_options(name)) as stream:
        expected = [
            (number, section.idstr, field)
            for number, section in enumerate(stream.sections)
            for field in stream.decode(section)
        ]
        rows = tables(stream).fields.to_arrow().to_pylist()
        assert len(rows) == len(expected) > 100
        for row, (number, idstr, field) in zip(rows, expected, strict=True):
            assert (row["section"], row["idstr"], row["path"], row["type"]) == (number, idstr, field.path, field.type)
            assert (row["channel"], row["offset"], row["length_bytes"]) == (
                field.span.channel,
                field.span.offset,
                field.span.length,
            )
            assert value_of(row) == field.value
            assert type(value_of(row)) is type(field.value)
            assert (row["meaning"] or "") == field.meaning


integers = st.integers(-(1 << 70), 1 << 70) | st.sampled_from([(1 << 63) - 1, 1 << 63, (1 << 64) - 1, -(1 << 63)])
values = st.one_of(
    integers,
    st.booleans(),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
    st.binary(max_size=5),
    st.lists(integers, min_size=1, max_size=4).map(tuple),
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=4).map(tuple),
    st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=4).map(tuple),
    st.lists(st.booleans(), min_size=1, max_size=4).map(tuple),
    st.builds(Undecoded, st.text("ab", max_size=4), st.binary(max_size=4)),
)


@given(st.lists(values, min_size=1, max_size=20))
def test_no_value_is_lost(held: list[Any]) -> None:
    section = SimpleNamespace(idstr="x", instance_id=0)
    span = Span(offset=1, length=2)
    found = [FieldValue(parts=("f",), type="t", value=value, span=span) for value in held]
    stream: Any = SimpleNamespace(sections=[section], decode=lambda _section: iter(found))
    rows = module._fields(stream).to_arrow().to_pylist()
    assert [value_of(row) for row in rows] == held
    numbers = module._fields(stream).to_numpy()
    assert [numbers["value_text"][n] for n in range(len(held))] == [row["value_text"] for row in rows]


def test_pages_are_those_of_the_stream(capture_options: Options) -> None:
    with si.open_stream(**capture_options("t-7.2-compress-xbzrle")) as stream:
        table = tables(stream).pages
        numbers, rows, history = table.to_numpy(), stream.pages.rows, stream.history
        for name in PAGE_DTYPE.names or ():
            assert (numbers[{"length": "length_bytes"}.get(name, name)] == rows[name]).all()
        assert (numbers["order"] == np.arange(len(rows))).all()
        assert int(numbers["cost_bytes"].sum()) + history.other_bytes == history.ram_bytes
        frame = table.to_pandas()
        assert frame["kind"].tolist() == [PageKind(kind).name.lower() for kind in rows["kind"]]
        assert set(frame["block"]) == {block.name for block in stream.blocks}
        assert (frame["content"] == "difference").sum() == (rows["kind"] == PageKind.XBZRLE).sum() > 1000
        assert (frame["content"] == "zero").sum() >= (rows["kind"] == PageKind.ZERO).sum()
        assert frame["entropy_bits"].isna().sum() == (frame["content"] == "difference").sum()
        assert table.categories["content"][ContentClass.RANDOM] == "random"


def test_batches_bound_what_is_held(capture_options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGES_A_BATCH", 1000)
    monkeypatch.setattr(module, "_ROWS_A_BATCH", 7)
    with si.open_stream(**capture_options("t-10.0-live")) as stream:
        found = tables(stream)
        sizes = [batch.num_rows for batch in found.pages.record_batches()]
        assert sizes == [1000] * 10 + [735]
        assert found.pages.expected_rows == sum(sizes)
        assert {batch.num_rows for batch in found.sections.record_batches()} <= set(range(1, 8))
        fields = [batch.num_rows for batch in found.fields.record_batches()]
        assert max(fields) == 7
        monkeypatch.undo()
        assert sum(fields) == len(found.fields.to_numpy())


def test_sections_are_those_of_the_stream(capture_options: Options) -> None:
    with si.open_stream(**capture_options("s-10.0-bitmaps")) as stream:
        frame = tables(stream).sections.to_pandas()
        assert frame["idstr"].tolist() == [section.idstr for section in stream.sections]
        assert frame["kind"].tolist() == [section.kind.value for section in stream.sections]
        assert frame["length_bytes"].sum() == sum(section.span.length for section in stream.sections)
        assert frame["decoded"].all()
        rows = tables(stream).events.to_arrow().to_pylist()
        for row, event in zip(rows, stream_events(stream), strict=True):
            assert row == {name: getattr(event, name) for name in row}
        assert tables(stream).events.to_arrow().schema.names == [column.name for column in EVENT_COLUMNS]


def test_events_are_those_of_the_capture(tmp_path: Path) -> None:
    record_scenario("quickstart", tmp_path / "capture")
    with si.open_stream(tmp_path / "capture") as stream:
        assert stream.source.capture is not None
        events = list(stream.source.capture.events())
        rows = tables(stream).events.to_arrow().to_pylist()
        assert len(rows) == len(events) > 100
        for row, event in zip(rows, events, strict=True):
            for name, value in row.items():
                expected = getattr(event, name)
                assert (tuple(value) if isinstance(value, list) else value) == expected
        frame = tables(stream).events.to_pandas()
        assert frame["iteration"].dtype == pd.Int64Dtype()
        assert frame["bql"].dtype == pd.BooleanDtype()


def test_text_that_no_encoding_has_is_escaped() -> None:
    column = Column("t", module.ColumnType.TEXT)
    table = Table("x", [column], lambda: iter([{"t": ["a\ud800b", "c"]}]))
    assert table.to_arrow().to_pylist() == [{"t": "a\\ud800b"}, {"t": "c"}]


def export(stream: si.Stream, folder: Path) -> None:
    write_parquet(tables(stream), folder, lambda _table, _rows: None)


def test_an_export_reads_back_as_the_tables(capture_options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    with si.open_stream(**capture_options("q35-misc-7.2")) as stream:
        export(stream, folder)
        assert sorted(each.name for each in folder.iterdir()) == sorted(
            f"{name}.parquet" for name in ("sections", "fields", "pages", "events")
        )
        for table in tables(stream):
            file = folder / f"{table.name}.parquet"
            back = pq.read_table(file)
            assert back.schema.names == [column.name for column in table.columns]
            assert (back.schema.field(0).metadata or {}).get(b"description", b"") == table.columns[0].what.encode()
            pd.testing.assert_frame_equal(pd.read_parquet(file), table.to_pandas())
        frame = pd.read_parquet(folder / "fields.parquet")
        assert frame["value_uint"].dtype == pd.UInt64Dtype()
        export(stream, folder)  # an earlier export is replaced
        assert [each.name for each in tmp_path.iterdir()] == ["export"]
        (folder / "mine").touch()
        with pytest.raises(si.SavevmError, match="is no export of tables; not overwritten"):
            export(stream, folder)


def test_nothing_is_left_of_an_export_that_failed(capture_options: Options, tmp_path: Path) -> None:
    def interrupt(table: Table, _rows: int) -> None:
        if table.name == "pages":
            raise KeyboardInterrupt

    with si.open_stream(**capture_options("t-10.0-live")) as stream:
        with pytest.raises(KeyboardInterrupt):
            write_parquet(tables(stream), tmp_path / "export", interrupt)
        assert not any(tmp_path.iterdir())
        with pytest.raises(si.SavevmError, match="No such file or directory"):
            export(stream, tmp_path / "missing" / "export")


def test_a_full_disk_is_one_error(capture_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: object, _batch: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", full)
    with si.open_stream(**capture_options("t-10.0-live")) as stream:
        with pytest.raises(si.SavevmError, match="No space left on device"):
            export(stream, tmp_path / "export")
        assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("missing", "remedy"), [("pyarrow", r"'savevm-inspect\[tables\]'"), ("pandas", "pandas")])
def test_what_is_missing_is_named(
    missing: str, remedy: str, capture_options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with si.open_stream(**capture_options("none-11.1")) as stream:
        assert len(tables(stream).sections.to_numpy()) == len(stream.sections)
        with pytest.raises(ImportError, match=f"needs {missing}: pip install {remedy}"):
            tables(stream).sections.to_pandas()


if __name__ == "__main__":
    DOCS.write_text(redraw(DOCS.read_text()))
