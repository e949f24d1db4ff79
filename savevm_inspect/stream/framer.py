"""Bytes to records: the loop that every migration stream goes through (migration/savevm.c, qemu_loadvm_state).

The framer does not know what a section holds. How long a payload is, is written nowhere in the stream; so it
asks a :class:`PayloadReader` to consume one, and checks that a footer of the same section follows.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from ..errors import BadMagic, BadPayload, FooterMismatch, StreamError, Truncated, UnknownRecord, Unsupported
from ..span import Span
from ..wire import QEMU_VM_FILE_MAGIC, QEMU_VM_FILE_VERSION, QEMU_VM_FILE_VERSION_COMPAT, MigCmd, VmRecord
from .command import read_command
from .configuration import read_configuration
from .cursor import Cursor
from .ending import read_end
from .records import (
    KIND_OF_RECORD,
    Command,
    Configuration,
    EndOfStream,
    FileHeader,
    Framing,
    Interrupted,
    Record,
    Section,
    SectionHead,
    SectionKind,
)

_NOT_A_STREAM = {
    b"\x16\x03": "a TLS handshake: what follows is encrypted",
    b"\x7fELF": "an ELF file, perhaps a core dump",
    b"QFI\xfb": "a qcow2 image",
    b"QCPR": "a CPR state file, which holds file descriptors and no stream",
    b"\x11\x22\x33\x44": "a multifd channel, which goes beside its main channel",
    b"Libv": "a libvirt save image",
}
"""What is handed in by mistake, by its first bytes."""

_CLAIMED_BY = {
    Framing.SCHEMA: "that its description claims",
    Framing.PAYLOAD: "that its own marks delimit",
    Framing.INFERRED: "without a description",
}


class PayloadReader(Protocol):
    """Knows where payloads end."""

    def note(self, record: Configuration | Command) -> None:
        """Take note of a record that says something about the payloads after it."""

    def note_footers(self, sent: bool) -> None:
        """Take note of whether sections have footers, once the first section has shown it."""

    def consume(self, cursor: Cursor, head: SectionHead) -> Framing:
        """Move the cursor from a payload's first byte to the one after its last.

        Returns:
            How the end was found.
        """


class Framer:
    """Reads one main channel as records.

    Args:
        cursor: stands on the first byte of the stream.
        payloads: consumes the payload of each section.
        resumes: the framer of the main channel that broke, if this one goes on where that ended; such a channel
            has no header, and its sections were started there.
        may_break: whether the channel may be cut anywhere, since another one goes on after it.
        ends_at: index of what follows the EOF record, if that is known.
    """

    def __init__(
        self,
        cursor: Cursor,
        payloads: PayloadReader,
        *,
        resumes: "Framer | None" = None,
        may_break: bool = False,
        ends_at: int | None = None,
    ) -> None:
        self._cursor = cursor
        self._payloads = payloads
        self._heads: dict[int, SectionHead] = resumes._heads if resumes else {}
        self._started: dict[tuple[str, int], int] = resumes._started if resumes else {}
        self._headless = resumes is not None
        self._may_break = may_break
        self._ends_at = ends_at
        self._reading: SectionHead | None = None
        self._salvages = False
        self._package_end = 0
        self._sends_footers = True
        self.ended = False
        """Whether the EOF record was reached."""
        section = self._read_section
        self._readers: dict[int, Callable[[VmRecord, int], Record]] = {
            **dict.fromkeys(KIND_OF_RECORD, section),
            VmRecord.QEMU_VM_COMMAND: self._read_command,
            VmRecord.QEMU_VM_EOF: self._read_eof,
        }

    def records(self) -> Iterator[Record]:
        """Read to the end of the channel.

        Yields:
            The records in stream order; they lie without a gap.

        Raises:
            StreamError: where the stream stops making sense; what was yielded before it is sound.
        """
        cursor = self._cursor
        if not self._headless:
            yield self._read_header()
            if cursor.peek() == bytes((VmRecord.QEMU_VM_CONFIGURATION,)):
                yield from self._read_configuration()
        while not self.ended:
            start = cursor.pos
            try:
                record = self._read_record()
            except StreamError as error:
                if self._may_break and isinstance(error, Truncated):
                    yield from self._read_rest(start, error)
                    return
                yield from self._go_on(start, error)
            else:
                yield record
        yield from self._read_end()

    def _read_configuration(self) -> Iterator[Record]:
        start = self._cursor.pos
        try:
            configuration = read_configuration(self._cursor)
        except StreamError as error:
            yield from self._go_on(start, error)
        else:
            self._payloads.note(configuration)
            yield configuration

    def _go_on(self, _start: int, error: StreamError) -> Iterator[Record]:
        """Read on after a record that can't be read; here nothing is."""
        raise error

    def _read_end(self) -> Iterator[Record]:
        return read_end(self._cursor)

    def _read_record(self) -> Record:
        cursor = self._cursor
        start, offset = cursor.pos, cursor.offset
        number = cursor.u8("the type of a record")
        reader = self._readers.get(number)
        if reader is None:
            raise UnknownRecord(f"record type {number:#04x}, expected one of {_listed(self._readers)}", offset=offset)
        record = reader(VmRecord(number), start)
        if start < self._package_end < cursor.pos:
            raise BadPayload(f"a record runs past its package, which ends at {self._package_end:#x}", offset=offset)
        return record

    def _read_command(self, _record: VmRecord, start: int) -> Command:
        """Read a command; what lies packaged after MIG_CMD_PACKAGED are records like all others."""
        cursor = self._cursor
        command = read_command(cursor, start)
        if command.command is MigCmd.MIG_CMD_PACKAGED:
            length = int.from_bytes(cursor.buffer[cursor.pos - 4 : cursor.pos])
            if length > cursor.remaining and not self._may_break:
                raise Truncated(f"a package of {length} bytes, {cursor.remaining} are left", offset=cursor.offset)
            self._package_end = cursor.pos + length
        if command.command is MigCmd.MIG_CMD_ENABLE_COLO:
            raise Unsupported("COLO, whose checkpoints follow without end", offset=cursor.base + start)
        self._payloads.note(command)
        return command

    def _read_rest(self, start: int, error: Truncated) -> Iterator[Interrupted]:
        """The record in which the channel broke, if any of it is there."""
        cursor = self._cursor
        cursor.section = ""
        lost = error.offset - cursor.base
        cursor.pos = cursor.end
        if start < cursor.end:
            yield Interrupted(span=cursor.span_from(start), lost=cursor.span_from(min(lost, cursor.end)))

    def _read_header(self) -> FileHeader:
        cursor = self._cursor
        start, offset = cursor.pos, cursor.offset
        magic = cursor.be32("the stream's magic")
        if magic != QEMU_VM_FILE_MAGIC:
            found = bytes(cursor.buffer[start : start + 4])
            known = next((f", {name}" for opening, name in _NOT_A_STREAM.items() if found.startswith(opening)), "")
            raise BadMagic(f"not a migration stream: starts with {found!r}{known}, expected b'QEVM'", offset=offset)
        version = cursor.be32("the stream's version")
        if version == QEMU_VM_FILE_VERSION_COMPAT:
            raise Unsupported("stream version 2, which QEMU itself no longer reads", offset=offset + 4)
        if version != QEMU_VM_FILE_VERSION:
            raise BadMagic(f"stream version {version}, expected {QEMU_VM_FILE_VERSION}", offset=offset + 4)
        return FileHeader(span=cursor.span_from(start), version=version)

    def _read_section(self, record: VmRecord, start: int) -> Section:
        """Read one section of any kind (qemu_loadvm_section_start_full, qemu_loadvm_section_part_end)."""
        cursor = self._cursor
        head = self._reading = self._read_head(KIND_OF_RECORD[record])
        cursor.section = f"{head.idstr} (instance {head.instance_id})"
        begin = cursor.pos
        framing = self._payloads.consume(cursor, head)
        payload = cursor.span_from(begin)
        if len(self._heads) == 1 and head.kind is not SectionKind.PART:
            self._sends_footers = not self._footer_is_left_out()
            self._payloads.note_footers(self._sends_footers)
        footer = self._read_footer(head, payload, framing) if self._sends_footers else None
        cursor.section = ""
        self._reading = None
        return Section(
            span=cursor.span_from(start),
            head=head,
            payload=payload,
            footer=footer,
            framing=framing,
            salvaged=self._salvages,
        )

    def _read_head(self, kind: SectionKind) -> SectionHead:
        cursor = self._cursor
        offset = cursor.offset
        section_id = cursor.be32("a section_id")
        known = self._heads.get(section_id)
        if kind in (SectionKind.PART, SectionKind.END):
            if known is None:
                raise BadPayload(f"{kind} of section {section_id}, which was never started", offset=offset)
            head = SectionHead(
                section_id=section_id,
                idstr=known.idstr,
                instance_id=known.instance_id,
                version_id=known.version_id,
                kind=kind,
            )
        else:
            head = SectionHead(
                section_id=section_id,
                idstr=cursor.counted_text("a section's idstr"),
                instance_id=cursor.be32("an instance_id"),
                version_id=cursor.be32("a version_id"),
                kind=kind,
            )
            if not head.idstr or not head.idstr.isprintable():
                raise BadPayload(f"section {section_id} named {head.idstr[:32]!r}, which no device is", offset=offset)
            if known is not None and not _goes_on_whole(known, head):
                raise BadPayload(f"section {known} is started again", offset=offset)
            if kind is SectionKind.START:
                self._note_start(head, offset)
            self._heads[section_id] = head
        return head

    def _note_start(self, head: SectionHead, offset: int) -> None:
        """Refuse a second START of one device, under another section_id.

        QEMU takes it (qemu_loadvm_section_start_full), and then knows the handler by the new section_id alone.
        No QEMU writes one, and what the first one said would no longer hold.
        """
        first = self._started.setdefault((head.idstr, head.instance_id), head.section_id)
        if first != head.section_id:
            raise BadPayload(f"section {head} is started, which was started as section {first}", offset=offset)

    def _forget_head(self, section_id: int, known: SectionHead | None) -> None:
        """Take back what a section's header said, and know again what was known before it."""
        head = self._heads.pop(section_id, None)
        if head is not None and head.kind is SectionKind.START and head is not known:
            name = head.idstr, head.instance_id
            if self._started.get(name) == section_id:
                del self._started[name]
        if known is not None:
            self._heads[section_id] = known

    def _footer_is_left_out(self) -> bool:
        """Whether the first section shows that this machine type sends no footers (send-section-footer=off)."""
        mark = bytes(self._cursor.peek())
        return bool(mark) and mark[0] in self._readers

    def _read_footer(self, head: SectionHead, payload: Span, framing: Framing) -> Span:
        cursor = self._cursor
        start, offset = cursor.pos, cursor.offset
        mark = cursor.u8("a section's footer")
        if mark != VmRecord.QEMU_VM_SECTION_FOOTER:
            raise FooterMismatch(
                f"byte {mark:#04x} where the footer of section {head} must be, after {payload.length} bytes "
                f"{_CLAIMED_BY[framing]}",
                offset=offset,
                section=cursor.section,
            )
        section_id = cursor.be32("a footer's section_id")
        if section_id != head.section_id:
            raise FooterMismatch(
                f"footer names section {section_id}, the open section is {head}",
                offset=offset,
                section=cursor.section,
            )
        return cursor.span_from(start)

    def _read_eof(self, _record: VmRecord, start: int) -> EndOfStream:
        if self._ends_at is not None and self._cursor.pos != self._ends_at:
            raise BadPayload(
                f"an EOF record, but the description is at {self._cursor.base + self._ends_at:#x}",
                offset=self._cursor.offset - 1,
            )
        if start < self._package_end:  # it ends QEMU's reading of the package alone; no QEMU writes one there
            raise BadPayload(
                f"an EOF record within a package, which ends at {self._cursor.base + self._package_end:#x}",
                offset=self._cursor.offset - 1,
            )
        self.ended = True
        return EndOfStream(span=self._cursor.span_from(start))


def _goes_on_whole(known: SectionHead, head: SectionHead) -> bool:
    """Whether a FULL section is the last one of a device that iterated before, as VFIO's is."""
    same = (known.idstr, known.instance_id) == (head.idstr, head.instance_id)
    return same and known.kind is SectionKind.START and head.kind is SectionKind.FULL


def _listed(readers: dict[int, Callable[[VmRecord, int], Record]]) -> str:
    return ", ".join(f"{number:#04x}" for number in sorted(readers))
