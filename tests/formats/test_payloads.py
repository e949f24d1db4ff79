"""Payloads and commands that no capture of the repository has, made by hand from upstream's rules."""

import zlib
from struct import pack
from typing import Any

import pytest

from savevm_inspect.errors import BadPayload, SavevmError, Truncated
from savevm_inspect.kaitai import parse

PAGE = 4096
MIB = 1 << 20
HEADER = b"QEVM" + pack(">I", 3)
EOF = b"\0"
EOS = pack(">Q", 0x10)


def counted(text: bytes) -> bytes:
    return bytes((len(text),)) + text


def start(idstr: bytes, payload: bytes) -> bytes:
    return b"\1" + pack(">I", 2) + counted(idstr) + pack(">II", 0, 4) + payload + b"\x7e" + pack(">I", 2)


def capabilities(*names: bytes) -> bytes:
    subsection = b"\5" + counted(b"configuration/capabilities") + pack(">II", 1, len(names))
    return b"\7" + pack(">I", 4) + b"none" + subsection + b"".join(map(counted, names))


def payload(idstr: bytes, content: bytes, configuration: bytes = b"") -> Any:
    """The tree of one section's payload, after all of the stream was read."""
    stream = HEADER + configuration + start(idstr, content) + EOF
    tree = parse(stream, page_size=PAGE)
    assert not tree.padding.len_content
    return tree.records[0].body.payload.content


def command(number: int, argument: bytes) -> Any:
    record = b"\x08" + pack(">HH", number, len(argument)) + argument
    return parse(HEADER + record + EOF).records[0].body


