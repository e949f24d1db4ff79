"""The player without a browser: what the page gets, what it may ask, and the position that both share."""

import gc
import io
import json
import shutil
import zlib
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comm
import pytest
from PIL import Image

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
from savevm_inspect.views.event_bytes import event_bytes
from savevm_inspect.views.hexdump import UNNAMED
from savevm_inspect.views.moment import Playback
from savevm_inspect.widgets.front import PAGE_DATA, page_element
from savevm_inspect.widgets.player import Player
from savevm_inspect.widgets.player_pages import TARGET, serve
from savevm_inspect.widgets.player_picture import player_picture

MOST_PICTURE_BYTES = 100_000


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
        assert bytes_of(player, max(placed, default=0))["note"]
        assert len(player_picture(player.playback, player.position)) <= MOST_PICTURE_BYTES
    finally:
        player.close()


def drawn(player: Player) -> dict[str, Any]:
    """What the page gets of a player."""
    columns: dict[str, Any] = json.loads(zlib.decompress(player.run))
    return columns


def bytes_of(player: Player, index: int) -> dict[str, Any]:
    answer = player.answer({"ask": "bytes", "event": index, "key": index})
    assert answer is not None
    assert answer["key"] == index
    return answer


def test_the_page_gets_every_event_once(player: Player) -> None:
    columns = drawn(player)
    assert columns["count"] == len(player.playback.timeline)
    headings = [columns["texts"][number] for number in columns["heading"]]
    assert headings == [event_card(player.playback.timeline, index).heading for index in range(columns["count"])]


def test_the_position_is_one_and_stays_within_the_run(player: Player) -> None:
    seen: list[int] = []
    player.observe(lambda change: seen.append(change["new"]), names="position")
    player.go_to(0)
    player.position = 5
    player.step()
    player.back()
    player.go_to(-5)
    player.go_to(10**9)
    player.next_phase()
    assert seen == [5, 6, 5, 0, player.last]


def test_next_phase_lands_on_the_first_event_of_each_phase(player: Player) -> None:
    player.go_to(0)
    entered = [0]
    while player.playback.timeline.next_phase(player.position) is not None:
        player.next_phase()
        entered.append(player.position)
    assert entered == [run.first for run in player.playback.timeline.phases()]
    for place in entered[-2::-1]:
        player.previous_phase()
        assert player.position == place


@pytest.mark.parametrize(
    "question",
    [
        None,
        "bytes",
        [],
        {},
        {"ask": "bytes"},
        {"ask": "bytes", "event": -1},
        {"ask": "bytes", "event": 1 << 70},
        {"ask": "bytes", "event": True},
        {"ask": "bytes", "event": "0"},
        {"ask": "bytes", "event": [0]},
        {"ask": "close", "event": 0},
    ],
)
def test_a_question_that_is_none_gets_no_answer(player: Player, question: object) -> None:
    assert player.answer(question) is None


def test_an_answer_is_what_the_moment_says(player: Player) -> None:
    for index in range(len(player.playback.timeline)):
        moment = player.playback.moment(index)
        answer = bytes_of(player, index)
        json.dumps(answer)
        cells = [cell for row in moment.hex_rows for cell in row.cells]
        assert [byte for _, row in answer["rows"] for byte, _ in row] == [cell.value for cell in cells]
        assert [run for _, row in answer["rows"] for _, run in row] == [cell.run for cell in cells]
        assert answer["note"] == moment.bytes_note


def test_an_output_holds_what_a_page_without_a_kernel_draws(player: Player) -> None:
    player.go_to(15)
    bundle = player._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "text/html" not in data, "nbconvert would take it for the picture's place"
    assert Image.open(io.BytesIO(b64decode(data["image/png"]))).format == "PNG"
    page = data[PAGE_DATA]
    assert page["position"] == 15
    assert b64decode(page["run"]) == player.run
    known = json.loads(zlib.decompress(b64decode(page["bytes"])))
    placed = [index for index, event in enumerate(player.playback.timeline.events) if event.offset is not None]
    assert known == {str(index): event_bytes(player.playback.moment(index)) for index in placed}


