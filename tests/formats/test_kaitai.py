"""The Kaitai reading of real streams: to the last byte, and as the framer sees them; of broken ones: an error."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.errors import BadMagic, BadPayload, SavevmError, Truncated, Unsupported
from savevm_inspect.reader.kaitai import RecordSpan, parse, spans
from savevm_inspect.stream.records import (
    Command,
    Configuration,
    Description,
    EndOfStream,
    FileHeader,
    Padding,
    Record,
    Section,
)

MANIFEST = json.loads((Path(__file__).parents[1] / "captures" / "manifest.json").read_text())["captures"]
NO_PAGE_SIZE = {"no description", "cancelled"}
"""Kinds of stream that do not tell their page size, which this reader does not guess."""

CAPTURES = [
    each["name"]
    for each in MANIFEST
    if "mig" in each["files"] and each.get("kind") not in NO_PAGE_SIZE | {"file offset"}
]
SMALL = "none-11.1"
CONTENTS = ("content", "delta", "compressed")
"""What the kinds of page call their bytes; a zero page has none but its fill byte."""

CapturePath = Callable[[str], Path]

KIND_OF_RECORD = {
    FileHeader: "header",
    Configuration: "configuration",
    Command: "command",
    EndOfStream: "eof",
    Description: "description",
    Padding: "padding",
}


def as_the_framer_says(record: Record) -> RecordSpan:
    section = record if isinstance(record, Section) else None
    return RecordSpan(
        kind=KIND_OF_RECORD[type(record)] if section is None else str(section.kind),
        offset=record.span.offset,
        length=record.span.length,
        section_id=None if section is None else section.section_id,
        idstr=None if section is None else section.idstr,
    )


def read(data: bytes | Path, page_size: int = 0) -> list[RecordSpan]:
    with parse(data, page_size=page_size) as tree:
        return spans(tree)


@pytest.mark.parametrize("name", CAPTURES)
def test_real_stream_is_read_to_its_last_byte(capture_path: CapturePath, name: str) -> None:
    path = capture_path(name)
    place = 0
    for span in read(path):
        assert span.offset == place
        place += span.length
    assert place == path.stat().st_size


@pytest.mark.parametrize("name", CAPTURES)
def test_both_readings_agree_on_every_record(capture_path: CapturePath, name: str) -> None:
    path = capture_path(name)
    with si.open_stream(path) as stream:
        framed = [as_the_framer_says(record) for record in stream.records]
    assert read(path) == framed


@pytest.mark.parametrize("name", [each for each in CAPTURES if each != "x86-10.0-mapped"])  # no records of pages
def test_both_readings_agree_on_ram(capture_path: CapturePath, name: str) -> None:
    path = capture_path(name)
    with si.open_stream(path) as stream, parse(path) as tree:
        payloads = [record.body.payload.content for record in tree.records if is_ram(record)]
        blocks = [block for block_list in listed(payloads) for block in block_list.blocks]
        pages = [record for payload in payloads for record in payload.records if hasattr(record, "body")]
        table = stream.pages
        assert [(block.name, block.len_used) for block in blocks] == [
            (block.name, block.used_bytes) for block in stream.blocks
        ]
        assert [page.addr for page in pages] == table.rows["addr"].tolist()
        block_name = ""
        for page, row in zip(pages, table.rows, strict=True):
            block_name = getattr(page, "block_name", block_name)
            content = next((getattr(page.body, name) for name in CONTENTS if hasattr(page.body, name)), b"\0")
            place = int(row["offset"])
            assert block_name == stream.blocks[row["block"]].name
            assert stream.buffer[place : place + len(content)] == content


def is_ram(record: Any) -> bool:
    return record.record_type in {1, 2, 3} and record.body.payload.is_ram


def listed(payloads: list[Any]) -> list[Any]:
    return [payload.block_list for payload in payloads if payload.is_start and payload.block_list.len_total]


def test_source_may_be_bytes_or_a_path(capture_path: CapturePath) -> None:
    path = capture_path(SMALL)
    data = path.read_bytes()
    assert read(path) == read(data) == read(bytearray(data)) == read(memoryview(data))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no-such.mig"):
        with pytest.raises(SavevmError, match=path.name):
            parse(path)


def test_padding_is_zero(capture_path: CapturePath) -> None:
    data = capture_path(SMALL).read_bytes()
    assert read(data + bytes(512)) == [*read(data), RecordSpan(kind="padding", offset=len(data), length=512)]
    with pytest.raises(SavevmError):
        read(data + bytes(512) + b"\x01")


def test_every_prefix_is_truncated(capture_path: CapturePath) -> None:
    """Without its end a stream has no description, so a device's length is unknown at the latest."""
    data = capture_path(SMALL).read_bytes()
    for length in range(len(data)):
        with pytest.raises((Truncated, Unsupported)):
            read(data[:length])


def test_every_prefix_with_a_page_size_given_is_truncated(capture_path: CapturePath) -> None:
    data = capture_path(SMALL).read_bytes()
    for length in range(len(data)):
        with pytest.raises((Truncated, Unsupported)):
            read(data[:length], page_size=4096)


def test_what_a_stream_without_description_lacks_is_named(capture_path: CapturePath) -> None:
    data = capture_path("x86-11.1-paused").read_bytes()
    eof = next(span for span in read(data) if span.kind == "eof")
    bare = data[: eof.offset + 1]
    with pytest.raises(Unsupported, match="page size"):
        read(bare)
    with pytest.raises(Unsupported, match="no description"):
        read(bare, page_size=4096)


