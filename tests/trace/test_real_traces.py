"""Laws that hold of every trace of a real QEMU: 7.2, 10.0 and 11.1, as source and as destination."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from savevm_inspect.container.source import Source
from savevm_inspect.rules.interfaces import INTERFACES
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind, Origin
from savevm_inspect.stream.records import SectionKind
from savevm_inspect.trace.facts import scan_log
from savevm_inspect.trace.follow import REPEATED, Follower
from savevm_inspect.trace.lines import TraceLine, read_lines
from savevm_inspect.trace.recorded import Recorded
from savevm_inspect.trace.table import MEANINGS
from savevm_inspect.wire import MigCmd

MANIFEST = json.loads((Path(__file__).parents[1] / "captures" / "manifest.json").read_text())["captures"]
TRACES = [(each["name"], kind) for each in MANIFEST for kind in each.get("traces", ())]
LONG = ("trace-pc-11.1-postcopy-recover", "src.trace")
SHORT = [each for each in TRACES if each != LONG]
WITH_STREAM = [each["name"] for each in MANIFEST if each.get("traces") and each["files"] and each["name"] != LONG[0]]
BOTH_ENDS = [each["name"] for each in MANIFEST if len(each.get("traces", ())) == 2 and each["name"] != LONG[0]]
MARKS = {SectionKind.START: 1, SectionKind.PART: 2, SectionKind.END: 3, SectionKind.FULL: 4}

CapturePath = Callable[..., Path]


def lines_of(path: Path) -> list[TraceLine]:
    with Source(path) as source:
        return list(read_lines(source.buffer))


def events_of(lines: list[TraceLine]) -> list[Event]:
    facts = scan_log(lines)
    return list(Follower(facts, facts.start_us).follow(lines))


def assert_sent_is_loaded(events: list[Event], *, in_order: bool) -> None:
    sent, loaded = (
        [
            (event.section_id, event.name, event.idstr, event.instance_id)
            for event in events
            if event.side is side and event.event is EventKind.RECORD and event.section_id is not None
        ]
        for side in Side
    )
    for section_id in {each[0] for each in sent}:
        assert [each for each in sent if each[0] == section_id] == [each for each in loaded if each[0] == section_id]
    assert not in_order or sent == loaded


def test_the_traces_are_there() -> None:
    assert len(TRACES) >= 39
    assert {name.split("-")[2] for name, _ in TRACES} == {"7.2", "10.0", "11.1"}


@pytest.mark.parametrize(("name", "kind"), SHORT)
def test_each_line_is_one_observed_event_in_its_order(name: str, kind: str, capture_path: CapturePath) -> None:
    lines = lines_of(capture_path(name, kind))
    events = events_of(lines)
    observed = [event.upstream for event in events if event.observed and event.name != REPEATED]
    if not any(event.repeats for event in events):
        assert observed == [line.text for line in lines]
    else:
        assert Counter(observed) <= Counter(line.text for line in lines)
        again = sum((event.repeats or 0) * len((event.upstream or "").split("; ")) for event in events)
        assert len(observed) + again == len(lines)
    assert {event.origin for event in events} == {Origin.TRACE}


@pytest.mark.parametrize(("name", "kind"), SHORT)
def test_every_trace_event_is_in_the_table_and_as_it_says(name: str, kind: str, capture_path: CapturePath) -> None:
    side = scan_log(lines_of(capture_path(name, kind))).side
    assert side == {"src.trace": Side.SOURCE, "dst.trace": Side.DESTINATION}.get(kind, Side.SOURCE)
    for line in lines_of(capture_path(name, kind)):
        if line.name:
            assert MEANINGS[line.name].side in (None, side)
            MEANINGS[line.name].keys(line.arguments)
        else:
            assert line.message


@pytest.mark.parametrize(("name", "kind"), SHORT)
def test_calls_are_derived_and_return_in_the_thread_that_called(
    name: str, kind: str, capture_path: CapturePath
) -> None:
    stacks: dict[Thread | None, list[Event]] = {}
    calls = 0
    for event in events_of(lines_of(capture_path(name, kind))):
        if event.event is EventKind.CALL:
            calls += 1
            stacks.setdefault(event.thread, []).append(event)
        elif event.event is EventKind.RETURN:
            call = stacks[event.thread].pop()
            assert (call.call_id, call.handler, call.idstr) == (event.call_id, event.handler, event.idstr)
            assert call.time_us <= event.time_us
        if event.event in (EventKind.CALL, EventKind.RETURN, EventKind.LOCK):
            assert not event.observed
            unknown = event.thread is None or (event.thread, event.phase) == (Thread.LISTEN, Phase.CLEANUP)
            assert (event.bql is None) == unknown
        elif event.observed:
            assert event.bql is None, "no trace shows the lock"
            assert event.phase is None or "phase" in (event.derived or ())
            assert event.thread is None or "thread" in (event.derived or ())
        assert event.upstream
    assert calls > 0
    assert not any(stacks.values())


@pytest.mark.parametrize(("name", "kind"), [each for each in TRACES if "11.1" not in each[0] and each != LONG])
def test_without_thread_ids_the_rules_name_the_same_threads(name: str, kind: str, capture_path: CapturePath) -> None:
    """11.1's lines have no thread's number; what is said of them is what the numbers of 7.2 and 10.0 say."""
    lines = lines_of(capture_path(name, kind))
    numbered = [event for event in events_of(lines) if event.observed and event.name != REPEATED]
    bare = [replace(line, thread_id=None) for line in lines]
    by_rule = [event for event in events_of(bare) if event.observed and event.name != REPEATED]
    emitted = 0
    for one, two in zip(numbered, by_rule, strict=True):
        assert (one.event, one.name, one.idstr, one.section_id) == (two.event, two.name, two.idstr, two.section_id)
        if two.thread is not None:
            emitted += 1
            assert one.thread is two.thread, one
    assert emitted > 0.8 * sum(event.name != "message" for event in numbered)


@pytest.mark.parametrize(("name", "kind"), SHORT)
def test_figures_add_up_to_what_is_pending(name: str, kind: str, capture_path: CapturePath) -> None:
    for event in events_of(lines_of(capture_path(name, kind))):
        if event.event is EventKind.PENDING:
            total = re.search(r"(?:size |total=)(\d+)", event.upstream or "")
            assert total is not None
            assert (event.must_precopy or 0) + (event.can_postcopy or 0) == int(total[1])


@pytest.mark.parametrize("name", WITH_STREAM)
def test_the_bytes_of_an_event_are_those_of_its_section(name: str, traced: Callable[[str], Path]) -> None:
    recorded = Recorded.open(traced(name))
    stream = recorded.open_stream(strict=False)
    assert stream is not None
    with stream:
        buffers = {
            channel.number: channel.path.read_bytes()
            for channel in recorded.channels
            if channel.direction == "forward"
        }
        placed, sides, commands = 0, set(), []
        for event in recorded.events(stream):
            sides.add(event.side)
            if event.event is EventKind.RECORD and event.section_id is not None and event.offset is not None:
                at = buffers[event.channel or 0][event.offset :]
                assert at[0] == MARKS[SectionKind(event.name or "")], event
                assert int.from_bytes(at[1:5]) == event.section_id
                placed += 1
            elif event.event is EventKind.COMMAND and event.offset is None:
                assert (event.name, event.thread) == ("MIG_CMD_PING", None), "nothing shows which one it is"
            elif event.event is EventKind.COMMAND and event.offset is not None:
                at = buffers[event.channel or 0][event.offset :]
                assert (at[0], int.from_bytes(at[1:3])) == (8, MigCmd[event.name or ""])
                commands.append((event.side, event.channel, event.offset))
            elif event.name == "unmatched":
                assert "cancel" in name
        assert placed >= len(sides) * len(stream.sections)
        assert len(set(commands)) == len(commands), "each command is sent once and obeyed once"


def test_a_loop_without_anything_to_do_is_counted(traced: Callable[[str], Path]) -> None:
    """428,944 lines, of which nearly all say the same as the two before them."""
    recorded = Recorded.open(traced(LONG[0]))
    events = list(recorded.events())
    assert len(events) < 2500
    assert sum(event.repeats or 0 for event in events) > 200_000
    states = [event.name for event in events if event.event is EventKind.STATE and event.side is Side.SOURCE]
    assert states == [
        "setup",
        "active",
        "device",
        "postcopy-device",
        "postcopy-active",
        "postcopy-paused",
        "postcopy-recover-setup",
        "postcopy-recover",
        "postcopy-active",
        "completed",
    ]
    calls = [event.handler for event in events if event.event is EventKind.CALL]
    assert calls.count("resume_prepare") == 1
    assert_sent_is_loaded(events, in_order=False)


PRECOPY = [Phase.SETUP, Phase.ITERATE, Phase.SWITCHOVER, Phase.COMPLETE, Phase.CLEANUP]
POSTCOPY = [*PRECOPY[:-1], Phase.POSTCOPY, Phase.CLEANUP]
COURSES = {
    "precopy": PRECOPY,
    "xbzrle": PRECOPY,
    "multifd": PRECOPY,
    "switchover-ack": PRECOPY,
    "tofile": PRECOPY,
    "cancel": [Phase.SETUP, Phase.ITERATE, Phase.CLEANUP],
    "postcopy": POSTCOPY,
    "postcopy-recover": [*POSTCOPY[:-1], Phase.POSTCOPY_PAUSED, Phase.POSTCOPY_RECOVER, *POSTCOPY[-2:]],
}


@pytest.mark.parametrize(
    ("name", "kind"), [each for each in SHORT if each[1] != "dst.trace" and "bgsnap" not in each[0]]
)
def test_the_source_goes_through_its_phases_in_their_order(name: str, kind: str, capture_path: CapturePath) -> None:
    way = name.split("-", 3)[3]
    emitted = [event.phase for event in events_of(lines_of(capture_path(name, kind))) if event.phase is not None]
    assert [phase for phase, _ in itertools.groupby(emitted)] == COURSES[way]


def handlers(name: str, kind: str, capture_path: CapturePath) -> list[str | None]:
    events = events_of(lines_of(capture_path(name, kind)))
    return [event.handler for event in events if event.event is EventKind.CALL]


@pytest.mark.parametrize("version", ["7.2", "10.0", "11.1"])
def test_what_a_precopy_source_calls(version: str, capture_path: CapturePath) -> None:
    called = handlers(f"trace-pc-{version}-precopy", "src.trace", capture_path)
    asked = [INTERFACES[version].doing(job) for job in ("state_pending_estimate", "state_pending_exact")]
    complete = INTERFACES[version].doing("save_live_complete_precopy")
    assert complete is not None
    assert called[0] == "save_setup"
    assert called[-2:] == [complete.name, "save_cleanup"]
    final = int(version == "11.1")  # one more query, when the VM has stopped
    assert set(called[1 : -2 - final]) == {"save_live_iterate", *(each.name for each in asked if each is not None)}
    assert called[-2 - final : -2] == ["save_query_pending"] * final


@pytest.mark.parametrize("version", ["7.2", "10.0", "11.1"])
def test_every_call_has_the_name_that_its_version_has(version: str, capture_path: CapturePath) -> None:
    for way in ("precopy", "postcopy", "multifd", "xbzrle"):
        lines = lines_of(capture_path(f"trace-pc-{version}-{way}", "src.trace"))
        assert scan_log(lines).interface.version == version
        called = {event.handler for event in events_of(lines) if event.event is EventKind.CALL}
        assert called <= INTERFACES[version].callbacks.keys()


def test_11_1_says_which_bytes_wait_for_the_vm_to_stop_and_looks_once_more_then(capture_path: CapturePath) -> None:
    events = events_of(lines_of(capture_path("trace-pc-11.1-precopy", "src.trace")))
    pending = [event for event in events if event.event is EventKind.PENDING]
    assert {event.stopcopy_bytes for event in pending} == {0}
    assert [event.name for event in pending].count("final") == 1
    assert pending[-1].name == "final"


@pytest.mark.parametrize("version", ["7.2", "10.0", "11.1"])
def test_a_background_snapshot_asks_for_nothing_and_completes_nothing(
    version: str, capture_path: CapturePath
) -> None:
    name = f"trace-pc-{version}-bgsnap"
    assert set(handlers(name, "trace", capture_path)) == {"save_setup", "save_live_iterate", "save_cleanup"}
    events = events_of(lines_of(capture_path(name, "trace")))
    assert Thread.SNAPSHOT in {event.thread for event in events}
    assert Thread.MIGRATION not in {event.thread for event in events}
    phases = list(dict.fromkeys(event.phase for event in events if event.phase is not None))
    assert phases.index(Phase.COMPLETE) > phases.index(Phase.SETUP)
    full = [event for event in events if event.event is EventKind.RECORD and event.name == "full"]
    assert {event.phase for event in full} == {Phase.COMPLETE}


@pytest.mark.parametrize("name", BOTH_ENDS)
def test_what_is_sent_is_what_is_loaded(name: str, traced: Callable[[str], Path]) -> None:
    assert_sent_is_loaded(list(Recorded.open(traced(name)).events()), in_order="postcopy" not in name)
