"""What a QEMU starts ends with it, whatever session it has gone to, and however the recorder ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from savevm_inspect.recorder.process import QemuProcess

from .programs import running_with

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")

# A child in a session of its own, whose parent ends at once: no process group and no parent leads to it.
ESCAPES = "setsid sh -c 'sleep 10000 & sleep 10000 &' & "


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Something in the environment, by which the processes of a test are found; afterwards there are none."""
    text = f"SAVEVM_TEST_{tmp_path.name}_{time.monotonic_ns()}"
    monkeypatch.setenv("SAVEVM_TEST_MARKER", text)
    yield text
    while running_with(text):
        time.sleep(0.01)  # until the limit of pytest says that they do not end


def wait_for(marker: str, count: int) -> None:
    while len(running_with(marker)) < count:
        time.sleep(0.01)


def test_what_left_for_another_session_ends_as_well(marker: str) -> None:
    with QemuProcess(["/bin/sh", "-c", ESCAPES + "exec sleep 10000"], pass_fds=[]) as process:
        wait_for(marker, 4)
        assert not process.has_ended()
    assert running_with(marker) == []


def test_what_a_qemu_leaves_that_ended_by_itself_ends_too(marker: str) -> None:
    with QemuProcess(["/bin/sh", "-c", ESCAPES + "echo bye >&2; exit 3"], pass_fds=[]) as process:
        while not process.has_ended():
            time.sleep(0.01)
        assert process.last_words() == "bye"
        assert running_with(marker) == []


def test_all_ends_if_the_recorder_is_killed(marker: str) -> None:
    program = (
        "import time\n"
        "from savevm_inspect.recorder.process import QemuProcess\n"
        f"with QemuProcess(['/bin/sh', '-c', {ESCAPES + 'exec sleep 10000'!r}], pass_fds=[]):\n"
        "    time.sleep(10_000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as recorder:
        wait_for(marker, 5)
        os.kill(recorder.pid, signal.SIGKILL)


def test_words_without_end_are_bounded(marker: str) -> None:
    script = "yes chatter | head -c 50000000 >&2; echo the end >&2"
    with QemuProcess(["/bin/sh", "-c", script], pass_fds=[]) as process:
        while not process.has_ended():
            time.sleep(0.01)
        assert process.last_words().endswith("chatter\nthe end")
        assert len(process.last_words()) <= 2000
