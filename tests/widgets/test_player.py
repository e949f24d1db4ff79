"""The player without a browser: what its panes show is the event at its position."""

import gc
import json
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path

import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.errors import SavevmError
from savevm_inspect.recorder.qemu import record_qemu
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.views.cards import event_card
from savevm_inspect.views.hexdump import UNNAMED
from savevm_inspect.views.moment import Playback
from savevm_inspect.widgets.player import Player


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_scenario("quickstart", tmp_path_factory.mktemp("run") / "quickstart")


@pytest.fixture(scope="module")
def player(capture: Path) -> Player:
    return si.replay(capture)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_gone_through(tmp_path: Path, name: str) -> None:
    run = Playback(record_scenario(name, tmp_path / name))
    try:
        placed = [index for index, event in enumerate(run.timeline.events) if event.offset is not None]
        for index in placed:
            moment = run.moment(index)
            named = [cell.run for row in moment.hex_rows for cell in row.cells]
            assert all(number != UNNAMED for number in named), f"bytes of event {index} have no name"
    finally:
        run.close()
    player = si.replay(tmp_path / name)
    try:
        player.go_to(max(placed, default=0))
        bundle = player._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert "its bytes" in data["text/html"]
    finally:
        player.close()


def panes(player: Player) -> tuple[object, ...]:
    line = player.figure.layout.shapes[0]
    return (
        player.position,
        player.place.value,
        player.card.value,
        player.states.value,
        player.neighbours.value,
        player.bytes.value,
        (line.x0, line.x1),
    )


def test_after_some_steps_the_card_shows_that_event(player: Player) -> None:
    player.go_to(0)
    for index in range(len(player.playback.timeline)):
        assert player.position == index
        card = event_card(player.playback.timeline, index)
        shown = unescape(player.card.value)
        assert card.heading in shown
        assert card.promise in shown
        for label, text in card.rows:
            assert label in shown
            assert text in shown
        assert player.figure.layout.shapes[0].x0 == index + 0.5
        player.step()
    assert player.position == len(player.playback.timeline) - 1, "a step at the end stays there"


@settings(max_examples=25)
@given(start=st.integers(0, 150), steps=st.integers(0, 12))
def test_back_restores_every_pane(player: Player, start: int, steps: int) -> None:
    player.go_to(start)
    seen = [panes(player)]
    for _ in range(steps):
        player.buttons["Step"].click()
        seen.append(panes(player))
    for _ in range(steps):
        assert panes(player) == seen.pop()
        player.buttons["Back"].click()
    assert panes(player) == seen.pop()


def test_next_phase_lands_on_the_first_event_of_each_phase(player: Player) -> None:
    player.go_to(0)
    entered = [0]
    while player.playback.timeline.next_phase(player.position) is not None:
        player.buttons["Next phase"].click()
        entered.append(player.position)
        event = player.playback.timeline.events[player.position]
        before = player.playback.timeline.at(player.position).side(event.side).phase
        assert event.phase is not before
        assert f">{event.phase.value}</span>" in player.card.value
    assert entered == [run.first for run in player.playback.timeline.phases()]
    for place in entered[-2::-1]:
        player.buttons["Phase"].click()
        assert player.position == place


def test_the_ends_hold(player: Player) -> None:
    player.go_to(-5)
    player.back()
    assert player.position == 0
    player.previous_phase()
    assert player.position == 0
    player.go_to(10**9)
    player.next_phase()
    assert player.position == len(player.playback.timeline) - 1


def test_play_moves_the_slider_in_the_browser_without_python(player: Player) -> None:
    assert player.play.max == player.slider.max
    assert not hasattr(player.play, "thread")


def test_there_is_one_figure_widget_and_its_line_is_its_only_shape(player: Player) -> None:
    assert [isinstance(each, go.FigureWidget) for each in player.children].count(True) == 1
    assert len(player.figure.layout.shapes) == 1


def test_a_step_draws_no_trace_anew(player: Player) -> None:
    player.go_to(3)
    before = [id(trace) for trace in player.figure.data]
    player.step()
    assert [id(trace) for trace in player.figure.data] == before


def test_the_still_picture_stands_beside_the_widget(player: Player) -> None:
    player.go_to(15)
    bundle = player._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    still = bundle["text/html"]
    assert "<svg" in still
    assert event_card(player.playback.timeline, 15).heading in still
    assert "http" not in still
    assert "<script" not in still