class Page:
    """A page at the other end of a comm."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.closed = False

    def send(self, data: dict[str, Any]) -> None:
        self.heard.append(data)

    def close(self) -> None:
        self.closed = True

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        self._message = callback

    def on_close(self, callback: Callable[[dict[str, Any]], None]) -> None:
        self.leave = lambda: callback({})

    def say(self, data: object) -> None:
        self._message({"content": {"data": data}})


def opened(run_id: object) -> Page:
    """A page that asks the kernel for a run."""
    page = Page()
    comm.get_comm_manager().targets[TARGET](page, {"content": {"data": {"id": run_id}}})
    return page


def test_each_page_and_the_player_have_one_position(capture: Path) -> None:
    player = si.replay(capture, at=3)
    one, other = opened(player.run_id), opened(player.run_id)
    assert one.heard == other.heard == [{"position": 3}]
    one.say({"position": 7})
    assert player.position == 7
    assert one.heard == [{"position": 3}], "a page that goes on is not called back by its own words"
    player.position = 2
    one.leave()
    other.say({"position": 1 << 70})
    assert player.position == player.last
    assert other.heard == [{"position": 3}, {"position": 7}, {"position": 2}, {"position": player.last}]
    assert one.heard == [{"position": 3}, {"position": 2}]
    one.say({"ask": "bytes", "event": 15, "key": 15})
    assert one.heard[-1] == bytes_of(player, 15)
    player.close()


def test_a_page_whose_run_nobody_knows_hears_so(capture: Path) -> None:
    closed = si.replay(capture)
    run_id = closed.run_id
    assert not opened(run_id).closed
    closed.close()
    for unknown in (run_id, "", None, 7, [], {}):
        assert opened(unknown).closed


@pytest.mark.parametrize(
    "said", [None, [], "position", {}, {"position": "1"}, {"position": True}, {"position": None}, {"ask": {}}]
)
def test_a_page_may_say_anything(player: Player, said: object) -> None:
    page = Page()
    serve(player, page)
    before = player.position
    page.say(said)
    page.leave()
    assert player.position == before
    assert page.heard == [{"position": before}]


@pytest.mark.parametrize("side", Side)
def test_what_one_side_alone_can_not_tell_is_said(side: Side, capture: Path, tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "one", made_by="test") as writer:
        for event in CaptureFolder(capture).events():
            if event.side is side:
                writer.add_event(event)
    player = si.replay(tmp_path / "one")
    assert "Nothing of" in player.playback.unseen
    assert side.value not in player.playback.unseen
    assert drawn(player)["notes"].count(player.playback.unseen) == 1
    assert not si.replay(capture).playback.unseen


@pytest.mark.qemu
def test_what_a_real_qemu_did_can_be_gone_through(tmp_path: Path) -> None:
    command = "qemu-system-x86_64 -machine none -nodefaults -accel tcg"
    player = si.replay(record_qemu(command, tmp_path / "real", run_seconds=0.1))
    assert player.playback.problem == ""
    source = player.playback.timeline.at(len(player.playback.timeline)).source
    assert sum(length for _, length in source.channel_bytes) == (tmp_path / "real" / "channel0.fwd").stat().st_size
    headings = set()
    while player.position < player.last:
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
    assert evil in drawn(player)["texts"], "text is data here; the page makes text nodes of it"
    assert player_picture(player.playback, 0)
    assert "<" not in page_element(player.page_data()).split(">", 2)[2].removesuffix("</script></div>")
    player.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("trace-pc-11.1-precopy", ""), ("trace-pc-10.0-postcopy-recover", ".dst.trace"), ("trace-pc-7.2-bgsnap", "")],
)
def test_qemus_own_traces_can_be_gone_through(name: str, kind: str, traced: Callable[[str], Path]) -> None:
    path = traced(name)
    player = si.replay(path.parent / f"{name}{kind}")
    assert player.playback.problem == ""
    columns = drawn(player)
    assert name in columns["name"]
    events = player.playback.timeline.events
    known_from = next(column for column in columns["facts"] if column["label"] == "known from")
    for index, number in enumerate(known_from["values"]):
        derived = "derived from the rules of the source code" in columns["texts"][number]
        assert derived == (not events[index].observed or bool(events[index].derived))
    assert {"call", "record", "log"} <= {columns["kinds"][kind] for kind in columns["kind"]}
    with_bytes = sum(bool(bytes_of(player, index)["rows"]) for index in range(0, len(events), 3))
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
    assert drawn(player)["notes"].count("the migration failed: no room") == 1
    assert not si.replay(capture).playback.outcome
