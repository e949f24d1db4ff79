"""The return path: what the destination sends the source, as messages (migration/migration.c).

It has no header and no end mark: it may end after any message, and only there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..errors import BadPayload, UnknownRecord
from ..wire import (
    MIG_RP_MSG_LENGTH,
    MIG_RP_MSG_LIMIT_BYTES,
    MIGRATION_RESUME_ACK_VALUE,
    RAMBLOCK_RECV_BITMAP_ENDING,
    MigRpMessage,
)
from .command import describe_ping
from .cursor import Cursor
from .field_reader import FieldReader, read_argument
from .records import Record
from .values import FieldValue
from .writer import Writer

_WORD_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnMessage(Record):
    """One message; the span runs over the bitmap that follows a MIG_RP_MSG_RECV_BITMAP.

    Attributes:
        message: which one.
        arguments: what it says, in stream order; they own all bytes after its header of four.
    """

    message: MigRpMessage
    arguments: tuple[FieldValue, ...]


def read_return_path(cursor: Cursor) -> Iterator[ReturnMessage]:
    """Read a return path to its end (source_return_path_thread).

    Args:
        cursor: stands on the first message.

    Yields:
        The messages in stream order; they lie without a gap.

    Raises:
        Truncated: it ends within a message.
        UnknownRecord: no such message.
        BadPayload: a message has another length than it must have, or says what it can't.
    """
    while cursor.remaining:
        yield read_return_message(cursor)


def put_return_message(f: Writer, message: MigRpMessage, *arguments: int | str, bitmap: bytes = b"") -> ReturnMessage:
    """Write one message (migrate_send_rp_message, ramblock_recv_bitmap_send).

    Args:
        f: where to.
        message: which one.
        arguments: the values of its arguments in stream order.
        bitmap: what follows a RECV_BITMAP: a bit for each page that was received, least significant first.

    Returns:
        The record that :func:`read_return_path` reads back.
    """
    head = bytearray()
    inner = Writer(head.extend)
    for (_, kind), value in zip(_LAYOUT[message], arguments, strict=True):
        kind.put(inner, value)
    out = bytearray()
    whole = Writer(out.extend)
    whole.put_be16(message)
    whole.put_be16(len(head))
    whole.put_buffer(bytes(head))
    if message is MigRpMessage.MIG_RP_MSG_RECV_BITMAP:
        padded = bitmap.ljust(-(-len(bitmap) // _WORD_BYTES) * _WORD_BYTES, b"\0")
        whole.put_be64(len(padded))
        whole.put_buffer(padded)
        whole.put_be64(RAMBLOCK_RECV_BITMAP_ENDING)
    base = f.transferred
    f.put_buffer(bytes(out))
    return read_return_message(Cursor(memoryview(out), channel=f.channel, base=base))


def read_return_message(cursor: Cursor) -> ReturnMessage:
    """Read one message (source_return_path_thread); see :func:`read_return_path` for what it raises."""
    start, offset = cursor.pos, cursor.offset
    number = cursor.be16("the type of a message")
    length = cursor.be16("the length of a message")
    try:
        message = MigRpMessage(number)
    except ValueError:
        message = MigRpMessage.MIG_RP_MSG_INVALID
    if message is MigRpMessage.MIG_RP_MSG_INVALID:
        raise UnknownRecord(f"return path message {number}, expected 1 to {max(MigRpMessage)}", offset=offset)
    if length > MIG_RP_MSG_LIMIT_BYTES or length != MIG_RP_MSG_LENGTH.get(message, length):
        expected = MIG_RP_MSG_LENGTH.get(message, f"at most {MIG_RP_MSG_LIMIT_BYTES}")
        raise BadPayload(f"{message.name} of {length} bytes, expected {expected}", offset=offset)
    arguments = tuple(read_argument(cursor, length, message.name, lambda reader: _read_arguments(reader, message)))
    if message is MigRpMessage.MIG_RP_MSG_RECV_BITMAP:
        arguments += tuple(_read_bitmap(FieldReader(cursor)))
    return ReturnMessage(span=cursor.span_from(start), message=message, arguments=arguments)


def _read_arguments(reader: FieldReader, message: MigRpMessage) -> Iterator[FieldValue]:
    for name, kind in _LAYOUT[message]:
        offset = reader.cursor.offset
        field, value = kind.read(reader, name)
        check = _CHECKS.get((message, name))
        if check is not None:
            field = replace(field, meaning=check(value, offset))
        yield field


def _read_bitmap(reader: FieldReader) -> Iterator[FieldValue]:
    """Read the bitmap after a message: its length, as many bytes, and a mark (ramblock_recv_bitmap_send)."""
    offset = reader.cursor.offset
    field, size = reader.be64("bitmap_size")
    yield field
    if size % _WORD_BYTES:
        raise BadPayload(f"a bitmap of {size} bytes, not of whole 64-bit words", offset=offset)
    yield reader.buffer(size, "bitmap")
    offset = reader.cursor.offset
    field, mark = reader.be64("ending")
    yield field
    if mark != RAMBLOCK_RECV_BITMAP_ENDING:
        raise BadPayload(f"{mark:#018x} after a bitmap, expected {RAMBLOCK_RECV_BITMAP_ENDING:#018x}", offset=offset)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one argument lies in a message."""

    read: Callable[[FieldReader, str], tuple[FieldValue, Any]]
    put: Callable[[Writer, Any], None]


