"""Reading integers from a stream: nothing else does.

A short read raises :class:`~savevm_inspect.errors.Truncated`; nothing here can turn a cut stream into a
clean end. Nothing is copied: a run of bytes is a memoryview slice.
"""

from struct import Struct

from ..errors import BadPayload, Truncated
from ..span import Span

_BE16 = Struct(">H")
_BE32 = Struct(">I")
_BE64 = Struct(">Q")


ZERO_BYTES = bytes(1 << 18)
"""What a piece of zeros is compared with; that is many times as fast as looking for the first other byte."""


def end_of_content(buffer: memoryview) -> int:
    """Length of a buffer without its trailing zeros; 0 if there is none."""
    end = len(buffer)
    while end:
        piece = bytes(buffer[max(end - len(ZERO_BYTES), 0) : end])
        if piece != ZERO_BYTES:
            kept = len(piece.rstrip(b"\0"))
            end -= len(piece) - kept
            if kept:
                break
        else:
            end -= len(piece)
    return end


class Cursor:
    """A position in one channel's bytes.

    Args:
        buffer: the channel's bytes, one dimension of unsigned bytes; not copied.
        pos: index in the buffer of the first read.
        channel: number of the channel, kept in every span made here.
        base: added to offsets in spans and errors: the offset of ``buffer[0]`` in its channel.
    """

    __slots__ = ("_content_end", "base", "buffer", "channel", "end", "pos", "section")

    def __init__(self, buffer: memoryview, *, pos: int = 0, channel: int = 0, base: int = 0) -> None:
        self.buffer = buffer
        self.pos = pos
        self.end = len(buffer)
        self.channel = channel
        self.base = base
        self.section = ""
        self._content_end = -1

    @property
    def remaining(self) -> int:
        """Bytes that are left."""
        return self.end - self.pos

    @property
    def offset(self) -> int:
        """Offset of the next byte in the stream, as spans and errors give it."""
        return self.base + self.pos

    @property
    def content_end(self) -> int:
        """Index in ``buffer`` after its last byte that is not zero; computed once."""
        if self._content_end < 0:
            self._content_end = end_of_content(self.buffer)
        return self._content_end

    def require(self, length: int, what: str) -> int:
        """Make sure that bytes are there, and step over them.

        Args:
            length: number of bytes, not negative.
            what: what they are, for the message.

        Returns:
            The index in ``buffer`` of the first of them.

        Raises:
            Truncated: fewer are left.
        """
        start = self.pos
        if length > self.end - start:
            raise Truncated(
                f"{what} needs {length} {'byte' if length == 1 else 'bytes'}, {self.end - start} are left",
                offset=self.base + start,
                section=self.section,
            )
        self.pos = start + length
        return start

    def u8(self, what: str = "a byte") -> int:
        """Read one unsigned byte; a short read raises Truncated, here and below."""
        start = self.require(1, what)  # before the buffer is looked at, which may grow meanwhile
        return self.buffer[start]

    def be16(self, what: str = "a 16-bit number") -> int:
        """Read a big-endian unsigned 16-bit number."""
        start = self.require(2, what)
        value: int = _BE16.unpack_from(self.buffer, start)[0]
        return value

    def be32(self, what: str = "a 32-bit number") -> int:
        """Read a big-endian unsigned 32-bit number."""
        start = self.require(4, what)
        value: int = _BE32.unpack_from(self.buffer, start)[0]
        return value

    def be64(self, what: str = "a 64-bit number") -> int:
        """Read a big-endian unsigned 64-bit number."""
        start = self.require(8, what)
        value: int = _BE64.unpack_from(self.buffer, start)[0]
        return value

    def take(self, length: int, what: str = "a buffer") -> memoryview:
        """Read a run of bytes as a slice of the buffer, without a copy."""
        start = self.require(length, what)
        return self.buffer[start : start + length]

    def text(self, length: int, what: str) -> str:
        """Read a name of known length.

        Raises:
            Truncated: the stream ends within it.
            BadPayload: it is not UTF-8.
        """
        start = self.offset
        raw = bytes(self.take(length, what))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadPayload(f"{what} is not UTF-8: {raw!r}", offset=start, section=self.section) from error

    def counted_text(self, what: str) -> str:
        """Read a name with its length in one byte before it (migration/savevm.c, qemu_get_counted_string)."""
        return self.text(self.u8(f"the length of {what}"), what)

    def peek(self, length: int = 1) -> memoryview:
        """The next bytes without stepping over them; shorter, down to empty, at the end."""
        return self.buffer[self.pos : self.pos + length]

    def span_from(self, start: int) -> Span:
        """The span from an index in ``buffer`` up to the current position."""
        return Span(channel=self.channel, offset=self.base + start, length=self.pos - start)