def test_device_that_is_not_described_is_named(capture_path: CapturePath) -> None:
    data = capture_path(SMALL).read_bytes()
    end = next(span for span in read(data) if span.kind == "eof").offset + 1
    description = json.loads(data[end + 5 :])
    gone = description["devices"].pop()
    text = json.dumps(description).encode()
    with pytest.raises(Unsupported, match=f"{gone['name']}.*does not name"):
        read(data[:end] + b"\x06" + len(text).to_bytes(4, "big") + text)


@pytest.mark.parametrize(
    ("name", "times"),
    [
        (SMALL, 120),
        ("none-7.2", 80),
        ("x86-7.2-paused", 60),
        ("riscv64-virt-10.0", 20),
        ("s390x-s390-ccw-virtio-11.1", 20),
    ],
)
def test_mutated_streams_are_refused_in_words_or_read(capture_path: CapturePath, name: str, times: int) -> None:
    data = capture_path(name).read_bytes()
    chance = random.Random(name)
    heads = [span.offset for span in read(data)]
    outcomes = [outcome(mutate(data, heads, chance)) for _ in range(times)]
    assert any(outcomes)
    assert not any("\n" in words for words in outcomes)


def mutate(data: bytes, heads: list[int], chance: random.Random) -> bytes:
    """Change some bytes, mostly where records begin; sometimes cut the end off."""
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        place = chance.choice([*heads, chance.randrange(len(data))]) + chance.randrange(40)
        mutated[min(place, len(data) - 1)] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
    if chance.random() < 0.2:
        del mutated[chance.randrange(len(mutated)) :]
    return bytes(mutated)


def outcome(data: bytes) -> str:
    """What reading ends in: the words of its refusal, or nothing if all is read. Anything else is raised."""
    try:
        found = read(data)
    except SavevmError as error:
        return str(error)
    assert found[-1].offset + found[-1].length == len(data)
    return ""


def test_what_is_no_stream_is_bad_magic() -> None:
    with pytest.raises(BadMagic):
        read(b"QFI\xfb" + bytes(60))
    with pytest.raises(BadMagic):
        read(b"QEVM" + bytes((0, 0, 0, 2)) + bytes(60))


HEADER = b"QEVM\0\0\0\3"
EOS = bytes(7) + b"\x10"
DONE = bytes(7) + b"\x01"


def start(section_id: int, idstr: bytes, payload: bytes) -> bytes:
    number = section_id.to_bytes(4, "big")
    return b"\1" + number + bytes((len(idstr),)) + idstr + bytes(4) + b"\0\0\0\4" + payload + b"\x7e" + number


def part(section_id: int, payload: bytes) -> bytes:
    number = section_id.to_bytes(4, "big")
    return b"\2" + number + payload + b"\x7e" + number


def test_parts_find_the_start_of_their_number() -> None:
    """Each number's START counts, however many others lie between."""
    starts = b"".join(
        [
            start(7, b"spapr/htab", b"\0\0\0\x18"),
            start(5, b"s390-storage_attributes", DONE),
            start(9, b"dirty-bitmap", b"\1"),
        ]
    )
    parts = part(5, DONE) + part(7, b"\xff\xff\xff\xff") + part(9, b"\1") + part(7, bytes(4) + bytes(8))
    found = read(HEADER + starts + parts + b"\0")
    assert [span.idstr for span in found if span.kind == "part"] == [
        "s390-storage_attributes",
        "spapr/htab",
        "dirty-bitmap",
        "spapr/htab",
    ]


@pytest.mark.parametrize(
    "records",
    [
        part(1, DONE),
        start(2, b"s390-storage_attributes", DONE) + part(1, DONE),
        start(2, b"no-such-device", DONE),
        start(2, b"s390-storage_attributes", DONE)[:-1] + b"\1",
    ],
    ids=["part before any start", "part of another number", "unknown payload", "footer of another number"],
)
def test_sections_that_contradict_each_other_are_bad(records: bytes) -> None:
    with pytest.raises(BadPayload):
        read(HEADER + records + b"\0")


def test_endless_chain_of_open_sections_is_bad() -> None:
    starts = b"".join(start(number, b"dirty-bitmap", b"\1") for number in range(2, 5000))
    assert len(read(HEADER + starts + b"\0")) == 5000
    with pytest.raises(BadPayload):
        read(HEADER + starts + part(1, b"\1") + b"\0")


def test_footers_and_configuration_may_be_absent() -> None:
    bare = start(2, b"dirty-bitmap", b"\1")[:-5]
    assert [span.kind for span in read(HEADER + bare + b"\0")] == ["header", "start", "eof"]


def test_page_size_of_an_advise_counts() -> None:
    """Postcopy streams have no description; x86 tells its page size in the command alone."""
    advise = b"\x08\0\3\0\x10" + (4096).to_bytes(8, "big") * 2
    word = (4096 | 4).to_bytes(8, "big") + b"\4pc.r" + (4096).to_bytes(8, "big")
    page = (0x28).to_bytes(8, "big") + bytes(4096)
    stream = HEADER + advise + start(2, b"ram", word + page + EOS) + b"\0"
    assert [span.kind for span in read(stream)] == ["header", "command", "start", "eof"]
    with pytest.raises(Unsupported):
        read(stream.replace(advise, b""))


def test_package_follows_its_command() -> None:
    command = b"\x08\0\7\0\4" + (9).to_bytes(4, "big")
    assert read(HEADER + command + b"x" * 9 + b"\0")[1:3] == [
        RecordSpan(kind="command", offset=8, length=len(command)),
        RecordSpan(kind="package", offset=8 + len(command), length=9),
    ]
