"""Recordings of a real QEMU: what they hold, and that a failure leaves nothing."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from savevm_inspect.container.capture_folder import CaptureFolder, CaptureOutcome
from savevm_inspect.errors import HostError, RecordError, SavevmError
from savevm_inspect.recorder.qemu import record_qemu
from savevm_inspect.rules.phases import Phase
from savevm_inspect.stream.events import Event, EventKind, Origin

from .programs import assert_ends_late, fake_qemu, running_with

MIB = 1 << 20
NONE = "qemu-system-x86_64 -machine none -nodefaults -m 1"


def read_qmp(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "qmp.jsonl").read_text().splitlines()]


@pytest.mark.qemu
def test_a_machine_without_anything(clean: Path) -> None:
    stages: list[str] = []
    assert record_qemu(NONE, clean, run_seconds=0, progress=stages.append).path == clean
    capture = CaptureFolder(clean)
    stream = capture.forward()[0].read_bytes()
    assert stream.startswith(b"QEVM\x00\x00\x00\x03")
    description = json.loads(stream[stream.index(b'{"') :])
    assert "timer" in [device["name"] for device in description["devices"]]
    recording = json.loads((clean / "recording.json").read_text())
    assert recording["query-migrate"]["status"] == "completed"
    assert recording["query-version"]["qemu"]["major"] >= 7
    assert "savevm_section_start" in (clean / "qemu.log").read_text()
    assert "ending QEMU" in stages
    assert all("\n" not in stage for stage in stages)


@pytest.mark.qemu
def test_the_guest_ran_and_went_on_during_the_migration(recorded_pc: Any) -> None:
    assert len(recorded_pc.memory) == 16 * MIB
    counters = recorded_pc.dirtied
    assert all((counters[0] - counter) % 256 in (0, 1) for counter in counters), "one sweep is at most one ahead"
    figures = json.loads((recorded_pc.path / "recording.json").read_text())["query-migrate"]
    assert figures["ram"]["dirty-sync-count"] >= 2
    assert figures["ram"]["normal"] > 5 * MIB // 4096, "pages were sent again"
    assert "EIP=" in (recorded_pc.path / "registers.txt").read_text()


@pytest.mark.qemu
def test_events_follow_the_migration(recorded_pc: Any) -> None:
    events: list[Event] = list(recorded_pc.capture.events())
    assert [event.seq for event in events] == list(range(len(events)))
    times = [event.time_us for event in events]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 3600 * 1_000_000, "counted from where the migration was started"
    traced = [event for event in events if event.origin is Origin.TRACE]
    states = [event.name for event in events if event.event is EventKind.STATE and event.origin is Origin.QMP]
    assert set(states) == {event.name for event in traced if event.event is EventKind.STATE}
    assert states[:2] == ["setup", "active"]
    assert states[-1] == "completed"
    assert len(set(states)) == len(states)
    events = [event for event in events if event.origin is not Origin.TRACE]
    assert all(event.observed for event in events)
    pending = [event for event in events if event.event is EventKind.PENDING]
    assert len(pending) >= 3, "a migration of most of a second has figures in its bursts and at its end"
    assert pending[-1].must_precopy == 0
    assert max(event.must_precopy or 0 for event in pending) > 5 * MIB
    iterations = [event.iteration or 0 for event in pending]
    assert iterations == sorted(iterations)
    rates = [e.bandwidth_bytes_per_s for e in pending if e.bandwidth_bytes_per_s]
    assert rates, "QEMU never said how fast it is"
    assert max(rates) < 8 * 8 * MIB
    assert {event.phase for event in pending} <= {None, *Phase} - {Phase.PREPARE, Phase.LOAD}
    assert all(a.upstream != b.upstream for a, b in itertools.pairwise(pending)), "figures are reported once"
    assert any(event.name == "STOP" for event in events)
    stopped = next(event for event in traced if event.name == "migration_completion_vm_stop")
    assert stopped.phase is Phase.SWITCHOVER


@pytest.mark.qemu
def test_arrivals_cover_the_stream_without_gaps(recorded_pc: Any) -> None:
    arrivals = [event for event in recorded_pc.capture.events() if event.origin is Origin.STREAM]
    end = 0
    for event in arrivals:
        assert event.offset == end
        end += event.length or 0
    assert end == recorded_pc.stream.stat().st_size
    assert len(arrivals) >= 3


@pytest.mark.qemu
def test_what_was_said_is_kept(recorded_pc: Any) -> None:
    lines = read_qmp(recorded_pc.path)
    times = [line["unix_us"] for line in lines]
    assert abs(times[-1] / 1e6 - time.time()) < 3600
    commands = [line["name"] for line in lines if line["kind"] == "command"]
    replies = [line["name"] for line in lines if line["kind"] == "reply"]
    assert commands == replies
    assert commands.index("getfd") < commands.index("migrate") < commands.index("query-migrate")
    parameters = next(
        line for line in lines if line["kind"] == "command" and line["name"] == "migrate-set-parameters"
    )
    assert parameters["arguments"] == {"max-bandwidth": 8 * MIB, "downtime-limit": 1000}
    assert {"MIGRATION", "STOP"} <= {line["event"] for line in lines if line["kind"] == "event"}


@pytest.mark.qemu
def test_the_log_has_iterations_but_no_line_for_every_page(recorded_pc: Any) -> None:
    log = (recorded_pc.path / "qemu.log").read_text()
    for event in (
        "migrate_set_state",
        "savevm_state_iterate",
        "savevm_section_start ram",
        "migration_bitmap_sync_end",
    ):
        assert event in log
    assert "ram_save_page" not in log
    assert len(log) < 1 * MIB


@pytest.mark.qemu
def test_a_log_that_grows_too_large_is_switched_off(clean: Path, pc_command: str, recorded_pc: Any) -> None:
    record_qemu(pc_command, clean, bandwidth_bytes_per_s=16 * MIB, downtime_limit_ms=500, log_limit_bytes=100)
    asked = [line["arguments"] for line in read_qmp(clean) if line["kind"] == "command"]
    assert asked.count({"command-line": "log none"}) == 1
    assert "new state completed" not in (clean / "qemu.log").read_text()
    assert "new state completed" in (recorded_pc.path / "qemu.log").read_text()


@pytest.mark.qemu
def test_a_paused_guest_stays_paused(clean: Path) -> None:
    # Would it wait for a guest that does not run, it would take longer than a recording may.
    record_qemu("qemu-system-x86_64 -machine pc -m 16 -nodefaults -S", clean, run_seconds=3600, truth=True)
    assert not any((clean / "memory.bin").read_bytes()[MIB:])


@pytest.mark.qemu
def test_capabilities_reach_the_stream(clean: Path) -> None:
    record_qemu([*NONE.split(), "-S"], clean, capabilities=["x-ignore-shared"])
    assert b"x-ignore-shared" in CaptureFolder(clean).forward()[0].read_bytes()


@pytest.mark.qemu
def test_recording_from_within_an_event_loop_as_in_a_notebook(clean: Path) -> None:
    async def cell() -> Path:
        return record_qemu(NONE, clean, run_seconds=0).path

    assert asyncio.run(cell()) == clean
    assert CaptureFolder(clean).forward()[0].stat().st_size > 500


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("command", "match"),
    [
        ("qemu-system-x86_64 -no-such-option", r"hung up \(QEMU said: .*invalid option\)"),
        ("qemu-system-x86_64 -machine no-such-machine", "QEMU said: .*unsupported machine type"),
        ("qemu-system-x86_64 -nodefaults -drive file=/no/such/file,format=raw", "QEMU said: .*No such file"),
        (
            "qemu-system-x86_64 -nodefaults -S -blockdev null-co,node-name=d -device nvme,serial=1,drive=d",
            "QEMU refused migrate: .*nvme",
        ),
    ],
)
def test_a_qemu_that_refuses(clean: Path, command: str, match: str) -> None:
    with pytest.raises(RecordError, match=match) as raised:
        record_qemu(command, clean)
    assert "\n" not in str(raised.value)
    assert not clean.exists()


@pytest.mark.qemu
def test_a_migration_that_fails_on_the_way(clean: Path) -> None:
    # multifd needs more than the one connection that a pipe is
    with pytest.raises(RecordError, match="multi"):
        record_qemu(NONE, clean, run_seconds=0, capabilities=["multifd"])
    assert not clean.exists()


@pytest.mark.qemu
def test_a_migration_that_never_ends_is_ended(clean: Path) -> None:
    def record(limit: float) -> None:
        record_qemu(
            "qemu-system-x86_64 -machine pc -m 16 -nodefaults",
            clean,
            run_seconds=0,
            bandwidth_bytes_per_s=1000,
            downtime_limit_ms=1,
            timeout_seconds=limit,
        )

    assert_ends_late(record, clean, r"it stopped at migration active: pass \d+")
    kept = CaptureFolder(clean)
    assert kept.outcome is CaptureOutcome.FAILED
    assert "took longer than" in kept.error
    assert kept.forward()[0].stat().st_size
    assert any(event.name == "active" for event in kept.events())


@pytest.mark.qemu
def test_a_qemu_that_dies_in_the_middle(clean: Path) -> None:
    def kill(stage: str) -> None:
        if stage.startswith("migration active"):
            for pid in running_with(os.environ["SAVEVM_TEST_MARKER"]):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(RecordError, match="QEMU went away during query-migrate"):
        record_qemu(
            "qemu-system-x86_64 -machine pc -m 16 -nodefaults",
            clean,
            run_seconds=0,
            bandwidth_bytes_per_s=1000,
            progress=kill,
        )
    kept = CaptureFolder(clean)
    assert kept.outcome is CaptureOutcome.FAILED
    assert "QEMU went away" in kept.error
    assert kept.forward()[0].stat().st_size


@pytest.mark.qemu
def test_truth_of_a_machine_with_too_much_memory(clean: Path) -> None:
    with pytest.raises(RecordError, match="at most 2 GiB"):
        record_qemu("qemu-system-x86_64 -machine pc -m 3G -nodefaults -S", clean, truth=True, discard=True)
    assert not clean.exists()


@pytest.mark.qemu
def test_an_error_of_the_caller_ends_qemu_too(clean: Path) -> None:
    def fail(stage: str) -> None:
        if stage.startswith("letting the guest run"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_qemu(NONE, clean, progress=fail)
    assert not clean.exists()


RECORDER_ON_ITS_OWN = """
import sys
from pathlib import Path
from savevm_inspect.recorder.qemu import record_qemu
def show(stage):
    print(stage, flush=True)