@pytest.mark.parametrize("side", Side)
def test_what_one_side_alone_can_not_tell_is_said(side: Side, capture: Path, tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "one", made_by="test") as writer:
        for event in CaptureFolder(capture).events():
            if event.side is side:
                writer.add_event(event)
    player = si.replay(tmp_path / "one")
    assert "Nothing of" in player.playback.unseen
    assert side.value not in player.playback.unseen
    assert unescape(player._repr_mimebundle_()["text/html"]).count(player.playback.unseen) == 1
    assert not si.replay(capture).playback.unseen


@pytest.mark.qemu
def test_what_a_real_qemu_did_can_be_gone_through(tmp_path: Path) -> None:
    command = "qemu-system-x86_64 -machine none -nodefaults -accel tcg"
    player = si.replay(record_qemu(command, tmp_path / "real", run_seconds=0.1))
    assert player.playback.problem == ""
    source = player.playback.timeline.at(len(player.playback.timeline)).source
    assert sum(length for _, length in source.channel_bytes) == (tmp_path / "real" / "channel0.fwd").stat().st_size
    headings = set()
    while player.position < player.slider.max:
        headings.add(event_card(player.playback.timeline, player.position).heading)
        player.step()
    assert {"migrate", "setup", "arrived"} <= headings
    player.close()


def test_hostile_events_stay_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"
    with CaptureWriter(tmp_path / evil.replace("/", ""), made_by=evil) as writer:
        writer.open_channel(0).write(b"\0" * 20)
        for number, kind in enumerate(EventKind):
            writer.add_event(
                Event(
                    seq=number,
                    time_us=0,
                    side=Side.SOURCE,
                    event=kind,
                    call_id=1,
                    handler=evil,
                    idstr=evil,
                    section_id=3,
                    name=evil,
                    error=evil,
                    upstream=evil,
                    channel=0,
                    offset=0,
                    length=9,
                    must_precopy=4,
                )
            )
    player = si.replay(tmp_path / evil)
    for index in range(len(player.playback.timeline)):
        player.go_to(index)
        drawn = player._repr_mimebundle_()["text/html"]
        assert "<img" not in drawn
        assert "<img" not in "".join(str(each) for each in panes(player))
    player.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("trace-pc-11.1-precopy", ""), ("trace-pc-10.0-postcopy-recover", ".dst.trace"), ("trace-pc-7.2-bgsnap", "")],
)
def test_qemus_own_traces_can_be_gone_through(name: str, kind: str, traced: Callable[[str], Path]) -> None:
    path = traced(name)
    player = si.replay(path.parent / f"{name}{kind}")
    assert player.playback.problem == ""
    assert name in player.children[0].value
    shown, with_bytes = set(), 0
    for index in range(0, len(player.playback.timeline), 3):
        player.go_to(index)
        event = player.playback.timeline.events[index]
        shown_now = unescape(player.card.value)
        known = "derived from the rules of the source code" in shown_now
        assert known == (not event.observed or bool(event.derived))
        assert unescape(event.upstream or "") in shown_now
        shown.add(event.event)
        with_bytes += "hexpane" in player.bytes.value or "at 0x" in player.bytes.value
    assert {"call", "record", "log"} <= shown
    assert (with_bytes > 10) == bool(player.playback.capture.channels)
    last = player.playback.timeline.at(len(player.playback.timeline))
    assert "completed" in (last.source.status, last.destination.status)
    assert last.source.calls == last.destination.calls == ()
    player.close()


def test_a_capture_without_events_is_refused(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "empty", made_by="test") as writer:
        writer.open_channel(0)
    with pytest.raises(SavevmError, match="a capture without events"):
        si.replay(tmp_path / "empty")
    with pytest.raises(SavevmError, match="not a capture folder"):
        si.replay(tmp_path)


def test_a_player_that_was_closed_gives_back_its_files(capture: Path) -> None:
    player = si.replay(capture)
    player.close()
    gc.collect()
    with pytest.raises(ValueError, match="released"):
        player.playback._stream.buffer[:1]


def test_a_migration_that_did_not_complete_says_so(capture: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(capture, tmp_path / "failed"))
    manifest = json.loads((folder / "capture.json").read_text())
    (folder / "capture.json").write_text(json.dumps(manifest | {"outcome": "failed", "error": "no room"}))
    player = si.replay(folder)
    assert unescape(player._repr_mimebundle_()["text/html"]).count("the migration failed: no room") == 1
    assert not si.replay(capture).playback.outcome
