"""ELF cores of real guests: the same as the cores that QEMU writes of them, and read by readelf and gdb."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import savevm_inspect as si
from savevm_inspect.cli import cli
from savevm_inspect.errors import AddressError
from savevm_inspect.memory.registers import SEGMENTS, X86Registers

from .core_file import STEP_BYTES, export_core, read_core
from .stopped import BARE_MACHINES, LAST_DIRTIED, LINUX_MACHINES, Stopped

pytestmark = [pytest.mark.qemu, pytest.mark.core]

DUMPED = [name for name, machine in {**BARE_MACHINES, **LINUX_MACHINES}.items() if machine.dump]


@pytest.fixture(scope="session")
def exported(stopped: Callable[[str], Stopped]) -> Callable[[str], Path]:
    """The core that the command line writes of a guest."""

    def export(name: str) -> Path:
        guest = stopped(name)
        output = guest.stream.with_name("exported.core")
        return output if output.exists() else export_core(guest.stream, output)

    return export


@pytest.mark.parametrize("name", DUMPED)
def test_a_core_is_as_qemu_dumps_it(
    name: str, stopped: Callable[[str], Stopped], exported: Callable[[str], Path]
) -> None:
    theirs, ours = read_core(stopped(name).core), read_core(exported(name))
    assert sum(length for _, _, length in ours.loads) == sum(length for _, _, length in theirs.loads)
    for _, gpa, length in theirs.loads:
        for start in range(gpa, gpa + length, STEP_BYTES):
            step = min(STEP_BYTES, gpa + length - start)
            assert ours.read(start, step) == theirs.read(start, step), hex(start)
    assert len(theirs.notes) >= 2
    assert ours.cpu_notes == theirs.cpu_notes


def test_memory_that_was_left_out_makes_no_core(stopped: Callable[[str], Stopped], tmp_path: Path) -> None:
    guest = stopped("pc, split")
    with si.open_stream(guest.stream) as stream:
        assert not stream.memory.physical.holds(0)
        assert stream.memory.physical.holds((1 << 32) - 16)
        with pytest.raises(
            AddressError, match=r"gpa 0x10 lies in block 'pc\.ram', shared memory that x-ignore-shared"
        ):
            stream.memory.physical.read_bytes(16, 1)
    result = CliRunner().invoke(
        cli, ["ram", "export", str(guest.stream), "--elf", "--output", str(tmp_path / "core")]
    )
    assert result.exit_code == 1
    assert "block 'pc.ram' is shared memory that x-ignore-shared left out of the stream" in str(result.exception)
    assert not any(tmp_path.iterdir())


NUMBER = re.compile(r"\b([A-Z][A-Z0-9]{1,4}) ?=([0-9a-f]+)\b(?: ([0-9a-f]{8,16}) ([0-9a-f]{8}))?")


def registers_of(said: str) -> list[dict[str, tuple[int, ...]]]:
    """What ``info registers -a`` says of each processor: a number, or a selector with its base and limit."""
    return [
        {name: tuple(int(each, 16) for each in numbers if each) for name, *numbers in NUMBER.findall(text)}
        for text in said.split("CPU#")[1:]
    ]


NAMES = ("AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI")


def as_qemu_says(cpu: X86Registers, wide: bool) -> dict[str, tuple[int, ...]]:
    prefix, flags = ("R", "RFL") if wide else ("E", "EFL")
    numbers = {prefix + name: (value,) for name, value in zip(NAMES, cpu.regs, strict=False)}
    if wide:
        numbers |= {f"R{number}": (cpu.regs[number],) for number in range(8, 16)}
    numbers |= {f"{prefix}IP": (cpu.rip,), flags: (cpu.rflags,), "EFER": (cpu.efer,)}
    numbers |= {f"CR{number}": (getattr(cpu, f"cr{number}"),) for number in (0, 2, 3, 4)}
    for name, each in zip(SEGMENTS, cpu.segments, strict=True):
        numbers[name.upper()] = (each.selector, each.base, each.limit)
    return numbers


@pytest.mark.parametrize("name", DUMPED)
def test_registers_are_as_qemu_says(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream) as stream:
        cpus = stream.memory.cpus
    truth = registers_of(guest.registers)
    assert len(cpus) == len(truth)
    for cpu, said in zip(cpus, truth, strict=True):
        assert isinstance(cpu, X86Registers)
        expected = as_qemu_says(cpu, wide="RAX" in said)
        assert {key: said.get(key) for key in expected} == expected


@pytest.mark.parametrize("name", DUMPED)
def test_readelf_has_nothing_to_complain_about(name: str, exported: Callable[[str], Path]) -> None:
    core = exported(name)
    done = subprocess.run(["readelf", "-W", "-h", "-l", "-n", core], capture_output=True, text=True, check=True)
    assert not done.stderr
    assert "CORE (Core file)" in done.stdout
    shown = [
        tuple(int(each, 16) for each in re.findall(r"0x[0-9a-f]+", line))
        for line in done.stdout.splitlines()
        if " LOAD " in line
    ]
    assert [(offset, gpa, size) for offset, _, gpa, size, *_ in shown] == read_core(core).loads
    assert done.stdout.count("NT_PRSTATUS") == len(re.findall(r"^ *QEMU ", done.stdout, re.M)) > 0


def ask_gdb(core: Path, *commands: str) -> str:
    options = [word for command in commands for word in ("-ex", command)]
    done = subprocess.run(
        ["gdb", "-q", "-batch", "-nx", *options, "-c", core], capture_output=True, text=True, check=True
    )
    return done.stdout


MEMORY = {"pc, running": LAST_DIRTIED - 32, "Linux": 0x10_0000}
"""An address near to which there is something: where the guest counts, and where the kernel's text may begin."""


@pytest.mark.parametrize("name", MEMORY)
def test_gdb_reads_registers_and_memory(
    name: str, stopped: Callable[[str], Stopped], exported: Callable[[str], Path]
) -> None:
    guest = stopped(name)
    shown = ask_gdb(exported(name), "thread apply all info registers")
    threads = re.split(r"^Thread \d+ \(LWP (\d+)\):$", shown, flags=re.M)
    found = dict(zip(map(int, threads[1::2]), threads[2::2], strict=True))
    truth = registers_of(guest.registers)
    assert sorted(found) == [number + 1 for number in range(len(truth))]
    for number, said in enumerate(truth):
        numbers = dict(re.findall(r"^([a-z0-9]+) +(0x[0-9a-f]+) ", found[number + 1], re.M))
        wide = "RAX" in said
        names = [("R" if wide else "E") + each for each in (*NAMES, "IP")] + [f"R{n}" for n in range(8, 16) if wide]
        assert {each: int(numbers[each.lower()], 16) for each in names} == {each: said[each][0] for each in names}
    core = read_core(guest.core)
    place = next(at for at in range(MEMORY[name], 8 << 20, 64) if any(core.read(at, 64)))
    shown = ask_gdb(exported(name), f"x/64xb {place:#x}")
    assert bytes(int(each, 16) for each in re.findall(r"\t0x([0-9a-f]{2})", shown)) == core.read(place, 64)
