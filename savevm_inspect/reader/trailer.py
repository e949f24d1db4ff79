"""Finding a stream's description before the stream is read, on an input that can be read at any offset."""

from collections.abc import Iterable, Iterator
from itertools import islice

from ..stream.cursor import Cursor, end_of_content
from ..stream.ending import DESCRIPTION_HEADER_BYTES, descriptions
from ..stream.records import Framing, Record, Section, VmDescription
from ..wire import VmRecord

_STEP_BYTES = 1 << 16
_MOST_CANDIDATES = 8


def find_description(buffer: memoryview) -> bytes | None:
    """Find the JSON description of a stream, at its end or anywhere in it.

    Args:
        buffer: the whole stream, and whatever follows it.

    Returns:
        Its text; ``None`` if there is none.
    """
    start = last_description(buffer)
    if start is None:
        start = next(descriptions(buffer, 0), None)
    return None if start is None else description_at(buffer, start)


def last_description(buffer: memoryview) -> int | None:
    """Find the description that ends a stream which nothing but zeros follows.

    It follows the EOF byte as a type byte, its length in 32 bits and that many bytes. A description holds no byte
    below 0x20, so the last such byte before its end belongs to the header.

    Args:
        buffer: the whole stream.

    Returns:
        Index of its type byte; ``None`` if the stream does not end in one.
    """
    end = end_of_content(buffer)
    brace = _last_control_byte(buffer, end)
    for start in range(max(brace - DESCRIPTION_HEADER_BYTES, 1), brace + 1):
        cursor = Cursor(buffer, pos=start)
        if (
            buffer[start - 1] == VmRecord.QEMU_VM_EOF
            and cursor.remaining > DESCRIPTION_HEADER_BYTES
            and cursor.u8() == VmRecord.QEMU_VM_VMDESCRIPTION
            and cursor.be32() == end - start - DESCRIPTION_HEADER_BYTES
        ):
            return start
    return None


def description_at(buffer: memoryview, start: int) -> bytes:
    """The text of the description whose type byte is at an index."""
    begin = start + DESCRIPTION_HEADER_BYTES
    return bytes(buffer[begin : begin + int.from_bytes(buffer[start + 1 : begin])])


def own_description(records: Iterable[Record]) -> int | None:
    """Where the description lies that was read at the end of the main channel; ``None`` if none was."""
    return next((record.span.offset for record in records if isinstance(record, VmDescription)), None)


def later_descriptions(records: Iterable[Record], buffer: memoryview) -> Iterator[int]:
    """Where the description may lie of a stream that was read without it, or with another one.

    Args:
        records: what was read.
        buffer: the bytes of the main channel.

    Yields:
        Indices of type bytes: of the one that was read, or of some that come after the last byte that is certain.
    """
    own = own_description(records)
    if own is not None:
        yield own
        return
    certain = 0
    for record in records:
        if record.span.channel or (isinstance(record, Section) and record.framing is not Framing.PAYLOAD):
            break
        certain = record.span.end
    yield from islice(descriptions(buffer, certain), _MOST_CANDIDATES)


def _last_control_byte(buffer: memoryview, end: int) -> int:
    """Index of the last byte below 0x20 before an end; 0 if there is none."""
    while end:
        start = max(end - _STEP_BYTES, 0)
        piece = bytes(buffer[start:end]).translate(_CONTROL)
        found = piece.rfind(b"\0")
        if found >= 0:
            return start + found
        end = start
    return 0


_CONTROL = bytes(0 if value < 0x20 else 1 for value in range(256))
