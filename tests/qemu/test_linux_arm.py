"""Real Linux guests on Arm: registers, page tables of both halves, and cores as QEMU dumps them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.memory.registers import Aarch64Registers

from .core_file import STEP_BYTES, export_core, read_core
from .stopped import ARM_MACHINES, Stopped

pytestmark = pytest.mark.qemu

REGIMES = {"Linux, arm": "EL1&0", "Linux, arm, a host": "EL2&0"}
KERNEL_BYTES = 64 << 20
USER_TEXT = b"count 2"


@pytest.mark.parametrize("name", ARM_MACHINES)
def test_the_kernel_lies_where_qemu_translates_it_to(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    text = re.search(r"^([0-9a-f]{16}) \w _stext", guest.said, re.M)
    banner = re.search(r"^Linux version .*?$", guest.said, re.M)
    gpa = re.search(r"gpa: (0x[0-9a-f]+)", guest.answer)
    assert text is not None
    assert banner is not None
    assert gpa is not None
    start = int(text[1], 16)
    with si.open_stream(guest.stream) as stream:
        for cpu in stream.memory.cpus:
            memory = stream.memory.virtual(cpu.number)
            assert memory.translation == f"AArch64, {REGIMES[name]}"
            assert memory.translate(start) == int(gpa[1], 16)
        memory = stream.memory.virtual()
        found = next(memory.search(banner[0].strip().encode(), start, start + KERNEL_BYTES))
        assert stream.memory.physical.read_bytes(memory.translate(found), 13) == b"Linux version"


@pytest.mark.parametrize("name", ARM_MACHINES)
def test_registers_are_as_qemu_says(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream) as stream:
        cpus = stream.memory.cpus
    truth = guest.registers.split("CPU#")[1:]
    assert len(cpus) == len(truth)
    for cpu, text in zip(cpus, truth, strict=True):
        assert isinstance(cpu, Aarch64Registers)
        said = {key: int(value, 16) for key, value in re.findall(r"\b(PC|SP|X\d\d|PSTATE)=([0-9a-f]+)", text)}
        found = {"PC": cpu.pc, "SP": cpu.sp, "PSTATE": cpu.pstate}
        assert found | {f"X{number:02}": value for number, value in enumerate(cpu.xregs)} == said


@pytest.mark.parametrize("name", ARM_MACHINES)
def test_a_core_is_as_qemu_dumps_it(name: str, stopped: Callable[[str], Stopped], tmp_path: Path) -> None:
    guest = stopped(name)
    theirs, ours = read_core(guest.core), read_core(export_core(guest.stream, tmp_path / "core"))
    assert len(theirs.notes) == 2 * len(guest.registers.split("CPU#")[1:])
    assert ours.cpu_notes == theirs.cpu_notes
    for _, gpa, length in theirs.loads:  # ours has the flash, too
        for start in range(gpa, gpa + length, STEP_BYTES):
            assert ours.read(start, STEP_BYTES) == theirs.read(start, STEP_BYTES), hex(start)