def test_ram_pages_of_every_kind() -> None:
    packed = zlib.compress(bytes(PAGE))
    delta = b"\x03\x02ab"
    ram = payload(
        b"ram",
        pack(">Q", 8 * PAGE | 0x04) + counted(b"a") + pack(">Q", 3 * PAGE) + counted(b"b") + pack(">Q", 5 * PAGE)
        + pack(">Q", 0x08) + counted(b"a") + b"p" * PAGE
        + pack(">QB", PAGE | 0x22, 0)
        + pack(">Q", 2 * PAGE | 0x40) + counted(b"b") + pack(">BH", 1, len(delta)) + delta
        + pack(">QI", 3 * PAGE | 0x120, len(packed)) + packed
        + pack(">Q", 0x200)
        + pack(">Q", 0x80)
        + EOS,
    )  # fmt: skip
    assert [(block.name, block.len_used) for block in ram.block_list.blocks] == [("a", 3 * PAGE), ("b", 5 * PAGE)]
    assert [record.kind.name for record in ram.records] == [
        "page",
        "zero",
        "xbzrle",
        "compress_page",
        "multifd_flush",
        "hook",
        "eos",
    ]
    assert [record.addr // PAGE for record in ram.records[:4]] == [0, 1, 2, 3]
    assert [record.is_continue for record in ram.records[:4]] == [False, True, False, True]
    assert ram.records[0].body.content == b"p" * PAGE
    assert ram.records[2].body.delta == delta
    assert zlib.decompress(ram.records[3].body.compressed) == bytes(PAGE)


@pytest.mark.parametrize(
    "content",
    [
        pack(">Q", PAGE | 0x08) + counted(b"a") + pack(">Q", PAGE) + EOS,
        pack(">Q", PAGE | 0x04) + counted(b"a") + pack(">Q", 2 * PAGE) + EOS,
        pack(">Q", PAGE | 0x04) + counted(b"a") + pack(">Q", 0) + EOS,
        pack(">Q", 0x04) + pack(">Q", 0x800),
        pack(">Q", 0x04) + pack(">Q", 0x18) + EOS,
        pack(">Q", 0x04) + pack(">Q", 0x02) + counted(b"a") + b"\1" + EOS,
        pack(">Q", 0x04) + pack(">Q", 0x40) + counted(b"a") + pack(">BH", 2, 1) + b"x" + EOS,
        pack(">Q", 0x04) + pack(">Q", 0x40) + counted(b"a") + pack(">BH", 1, PAGE + 1) + bytes(PAGE + 1) + EOS,
        pack(">Q", 0x04) + pack(">Q", 0x100) + counted(b"a") + pack(">I", 2 * PAGE) + bytes(2 * PAGE) + EOS,
    ],
    ids=[
        "no block list",
        "block longer than the sum",
        "empty block",
        "unknown flag",
        "two kinds at once",
        "zero page of value 1",
        "unknown encoding",
        "delta longer than a page",
        "compressed page longer than any",
    ],
)
def test_bad_ram_is_refused(content: bytes) -> None:
    with pytest.raises(BadPayload):
        payload(b"ram", content)


def test_ignored_shared_blocks_have_an_address() -> None:
    content = pack(">Q", PAGE | 0x04) + counted(b"a") + pack(">QQ", PAGE, 0xFEE00000) + EOS
    (block,) = payload(b"ram", content, capabilities(b"multifd", b"x-ignore-shared")).block_list.blocks
    assert (block.len_used, block.addr) == (PAGE, 0xFEE00000)
    with pytest.raises(SavevmError):
        payload(b"ram", content, capabilities(b"multifd"))


def mapped(pages: list[bytes], *, ofs_pages: int = MIB) -> tuple[bytes, bytes]:
    """Configuration and RAM payload of a mapped-ram file, and its bitmap: one block at the file's offset 1 MiB."""
    configuration = capabilities(b"mapped-ram")
    bits = sum(1 << number for number, page in enumerate(pages) if any(page)).to_bytes(8, "little")
    head = pack(">Q", PAGE * len(pages) | 0x04) + counted(b"a") + pack(">QIQ", PAGE * len(pages), 1, PAGE)
    ofs_head = len(HEADER + configuration) + len(start(b"ram", head)) - 5
    ofs_bitmap = ofs_head + 16
    gap = bytes(MIB - ofs_bitmap - len(bits))
    return configuration, head + pack(">QQ", ofs_bitmap, ofs_pages) + bits + gap + b"".join(pages) + EOS


def test_mapped_ram_is_stepped_over_and_its_bitmap_found() -> None:
    pages = [b"x" * PAGE, bytes(PAGE), b"y" * PAGE]
    configuration, content = mapped(pages)
    (block,) = payload(b"ram", content, configuration).block_list.blocks
    assert block.mapped.bitmap == (0b101).to_bytes(8, "little")
    assert block.mapped.area.content.endswith(b"".join(pages))
    assert block.mapped.pages.content == b"".join(pages)


@pytest.mark.parametrize("ofs_pages", [64, 1 << 40, 1 << 63], ids=["behind us", "far away", "nowhere"])
def test_mapped_ram_elsewhere_is_refused(ofs_pages: int) -> None:
    configuration, content = mapped([b"x" * PAGE], ofs_pages=ofs_pages)
    with pytest.raises((BadPayload, Truncated)):
        payload(b"ram", content, configuration)


def test_dirty_bitmap_chunks() -> None:
    bitmap = payload(
        b"dirty-bitmap",
        b"\x1c" + counted(b"disk0") + counted(b"backup") + pack(">IB", 65536, 3)
        + b"\x40" + pack(">QIQ", 128, 2048, 4) + b"bits"
        + b"\x42" + pack(">QI", 2176, 2048)
        + b"\x20"
        + b"\x01",
    )  # fmt: skip
    first, bits, zeroes, complete, last = bitmap.chunks
    assert (first.node.text, first.bitmap.text, first.start.granularity) == ("disk0", "backup", 65536)
    assert first.start.is_enabled
    assert first.start.is_persistent
    assert (bits.bits.first_sector, bits.bits.num_sectors, bits.bits.content) == (128, 2048, b"bits")
    assert (zeroes.bits.first_sector, zeroes.bits.is_zeroes) == (2176, True)
    assert complete.is_complete
    assert last.is_eos


def test_hash_page_table_chunks() -> None:
    table = payload(
        b"spapr/htab",
        pack(">IIHH", 0, 5, 2, 1) + b"a" * 16 + b"b" * 16 + pack(">IHH", 0, 0, 7) + pack(">IHH", 0, 0, 0),
    )
    assert [(chunk.index, chunk.num_valid, chunk.num_invalid) for chunk in table.chunks] == [
        (5, 2, 1),
        (0, 0, 7),
        (0, 0, 0),
    ]
    assert table.chunks[0].entries == [b"a" * 16, b"b" * 16]


def test_storage_attributes() -> None:
    attributes = payload(
        b"s390-storage_attributes",
        pack(">QQ", 3 * PAGE | 0x02, 4) + b"abcd" + pack(">QQ", 0x08, 0x01),
    )
    assert [record.flag.name for record in attributes.records] == ["more", "done", "eos"]
    assert (attributes.records[0].addr, attributes.records[0].attributes) == (3 * PAGE, b"abcd")
    with pytest.raises(BadPayload):
        payload(b"s390-storage_attributes", pack(">QQ", 0x04, 0x01))


def full(idstr: bytes, content: bytes) -> Any:
    """The payload of a FULL section of a device with a format of its own."""
    section = b"\4" + start(idstr, content)[1:]
    return parse(HEADER + section + EOF, page_size=PAGE).records[0].body.payload


def test_storage_keys() -> None:
    keys = full(b"s390-skeys", pack(">QQ", 2 * PAGE | 0x02, 3) + b"abc" + pack(">Q", 0x01))
    assert [record.flag.name for record in keys.records] == ["skeys", "eos"]
    assert (keys.records[0].addr, keys.records[0].keys) == (2 * PAGE, b"abc")
    for mark in (0x04, 0x08):
        with pytest.raises(BadPayload):
            full(b"s390-skeys", pack(">QQ", mark, 0x01))


def test_clock() -> None:
    clock = full(b"todclock", b"\1\2" + pack(">Q", 3)).clock
    assert (clock.high, clock.low) == (2, 3)
    assert not hasattr(full(b"todclock", b"\0"), "clock")
    with pytest.raises(BadPayload):
        full(b"todclock", b"\2")


def test_disk_contents() -> None:
    block = payload(
        b"block",
        pack(">Q", 2048 << 9 | 0x01) + counted(b"disk0") + b"c" * MIB
        + pack(">Q", 4096 << 9 | 0x09) + counted(b"disk0")
        + pack(">Q", 50 << 9 | 0x04)
        + pack(">Q", 0x02),
    )  # fmt: skip
    assert [(record.kind.name, record.number) for record in block.records] == [
        ("chunk", 2048),
        ("zero_chunk", 4096),
        ("progress", 50),
        ("eos", 0),
    ]
    assert (block.records[0].chunk.device, block.records[0].chunk.content.content) == ("disk0", b"c" * MIB)
    assert not hasattr(block.records[1].chunk, "content")
    with pytest.raises(BadPayload):
        payload(b"block", pack(">Q", 0x10))


def packaged(length: int) -> Any:
    """A stream with a package of two commands of 5 and 9 bytes."""
    inner = b"\x08" + pack(">HH", 4, 0) + b"\x08" + pack(">HHI", 2, 4, 3)
    return parse(HEADER + b"\x08" + pack(">HHI", 7, 4, length) + inner + EOF)


def test_records_of_a_package() -> None:
    records = packaged(14).records
    assert [record.is_packaged for record in records] == [False, True, True, False]
    assert [record.ofs_package_end for record in records] == [31, 31, 31, 31]
    assert [record.ofs_end for record in records] == [17, 22, 31, 32]
    assert [record.is_packaged for record in packaged(5).records] == [False, True, False, False]
    for length in (4, 6, 13):
        with pytest.raises(BadPayload):
            packaged(length)


def test_commands_with_arguments() -> None:
    assert command(2, pack(">I", 7)).argument.value == 7
    assert not hasattr(command(3, b"").argument, "target_page_size")
    discard = command(6, b"\0" + counted(b"pc.ram") + b"\0" + pack(">4Q", 0, PAGE, 5 * PAGE, 2 * PAGE)).argument
    assert discard.name == "pc.ram"
    assert [(each.start, each.length) for each in discard.ranges] == [(0, PAGE), (5 * PAGE, 2 * PAGE)]
    assert command(10, counted(b"pc.ram")).argument.block_name == "pc.ram"


@pytest.mark.parametrize(
    ("number", "argument"),
    [
        (0, b""),
        (12, b""),
        (2, b"\0"),
        (4, b"\0"),
        (8, b"\0"),
        (3, bytes(8)),
        (3, bytes(16)),
        (3, pack(">QQ", PAGE, PAGE + 1)),
        (6, b"\0" + counted(b"pc.ram") + b"\0"),
        (6, b"\0" + counted(b"pc.ram") + b"\1" + bytes(16)),
        (6, b"\1" + counted(b"pc.ram") + b"\0" + bytes(16)),
        (6, b"\0" + counted(b"") + b"\0" + bytes(32)),
        (10, counted(b"")),
        (10, counted(b"pc.ram") + b"\0"),
    ],
)
def test_bad_commands_are_refused(number: int, argument: bytes) -> None:
    with pytest.raises(BadPayload):
        command(number, argument)
