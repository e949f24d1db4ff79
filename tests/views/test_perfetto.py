"""What is written for Perfetto keeps the rules of the Trace Event Format."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.trace.recorded import Recorded
from savevm_inspect.views.perfetto import PIDS, perfetto_events, write_perfetto

PHASES = set("BEiCMsf")
SMALL = st.integers(0, 3)
EVENTS = st.lists(
    st.builds(
        Event,
        seq=st.just(0),
        time_us=st.integers(0, 50),
        side=st.sampled_from(Side),
        event=st.sampled_from(EventKind),
        phase=st.none() | st.sampled_from(Phase),
        thread=st.none() | st.sampled_from([Thread.MAIN, Thread.MIGRATION]),
        call_id=st.none() | SMALL,
        section_id=st.none() | SMALL,
        must_precopy=st.none() | SMALL,
        dirty_pages=st.none() | SMALL,
        name=st.none() | st.sampled_from(["start", "part", "end", "savevm_section_start", "bql_lock", "bql_unlock"]),
    ),
    max_size=40,
)


def assert_keeps_the_rules(entries: list[dict[str, Any]]) -> None:
    """Of the Trace Event Format: known phases, times that never go back, slices that nest, arrows that bind."""
    open_slices: dict[tuple[int, int], list[str]] = {}
    times: dict[tuple[int, int], int] = {}
    arrows: dict[int, int] = {}
    named: set[tuple[int, int]] = set()
    for entry in entries:
        assert entry["ph"] in PHASES
        assert entry["pid"] in PIDS.values()
        track = (entry["pid"], entry["tid"])
        if entry["ph"] == "M":
            named.add(track)
            continue
        assert isinstance(entry["ts"], int)
        assert entry["ts"] >= times.get(track, 0)
        times[track] = entry["ts"]
        stack = open_slices.setdefault(track, [])
        match entry["ph"]:
            case "B":
                stack.append(entry["name"])
            case "E":
                assert stack, "an end without a beginning"
                stack.pop()
            case "C":
                assert entry["args"]
                assert all(isinstance(value, int) for value in entry["args"].values())
            case "i":
                assert entry["s"] in ("t", "p", "g")
            case "s":
                assert stack, "an arrow begins within a slice"
                assert entry["id"] not in arrows
                arrows[entry["id"]] = entry["ts"]
            case "f":
                assert stack, "an arrow ends within a slice"
                assert entry["bp"] == "e"
    assert not any(open_slices.values()), "a slice that never ends"
    assert set(times) <= named
    ends = {entry["id"]: entry["ts"] for entry in entries if entry["ph"] == "f"}
    assert ends.keys() == arrows.keys()
    assert all(ends[number] >= start for number, start in arrows.items())


@settings(max_examples=150)
@given(events=EVENTS)
def test_any_events_keep_the_rules(events: list[Event]) -> None:

    assert_keeps_the_rules(list(perfetto_events([replace(each, seq=seq) for seq, each in enumerate(events)])))


@pytest.mark.parametrize(
    "name", ["trace-pc-10.0-precopy", "trace-pc-11.1-postcopy", "trace-pc-7.2-multifd", "trace-pc-10.0-cancel"]
)
def test_real_traces_keep_the_rules(name: str, traced: Callable[[str], Path]) -> None:
    events = list(Recorded.open(traced(name)).events())
    entries = list(perfetto_events(events))
    assert_keeps_the_rules(entries)
    calls = [entry for entry in entries if entry["ph"] == "B" and entry["cat"] == "handler"]
    assert len(calls) == sum(event.event is EventKind.CALL for event in events)
    pending = [entry for entry in entries if entry["ph"] == "C" and entry["name"] == "pending bytes"]
    assert len(pending) == sum(event.event is EventKind.PENDING for event in events)
    loaded = sum(event.side is Side.DESTINATION and event.event is EventKind.RECORD for event in events)
    arrows = sum(entry["ph"] == "f" for entry in entries)
    assert (arrows > 25) if loaded else not arrows
    assert all(entry["args"]["observed"] is False for entry in calls)


def test_an_engine_run_keeps_the_rules_and_is_written_whole(tmp_path: Path) -> None:
    folder = record_scenario("quickstart", tmp_path / "run")
    events = tuple(CaptureFolder(folder).events())
    write_perfetto(events, tmp_path / "run.json")
    written = json.loads((tmp_path / "run.json").read_text())
    assert written["traceEvents"] == json.loads(json.dumps(list(perfetto_events(events))))
    assert_keeps_the_rules(written["traceEvents"])
    assert any(entry["ph"] == "f" for entry in written["traceEvents"])
    assert {each.name for each in tmp_path.iterdir()} == {"run", "run.json"}


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.json").write_text("as it was")

    def fail(_events: object) -> Any:
        yield {"ph": "M"}
        raise SavevmError("the log ends here")

    monkeypatch.setattr("savevm_inspect.views.perfetto.perfetto_events", fail)
    with pytest.raises(SavevmError, match="the log ends here"):
        write_perfetto((), tmp_path / "old.json")
    assert (tmp_path / "old.json").read_text() == "as it was"
    assert [each.name for each in tmp_path.iterdir()] == ["old.json"]
    with pytest.raises(SavevmError, match="No such file"):
        write_perfetto((), tmp_path / "nowhere" / "new.json")
