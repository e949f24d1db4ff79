"""What a schema says about the section that was framed last by one."""

from dataclasses import dataclass

from ..stream.cursor import Cursor
from ..stream.records import SectionHead
from ..vmstate.schema import StateSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A section's payload as its schema has it.

    Attributes:
        head: the section.
        schema: of its payload.
        buffer: the bytes of its channel.
        channel: number of the channel.
        start: the payload's first byte, as an offset of the channel.
    """

    head: SectionHead
    schema: StateSchema
    buffer: memoryview
    channel: int
    start: int

    @classmethod
    def at(cls, cursor: Cursor, head: SectionHead, schema: StateSchema) -> "Claim":
        """The claim on the bytes at a cursor that reads its channel from the first byte on."""
        return cls(head=head, schema=schema, buffer=cursor.buffer, channel=cursor.channel, start=cursor.pos)

    def cursor(self) -> Cursor:
        """A cursor on the payload's first byte."""
        cursor = Cursor(self.buffer, pos=self.start, channel=self.channel)
        cursor.section = f"{self.head.idstr} (instance {self.head.instance_id})"
        return cursor

    @property
    def end(self) -> int:
        """Where the payload ends by the schema, as an offset of the channel."""
        return self.start + self.schema.length
