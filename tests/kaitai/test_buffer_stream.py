"""Our stream over mapped bytes reads as the runtime's own does."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from kaitaistruct import EndOfStreamError, InvalidArgumentError, KaitaiStream

from savevm_inspect.kaitai.buffer_stream import BufferStream


def tried(read: Callable[[], Any]) -> Any:
    """What a read gives, or what kind of error."""
    try:
        return read()
    except (EndOfStreamError, InvalidArgumentError) as error:
        return type(error)


@given(
    st.tuples(st.integers(0, 600), st.sampled_from([b"", b"\xff", b"\1\xff\1"])).map(
        lambda parts: bytes(parts[0]) + parts[1]
    ),
    st.integers(0, 610),
    st.sampled_from([0, 1, 0xFF]),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_reading_up_to_a_byte(data: bytes, start: int, term: int, how: tuple[bool, bool, bool]) -> None:
    ours, theirs = BufferStream(memoryview(data)), KaitaiStream(BytesIO(data))
    for stream in (ours, theirs):
        stream.seek(min(start, len(data)))
    read = tried(lambda: theirs.read_bytes_term(term, *how))
    assert tried(lambda: ours.read_bytes_term(term, *how)) == read
    if isinstance(read, bytes):
        assert ours.pos() == theirs.pos()


operation = st.one_of(
    st.tuples(st.just("seek"), st.integers(-2, 70)),
    st.tuples(st.just("read_bytes"), st.integers(-2, 70)),
    st.tuples(
        st.sampled_from(
            ["pos", "size", "is_eof", "read_bytes_full", "read_u1", "read_u2be", "read_u4be", "read_u8be"]
        )
    ),
)


@example(b"", [("seek", 1), ("read_bytes", 0)])
@given(st.binary(max_size=64), st.lists(operation, max_size=20))
def test_whatever_is_done_one_after_another_it_does_as_the_runtimes_own(data: bytes, operations: list[Any]) -> None:
    ours, theirs = BufferStream(memoryview(data)), KaitaiStream(BytesIO(data))
    for name, *arguments in operations:
        if theirs.pos() > len(data) and name == "read_bytes_full":
            continue  # the runtime's own asks its file for less than nothing there
        before = theirs.pos()
        expected = tried(lambda: getattr(theirs, name)(*arguments))  # noqa: B023 - called at once
        assert tried(lambda: getattr(ours, name)(*arguments)) == expected  # noqa: B023
        if isinstance(expected, type):
            theirs.seek(before)  # the runtime's own goes on to the end before it complains
        assert ours.pos() == theirs.pos()
