"""Blocks and address spaces are files: they do as files do, and what they refuse is also an error of ours."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from savevm_inspect.errors import FileError
from savevm_inspect.memory.address_space import AddressSpace, PhysicalMemory
from savevm_inspect.memory.mmu import Level, Next, PageTables, Tree, VirtualMemory
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.memory.ranges import AddressMap, Range
from savevm_inspect.memory.raw_file import RawFile
from savevm_inspect.memory.rebuild import BlockImage, Memory
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer

from .io_law import OPERATIONS, Operation, assert_is_a_file

PAGE = 256
SHIFT = 8
CONTENT = b"".join(bytes([number]) * (number % 31) + b"\n" for number in range(150))[: 8 * PAGE]


def memory_of(**blocks: bytes) -> Memory:
    """Blocks of which each page was sent."""
    out = bytearray()
    ram = RamWriter(Writer(out.extend))
    ram.put_block_list([RamBlock(name, len(content)) for name, content in blocks.items()])
    for name, content in blocks.items():
        for addr in range(0, len(content), PAGE):
            ram.put_page(name, addr, content[addr : addr + PAGE])
    ram.put_eos()
    reader = RamReader(PAGE)
    head = SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START)
    reader.consume(Cursor(memoryview(bytes(out))), head)
    return Memory({0: memoryview(bytes(out))}, PageTable.from_logs([reader.page_log], reader.blocks, PAGE))


def block() -> BlockImage:
    return memory_of(ram=CONTENT)["ram"]


def physical() -> PhysicalMemory:
    half = len(CONTENT) // 2
    blocks = memory_of(low=CONTENT[:half], high=CONTENT[half:])
    low = Range(block="low", addr=0, gpa=0, length=half, source="given")
    high = Range(block="high", addr=0, gpa=half, length=half, source="given")
    return PhysicalMemory(blocks, AddressMap([low, high]))


def virtual() -> VirtualMemory:
    """Pages in the opposite order of where they lie, in memory that ends where they do."""
    pages = [CONTENT[addr : addr + PAGE] for addr in range(0, len(CONTENT), PAGE)]
    table = b"".join((number * PAGE | 1).to_bytes(8, "little") for number in reversed(range(len(pages))))
    ram = b"".join(reversed(pages)) + table + bytes(-len(table) % PAGE)
    where = AddressMap([Range(block="ram", addr=0, gpa=0, length=len(ram), source="given")])
    tree = Tree(
        start=0,
        end=1 << 16,
        root=len(CONTENT),
        levels=(Level("only", SHIFT, (len(pages) - 1).bit_length()),),
        entry_bytes=8,
        decode=lambda entry, _level, _last: Next(entry - 1, is_table=False) if entry & 1 else None,
    )
    memory = PhysicalMemory(memory_of(ram=ram), where)
    spaces = VirtualMemory(PageTables(memory, (tree,), "one table"), memory)
    spaces.limit = len(CONTENT)
    return spaces


FILES: dict[str, Callable[[], RawFile]] = {
    "a block": block,
    "guest-physical memory": physical,
    "memory without an MMU": lambda: VirtualMemory(None, physical()),
    "memory through page tables": virtual,
}


@pytest.mark.parametrize("name", FILES)
@given(operations=OPERATIONS)
@example(operations=[("seek(-1)", lambda file: file.seek(-1))])
def test_a_file_does_as_files_do(name: str, operations: list[Operation]) -> None:
    assert_is_a_file(FILES[name], CONTENT, operations)


@pytest.mark.parametrize("name", FILES)
def test_what_is_refused_is_an_error_of_ours_and_of_io(name: str) -> None:
    file = FILES[name]()
    for refused in (
        partial(file.seek, -1),
        partial(file.seek, -1, io.SEEK_CUR),
        partial(file.seek, 0, 9),
        partial(file.write, b""),
        partial(file.truncate, 0),
    ):
        with pytest.raises(FileError) as caught:
            refused()
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, OSError)
        assert "\n" not in str(caught.value)
        assert file.tell() == 0
    file.close()
    for refused in (
        file.read,
        file.tell,
        partial(file.readinto, bytearray(1)),
        partial(file.read_at, 0, memoryview(bytearray(1))),
        *([partial(file.read_bytes, 0, 1)] if isinstance(file, AddressSpace) else []),
    ):
        with pytest.raises(FileError, match="closed"):
            refused()


def test_a_file_is_buffered_by_the_standard_library() -> None:
    with io.BufferedReader(block()) as file:
        assert file.readlines() == io.BytesIO(CONTENT).readlines()


@given(st.integers(0, len(CONTENT)), st.integers(0, 1 << 40))
def test_reading_takes_no_room_for_what_is_not_there(start: int, length: int) -> None:
    file = physical()
    file.seek(start)
    assert file.read(length) == CONTENT[start : start + length]


def test_more_than_fits_into_memory_is_refused() -> None:
    file = virtual()
    file.limit = 1 << 64
    with pytest.raises(FileError, match="18446744073709551615 bytes do not fit into memory"):
        file.read((1 << 64) - 1)
