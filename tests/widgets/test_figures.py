"""Figures hold what the streams and events say; plain plotly, no widgets."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.errors import NotFound
from savevm_inspect.reader.stream import Stream
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side
from savevm_inspect.span import Span
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.timeline.timeline import Timeline
from savevm_inspect.views.series import PendingSeries, kept_steps, peaks, times_sent
from savevm_inspect.views.summary import summary
from savevm_inspect.widgets import figures
from savevm_inspect.widgets.html import hex_pane, table
from savevm_inspect.widgets.show import show_bytes
from savevm_inspect.widgets.style import PHASE_COLOURS

from ..growing_inputs import irregular_pages

Unpack = Callable[[str], Path]


@pytest.fixture
def stream(capture_path: Unpack) -> Iterator[Stream]:
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        yield stream


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    folder = record_scenario("quickstart", tmp_path_factory.mktemp("run") / "quickstart")
    return Timeline(CaptureFolder(folder).events())


def test_figures_are_plain(stream: Stream, timeline: Timeline) -> None:
    drawn = [
        figures.sections_figure(stream),
        figures.pages_figure(stream),
        figures.resent_figure(stream, "pc.ram"),
        figures.pending_figure(timeline),
        figures.phases_figure(timeline),
        figures.run_figure(timeline, 0),
    ]
    assert {type(each) for each in drawn} == {go.Figure}


@pytest.mark.parametrize("scenario", ["cancel-active", "network-fails"])
def test_a_stream_that_does_not_tell_its_page_size_has_figures(tmp_path: Path, scenario: str) -> None:
    with si.open_stream(record_scenario(scenario, tmp_path / "run"), strict=False) as stream:
        assert stream.page_size_from == ""
        assert summary(stream)["page_size"] is None
        assert stream.page_size == stream.pages.page_size
        for number, block in enumerate(stream.blocks):
            drawn = figures.resent_figure(stream, block.name).data[0]
            assert max(drawn.y) == times_sent(stream, block.name).max() <= len(stream.pages.of_block(number))


def test_bytes_of_any_channel_are_shown(tmp_path: Path) -> None:
    with si.open_stream(record_scenario("multifd", tmp_path / "run")) as stream:
        for record in stream.records:
            end = min(record.span.end, record.span.offset + 4)
            first = stream.buffers[record.span.channel][record.span.offset : end]
            text = show_bytes(stream, record.span, most=len(first)).data
            assert bytes(first).hex() in "".join(re.findall(r">([0-9a-f ]{2,11})</b>", text)).replace(" ", "")
            assert "title=" in text
        with pytest.raises(NotFound):
            show_bytes(stream, Span(channel=9, offset=0, length=4))


def test_sections_add_up(stream: Stream) -> None:
    whole = sum(each.span.length for each in stream.sections)
    assert sum(figures.sections_figure(stream).data[0].x) == whole
    few = figures.sections_figure(stream, most=3).data[0]
    assert len(few.x) == 4
    assert sum(few.x) == whole


def test_every_page_is_a_point_up_to_what_can_be_seen(stream: Stream) -> None:
    points = sum(len(trace.x) for trace in figures.pages_figure(stream).data)
    assert points == len(stream.pages) if len(stream.pages) <= 10_000 else 5_000 < points <= 10_010


@given(values=st.lists(st.integers(0, 9), max_size=60), most=st.integers(1, 20))
def test_no_peak_is_lost_in_bins(values: list[int], most: int) -> None:
    binned, size = peaks(np.array(values, dtype=np.int64), most)
    assert len(binned) <= most
    assert binned.tolist() == [max(values[start : start + size]) for start in range(0, len(values), size)]


@given(totals=st.lists(st.integers(0, 1 << 40), min_size=1, max_size=80), most=st.integers(2, 20))
def test_no_peak_of_a_curve_is_lost(totals: list[int], most: int) -> None:
    none = (None,) * len(totals)
    series = PendingSeries(
        index=tuple(range(len(totals))),
        time_ms=tuple(map(float, range(len(totals)))),
        must_precopy=tuple(totals),
        can_postcopy=(0,) * len(totals),
        threshold_bytes=none,
        dirty_pages=none,
        iteration=none,
        exact=(True,) * len(totals),
    )
    kept = kept_steps(series, most)
    assert kept == sorted(set(kept))
    assert len(kept) <= most + 2
    drawn = [totals[each] for each in kept]
    assert (min(drawn), max(drawn), drawn[0], drawn[-1]) == (min(totals), max(totals), totals[0], totals[-1])


def test_no_figure_grows_with_what_it_draws(tmp_path: Path) -> None:
    events = [
        Event(
            seq=number,
            time_us=number,
            side=Side.SOURCE,
            event=EventKind.PENDING,
            phase=Phase.ITERATE if number % 2 else Phase.SETUP,
            must_precopy=number * 1_000_003,
            can_postcopy=number,
            threshold_bytes=number,
        )
        for number in range(8_000)
    ]
    timeline = Timeline(events)
    raw = irregular_pages(15_000)
    with si.open_stream(raw, strict=False) as stream:
        assert len(stream.pages) >= 15_000
        block = stream.blocks[0].name
        drawn = (
            figures.pages_figure(stream),
            figures.resent_figure(stream, block),
            figures.sent_figure(stream, block),
            figures.entropy_figure(stream, block),
            figures.iterations_figure(stream),
            figures.sections_figure(stream),
            figures.pending_figure(timeline),
            figures.phases_figure(timeline),
            figures.run_figure(timeline, 0),
        )
    assert max(len(each.to_json()) for each in drawn) <= 400_000


def test_the_ribbon_has_one_bar_a_run_and_one_trace_a_phase(timeline: Timeline) -> None:
    bars = [trace for trace in figures.run_figure(timeline, 5).data if isinstance(trace, go.Bar)]
    drawn = sorted((side, bar.name, first) for bar in bars for side, first in zip(bar.y, bar.base, strict=True))
    assert drawn == sorted((run.side.value, run.phase.value, run.first) for run in timeline.phases())
    assert len(bars) == len({run.phase for run in timeline.phases()})


def test_every_phase_has_a_colour_of_its_own() -> None:
    assert set(PHASE_COLOURS) == set(Phase)
    assert len(set(PHASE_COLOURS.values())) == len(Phase)


def test_labels_of_a_stream_are_not_read_as_html() -> None:
    evil = "<b>x"
    raw = b"QEVM\0\0\0\3" + b"\4\0\0\0\1" + bytes([len(evil)]) + evil.encode() + bytes(8) + b"\x7e\0\0\0\1\0"
    with si.open_stream(raw, strict=False) as stream:
        assert figures.sections_figure(stream).data[0].y[0] == "&lt;b&gt;x (0)"


def test_a_run_that_has_no_figures_is_drawn_too() -> None:
    timeline = Timeline([Event(seq=0, time_us=0, side=Side.SOURCE, event=EventKind.LOG)])
    assert len(figures.run_figure(timeline, 0).layout.shapes) == 1


def test_tables_escape_and_put_numbers_to_the_right() -> None:
    drawn = table(["a", "<i>"], [("<b>", 12345), ("&", 2)])
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "&lt;b&gt;" in drawn
    assert '<td class="number">12 345</td>' in drawn


def test_no_bytes_are_an_empty_pane() -> None:
    assert hex_pane([], []) == '<div class="bytes"><pre class="hex"></pre></div>'
