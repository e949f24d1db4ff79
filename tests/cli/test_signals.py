"""A verb that is ended in the middle of its work leaves nothing; one that is killed, what the next run sweeps."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.container.capture_folder import CaptureFolder, CaptureOutcome

from .command_line import call

STOPPED = """
import signal, sys, time
from {module} import {owner}
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, if the tests run under it, has it ignored
def stop(*_):
    sys.stderr.write("stopped\\n")
    sys.stderr.flush()
    time.sleep(10_000)
{owner}.{method} = stop
from savevm_inspect.cli import main
main()
"""
"""The command line, which comes to a stop where it would call a method."""

IN_PLACE = {"module": "pathlib", "owner": "Path", "method": "replace"}
MOVED = {"module": "pathlib", "owner": "Path", "method": "rename"}
EVENT = {"module": "savevm_inspect.container.capture_writer", "owner": "CaptureWriter", "method": "add_event"}
VERBS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "ram extract": (("ram", "extract", "{main}", "--block", "pc.ram", "--output", "{output}"), IN_PLACE),
    "ram export": (("ram", "export", "{main}", "--elf", "--output", "{output}"), IN_PLACE),
    "schema extract": (("schema", "extract", "{main}", "--output", "{output}"), IN_PLACE),
    "schema to-ksy": (("schema", "to-ksy", "{main}", "--output", "{output}"), IN_PLACE),
    "events": (("events", "{main}", "--perfetto", "{output}"), IN_PLACE),
    "export": (("export", "{main}", "--parquet", "{output}"), MOVED),
    "record": (("record", "--engine", "quickstart", "--output", "{output}"), EVENT),
}


@pytest.fixture
def folder(capture_path: Callable[..., Path], tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    shutil.copy(capture_path("x86-10.0-paused"), tmp_path / "main")
    return tmp_path


def words(verb: str, folder: Path) -> list[str]:
    return [each.format(main=folder / "main", output=folder / "out" / "file") for each in VERBS[verb][0]]


def end(verb: str, folder: Path, number: signal.Signals) -> int:
    """Start a verb, wait until it has come to its stop, and send it a signal."""
    program = STOPPED.format(**VERBS[verb][1])
    with subprocess.Popen([sys.executable, "-c", program, *words(verb, folder)], stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"stopped\n"
        assert list((folder / "out").iterdir()), "it is in the middle of its work"
        running.send_signal(number)
        said = running.stderr.read().decode()
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line]  # click steps down from the ^C of a terminal
    assert len(lines) == (number != signal.SIGKILL), said
    return running.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_leaves_no_draft(verb: str, number: signal.Signals, folder: Path) -> None:
    assert end(verb, folder, number) == 128 + number
    assert list((folder / "out").iterdir()) == []
    assert call(*words(verb, folder)) == 0


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_killed_is_swept_by_the_next_run(verb: str, folder: Path) -> None:
    assert end(verb, folder, signal.SIGKILL) == -signal.SIGKILL
    (left,) = (folder / "out").iterdir()
    assert left.name.startswith(".")
    assert call(*words(verb, folder)) == 0
    assert [each.name for each in (folder / "out").iterdir()] == ["file"]


def test_a_draft_that_is_being_written_is_not_swept(folder: Path) -> None:
    program = STOPPED.format(**IN_PLACE)
    command = [sys.executable, "-c", program, *words("schema extract", folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"stopped\n"
        assert call(*words("schema extract", folder)) == 0
        assert len(list((folder / "out").iterdir())) == 2
        running.terminate()
    assert [each.name for each in (folder / "out").iterdir()] == ["file"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_recording_of_which_bytes_came_is_kept(number: signal.Signals, folder: Path) -> None:
    program = STOPPED.format(
        module="savevm_inspect.engine.play.migration", owner="Migration", method="steps"
    ).replace(
        "def stop(*_):",
        "from savevm_inspect.container.capture_writer import CaptureWriter\n"
        "def stop(self):\n"
        "    import gc\n"
        "    writer = next(each for each in gc.get_objects() if isinstance(each, CaptureWriter))\n"
        "    writer.open_channel(7).write(b'half')",
    )
    command = [sys.executable, "-c", program, *words("record", folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"stopped\n"
        running.send_signal(number)
        assert "what was recorded until then is in" in running.stderr.read().decode()
    assert running.returncode == 128 + number
    assert CaptureFolder(folder / "out" / "file").outcome is CaptureOutcome.INTERRUPTED
