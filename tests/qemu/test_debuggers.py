"""Debuggers of Linux open our cores; by hand, since they need the kernel's symbols: ``bring_linux.sh --debug``."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .core_file import export_core, read_core
from .stopped import LINUX, Stopped

pytestmark = pytest.mark.qemu

SYMBOLS = Path(LINUX) / "amd64" / "vmlinux"
needs_symbols = pytest.mark.skipif(not (LINUX and SYMBOLS.exists()), reason="no vmlinux; bring_linux.sh --debug")


@pytest.fixture(scope="module")
def core(stopped: Callable[[str], Stopped], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_core(stopped("Linux").stream, tmp_path_factory.mktemp("core") / "core")


def test_the_guests_note_is_in_the_core_without_a_device(core: Path) -> None:
    [(_, _, said)] = [each for each in read_core(core).notes if each[0] == b"VMCOREINFO\0"]
    assert said.startswith(b"OSRELEASE=")
    assert b"\nSYMBOL(init_uts_ns)=" in said


@needs_symbols
def test_drgn_lists_the_tasks(core: Path) -> None:
    drgn = pytest.importorskip("drgn", reason="pip install drgn")
    from drgn.helpers.linux.pid import for_each_task  # noqa: PLC0415

    program = drgn.Program()
    program.set_core_dump(core)
    program.load_debug_info([SYMBOLS])
    names = [task.comm.string_().decode() for task in for_each_task(program)]
    assert {"init", "kthreadd"} <= set(names)
    assert len(names) > 20


@needs_symbols
@pytest.mark.skipif(shutil.which("crash") is None, reason="no crash; Debian's package crash brings it")
def test_crash_opens_it(core: Path) -> None:
    done = subprocess.run(
        ["crash", "-s", SYMBOLS, core], input="sys\nquit\n", capture_output=True, text=True, check=True, timeout=200
    )
    assert f"DUMPFILE: {core}" in done.stdout
    assert "CPUS: 2" in done.stdout
