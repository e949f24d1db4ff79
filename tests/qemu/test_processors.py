"""Processors of targets beside x86 and a Linux guest's AArch64: cores as QEMU dumps them, byte by byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .core_file import STEP_BYTES, export_core, read_core
from .stopped import OTHER_LINUX_MACHINES, OTHER_PROCESSORS, Stopped

pytestmark = pytest.mark.qemu


@pytest.mark.parametrize("name", [*OTHER_LINUX_MACHINES, *OTHER_PROCESSORS])
def test_a_core_is_as_qemu_dumps_it(name: str, stopped: Callable[[str], Stopped], tmp_path: Path) -> None:
    guest = stopped(name)
    theirs, ours = read_core(guest.core), read_core(export_core(guest.stream, tmp_path / "core"))
    assert theirs.notes
    assert ours.cpu_notes == theirs.cpu_notes
    assert ours.head == theirs.head
    for _, gpa, length in theirs.loads:  # ours has the firmware, too
        for start in range(gpa, gpa + length, STEP_BYTES):
            step = min(STEP_BYTES, gpa + length - start)
            assert ours.read(start, step) == theirs.read(start, step), hex(start)
