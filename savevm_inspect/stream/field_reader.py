"""Reading named numbers of a fixed layout as field values, for all that no description covers."""

from collections.abc import Callable, Iterator

from ..errors import BadPayload, Truncated
from .cursor import Cursor
from .values import FieldValue, Value


class FieldReader:
    """Reads fields one after the other, each with its span.

    Args:
        cursor: stands on the first one.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def u8(self, *parts: str) -> tuple[FieldValue, int]:
        """Read one byte as a number; returns the field and the number."""
        start = self.cursor.pos
        value = self.cursor.u8(parts[-1])
        return self._field(parts, "uint8", value, start), value

    def be16(self, *parts: str) -> tuple[FieldValue, int]:
        """Read a 16-bit number; returns the field and the number."""
        start = self.cursor.pos
        value = self.cursor.be16(parts[-1])
        return self._field(parts, "uint16", value, start), value

    def be32(self, *parts: str) -> tuple[FieldValue, int]:
        """Read a 32-bit number; returns the field and the number."""
        start = self.cursor.pos
        value = self.cursor.be32(parts[-1])
        return self._field(parts, "uint32", value, start), value

    def be64(self, *parts: str, meaning: str = "") -> tuple[FieldValue, int]:
        """Read a 64-bit number; returns the field and the number."""
        start = self.cursor.pos
        value = self.cursor.be64(parts[-1])
        return self._field(parts, "uint64", value, start, meaning), value

    def counted_text(self, *parts: str) -> tuple[FieldValue, str]:
        """Read a name after its length in one byte; the field owns both. Returns the field and the name."""
        start = self.cursor.pos
        value = self.cursor.counted_text(parts[-1])
        return self._field(parts, "counted string", value, start), value

    def buffer(self, length: int, *parts: str) -> FieldValue:
        """Read a run of bytes."""
        start = self.cursor.pos
        return self._field(parts, "buffer", bytes(self.cursor.take(length, parts[-1])), start)

    def _field(self, parts: tuple[str, ...], kind: str, value: Value, start: int, meaning: str = "") -> FieldValue:
        return FieldValue(parts=parts, type=kind, value=value, span=self.cursor.span_from(start), meaning=meaning)


def read_argument(
    cursor: Cursor, length: int, what: str, read: Callable[[FieldReader], Iterator[FieldValue]]
) -> Iterator[FieldValue]:
    """Read fields that must fill a length stated before them, and leave the cursor after it.

    Args:
        cursor: stands on the first one.
        length: how many bytes they are.
        what: what they are, for messages.
        read: yields them.

    Raises:
        Truncated: the stream ends within the length.
        BadPayload: the fields need more bytes, or fewer.
    """
    begin = cursor.require(length, what)
    inner = Cursor(cursor.buffer[: begin + length], pos=begin, channel=cursor.channel, base=cursor.base)
    try:
        yield from read(FieldReader(inner))
    except Truncated as error:
        raise BadPayload(
            f"{what} is {length} bytes, too few for what it says ({error.message})", offset=error.offset
        ) from error
    if inner.remaining:
        raise BadPayload(f"{what} is {length} bytes, {inner.remaining} more than what it says", offset=inner.offset)
