"""Reading named numbers of a fixed layout as field values, for the sections that no description covers."""

from ..stream.cursor import Cursor
from ..stream.values import FieldValue, Value


class FieldReader:
    """Reads fields one after the other, each with its span.

    Args:
        cursor: stands on the first one.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def u8(self, *parts: str) -> tuple[FieldValue, int]:
        """Read one byte as a number; returns the field and the number."""
        start = self.cursor.offset
        value = self.cursor.u8(parts[-1])
        return self._field(parts, "uint8", value, start), value

    def be16(self, *parts: str) -> tuple[FieldValue, int]:
        """Read a 16-bit number; returns the field and the number."""
        start = self.cursor.offset
        value = self.cursor.be16(parts[-1])
        return self._field(parts, "uint16", value, start), value

    def be32(self, *parts: str) -> tuple[FieldValue, int]:
        """Read a 32-bit number; returns the field and the number."""
        start = self.cursor.offset
        value = self.cursor.be32(parts[-1])
        return self._field(parts, "uint32", value, start), value

    def be64(self, *parts: str, meaning: str = "") -> tuple[FieldValue, int]:
        """Read a 64-bit number; returns the field and the number."""
        start = self.cursor.offset
        value = self.cursor.be64(parts[-1])
        return self._field(parts, "uint64", value, start, meaning), value

    def counted_text(self, *parts: str) -> tuple[FieldValue, str]:
        """Read a name behind its length in one byte; the field owns both. Returns the field and the name."""
        start = self.cursor.offset
        value = self.cursor.counted_text(parts[-1])
        return self._field(parts, "counted string", value, start), value

    def buffer(self, length: int, *parts: str) -> FieldValue:
        """Read a run of bytes."""
        start = self.cursor.offset
        return self._field(parts, "buffer", bytes(self.cursor.take(length, parts[-1])), start)

    def _field(self, parts: tuple[str, ...], kind: str, value: Value, start: int, meaning: str = "") -> FieldValue:
        return FieldValue(parts=parts, type=kind, value=value, span=self.cursor.span_from(start), meaning=meaning)
