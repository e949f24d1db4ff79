"""Memory by address of real streams: registers against the truth, address spaces, and cores that are incomplete."""

import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import savevm_inspect as si
from savevm_inspect.cli import cli
from savevm_inspect.errors import AddressError, NotFound
from savevm_inspect.memory.ranges import Range
from savevm_inspect.memory.registers import SEGMENTS, Aarch64Registers, X86Registers

Capture = Callable[..., Path]
Options = Callable[[str], dict[str, Any]]
MIB, GIB = 1 << 20, 1 << 30
NUMBER = re.compile(r"\b([A-Z][A-Z0-9]{1,4}) ?=([0-9a-f]+)\b(?: ([0-9a-f]{8,16}) ([0-9a-f]{8}))?")
TRUTHS = ["t-7.2-live", "t-10.0-live", "t-11.1-multifd", "t-11.1-xbzrle", "t-7.2-compress-xbzrle", "t-7.2-qcow2"]


@pytest.mark.parametrize("name", TRUTHS)
def test_registers_are_those_of_the_stopped_source(
    name: str, capture_path: Capture, capture_options: Options
) -> None:
    truth = json.loads(capture_path(name, "truth.json").read_text())["registers"]
    snapshot = "snap1" if "qcow2" in name else None
    with si.open_stream(**capture_options(name), snapshot=snapshot) as stream:
        cpus = stream.memory.cpus
    said_of_all = truth.split("CPU#")[1:]
    assert len(cpus) == len(said_of_all) or len(said_of_all) == 1
    for cpu, text in zip(cpus, said_of_all, strict=False):
        assert isinstance(cpu, X86Registers)
        said = {key: tuple(int(each, 16) for each in numbers if each) for key, *numbers in NUMBER.findall(text)}
        assert_registers(cpu, said)


def assert_registers(cpu: X86Registers, said: dict[str, tuple[int, ...]]) -> None:
    names = ("EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI")
    found = {key: (value,) for key, value in zip(names, cpu.regs, strict=False)}
    found |= {"EIP": (cpu.rip,), "EFL": (cpu.rflags,), "EFER": (cpu.efer,)}
    found |= {f"CR{number}": (getattr(cpu, f"cr{number}"),) for number in (0, 2, 3, 4)}
    found |= {
        key.upper(): (each.selector, each.base, each.limit) for key, each in zip(SEGMENTS, cpu.segments, strict=True)
    }
    assert {key: said[key] for key in found} == found


