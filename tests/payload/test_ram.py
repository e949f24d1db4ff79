"""RAM: what the writer writes the reader reads, and memory is what was written last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import BadPayload, SavevmError, Truncated, UnknownRecord, Unsupported
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.memory.rebuild import Memory
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer

PAGE = 256
BLOCKS = [RamBlock("pc.ram", 8 * PAGE), RamBlock("/rom@etc/acpi/tables", 3 * PAGE), RamBlock("vga", PAGE)]


def head(kind: SectionKind = SectionKind.START, version_id: int = 4) -> SectionHead:
    return SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=version_id, kind=kind)


page = st.sampled_from([(block, addr) for block in BLOCKS for addr in range(0, block.used_bytes, PAGE)])
content = st.binary(min_size=PAGE, max_size=PAGE) | st.just(bytes(PAGE))


@given(st.lists(st.lists(st.tuples(page, content), max_size=12), max_size=4))
def test_the_last_write_wins(rounds: list[list[tuple[tuple[RamBlock, int], bytes]]]) -> None:
    out = bytearray()
    ram = RamWriter(Writer(out.extend))
    ram.put_block_list(BLOCKS)
    ram.put_eos()
    expected = {block.name: bytearray(block.used_bytes) for block in BLOCKS}
    sent = {block.name: set[int]() for block in BLOCKS}
    for pages in rounds:
        for (block, addr), data in pages:
            if any(data):
                ram.put_page(block.name, addr, data)
            else:
                ram.put_zero_page(block.name, addr)
            expected[block.name][addr : addr + PAGE] = data
            sent[block.name].add(addr)
        ram.put_eos()
    cursor = Cursor(memoryview(bytes(out)))
    reader = RamReader(PAGE)
    reader.consume(cursor, head())
    for _ in rounds:
        reader.consume(cursor, head(SectionKind.PART))
    assert cursor.remaining == 0
    assert reader.blocks == BLOCKS
    assert len(reader.page_log) == sum(map(len, rounds))
    memory = Memory({0: memoryview(bytes(out))}, PageTable.from_logs([reader.page_log], reader.blocks, PAGE))
    assert {name: memory[name].read() for name in memory} == {name: bytes(data) for name, data in expected.items()}
    for name, addrs in sent.items():
        assert {page * PAGE for page in memory[name].sent.tolist()} == addrs
        assert memory[name].missing_pages == len(expected[name]) // PAGE - len(addrs)


def block_list(*blocks: RamBlock) -> bytearray:
    out = bytearray()
    RamWriter(Writer(out.extend)).put_block_list(list(blocks))
    return out


def word(value: int) -> bytes:
    return value.to_bytes(8, "big")


HOSTILE = {
    "no block list": (word(0x10), BadPayload, "RAM_SAVE_FLAG_MEM_SIZE must open"),
    "a block larger than the list": (word(PAGE | 4) + b"\1a" + word(2 * PAGE), BadPayload, "256 bytes to go"),
    "a block of nothing": (word(PAGE | 4) + b"\1a" + word(0), BadPayload, "block 'a' of 0 bytes"),
    "a block listed twice": (bytes(block_list(BLOCKS[2], BLOCKS[2])), BadPayload, "'vga' is listed twice"),
    "a name that is not UTF-8": (word(PAGE | 4) + b"\2\xff\xff" + word(PAGE), BadPayload, "not UTF-8"),
    "a name that is over-long": (word(PAGE | 4) + b"\xff" + b"a" * 100, Truncated, "needs 255 bytes"),
    "a page outside its block": (
        bytes(block_list(BLOCKS[2])) + word(PAGE | 2) + b"\3vga\0",
        BadPayload,
        "page at 0x100 in block 'vga' of 0x100 bytes",
    ),
    "a page at the end of the address space": (
        bytes(block_list(BLOCKS[2])) + word((1 << 64) - PAGE | 2) + b"\3vga\0",
        BadPayload,
        "page at 0xffffffffffffff00",
    ),
    "a block that is not listed": (
        bytes(block_list(BLOCKS[2])) + word(2) + b"\3abc\0",
        BadPayload,
        "'abc' is not in the block list",
    ),
    "a page that continues nothing": (
        bytes(block_list(BLOCKS[2])) + word(0x22) + b"\0",
        BadPayload,
        "none was named",
    ),
    "a zero page that is not zero": (
        bytes(block_list(BLOCKS[2])) + word(2) + b"\3vga\1",
        BadPayload,
        "zero page of value 1",
    ),
    "two kinds at once": (bytes(block_list(BLOCKS[2])) + word(0xA), UnknownRecord, "RAM flags 0xa"),
    "a cut page": (bytes(block_list(BLOCKS[2])) + word(8) + b"\3vga" + bytes(9), Truncated, "needs 256 bytes, 9"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_clear_error_with_its_offset(name: str) -> None:
    data, kind, message = HOSTILE[name]
    with pytest.raises(kind) as caught:
        RamReader(PAGE).consume(Cursor(memoryview(data)), head())
    assert message in str(caught.value)


def test_another_version_is_refused() -> None:
    with pytest.raises(Unsupported, match="ram version 3"):
        RamReader(PAGE).consume(Cursor(memoryview(bytes(9))), head(version_id=3))


@given(st.binary(max_size=200))
def test_any_bytes_end_in_pages_or_an_error(data: bytes) -> None:
    reader = RamReader(PAGE)
    try:
        reader.consume(Cursor(memoryview(bytes(block_list(*BLOCKS)) + data)), head())
    except SavevmError:
        assert len(reader.page_log) <= len(data)