_BE32 = _Kind(lambda reader, name: reader.be32(name), Writer.put_be32)
_BE64 = _Kind(lambda reader, name: reader.be64(name), Writer.put_be64)
_TEXT = _Kind(lambda reader, name: reader.counted_text(name), Writer.put_counted_string)

_LAYOUT: dict[MigRpMessage, tuple[tuple[str, _Kind], ...]] = {
    MigRpMessage.MIG_RP_MSG_SHUT: (("error", _BE32),),
    MigRpMessage.MIG_RP_MSG_PONG: (("value", _BE32),),
    MigRpMessage.MIG_RP_MSG_REQ_PAGES_ID: (("start", _BE64), ("len", _BE32), ("block", _TEXT)),
    MigRpMessage.MIG_RP_MSG_REQ_PAGES: (("start", _BE64), ("len", _BE32)),
    MigRpMessage.MIG_RP_MSG_RECV_BITMAP: (("block", _TEXT),),
    MigRpMessage.MIG_RP_MSG_RESUME_ACK: (("value", _BE32),),
    MigRpMessage.MIG_RP_MSG_SWITCHOVER_ACK: (),
}
"""The arguments of each message, in stream order."""


def _describe_shut(value: int, _place: int) -> str:
    return f"the destination failed with {value}" if value else "no error"


def _check_resume(value: int, offset: int) -> str:
    if value != MIGRATION_RESUME_ACK_VALUE:
        raise BadPayload(f"resume acknowledged with {value}, expected {MIGRATION_RESUME_ACK_VALUE}", offset=offset)
    return "ready to resume"


def _check_block(value: str, offset: int) -> str:
    if not value:
        raise BadPayload("a RAM block without a name", offset=offset)
    return ""


_CHECKS: dict[tuple[MigRpMessage, str], Callable[[Any, int], str]] = {
    (MigRpMessage.MIG_RP_MSG_SHUT, "error"): _describe_shut,
    (MigRpMessage.MIG_RP_MSG_PONG, "value"): lambda value, _place: describe_ping(value),
    (MigRpMessage.MIG_RP_MSG_REQ_PAGES_ID, "block"): _check_block,
    (MigRpMessage.MIG_RP_MSG_RECV_BITMAP, "block"): _check_block,
    (MigRpMessage.MIG_RP_MSG_RESUME_ACK, "value"): _check_resume,
}
"""What an argument means; raises if it is invalid."""