MACHINES = {
    "aarch64-virt-10.0": ("mach-virt.ram", GIB, "none, the MMU is off"),
    "riscv64-virt-10.0": ("riscv_virt_board.ram", 2 * GIB, None),
    "ppc64-pseries-11.1": ("ppc_spapr.ram", 0, None),
    "s390x-s390-ccw-virtio-11.1": ("s390.ram", 0, None),
    "x86-11.1-paused": ("pc.ram", 0, "none, the MMU is off"),
    "q35-misc-7.2": ("pc.ram", 0, "none, the MMU is off"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_every_family_has_its_memory_and_its_processors(name: str, capture_path: Capture) -> None:
    block, gpa, translation = MACHINES[name]
    with si.open_stream(capture_path(name)) as stream:
        memory = stream.memory
        found = memory.address_map.find(gpa)
        assert found is not None
        assert (found.block, found.addr) == (block, 0)
        assert memory.physical.read_bytes(gpa, 8192) == memory[block].read(8192)
        if translation is None:
            assert len(memory.cpus) >= 1
            with pytest.raises(AddressError, match="how cpu 0 translates addresses is not read; x86 and AArch64 are"):
                memory.virtual()
            return
        assert memory.virtual().translation.startswith(translation)
        assert memory.virtual().read_bytes(gpa, 64) == memory.physical.read_bytes(gpa, 64)
        with pytest.raises(NotFound, match=r"no processor 9; the stream has: 0"):
            memory.virtual(9)


def test_an_arm_processor_at_reset(capture_path: Capture) -> None:
    with si.open_stream(capture_path("aarch64-virt-10.0")) as stream:
        cpus = stream.memory.cpus
    assert [cpu.number for cpu in cpus] == list(range(len(cpus)))
    assert isinstance(cpus[0], Aarch64Registers)
    assert (cpus[0].pc, cpus[0].pstate, cpus[0].regime) == (0, 0x4000_03C5, "EL1&0")
    assert not cpus[0].sctlr & 1


def test_a_map_by_hand_moves_memory(capture_path: Capture) -> None:
    with (
        si.open_stream(capture_path("none-10.0")) as stream,
        pytest.raises(AddressError, match="machine type 'none'"),
    ):
        _ = stream.memory.address_map
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        low = stream.memory["pc.ram"].read(64)
        moved = stream.memory.mapped([Range(block="pc.ram", addr=0, gpa=GIB, length=MIB, source="test")])
        assert moved.physical.read_bytes(GIB, 64) == low
        assert moved.virtual().read_bytes(GIB, 64) == low
        assert stream.memory.physical.read_bytes(0, 64) == low


# Cores ----------------------------------------------------------------------------------------------------------


def export(source: Path, output: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["ram", "export", str(source), "--elf", "--output", str(output), *options])


def segments(core: bytes) -> list[tuple[int, ...]]:
    """Type, offset, gpa and length of each program header of a core of 64 bits."""
    assert core[4] == 2
    order = "<" if core[5] == 1 else ">"
    place, size, count = *struct.unpack_from(f"{order}Q", core, 32), *struct.unpack_from(f"{order}HH", core, 54)
    heads = (struct.unpack_from(f"{order}IIQQQQ", core, place + number * size) for number in range(count))
    return [(kind, offset, gpa, length) for kind, _, offset, _, gpa, length in heads]


@pytest.mark.parametrize("name", ["aarch64-virt-10.0", "riscv64-virt-10.0", "s390x-s390-ccw-virtio-11.1"])
def test_a_core_holds_each_range_and_is_sparse(name: str, capture_path: Capture, tmp_path: Path) -> None:
    output = tmp_path / "core"
    result = export(capture_path(name), output)
    assert result.exit_code == 0, result.output
    core = output.read_bytes()
    loads = [each for each in segments(core) if each[0] == 1]
    with si.open_stream(capture_path(name)) as stream:
        ranges = stream.memory.address_map.ranges
        assert [(gpa, length) for _, _, gpa, length in loads] == [(each.gpa, each.length) for each in ranges]
        for (_, offset, _, length), each in zip(loads, ranges, strict=True):
            image = stream.memory[each.block]
            image.seek(each.addr)
            assert core[offset : offset + length] == image.read(length)
    assert output.stat().st_blocks * 512 < len(core) // 2
    assert "the core has no registers" not in result.output
    assert "the core has no VMCOREINFO: there is none in the guest's memory" in result.output
    assert [each[0] for each in segments(core)].count(4) == 1


def test_a_stream_without_description_makes_a_core_without_registers(capture_path: Capture, tmp_path: Path) -> None:
    result = export(capture_path("x86-7.2-novmdesc"), tmp_path / "core")
    assert result.exit_code == 0
    assert (
        "the core has no registers: the registers of cpu 0 can't be read: the stream has no description"
        in result.output
    )
    kinds = [each[0] for each in segments((tmp_path / "core").read_bytes())]
    assert set(kinds) == {1}
    with_schema = export(capture_path("x86-7.2-novmdesc"), tmp_path / "core", "--schema", "library")
    assert with_schema.exit_code == 0
    assert "no registers" not in with_schema.output


REFUSED = {
    "a stream that was cut": ("trace-pc-10.0-cancel", (), "a section's footer needs 1 byte,"),
    "a machine that is not known": ("none-10.0", (), "machine type 'none' has its memory is not known"),
    "blocks that overlap": ("x86-7.2-paused", ("--map", "pc.ram=0xfff00000"), "overlaps block 'pc.bios'"),
    "a block that is not there": ("x86-7.2-paused", ("--map", "x=0"), "no RAM block 'x' to map"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_core_that_can_not_be_is_one_error_and_no_file(case: str, capture_path: Capture, tmp_path: Path) -> None:
    name, options, message = REFUSED[case]
    result = export(capture_path(name), tmp_path / "core", *options)
    assert result.exit_code == 1
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert isinstance(result.exception, si.SavevmError)
    assert not os.listdir(tmp_path)  # noqa: PTH208 - names are all that matters


@pytest.mark.parametrize(
    "given", ["pc.ram", "pc.ram=", "=0", "pc.ram=0:1", "pc.ram=-1", "pc.ram=0:0:0:0", "pc.ram=x"]
)
def test_a_map_that_is_not_one_is_wrong_usage(given: str, capture_path: Capture, tmp_path: Path) -> None:
    result = export(capture_path("x86-7.2-paused"), tmp_path / "core", "--map", given)
    assert result.exit_code == 2
    assert "BLOCK=GPA" in result.output


def test_a_core_of_a_stream_that_was_cut_lists_what_was_never_sent(capture_path: Capture, tmp_path: Path) -> None:
    source = capture_path("trace-pc-10.0-cancel")
    result = export(source, tmp_path / "core", "--partial")
    assert result.exit_code == 0, result.output
    missing = [
        (int(start, 16), int(last, 16)) for start, last in re.findall(r"gpa (\w+) to (\w+) never sent", result.output)
    ]
    assert missing
    with si.open_stream(source, strict=False) as stream:
        places = {each.block: each for each in stream.memory.address_map.ranges if each.block == "pc.bios"}
        assert (places["pc.bios"].gpa, places["pc.bios"].end - 1) in missing
        assert sum(last + 1 - start for start, last in missing) == 4096 * sum(
            stream.memory[name].missing_pages for name in ("pc.ram", "pc.bios")
        )


def test_a_full_disk_leaves_nothing(capture_path: Capture, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    import signal  # noqa: PLC0415 - only this test needs it

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    source = capture_path("x86-10.0-live")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        result = export(source, tmp_path / "core")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert "File too large" in str(result.exception)
    assert not os.listdir(tmp_path)  # noqa: PTH208 - names are all that matters


def test_the_map_is_shown_with_its_sources(capture_path: Capture) -> None:
    result = CliRunner().invoke(cli, ["ram", "map", str(capture_path("x86-7.2-paused")), "--json"])
    rows = json.loads(result.output)
    placed = [row for row in rows if row["gpa"] is not None]
    assert [row["block"] for row in placed] == ["pc.ram", "pc.rom", "pc.bios", "pc.ram", "pc.bios"]
    with si.open_stream(capture_path("x86-7.2-paused")) as stream:
        assert {row["block"] for row in rows} == {block.name for block in stream.blocks}
        rest = {row["block"]: row["length"] for row in rows if row["gpa"] is None}
        assert rest
        assert rest == {each.name: each.used_bytes for each in stream.blocks if each.name in stream.memory.unplaced}
    assert rows[0]["source"] == "machine type pc-i440fx-7.2 (hw/i386/pc_piix.c)"
    assert rows[1]["source"].endswith("PAM of the host bridge")
    shown = CliRunner().invoke(cli, ["ram", "map", str(capture_path("x86-7.2-paused")), "--map", "pc.ram=4294967296"])
    assert "given" in shown.output
