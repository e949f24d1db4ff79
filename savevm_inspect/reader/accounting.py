"""Whose each byte of a stream is: decoded, opaque or hole; a sound stream has no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import SavevmError
from ..stream.records import AfterEnd, Broken, Interrupted, Record, Section
from ..stream.values import FieldValue
from .device import opaque_bytes


class Accountable(Protocol):
    """What the account needs of a stream."""

    @property
    def ram_hole_bytes(self) -> int:
        """Bytes within RAM sections that are nobody's."""

    @property
    def records(self) -> tuple[Record, ...]:
        """Its records, of all forward channels."""

    def decode(self, section: Section) -> Iterator[FieldValue]:
        """Decode one section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of a stream, all in bytes.

    Attributes:
        decoded_bytes: belong to a decoded record or field.
        opaque_bytes: lie in a framed section, but nothing explains them.
        hole_bytes: alignment and absent pages of mapped-ram.
        opaque_sections: opaque bytes of each section that has any, by channel and offset of its type byte.
        problems: what contradicted the schema when the sections were decoded.
    """

    decoded_bytes: int
    opaque_bytes: int
    hole_bytes: int
    opaque_sections: dict[tuple[int, int], int]
    problems: tuple[SavevmError, ...]

    @property
    def accounted_bytes(self) -> int:
        """All of them; equal to the stream's length if it is sound."""
        return self.decoded_bytes + self.opaque_bytes + self.hole_bytes


def account(stream: Accountable) -> Account:
    """Decode every section and add up."""
    opaque: dict[tuple[int, int], int] = {}
    problems: list[SavevmError] = []
    framed, lost, hole = 0, 0, stream.ram_hole_bytes
    for record in stream.records:
        if isinstance(record, AfterEnd):
            continue
        if isinstance(record, Broken):
            framed += record.span.length - record.lost.length
            continue
        framed += record.span.length
        if isinstance(record, Interrupted):
            lost += record.lost.length
        elif isinstance(record, Section):
            try:
                unexplained = opaque_bytes(record, tuple(stream.decode(record)))
            except SavevmError as error:
                problems.append(error)
                unexplained = record.payload.length
            if unexplained:
                opaque[record.span.channel, record.span.offset] = unexplained
    total = sum(opaque.values()) + lost
    return Account(
        decoded_bytes=framed - hole - total,
        opaque_bytes=total,
        hole_bytes=hole,
        opaque_sections=opaque,
        problems=tuple(problems),
    )
