"""How far each way to read a broken section would go, for whoever has to find out what broke it."""

from dataclasses import dataclass
from itertools import takewhile

from ..errors import StreamError
from ..payload import field_payload, ram
from ..stream.cursor import Cursor
from ..stream.plausible import FOOTER_BYTES, footer_of, next_record_is_plausible
from ..stream.records import KIND_OF_RECORD, Broken, Record, SectionHead, SectionKind
from .section_end import find_footer
from .stream import Stream

_SHOWN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read a section.

    Attributes:
        by: what it goes by.
        end: where the payload would end, in bytes on the channel.
        fits: whether a footer and another record follow there.
    """

    by: str
    end: int
    fits: bool

    def __str__(self) -> str:
        verdict = (
            "where a footer and another record follow" if self.fits else "where no footer of this section follows"
        )
        return f"read by {self.by} it ends at {self.end:#x}, {verdict}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """Where a stream stops making sense.

    Attributes:
        offset: the first invalid byte.
        found: what is there, a few bytes.
        start: where the record begins that can't be read.
        head: the section that it opens or continues; ``None`` if it is none.
        readings: how far each way to read that section would go.
    """

    offset: int
    found: bytes
    start: int
    head: SectionHead | None
    readings: tuple[Reading, ...]


def sound_records(stream: Stream) -> list[Record]:
    """The records of the main channel up to where it broke first."""
    main = (record for record in stream.records if not record.span.channel)
    return list(takewhile(lambda record: not isinstance(record, Broken), main))


def find_breakage(stream: Stream) -> Breakage | None:
    """Look at where the main channel broke.

    Args:
        stream: opened with ``strict=False``.

    Returns:
        What is there; ``None`` if the framing of the main channel is sound.
    """
    error = next((each for each in stream.problems if isinstance(each, StreamError) and not each.channel), None)
    good = sound_records(stream)
    if error is None or not good:
        return None
    start = good[-1].span.end
    cursor = Cursor(stream.buffer, pos=start)
    head = _read_head(cursor, stream)
    return Breakage(
        offset=error.offset,
        found=bytes(stream.buffer[error.offset : error.offset + _SHOWN_BYTES]),
        start=start,
        head=head,
        readings=tuple(_readings(cursor, stream, head)) if head else (),
    )


def _read_head(cursor: Cursor, stream: Stream) -> SectionHead | None:
    """The section header at the cursor, if there is one and it is whole."""
    known = {section.section_id: section.head for section in stream.sections}
    try:
        kind = KIND_OF_RECORD[cursor.u8()]  # type: ignore[index]  # the table's keys are numbers
        section_id = cursor.be32()
        if kind in (SectionKind.PART, SectionKind.END):
            return known[section_id]
        idstr = cursor.counted_text("a section's idstr")
        if not idstr.isprintable():
            return None
        return SectionHead(
            section_id=section_id,
            idstr=idstr,
            instance_id=cursor.be32(),
            version_id=cursor.be32(),
            kind=kind,
        )
    except (StreamError, KeyError):
        return None  # it broke before any section was named


def _readings(cursor: Cursor, stream: Stream, head: SectionHead) -> list[Reading]:
    readings = []
    schema = stream.description.device(head.idstr, head.instance_id) if stream.description else None
    if schema is not None:
        end = cursor.pos + schema.length
        readings.append(Reading(by="its description", end=end, fits=_fits(stream.buffer, end, head)))
    if head.idstr != ram.IDSTR and field_payload(head.idstr) is None:
        ahead = Cursor(cursor.buffer, pos=cursor.pos)
        try:
            find_footer(ahead, head)
        except StreamError:
            return readings  # there is none up to the end
        readings.append(Reading(by="the next footer", end=ahead.pos, fits=True))
    return readings


def _fits(buffer: memoryview, end: int, head: SectionHead) -> bool:
    footer = bytes(buffer[end : end + FOOTER_BYTES])
    return footer == footer_of(head.section_id) and next_record_is_plausible(Cursor(buffer, pos=end))
