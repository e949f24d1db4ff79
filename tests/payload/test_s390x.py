"""The old-style sections of s390x whose layout is fixed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import BadPayload, Truncated, UnknownRecord
from savevm_inspect.payload import FIELD_PAYLOADS
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import Framing, SectionHead, SectionKind


def read(idstr: str, data: bytes) -> dict[str, object]:
    head = SectionHead(section_id=1, idstr=idstr, instance_id=0, version_id=1, kind=SectionKind.FULL)
    cursor = Cursor(memoryview(data))
    fields = list(FIELD_PAYLOADS[idstr]().read(cursor, head))
    assert cursor.remaining == 0
    assert sum(field.span.length for field in fields) == len(data)
    return {field.path: field.value for field in fields}


@pytest.mark.parametrize("idstr", ["s390-skeys", "todclock"])
def test_real_sections(idstr: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path("s390x-s390-ccw-virtio-11.1")) as stream:
        (section,) = stream[idstr].sections
        assert section.framing is Framing.PAYLOAD
        assert sum(field.span.length for field in stream.decode(section)) == section.payload.length > 0
        described = stream.description.device(idstr, 0).length  # type: ignore[union-attr]
        assert described == section.payload.length


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(max_size=50)), max_size=5))
def test_keys_in_ranges(ranges: list[tuple[int, bytes]]) -> None:
    data = b"".join((gfn << 12 | 2).to_bytes(8) + len(keys).to_bytes(8) + keys for gfn, keys in ranges)
    fields = read("s390-skeys", data + (1).to_bytes(8))
    assert [value for path, value in fields.items() if path.endswith("/keys")] == [keys for _, keys in ranges]


def test_keys_that_are_wrong() -> None:
    with pytest.raises(UnknownRecord, match="storage keys flags 0x8"):
        read("s390-skeys", (8).to_bytes(8))
    with pytest.raises(BadPayload, match="incomplete"):
        read("s390-skeys", (4).to_bytes(8))
    with pytest.raises(Truncated, match="18446744073709551615 bytes"):
        read("s390-skeys", (2).to_bytes(8) + b"\xff" * 8)
    with pytest.raises(Truncated):
        read("s390-skeys", (2).to_bytes(8) + (1).to_bytes(8) + b"k")


@given(st.integers(0, 255), st.integers(0, (1 << 64) - 1))
def test_the_clock(high: int, low: int) -> None:
    data = bytes((1, high)) + low.to_bytes(8)
    assert read("todclock", data) == {"clock_value_present": 1, "high": high, "low": low}
    for length in range(len(data)):
        with pytest.raises(Truncated):
            read("todclock", data[:length])


def test_a_clock_that_could_not_be_read() -> None:
    assert read("todclock", b"\0") == {"clock_value_present": 0}
    with pytest.raises(BadPayload, match="clock value mark 2"):
        read("todclock", b"\2")
