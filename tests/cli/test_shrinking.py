"""A file that somebody makes shorter while a verb reads it ends that verb in one line, never by a signal."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

VERBS = {
    "info": ["info", "SOURCE"],
    "sections": ["sections", "SOURCE", "--json"],
    "show": ["show", "SOURCE", "serial"],
    "check": ["check", "SOURCE"],
    "ram stats": ["ram", "stats", "SOURCE"],
    "ram extract": ["ram", "extract", "SOURCE", "--block", "pc.ram", "--output", "OUTPUT"],
    "ram map": ["ram", "map", "SOURCE"],
    "ram export": ["ram", "export", "SOURCE", "--elf", "--output", "OUTPUT"],
    "export": ["export", "SOURCE", "--parquet", "OUTPUT"],
    "schema extract": ["schema", "extract", "SOURCE", "--output", "OUTPUT"],
    "events": ["events", "SOURCE"],
}
DRIVER = """
import os, sys
from savevm_inspect.cli import main, supervision
from savevm_inspect.container import input_file
from savevm_inspect.reader import inputs, stream
supervision.COPIED_BYTES = input_file.COPIED_BYTES = 0
when, path, *sys.argv[1:] = sys.argv[1:]
owner = {"before": inputs.Inputs, "after": stream.Stream}[when]
make = owner.__init__
def make_and_cut(*args, **options):
    make(*args, **options)
    os.truncate(path, 5000)
owner.__init__ = make_and_cut
main()
"""
"""The command line, in a process where the file is cut once it is mapped: before the stream is read, or after."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_dies_by_a_signal(verb: str, when: str, capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    source = tmp_path / "vm.mig"
    source.write_bytes(capture_path("x86-10.0-paused").read_bytes())
    names = {"SOURCE": str(source), "OUTPUT": str(tmp_path / "output")}
    arguments = [names.get(each, each) for each in VERBS[verb]]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, when, str(source), *arguments], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    if verb == "events":  # it reads a copy
        assert done.returncode == 0
        return
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"savevm-inspect: {source}: the file became shorter while it was read"


SLEEPER = """
import sys, time
from savevm_inspect.cli import supervision
supervision.COPIED_BYTES = 0
supervision.supervise([sys.argv[1]])
print("reads", flush=True)
{then}
"""


def start(then: str, source: Path) -> subprocess.Popen[str]:
    source.write_bytes(b"x")
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER.format(then=then), str(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reads\n"
    return process


@pytest.mark.parametrize("status", [0, 1, 3, 130])
def test_the_exit_status_is_the_childs(status: int, tmp_path: Path) -> None:
    process = start(f"sys.exit({status})", tmp_path / "file")
    process.communicate()
    assert process.returncode == status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_parent_ends_both(number: signal.Signals, tmp_path: Path) -> None:
    left = tmp_path / "left"
    wait = (
        "import signal, pathlib\n"
        f"signal.signal({int(number)}, lambda *_: (pathlib.Path({str(left)!r}).touch(), sys.exit(7)))\n"
        "print('waits', flush=True)\n"
        "time.sleep(600)"
    )
    process = start(wait, tmp_path / "file")
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 7
    assert left.exists()


def test_a_child_that_a_signal_ends_is_told_by_the_same_signal(tmp_path: Path) -> None:
    process = start("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path / "file")
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_what_no_change_of_length_explains_is_the_systems(tmp_path: Path) -> None:
    process = start("import os, signal; os.kill(os.getpid(), signal.SIGBUS)", tmp_path / "file")
    _, said = process.communicate()
    assert process.returncode == 1
    assert said.count("\n") == 1
    assert "SIGBUS" in said
