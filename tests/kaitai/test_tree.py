"""The Kaitai reading of real streams: to the last byte, and as the framer sees them; of broken ones: an error."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from savevm_inspect.errors import BadMagic, BadPayload, FooterMismatch, SavevmError, Truncated, Unsupported
from savevm_inspect.kaitai import RecordSpan, parse, spans

SMALL = "none-11.1"

CapturePath = Callable[[str], Path]


def read(data: bytes | Path, page_size: int = 0) -> list[RecordSpan]:
    with parse(data, page_size=page_size) as tree:
        return spans(tree)


def test_source_may_be_bytes_or_a_path(capture_path: CapturePath) -> None:
    path = capture_path(SMALL)
    data = path.read_bytes()
    assert read(path) == read(data) == read(bytearray(data)) == read(memoryview(data))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no-such.mig"):
        with pytest.raises(SavevmError, match=path.name):
            parse(path)


def test_padding_is_no_part_of_the_stream(capture_path: CapturePath) -> None:
    data = capture_path(SMALL).read_bytes()
    assert read(data + bytes(512)) == [*read(data), RecordSpan(kind="padding", offset=len(data), length=512)]
    rest = b"\0\1QEVM"
    assert read(data + rest) == [*read(data), RecordSpan(kind="padding", offset=len(data), length=len(rest))]


def test_every_prefix_is_truncated_but_the_one_that_ends_with_the_end_mark(capture_path: CapturePath) -> None:
    data = capture_path(SMALL).read_bytes()
    whole = read(data)
    end = next(span for span in whole if span.kind == "eof").offset + 1
    for length in {*range(end), *range(end + 1, len(data), 40), len(data) - 1}:
        with pytest.raises((Truncated, Unsupported)):
            read(data[:length])
    assert read(data[:end]) == whole[:-1]


def test_stream_without_description_is_read_with_the_lengths_that_our_reader_finds(capture_path: CapturePath) -> None:
    data = capture_path("x86-11.1-paused").read_bytes()
    whole = read(data)
    eof = next(span for span in whole if span.kind == "eof")
    assert read(data[: eof.offset + 1]) == whole[:-1]


def test_a_schema_from_elsewhere_gives_fields(capture_path: CapturePath) -> None:
    path = capture_path("x86-11.1-paused")
    data = path.read_bytes()
    eof = next(span for span in read(data) if span.kind == "eof")
    with (
        parse(data) as own,
        parse(data[: eof.offset + 1], schema=path) as given,
        parse(data[: eof.offset + 1]) as bare,
    ):
        payloads = [
            [record.body.payload for record in tree.records if is_full(record)] for tree in (own, given, bare)
        ]
        assert [each.fields for each in payloads[0]] == [each.fields for each in payloads[1]]
        assert all(each.fields for each in payloads[0])
        assert not any(each.fields for each in payloads[2])
        assert [each.content for each in payloads[0]] == [each.content for each in payloads[2]]


def is_full(record: Any) -> bool:
    return record.record_type.name == "section_full"


def test_page_size_comes_from_our_reader_if_nothing_tells_it(capture_path: CapturePath) -> None:
    data = capture_path("trace-pc-10.0-cancel").read_bytes()
    with pytest.raises(Truncated):
        parse(data)
    with parse(data, strict=False) as tree:
        assert isinstance(tree.problems[0], Truncated)
        pages = [each for record in tree.records for each in pages_of(record)]
        assert {each.len_content for each in pages} == {4096}


def pages_of(record: Any) -> list[Any]:
    if record.record_type.name not in ("section_start", "section_part"):
        return []
    return [each.body for each in record.body.payload.content.records if each.kind.name == "page"]


def test_stream_starts_where_it_is_said_to(capture_path: CapturePath) -> None:
    path = capture_path("x86-10.0-fileoff")
    with parse(path, offset=0x1000) as tree:
        found = spans(tree)
    assert found[0] == RecordSpan(kind="header", offset=0x1000, length=8)
    assert found[-1].offset + found[-1].length == path.stat().st_size
    with pytest.raises(BadMagic):
        parse(path)


def test_description_is_found_whatever_its_length(capture_path: CapturePath) -> None:
    """One of more than 16 MiB has no zero byte in its length."""
    data = capture_path(SMALL).read_bytes()
    end = next(span for span in read(data) if span.kind == "description").offset
    text = data[end + 5 :] + b" " * 0x1010101
    long = data[:end] + b"\x06" + len(text).to_bytes(4, "big") + text
    with parse(long) as tree:
        assert spans(tree)[:-1] == read(data)[:-1]
        assert all(record.body.payload.fields for record in tree.records if is_full(record))


@pytest.mark.parametrize(
    ("name", "times"),
    [
        (SMALL, 120),
        ("none-7.2", 80),
        ("x86-7.2-paused", 20),
        ("riscv64-virt-10.0", 4),
        ("s390x-s390-ccw-virtio-11.1", 4),
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
        read(b"\x7fELF" + bytes(60))
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
        start(2, b"s390-storage_attributes", DONE)[:-1] + b"\1",
    ],
    ids=["part before any start", "part of another number", "footer of another number"],
)
def test_sections_that_contradict_each_other_are_bad(records: bytes) -> None:
    with pytest.raises(BadPayload):
        read(HEADER + records + b"\0")


ATTRIBUTES = start(5, b"s390-storage_attributes", DONE)


@pytest.mark.parametrize(
    ("records", "is_sound"),
    [
        (ATTRIBUTES + ATTRIBUTES, False),
        (ATTRIBUTES + start(6, b"s390-storage_attributes", DONE), True),
        (ATTRIBUTES + part(5, DONE) + part(5, DONE), True),
        (ATTRIBUTES[:-5] + part(5, DONE)[:-5], True),
        (ATTRIBUTES + part(5, DONE)[:-5], False),
        (ATTRIBUTES[:-5] + part(5, DONE), False),
        (ATTRIBUTES + start(6, b"dirty-bitmap", b"\1")[:-5], False),
        (ATTRIBUTES[:-5] + start(6, b"dirty-bitmap", b"\1"), False),
    ],
    ids=["twice", "two", "parts", "no footers", "a part without", "a part with", "another without", "another with"],
)
def test_sections_hold_together(records: bytes, is_sound: bool) -> None:
    """As our framer has it: a section starts once, and all have footers or none."""
    stream = HEADER + records + b"\0"
    if is_sound:
        assert len(read(stream)) > 2
        return
    with pytest.raises((BadPayload, FooterMismatch)):
        read(stream)
    with parse(stream, strict=False) as tree:
        assert tree.problems


def test_a_device_that_iterated_may_end_in_a_full_section(capture_path: CapturePath) -> None:
    """As VFIO does; the other way round it is started again."""
    data = capture_path(SMALL).read_bytes()
    eof = next(span for span in read(data) if span.kind == "eof").offset
    begun = start(9, b"s390-storage_attributes", DONE)
    ended = b"\4" + begun[1:-13] + begun[-5:]
    description = json.loads(data[eof + 6 :])
    description["devices"].append({"name": "s390-storage_attributes", "instance_id": 0, "fields": []})
    text = json.dumps(description).encode()
    tail = b"\0\6" + len(text).to_bytes(4, "big") + text
    read(data[:eof] + begun + ended + tail)
    with pytest.raises(BadPayload, match="started again"):
        read(data[:eof] + ended + begun + tail)


def test_endless_chain_of_open_sections_is_bad() -> None:
    starts = b"".join(start(number, b"dirty-bitmap", b"\1") for number in range(2, 5000))
    assert len(read(HEADER + starts + b"\0")) == 5000
    with pytest.raises(BadPayload):
        read(HEADER + starts + part(1, b"\1") + b"\0")


def test_footers_and_configuration_may_be_absent() -> None:
    bare = start(2, b"dirty-bitmap", b"\1")[:-5]
    assert [span.kind for span in read(HEADER + bare + b"\0")] == ["header", "start", "eof"]


def test_packaged_records_follow_their_command() -> None:
    inner = start(2, b"s390-storage_attributes", DONE)
    command = b"\x08\0\7\0\4" + len(inner).to_bytes(4, "big")
    assert read(HEADER + command + inner + b"\0")[1:3] == [
        RecordSpan(kind="command", offset=8, length=len(command)),
        RecordSpan(
            kind="start",
            offset=8 + len(command),
            length=len(inner),
            section_id=2,
            idstr="s390-storage_attributes",
        ),
    ]
