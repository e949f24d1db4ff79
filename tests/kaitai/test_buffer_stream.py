"""Our stream over mapped bytes reads as the runtime's own does."""

from collections.abc import Callable
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from kaitaistruct import EndOfStreamError, KaitaiStream

from savevm_inspect.kaitai.buffer_stream import BufferStream


def tried(read: Callable[[], bytes]) -> bytes | type[Exception]:
    try:
        return read()
    except EndOfStreamError as error:
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