try:
    record_qemu(sys.argv[1], Path(sys.argv[2]), run_seconds=900, timeout_seconds=1000, progress=show)
except KeyboardInterrupt:
    sys.exit(3)
"""


RECORDER_IN_A_CELL = """
import asyncio, sys
from pathlib import Path
from savevm_inspect.recorder.qemu import record_qemu
async def cell():
    show = lambda stage: print(stage, flush=True)
    record_qemu(sys.argv[1], Path(sys.argv[2]), run_seconds=900, timeout_seconds=1000, progress=show)
loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(cell())
except KeyboardInterrupt:
    sys.exit(3)
"""


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("program", "number", "status"),
    [
        (RECORDER_ON_ITS_OWN, signal.SIGINT, 3),
        (RECORDER_ON_ITS_OWN, signal.SIGTERM, -signal.SIGTERM),
        (RECORDER_ON_ITS_OWN, signal.SIGHUP, -signal.SIGHUP),
        (RECORDER_IN_A_CELL, signal.SIGINT, 3),
    ],
    ids=["ctrl-c", "terminate", "hang-up", "ctrl-c in a cell"],
)
def test_a_signal_leaves_nothing(clean: Path, program: str, number: signal.Signals, status: int) -> None:
    environment = os.environ | {"TMPDIR": str(clean.parent.parent / "scratch")}
    with subprocess.Popen(
        [sys.executable, "-c", program, NONE, str(clean)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as recorder:
        assert recorder.stdout is not None
        for line in recorder.stdout:
            if line.startswith("letting the guest run"):
                break
        assert len(running_with(environment["SAVEVM_TEST_MARKER"])) == 3  # itself, the supervisor, QEMU
        recorder.send_signal(number)
        assert recorder.wait() == status
    assert not clean.exists()


def test_a_foreign_folder_is_left_alone(clean: Path, tmp_path: Path) -> None:
    clean.mkdir()
    (clean / "thesis.tex").write_text("years")
    with pytest.raises(SavevmError, match="not overwritten"):
        record_qemu(fake_qemu(tmp_path, "exit 0"), clean)
    assert (clean / "thesis.tex").read_text() == "years"


def test_an_output_that_can_not_be_made(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="file/capture: "):
        record_qemu(fake_qemu(tmp_path, "exit 0"), tmp_path / "file" / "capture")


def test_without_the_library_the_pip_command_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['qemu.qmp'] = None\n"
        "from pathlib import Path\n"
        "from savevm_inspect.recorder.qemu import record_qemu\n"
        f"record_qemu([{fake_qemu(tmp_path, 'exit 0')!r}], Path({str(tmp_path / 'capture')!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "MissingPackage: a recording needs qemu.qmp: pip install 'savevm-inspect[record]'" in done.stderr
    assert not (tmp_path / "capture").exists()
