"""Rows, trees and cards for the eye: what they hold is what was decoded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.threads import Side
from savevm_inspect.span import Span
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.timeline.timeline import Timeline
from savevm_inspect.views.bytes import name_bytes
from savevm_inspect.views.cards import event_card
from savevm_inspect.views.hexdump import UNNAMED, hex_rows
from savevm_inspect.views.moment import Playback
from savevm_inspect.views.named import NamedBytes
from savevm_inspect.views.series import device_sizes, page_series, pending_series, times_sent
from savevm_inspect.views.states import state_rows
from savevm_inspect.views.units import bytes_text

Unpack = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CaptureFolder:
    return CaptureFolder(record_scenario("quickstart", tmp_path_factory.mktemp("run") / "quickstart"))


@given(data=st.binary(max_size=200), offset=st.integers(0, 1000), lengths=st.lists(st.integers(1, 40), max_size=8))
def test_hex_rows_hold_each_byte_once_under_its_name(data: bytes, offset: int, lengths: list[int]) -> None:
    runs, position = [], offset - 5
    for length in lengths:
        runs.append(NamedBytes(Span(offset=position, length=length), "x", ""))
        position += length
    rows = hex_rows(data, offset, runs, mark=Span(offset=offset + 3, length=4))
    cells = [cell for row in rows for cell in row.cells]
    assert bytes(cell.value for cell in cells) == data
    assert [row.offset for row in rows] == list(range(offset, offset + len(data), 16))
    for place, cell in enumerate(cells, offset):
        owner = next((number for number, run in enumerate(runs) if run.span.offset <= place < run.span.end), UNNAMED)
        assert cell.run == owner
        assert cell.marked == (offset + 3 <= place < offset + 7)


def test_every_event_of_a_run_has_a_card(folder: CaptureFolder) -> None:
    timeline = Timeline(folder.events())
    for index, event in enumerate(timeline.events):
        card = event_card(timeline, index)
        facts = dict(card.rows)
        assert facts["side"] == event.side
        assert facts["big QEMU lock"] == ("held" if event.bql else "not held")
        assert card.promise == (CALLBACKS[event.handler].promise if event.handler else "")
        if event.event is EventKind.RETURN and event.returned is not None:
            assert facts["returned"] == str(event.returned)
        assert (card.span is None) == (event.offset is None)


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_a_card(kind: EventKind) -> None:
    wait = {"vcpu": 1, "fault_id": 7, "block": "pc.ram", "addr": 0x1000}
    card = event_card(Timeline([Event(seq=0, time_us=0, side=Side.DESTINATION, event=kind, **wait)]), 0)  # type: ignore[arg-type]
    facts = dict(card.rows)
    assert card.verb
    assert (facts["virtual CPU"], facts["number of the wait"], facts["RAM block"]) == ("1", "7", "pc.ram")


def test_states_mark_what_an_event_changed(folder: CaptureFolder) -> None:
    timeline = Timeline(folder.events())
    for index, event in enumerate(timeline.events):
        for row in state_rows(timeline.at(index), timeline.at(index + 1)):
            elsewhere = row.destination_changed if event.side is Side.SOURCE else row.source_changed
            assert not elsewhere
            if row.label == "phase":
                before, after = (
                    timeline.at(index).side(event.side).phase,
                    timeline.at(index + 1).side(event.side).phase,
                )
                assert (row.source_changed or row.destination_changed) == (before is not after)


def test_the_bytes_of_a_moment_are_the_captures(folder: CaptureFolder) -> None:
    run, raw = Playback(folder), folder.forward()[0].read_bytes()
    names = {each.span: each for each in name_bytes(si.open_stream(folder.path))}
    seen = 0
    for index, event in enumerate(run.timeline.events):
        moment = run.moment(index)
        shown = bytes(cell.value for row in moment.hex_rows for cell in row.cells)
        if event.length:
            assert shown == raw[event.offset : event.offset + min(event.length, 256)]
            assert all(cell.run != UNNAMED for row in moment.hex_rows for cell in row.cells)
            assert all(names[each.span] == each for each in moment.runs)
            seen += 1
        else:
            assert not shown
    assert seen > 20
    run.close()


def test_pending_figures_are_the_events(folder: CaptureFolder) -> None:
    timeline = Timeline(folder.events())
    series = pending_series(timeline)
    pending = [event for event in timeline.events if event.event is EventKind.PENDING]
    assert series.must_precopy == tuple(event.must_precopy for event in pending)
    assert [timeline.events[index] for index in series.index] == pending
    assert series.exact[-1]


def test_a_capture_without_events_or_stream_is_refused_or_named(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "empty", made_by="test") as writer:
        writer.open_channel(0)
    with pytest.raises(SavevmError, match="a capture without events"):
        Playback(tmp_path / "empty")
    with CaptureWriter(tmp_path / "mute", made_by="test") as writer:
        writer.add_event(
            Event(seq=0, time_us=0, side=Side.SOURCE, event=EventKind.RECORD, channel=7, offset=0, length=9)
        )
    run = Playback(tmp_path / "mute")
    assert run.problem.startswith("nothing was sent")
    assert run.moment(0).bytes_note == "9 bytes at 0x0 of channel 7, which the capture does not hold"


def test_sizes_add_up_to_the_sections(capture_path: Unpack) -> None:
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        sizes = device_sizes(stream)
        assert sum(each.size_bytes for each in sizes) == sum(each.span.length for each in stream.sections)
        assert sum(each.sections for each in sizes) == len(stream.sections)
        assert [each.size_bytes for each in sizes] == sorted((each.size_bytes for each in sizes), reverse=True)


def test_pages_are_counted_by_block_and_kind(capture_path: Unpack) -> None:
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        series = page_series(stream)
        assert sum(each.total for each in series) == len(stream.pages)
        assert sorted(number for each in series for number in each.number) == list(range(len(stream.pages)))
        thin = page_series(stream, points=100)
        assert all(len(each.number) <= 100 for each in thin)
        counts = times_sent(stream, "pc.ram")
        assert counts.sum() == sum(each.total for each in series if each.block == "pc.ram")


@pytest.mark.parametrize(
    ("length", "text"), [(0, "0 bytes"), (1, "1 byte"), (10239, "10239 bytes"), (10240, "10 KiB"), (1 << 30, "1 GiB")]
)
def test_bytes_have_units(length: int, text: str) -> None:
    assert bytes_text(length) == text
