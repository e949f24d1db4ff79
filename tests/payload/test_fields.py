"""The iterable sections that are read as fields."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import BadPayload, Truncated, UnknownRecord
from savevm_inspect.payload import FIELD_PAYLOADS
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind

SECTIONS = {"ppc64-pseries-11.1": "spapr/htab", "s390x-s390-ccw-virtio-11.1": "s390-storage_attributes"}


def read(idstr: str, data: bytes, reader: object = None) -> list[tuple[str, object]]:
    head = SectionHead(section_id=1, idstr=idstr, instance_id=0, version_id=1, kind=SectionKind.PART)
    cursor = Cursor(memoryview(data))
    fields = list((reader or FIELD_PAYLOADS[idstr]()).read(cursor, head))  # type: ignore[attr-defined]
    assert cursor.remaining == 0
    return [(field.path, field.value) for field in fields]


@pytest.mark.parametrize("name", SECTIONS)
def test_fields_own_every_byte_of_real_sections(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        device = stream[SECTIONS[name]]
        assert len(device.sections) >= 2
        for section in device.sections:
            fields = list(stream.decode(section))
            assert sum(field.span.length for field in fields) == section.payload.length


def test_a_table_that_is_not_there() -> None:
    assert read("spapr/htab", b"\xff" * 4) == [("htab_shift", 0xFFFFFFFF)]


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 4)), max_size=6))
def test_chunks_of_a_table(chunks: list[tuple[int, int]]) -> None:
    reader = FIELD_PAYLOADS["spapr/htab"]()
    read("spapr/htab", (18).to_bytes(4, "big"), reader)
    data = bytes(4)
    for number, (valid, invalid) in enumerate(chunks):
        data += (number * 20).to_bytes(4, "big") + valid.to_bytes(2, "big") + invalid.to_bytes(2, "big")
        data += bytes(valid * 16)
    fields = read("spapr/htab", data + bytes(8), reader)
    assert [value for path, value in fields if path.endswith("/n_valid")] == [valid for valid, _ in chunks] + [0]


def test_a_chunk_outside_the_table_is_refused() -> None:
    reader = FIELD_PAYLOADS["spapr/htab"]()
    read("spapr/htab", (18).to_bytes(4, "big"), reader)
    with pytest.raises(BadPayload, match="in a table of 16384"):
        read("spapr/htab", bytes(4) + (16384).to_bytes(4, "big") + b"\0\1\0\0" + bytes(16), reader)


def test_a_table_of_any_size_is_not_believed() -> None:
    with pytest.raises(BadPayload, match=r"2\*\*1000000 bytes"):
        read("spapr/htab", (1000000).to_bytes(4, "big"))


def test_attributes_in_runs() -> None:
    run = (0x5000 | 2).to_bytes(8, "big") + (3).to_bytes(8, "big") + b"abc"
    fields = read("s390-storage_attributes", run + (8).to_bytes(8, "big") + (1).to_bytes(8, "big"))
    assert ("run[0]/attributes", b"abc") in fields


def test_attributes_that_are_wrong() -> None:
    with pytest.raises(UnknownRecord, match="flags 0x3"):
        read("s390-storage_attributes", (3).to_bytes(8, "big"))
    with pytest.raises(BadPayload, match="incomplete"):
        read("s390-storage_attributes", (4).to_bytes(8, "big"))
    with pytest.raises(Truncated, match="18446744073709551615 bytes"):
        read("s390-storage_attributes", (2).to_bytes(8, "big") + b"\xff" * 8)


def test_block_migration() -> None:
    chunk = (7 << 9 | 1).to_bytes(8, "big") + b"\x03ide" + bytes(1 << 20)
    zeros = (9 << 9 | 9).to_bytes(8, "big") + b"\x03ide"
    fields = dict(read("block", chunk + zeros + (50 << 9 | 4).to_bytes(8, "big") + (2).to_bytes(8, "big")))
    assert len(fields["record[0]/content"]) == 1 << 20  # type: ignore[arg-type]
    assert fields["record[1]/device"] == "ide"
    assert "record[1]/content" not in fields
    with pytest.raises(UnknownRecord, match="block migration flags 0x3"):
        read("block", (3).to_bytes(8, "big"))
    with pytest.raises(Truncated, match="needs 1048576 bytes"):
        read("block", chunk[:-1])
