"""What people see and type: one line for each public object, HTML that is only text, tables for every library."""

import io
import lzma
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from os import PathLike
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.markup import html_table

CAPTURES = Path(__file__).parent / "captures"


@pytest.fixture(scope="module")
def stream() -> Iterator[si.Stream]:
    with si.open_stream(CAPTURES / "x86-11.1-paused.mig.xz") as opened:
        yield opened


@pytest.fixture(scope="module")
def run() -> si.Run:
    return si.run("quickstart", ram_bytes=16 << 12)


SHOWN: dict[str, Callable[[si.Stream, si.Run], Any]] = {
    "Stream": lambda stream, _: stream,
    "Device": lambda stream, _: stream["serial"],
    "PageTable": lambda stream, _: stream.pages,
    "History": lambda stream, _: stream.history,
    "GuestMemory": lambda stream, _: stream.memory,
    "Table": lambda stream, _: si.tables(stream).fields,
    "Run": lambda _, run: run,
}
LINES: dict[str, Callable[[si.Stream, si.Run], Any]] = SHOWN | {
    "FieldValue": lambda stream, _: stream["cpu"].fields[0],
    "Section": lambda stream, _: stream.sections[0],
    "BlockImage": lambda stream, _: stream.memory["pc.bios"],
    "StreamTree": lambda stream, _: si.kaitai.parse(stream),
    "Machine": lambda _, run: run.source,
    "Scenario": lambda _, run: run.scenario,
    "Timeline": lambda _, run: run.timeline,
    "Event": lambda _, run: run.events[0],
    "Explorer": lambda stream, _: si.explore(stream),
    "Player": lambda _, run: si.replay(run),
}


@pytest.mark.parametrize("name", LINES)
def test_each_object_says_what_it_is_in_one_line(stream: si.Stream, run: si.Run, name: str) -> None:
    line = repr(LINES[name](stream, run))
    assert line.startswith((f"<{name} ", f"<{name}:"))
    assert line.endswith(">")
    assert line.isprintable()
    assert len(line) < 400


class Elements(HTMLParser):
    """The elements of a piece of HTML, each opened one closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.names.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


ELEMENTS = {"div", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("name", SHOWN)
def test_what_notebooks_show_is_a_table_below_the_line(stream: si.Stream, run: si.Run, name: str) -> None:
    thing = SHOWN[name](stream, run)
    elements = Elements(thing._repr_html_())
    assert elements.text[0] == repr(thing)
    assert not elements.open
    assert elements.names == ELEMENTS


@given(st.text(), st.lists(st.tuples(st.text(), st.binary(), st.integers()), max_size=8), st.integers(1, 8))
def test_whatever_a_stream_holds_is_shown_as_text(heading: str, rows: list[tuple[Any, ...]], most: int) -> None:
    elements = Elements(html_table(heading, ["<a>", "b", "c"], rows, most=most))
    assert not elements.open
    assert elements.names <= ELEMENTS
    assert ("and more" in elements.text) >= (len(rows) > most)


def test_devices_are_found_iterated_and_completed(stream: si.Stream) -> None:
    assert "cpu" in stream
    assert ("cpu", 0) in stream
    assert not any(key in stream for key in ("nope", ("cpu", 7), 7, None))
    assert tuple(stream) == stream.devices
    assert tuple(stream[key] for key in stream._ipython_key_completions_()) == stream.devices
    assert stream.memory._ipython_key_completions_() == list(stream.memory)


# Tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sections", "fields", "pages", "events"])
def test_every_library_takes_a_table_as_it_is(stream: si.Stream, name: str) -> None:
    t = getattr(si.tables(stream), name)
    arrow = pa.table(t)
    assert arrow.equals(t.to_arrow())
    assert pl.DataFrame(t).shape == arrow.shape
    assert pl.DataFrame(t)[arrow.column_names[0]].to_list() == arrow.column(0).to_pylist()
    assert duckdb.sql("from t").fetchall() == [tuple(row.values()) for row in arrow.to_pylist()] or name == "pages"
    assert len(duckdb.sql("from t").fetchall()) == arrow.num_rows
    assert pd.DataFrame.from_arrow(t).shape == arrow.shape


# Paths and files ------------------------------------------------------------------------------------------------


class Elsewhere:
    """A path that is no ``Path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


@pytest.mark.parametrize("kind", [str, Path, Elsewhere])
def test_whatever_is_a_path_is_taken(tmp_path: Path, kind: Callable[[Path], str | PathLike[str]]) -> None:
    capture = si.record("idle", kind(tmp_path / "recorded"), ram_bytes=16 << 12)
    si.run("idle", ram_bytes=16 << 12).save(kind(tmp_path / "saved"))
    assert si.CaptureFolder(kind(capture.path)).channels == capture.channels
    assert si.replay(kind(capture.path), at=3).position == 3
    with si.open_stream(kind(capture.path)) as stream:
        assert stream.complete


def test_a_capture_and_a_scenario_are_taken_where_a_path_is(tmp_path: Path) -> None:
    capture = si.record("idle", tmp_path / "idle", ram_bytes=16 << 12)
    with si.open_stream(capture) as stream:
        assert stream.container == "capture"
    small = si.scenario("idle", ram_bytes=16 << 12)
    events = len(si.run(small).events)
    for source in (capture, small, si.run(small)):
        player = si.replay(source)
        assert len(player.playback.timeline) == events
        player.close()
    assert si.replay("quickstart").playback.capture.name == "quickstart"


def test_a_player_of_a_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    player = si.replay(si.scenario("idle", ram_bytes=16 << 12))
    assert list(tmp_path.iterdir())
    player.close()
    assert not list(tmp_path.iterdir())


def test_file_objects_are_taken_where_a_stream_is(tmp_path: Path) -> None:
    raw = lzma.decompress((CAPTURES / "none-11.1.mig.xz").read_bytes())
    path = tmp_path / "none.mig"
    path.write_bytes(raw)
    with path.open("rb") as file, lzma.open(CAPTURES / "none-11.1.mig.xz") as packed:
        for source in (file, packed, io.BytesIO(raw)):
            with si.open_stream(source) as stream:
                assert stream.complete
                assert stream.size_bytes == len(raw)
    with path.open(encoding="latin-1") as text, pytest.raises(si.SavevmError, match="bytes"):
        si.open_stream(text)  # type: ignore[arg-type]


def test_a_missing_extra_says_which_command_brings_it(stream: si.Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'savevm-inspect[tables]'")):
        si.tables(stream).sections.__arrow_c_stream__()
