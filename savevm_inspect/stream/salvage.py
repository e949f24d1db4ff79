"""Reading on after damage: what is lost is named, and only what is certain is read.

A section is certain if its header, its payload and its footer fit together and another record follows. Where a
description is there, a device's section must be one that it names, and ends where it says. Nothing else is believed,
so everything from the damage up to such a section is lost. RAM pages that do not name their block themselves are not
believed either: which block they continue may be among what was lost.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..errors import BadPayload, StreamError, Truncated
from ..wire import VmRecord
from .cursor import Cursor
from .framer import Framer, PayloadReader
from .plausible import record_is_plausible
from .records import Broken, Framing, Record, Section, SectionHead, SectionKind

_HEADER = rb"[\x01\x04]\x00\x00[\x00-\xff]{2}[\x02-\xff](?=[\x21-\x7e])"
"""How a START or FULL section begins: type, id, the length of its idstr, and text."""

_STARTS = (VmRecord.QEMU_VM_SECTION_START, VmRecord.QEMU_VM_SECTION_FULL)

_COST_PER_BYTE = 8
"""How often the bytes that are left may be looked at in vain; hostile ones can look like many sections."""

_LEAST_COST_BYTES = 1 << 22


class RevocablePayloads(PayloadReader, Protocol):
    """Consumes payloads, also on trial."""

    def mark(self, section_id: int) -> Any:
        """What :meth:`rewind` needs to take back the next payload, which is of this section."""

    def rewind(self, mark: Any) -> None:
        """Take back what was consumed since a mark was made."""

    def note_loss(self) -> None:
        """Take note that bytes were lost, and with them whatever later payloads take from earlier ones."""

    def keeps_what_it_read(self, head: SectionHead) -> bool:
        """Whether what was read of a payload up to a break is kept, as pages of RAM are."""

    def may_have(self, head: SectionHead) -> bool:
        """Whether a section of this name can be in the stream."""


class SalvagingFramer(Framer):
    """Reads one main channel as records, also past what can't be read.

    Args:
        cursor: stands on the first byte of the stream.
        payloads: consumes the payload of each section.
        on_break: is given what broke the stream, each time.
        resumes: as of :class:`Framer`, and so are those that follow.
        may_break: whether the channel may be cut anywhere.
        ends_at: index of what follows the EOF record, if that is known.
    """

    _payloads: RevocablePayloads

    def __init__(
        self,
        cursor: Cursor,
        payloads: RevocablePayloads,
        *,
        on_break: Callable[[StreamError], None],
        resumes: Framer | None = None,
        may_break: bool = False,
        ends_at: int | None = None,
    ) -> None:
        super().__init__(cursor, payloads, resumes=resumes, may_break=may_break, ends_at=ends_at)
        self._on_break = on_break
        self._trying = False
        self._doubtful: set[int] = set()
        self._cost = 0

    def _go_on(self, start: int, error: StreamError) -> Iterator[Record]:
        """Step to the next section that is certain, or to the end if its offset is known."""
        cursor = self._cursor
        self._on_break(error)
        head, self._reading = self._reading, None
        if head is not None and head.kind is SectionKind.FULL:
            self._heads.pop(head.section_id, None)  # a damaged number may be that of another section
        elif head is not None and head.kind is SectionKind.START:
            self._doubtful.add(head.section_id)  # as before, but its parts may follow
            self._started.pop((head.idstr, head.instance_id), None)
        if len(self._heads) <= 1:
            self._sends_footers = True  # what looked like none may be the damage
            self._payloads.note_footers(True)
        cursor.section = ""
        self._salvages = True
        self._payloads.note_loss()
        broken_at = min(max(error.offset - cursor.base, start), cursor.end)
        certain = broken_at if head is not None and self._payloads.keeps_what_it_read(head) else start
        section = self._next_section(max(start + 1, certain))
        if section is not None:
            end = section.span.offset - cursor.base
        elif self._ends_at is not None and start < self._ends_at:
            end = cursor.pos = self._ends_at - 1 if self._eof_is_at(self._ends_at - 1) else self._ends_at
        else:
            self.ended = True
            cursor.pos = cursor.end
            return
        after, cursor.pos = cursor.pos, end
        yield Broken(span=cursor.span_from(start), lost=cursor.span_from(min(certain, end)), head=head)
        cursor.pos = after
        if section is None:
            self.ended = end == self._ends_at
        else:
            yield section

    def _read_end(self) -> Iterator[Record]:
        try:
            yield from super()._read_end()
        except StreamError as error:
            self._on_break(error)

    def _eof_is_at(self, pos: int) -> bool:
        return self._cursor.buffer[pos] == VmRecord.QEMU_VM_EOF

    def _next_section(self, pos: int) -> Section | None:
        """Read the first section from an index on that is certain."""
        cursor = self._cursor
        limit = cursor.end if self._ends_at is None else self._ends_at
        budget = _COST_PER_BYTE * (cursor.end - pos) + _LEAST_COST_BYTES
        started = [head.section_id for head in self._heads.values() if head.kind is SectionKind.START]
        parts = b"|".join(re.escape(section_id.to_bytes(4)) for section_id in started)
        pattern = re.compile(_HEADER + (rb"|[\x02\x03](?:" + parts + rb")" if parts else b""))
        for match in pattern.finditer(cursor.buffer, pos, limit):
            section = self._try(match.start())
            if section is not None:
                return section
            if self._cost > budget:
                break
        return None

    def _try(self, pos: int) -> Section | None:
        """Read a section that may begin at an index; if it is not certain, all is as it was before."""
        cursor = self._cursor
        cursor.pos = pos
        section_id = int.from_bytes(cursor.buffer[pos + 1 : pos + 5])
        mark, known = self._payloads.mark(section_id), self._heads.get(section_id)
        if section_id in self._doubtful and cursor.buffer[pos] in _STARTS:
            self._heads.pop(section_id, None)
        self._trying = True
        try:
            record = self._read_record()
            if isinstance(record, Section) and self._is_certain(record):
                self._doubtful.discard(section_id)
                return record
            self._cost += cursor.pos - pos
        except Truncated:
            self._cost += cursor.end - pos
        except StreamError:
            self._cost += cursor.pos - pos
        finally:
            self._trying = False
            self._reading = None
            cursor.section = ""
        self._payloads.rewind(mark)
        self._forget_head(section_id, known)
        return None

    def _is_certain(self, section: Section) -> bool:
        ends_within = self._ends_at is None or self._cursor.pos < self._ends_at
        if self._sends_footers or section.framing is not Framing.INFERRED:
            return ends_within and record_is_plausible(self._cursor, self._cursor.pos)
        return ends_within and section.section_id > max(
            (each for each in self._heads if each != section.section_id), default=-1
        )

    def _read_head(self, kind: SectionKind) -> SectionHead:
        offset = self._cursor.offset
        head = super()._read_head(kind)
        if self._trying and not self._payloads.may_have(head):
            raise BadPayload(f"section {head}, which the description does not have", offset=offset)
        return head
