"""A run of bytes in a stream: everything that is decoded points at its bytes with one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of bytes on one channel.

    Attributes:
        channel: number of the channel; 0 is the main one.
        offset: first byte, in bytes from the start of the channel (of the file, for a raw file).
        length: number of bytes.
        parent: the span that held these bytes packaged or compressed; ``None`` where they lie bare.
    """

    channel: int = 0
    offset: int
    length: int
    parent: "Span | None" = None

    @property
    def end(self) -> int:
        """Offset in bytes of the first byte after the span."""
        return self.offset + self.length

    def __str__(self) -> str:
        return f"{self.offset:#x}+{self.length:#x}"
