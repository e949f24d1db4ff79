"""Blocks that claim more than any file or memory can have: one error, at once."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import AddressError, SavevmError
from savevm_inspect.memory.address_space import PhysicalMemory
from savevm_inspect.memory.elf.core import core_target, write_core
from savevm_inspect.memory.elf.target import I386, X86_64
from savevm_inspect.memory.extract import extract
from savevm_inspect.memory.ranges import AddressMap, Range
from savevm_inspect.memory.rebuild import Memory
from savevm_inspect.memory.registers import Segment, X86Registers
from savevm_inspect.payload.ram import RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.writer import Writer

PAGE = 4096
NAME = "microvm.ram"


@pytest.fixture(params=[(1 << 63) - PAGE, 1 << 63, (1 << 64) - PAGE])
def memory(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """A block of which nearly nothing was sent."""
    out = bytearray(b"QEVM\0\0\0\3" + struct.pack(">BI4sII", 1, 2, b"\3ram", 0, 4))
    ram = RamWriter(Writer(out.extend))
    ram.put_block_list([RamBlock(NAME, request.param)])
    ram.put_page(NAME, request.param - PAGE, b"\1" * PAGE)
    ram.put_eos()
    with si.open_stream(bytes(out), strict=False) as stream:
        yield stream.memory


def whole(memory: Memory) -> AddressMap:
    return AddressMap([Range(block=NAME, addr=0, gpa=0, length=memory[NAME].block.used_bytes, source="given")])


def test_a_block_that_no_file_can_hold_is_not_written(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(SavevmError, match=r"File too large|no file can have \d+ bytes"):
        extract(memory[NAME], tmp_path / "ram", lambda _: None)
    with pytest.raises(SavevmError, match=r"File too large|no file can have \d+ bytes"):
        write_core(tmp_path / "core", memory, whole(memory), X86_64, b"", lambda _: None)
    assert not any(tmp_path.iterdir())


def test_what_lies_outside_is_refused_before_room_is_made_for_it(memory: Memory) -> None:
    physical = PhysicalMemory(memory, whole(memory))
    with pytest.raises(AddressError, match="do not lie within"):
        physical.read_bytes(physical.limit, 1 << 62)
    with pytest.raises(AddressError, match="do not lie within"):
        physical.read_bytes(0, -1)


def test_what_was_not_sent_of_it_is_not_searched(memory: Memory) -> None:
    physical = PhysicalMemory(memory, whole(memory))
    begin = physical.limit - PAGE
    assert list(physical.search(b"\1" * PAGE)) == [begin]
    assert list(physical.search(b"\0\0\1")) == [begin - 2]
    assert list(physical.search(b"\2")) == []


@pytest.mark.parametrize("length", [3 << 30, (1 << 32) - PAGE, 1 << 32])
def test_a_core_of_32_bits_has_room_for_its_memory(length: int) -> None:
    nothing = Segment(selector=0, base=0, limit=0, flags=0)
    cpu = X86Registers(
        number=0,
        rip=0,
        rflags=2,
        cr0=0,
        cr2=0,
        cr3=0,
        cr4=0,
        regs=(0,) * 16,
        segments=(nothing,) * 6,
        ldt=nothing,
        tr=nothing,
        gdt=nothing,
        idt=nothing,
    )
    target = core_target(None, [cpu], AddressMap([Range(block="a", addr=0, gpa=0, length=length, source="given")]))
    assert target.machine == I386.machine
    assert target.segment(1, PAGE + length, 0, length)
    assert target.elf_class == (1 if length == 3 << 30 else 2)
