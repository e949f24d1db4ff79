from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import BadPayload, Truncated
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.writer import Writer

READS: list[tuple[str, int]] = [("u8", 1), ("be16", 2), ("be32", 4), ("be64", 8)]


@given(st.lists(st.tuples(st.sampled_from(READS), st.integers(0, 2**64 - 1))))
def test_what_a_writer_puts_a_cursor_reads(values: list[tuple[tuple[str, int], int]]) -> None:
    out = bytearray()
    f = Writer(out.extend)
    put: dict[str, Callable[[int], None]] = {
        "u8": f.put_byte,
        "be16": f.put_be16,
        "be32": f.put_be32,
        "be64": f.put_be64,
    }
    for (name, size), value in values:
        put[name](value % (1 << size * 8))
    cursor = Cursor(memoryview(bytes(out)))
    for (name, size), value in values:
        assert getattr(cursor, name)() == value % (1 << size * 8)
    assert cursor.remaining == 0
    assert f.transferred == len(out)


@pytest.mark.parametrize(("name", "size"), READS)
def test_a_short_read_raises_and_moves_nothing(name: str, size: int) -> None:
    for length in range(size):
        cursor = Cursor(memoryview(bytes(length)), base=100)
        with pytest.raises(Truncated) as caught:
            getattr(cursor, name)()
        assert caught.value.offset == 100
        assert cursor.pos == 0


def test_a_length_of_4_gib_allocates_nothing() -> None:
    cursor = Cursor(memoryview(bytes(1024)))
    with pytest.raises(Truncated, match="4294967295 bytes, 1024 are left"):
        cursor.take(0xFFFFFFFF, "a buffer")


def test_a_name_that_is_not_utf8_is_told_with_its_place() -> None:
    cursor = Cursor(memoryview(b"\x02\xff\xfe"))
    with pytest.raises(BadPayload, match="0x1: a name is not UTF-8"):
        cursor.counted_text("a name")
