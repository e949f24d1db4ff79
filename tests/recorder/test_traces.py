"""QMP's events and QEMU's trace log in one list; and a QEMU that logs nothing is recorded all the same."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.recorder.qemu import record_qemu
from savevm_inspect.recorder.traces import merge_traces
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind, Origin
from savevm_inspect.trace.lines import read_lines

QEMU = "qemu-system-x86_64 -machine none -nodefaults -accel tcg"
STARTED_US = 1795395527092000


def reported() -> list[Event]:
    return [
        Event(
            seq=seq, time_us=time_us, side=Side.SOURCE, event=EventKind.QMP, origin=Origin.QMP, phase=phase, name=name
        )
        for seq, (time_us, phase, name) in enumerate(
            [(0, Phase.PREPARE, "migrate"), (700_000, Phase.SETUP, "late"), (9_000_000, Phase.CLEANUP, "STOP")]
        )
    ]


def test_both_are_in_the_order_of_their_times(capture_path: Callable[..., Path], tmp_path: Path) -> None:
    log = capture_path("trace-pc-10.0-cancel", "trace")
    stream = capture_path("trace-pc-10.0-cancel")
    events = list(merge_traces(reported(), log, stream, STARTED_US))
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(one.time_us <= two.time_us for one, two in pairwise(events))
    assert [event.name for event in events if event.origin is Origin.QMP] == ["migrate", "late", "STOP"]
    observed = [event for event in events if event.origin is Origin.TRACE and event.observed]
    assert len(observed) == len(list(read_lines(memoryview(log.read_bytes()))))
    late = next(event for event in events if event.name == "late")
    assert late.phase is None, "within the trace, which knows better"
    assert events[-1].phase is Phase.CLEANUP
    assert any(event.offset is not None for event in events)
    assert not any(event.name == "STOP" for event in events if event.origin is Origin.TRACE)


@pytest.mark.parametrize("log", ["missing", b"", b"\0\xff garbage\n" * 50])
def test_whatever_the_log_holds_qmp_is_heard(log: object, tmp_path: Path) -> None:
    path = tmp_path / "qemu.log"
    if isinstance(log, bytes):
        path.write_bytes(log)
    assert list(merge_traces(reported(), path, tmp_path / "no stream", STARTED_US)) == reported()


@pytest.mark.qemu
def test_a_recording_holds_what_qemu_traced(tmp_path: Path) -> None:
    folder = record_qemu(QEMU, tmp_path / "run", run_seconds=0).path
    events = list(CaptureFolder(folder).events())
    assert {event.origin for event in events} == {Origin.QMP, Origin.TRACE, Origin.STREAM}
    lines = [line.text for line in read_lines(memoryview((folder / "qemu.log").read_bytes()))]
    observed = [event.upstream for event in events if event.origin is Origin.TRACE and event.observed]
    assert observed == lines
    records = [event for event in events if event.event is EventKind.RECORD and event.section_id is not None]
    data = (folder / "channel0.fwd").read_bytes()
    assert {event.idstr for event in records} >= {"ram", "timer", "globalstate"}
    for event in records:
        assert event.offset is not None
        assert int.from_bytes(data[event.offset + 1 : event.offset + 5]) == event.section_id
    calls = [event.handler for event in events if event.event is EventKind.CALL]
    assert calls[0] == "save_setup"
    assert calls[-1] == "save_cleanup"


@pytest.mark.qemu
def test_a_qemu_that_logs_nothing_is_recorded(tmp_path: Path) -> None:
    folder = record_qemu(f"{QEMU} -trace file=/dev/null", tmp_path / "run", run_seconds=0, log_limit_bytes=0).path
    events = list(CaptureFolder(folder).events())
    assert "completed" in {event.name for event in events}
