"""The fields of sections: by a schema, or by a format of their own."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final

from ..errors import BadPayload
from ..memory.unpack import Buffers
from ..payload import REMEMBERING, FieldPayload, field_payload, ram
from ..span import Span
from ..stream.cursor import Cursor
from ..stream.records import Framing, Section
from ..stream.values import FieldValue
from ..vmstate.decode import decode_state
from ..vmstate.schema import StateSchema

_KEPT_FIELDS: Final = 1 << 16


class SectionFields:
    """Decodes sections, in any order; a format in which earlier sections matter is read on from where it was.

    Args:
        sections: all of the stream, in its order.
        buffers: the bytes of each channel.
        schema_of: the schema of a section that one frames.
    """

    def __init__(
        self, sections: Sequence[Section], buffers: Buffers, schema_of: Callable[[Section], StateSchema]
    ) -> None:
        self._sections = sections
        self._buffers = buffers
        self._schema_of = schema_of
        self._readers: dict[int, tuple[int, FieldPayload]] = {}
        """By section_id: how many of its sections were read, and what has read them."""
        self._last: tuple[Span, list[FieldValue]] | None = None
        """The fields of the section that was decoded last, if they are not too many: whoever edits asks again."""

    def of(self, section: Section) -> Iterator[FieldValue]:
        """Decode one section.

        Args:
            section: one of them.

        Yields:
            Its fields in stream order; none for RAM, nor for a section that was framed by its footer alone.

        Raises:
            StreamError: the bytes contradict the schema.
        """
        if section.framing is Framing.INFERRED or section.idstr == ram.IDSTR:
            return
        if section.framing is Framing.PAYLOAD:
            yield from self._by_its_format(section)
            return
        if self._last is not None and self._last[0] == section.span:
            yield from self._last[1]
            return
        kept: list[FieldValue] = []
        for field in self._by_its_schema(section):
            if len(kept) <= _KEPT_FIELDS:
                kept.append(field)
            yield field
        if len(kept) <= _KEPT_FIELDS:
            self._last = section.span, kept

    def _by_its_schema(self, section: Section) -> Iterator[FieldValue]:
        cursor = self._cursor_of(section)
        yield from decode_state(self._schema_of(section), cursor)
        if cursor.remaining:
            raise BadPayload("the fields end before the section", offset=cursor.offset, section=cursor.section)

    def _by_its_format(self, section: Section) -> Iterator[FieldValue]:
        make_reader = field_payload(section.idstr)
        assert make_reader is not None  # framing by its own marks says that there is one
        reader = make_reader()
        if not isinstance(reader, REMEMBERING):
            yield from reader.read(self._cursor_of(section), section.head)
            return
        mine, nth = self._same_device[section.span]
        known = self._readers.pop(section.section_id, None)  # whoever asks meanwhile begins anew
        if known is None or known[0] > nth:
            known = 0, reader
        first, reader = known
        for earlier in mine[first:nth]:
            deque(reader.read(self._cursor_of(earlier), earlier.head), maxlen=0)
        yield from reader.read(self._cursor_of(section), section.head)
        self._readers[section.section_id] = nth + 1, reader

    @cached_property
    def _same_device(self) -> dict[Span, tuple[list[Section], int]]:
        """By the span of a section: the sections of its section_id, in stream order, and which of them it is."""
        by_id: dict[int, list[Section]] = defaultdict(list)
        found: dict[Span, tuple[list[Section], int]] = {}
        for section in self._sections:
            mine = by_id[section.section_id]
            found[section.span] = mine, len(mine)
            mine.append(section)
        return found

    def _cursor_of(self, section: Section) -> Cursor:
        """A cursor that stands on a section's payload and ends after it."""
        payload = section.payload
        buffer = self._buffers[payload.channel]
        cursor = Cursor(buffer[: payload.end], pos=payload.offset, channel=payload.channel)
        cursor.section = f"{section.idstr} (instance {section.instance_id})"
        return cursor
