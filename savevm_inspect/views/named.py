"""Runs of bytes that have names, and the walk that makes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..span import Span
from ..stream.cursor import Cursor
from ..wire import VmRecord


@dataclass(frozen=True, slots=True)
class NamedBytes:
    """A run of bytes that has a name.

    Attributes:
        span: where it lies.
        name: what it is, as a path: the device, the field.
        meaning: what it says; like the name it may hold text of a hostile stream.
    """

    span: Span
    name: str
    meaning: str


class Walk:
    """Steps along bytes that were found sound before, naming what it steps over.

    Args:
        buffer: the channel's bytes.
        span: those to step along.
        prefix: what every name begins with; empty for nothing.
    """

    def __init__(self, buffer: memoryview, span: Span, prefix: str) -> None:
        self.cursor = Cursor(buffer[: span.end], pos=span.offset, channel=span.channel)
        self._prefix = prefix

    def number(self, length: int, name: str, meaning: Callable[[int], str] = str) -> Iterator[NamedBytes]:
        """A big-endian number; ``meaning`` makes text of it."""
        start = self.cursor.pos
        value = int.from_bytes(bytes(self.cursor.take(length)))
        yield self._named(start, name, meaning(value))

    def text(self, length_bytes: int, name: str) -> Iterator[NamedBytes]:
        """A text, and before it its length in so many bytes."""
        start = self.cursor.pos
        length = int.from_bytes(bytes(self.cursor.take(length_bytes)))
        yield self._named(start, f"{name} length", f"{length} bytes follow")
        yield from self.run(length, name, repr(bytes(self.cursor.peek(length)).decode(errors="replace")))

    def run(self, length: int, name: str, meaning: str) -> Iterator[NamedBytes]:
        """Any bytes; nothing if there are none."""
        start = self.cursor.pos
        self.cursor.require(length, name)
        if length:
            yield self._named(start, name, meaning)

    def mark(self, record: VmRecord) -> Iterator[NamedBytes]:
        """A type byte."""
        return self.run(1, "type", record.name)

    def _named(self, start: int, name: str, meaning: str) -> NamedBytes:
        return NamedBytes(self.cursor.span_from(start), f"{self._prefix}/{name}" if self._prefix else name, meaning)
