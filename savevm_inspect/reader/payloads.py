"""Where a payload ends: asks the reader of its own format, its schema, or the footer that follows it."""

from collections import Counter, deque
from copy import deepcopy
from itertools import count
from typing import cast

from ..errors import BadPayload, StreamError, Truncated
from ..memory.final import Discard
from ..payload import FieldPayload, field_payload, ram
from ..stream.command import command_fields
from ..stream.cursor import Cursor
from ..stream.plausible import FOOTER_BYTES, footer_of
from ..stream.records import Command, Configuration, Framing, Section, SectionHead, SectionKind
from ..vmstate.null_arrays import as_written
from ..vmstate.schema import Description, DeviceKey, StateSchema
from ..wire import MigCmd, VmRecord
from .claim import Claim
from .section_end import find_end

DEFAULT_PAGE_SIZE = 4096

_PAGE_SIZES = (4096, 1024, 8192, 16384, 2048, 512, 256, 65536)
_ADVISE_BYTES = 16


class Payloads:
    """The :class:`~savevm_inspect.stream.framer.PayloadReader` of one stream.

    Args:
        buffer: the bytes of the main channel.
        description: its schema, if it has one.

    Attributes:
        ram: the reader of RAM; ``None`` as long as no such section came.
        discards: what the destination of a postcopy migration was ordered to forget.
        claim: what a schema says about the section that it framed last; ``None`` as long as it framed none.
        page_size_from: what states the size of pages: ``description``, ``configuration``, ``advise``, ``probe``, or
            empty.
    """

    def __init__(self, buffer: memoryview, description: Description | None) -> None:
        self._buffer = buffer
        self._description = description
        self._capabilities: tuple[str, ...] = ()
        self._open: dict[int, FieldPayload] = {}
        self._times: Counter[tuple[str, int]] = Counter()
        self._schemas: dict[tuple[int, int], StateSchema] = {}
        self._footers: bool | None = None
        self._complete = True
        self.ram: ram.RamReader | None = None
        self.discards: list[Discard] = []
        self.claim: Claim | None = None
        self._stated_page_size, self.page_size_from = 0, ""
        if description is not None:
            self._state_page_size(description.page_size, "description")

    @property
    def page_size(self) -> int:
        """Bytes of a page, by which pages are read: as stated, the usual one as long as nothing states it."""
        return self._stated_page_size or DEFAULT_PAGE_SIZE

    def note(self, record: Configuration | Command) -> None:
        """Take note of the capabilities, and of the page size where a record states it."""
        if isinstance(record, Configuration):
            self._capabilities = record.capabilities
            if record.page_bits is not None:
                self._state_page_size(1 << record.page_bits, "configuration", record.span.offset)
        elif record.command is MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD:
            self._note_discards(record)
        elif record.command is MigCmd.MIG_CMD_POSTCOPY_ADVISE and record.argument.length == _ADVISE_BYTES:
            stated = int.from_bytes(self._buffer[record.argument.end - 8 : record.argument.end])
            if stated in _PAGE_SIZES:
                self._state_page_size(stated, "advise", record.argument.end - 8)

    def note_footers(self, sent: bool) -> None:
        """Take note of whether sections have footers."""
        self._footers = sent

    def _state_page_size(self, size: int, who: str, offset: int = 0) -> None:
        """Take note of a statement; one that contradicts an earlier one, or by what pages were read, is refused."""
        if not (self._stated_page_size or self.ram):
            self._stated_page_size, self.page_size_from = size, who if size else ""
        elif size != self.page_size:
            before = f"the {self.page_size_from}" if self.page_size_from else "earlier sections had"
            raise BadPayload(f"the {who} states pages of {size} bytes, {before} {self.page_size}", offset=offset)

    def _note_discards(self, command: Command) -> None:
        cursor = Cursor(self._buffer[: command.argument.end], pos=command.argument.offset)
        try:
            said = {field.path: field.value for field in command_fields(cursor, command)}
        except Truncated as error:  # the command ends early, not the stream
            raise BadPayload(error.message, offset=error.offset) from error
        before = len(self.ram.page_log) if self.ram else 0
        epoch = self.ram.epoch if self.ram else 0
        for number in count():
            start, length = said.get(f"range[{number}]/start"), said.get(f"range[{number}]/length")
            if start is None or length is None:
                return
            block = str(said["block"])
            self.discards.append(Discard(block, cast("int", start), cast("int", length), before, epoch))

    # On trial, after damage; see RevocablePayloads in stream/salvage.py ------------------------------------

    def mark(self, section_id: int) -> tuple[ram.RamReader | None, tuple[object, ...], int, FieldPayload | None]:
        """What :meth:`rewind` needs to take back the next payload, which is of this section."""
        return self.ram, self.ram.mark() if self.ram else (), section_id, deepcopy(self._open.get(section_id))

    def rewind(self, mark: tuple[ram.RamReader | None, tuple[object, ...], int, FieldPayload | None]) -> None:
        """Take back what was consumed since a mark was made."""
        self.ram, pages, section_id, reader = mark
        if self.ram is not None:
            self.ram.rewind(pages)
        if reader is None:
            self._open.pop(section_id, None)
        else:
            self._open[section_id] = reader

    def note_loss(self) -> None:
        """Take note that bytes were lost: sections may be missing, and pages that named a block."""
        self._complete = False
        if self.ram is not None:
            self.ram.forget_blocks()

    def keeps_what_it_read(self, head: SectionHead) -> bool:
        """Whether what was read of a payload up to a break is kept, as pages of RAM are."""
        return head.idstr == ram.IDSTR

    def may_have(self, head: SectionHead) -> bool:
        """Whether a section of this name can be in the stream: by its description, if that is there."""
        if self._description is None or head.kind is not SectionKind.FULL or field_payload(head.idstr):
            return True
        key = DeviceKey(head.idstr, head.instance_id)
        return key in self._description.devices or key in self._description.refused

    # --------------------------------------------------------------------------------------------------------

    def consume(self, cursor: Cursor, head: SectionHead) -> Framing:
        """Move the cursor past a payload.

        Raises:
            StreamError: the payload contradicts its reader or schema.
        """
        if head.idstr == ram.IDSTR:
            return self._ram_reader(cursor, head).consume(cursor, head)
        make_reader = field_payload(head.idstr)
        if make_reader is not None:
            reader = self._open.setdefault(head.section_id, make_reader())
            deque(reader.read(cursor, head), maxlen=0)
            return Framing.PAYLOAD
        schema = self._next_schema(cursor, head) if head.kind is SectionKind.FULL else None  # what iterates has none
        if schema is None:
            # Whoever sends no footers sends no description, or has this section in it.
            expects_footer = self._footers is None and self._description is not None
            return find_end(cursor, head, footers=expects_footer or self._footers)
        self._schemas[cursor.channel, cursor.offset] = schema
        self.claim = Claim.at(cursor, head, schema)
        if schema.length > cursor.remaining:
            raise BadPayload(
                f"{schema.length} bytes by its description, {cursor.remaining} are left",
                offset=cursor.offset,
                section=cursor.section,
            )
        cursor.require(schema.length, "a device's state")
        return Framing.SCHEMA

    def _next_schema(self, cursor: Cursor, head: SectionHead) -> StateSchema | None:
        """The schema of a section, which may be one of several of the same name, in their order."""
        if self._description is None:
            return None
        name = head.idstr, head.instance_id
        self._times[name] += 1
        nth = self._times[name] - 1
        if self._complete or self._description.device(*name, 1) is None:
            schema = self._description.device(*name, nth if self._complete else 0)
            return None if schema is None else as_written(schema, cursor)
        return self._schema_by_footer(cursor, head)  # those before it may be lost

    def _schema_by_footer(self, cursor: Cursor, head: SectionHead) -> StateSchema | None:
        """Of the schemas of a section's name, the first one that ends at its footer."""
        assert self._description is not None
        mark = footer_of(head.section_id)
        for nth in count():
            schema = self._description.device(head.idstr, head.instance_id, nth)
            if schema is None:
                return None
            schema = as_written(schema, cursor)
            end = cursor.pos + schema.length
            if bytes(cursor.buffer[end : end + len(mark)]) == mark:
                return schema
        return None

    def schema_of(self, section: Section) -> StateSchema:
        """The schema that a section was framed by; a section of another framing has none."""
        return self._schemas[section.payload.channel, section.payload.offset]

    def _ram_reader(self, cursor: Cursor, head: SectionHead) -> ram.RamReader:
        if self.ram is None:
            if not self._stated_page_size:
                self._state_page_size(_probe_page_size(cursor, head, self._capabilities), "probe")
            self.ram = ram.RamReader(self.page_size, self._capabilities)
        return self.ram


def _probe_page_size(cursor: Cursor, head: SectionHead, capabilities: tuple[str, ...]) -> int:
    """Find the page size by which the block list and the section of pages after it can be read.

    Returns:
        Bytes of a page; 0 if no size fits, or if no page follows by which to decide.
    """
    for page_size in _PAGE_SIZES:
        ahead = Cursor(cursor.buffer, pos=cursor.pos, channel=cursor.channel, base=cursor.base)
        reader = ram.RamReader(page_size, capabilities)
        try:
            reader.consume(ahead, head)
            _skip_footer(ahead)
            while (record := ahead.u8("a record")) == VmRecord.QEMU_VM_COMMAND:
                _skip_command(ahead)
            if record != VmRecord.QEMU_VM_SECTION_PART:
                return 0
            ahead.require(4, "a section_id")
            reader.read_pages(ahead)
            _skip_footer(ahead)
        except Truncated:
            pass  # what a cut stream still has fits this size
        except StreamError:
            continue
        if len(reader.page_log):
            return page_size
    return 0


def _skip_footer(cursor: Cursor) -> None:
    """Step over a footer; machine types that send none are read in this way, too."""
    if bytes(cursor.peek()) == bytes((VmRecord.QEMU_VM_SECTION_FOOTER,)):
        cursor.require(FOOTER_BYTES, "a footer")


def _skip_command(cursor: Cursor) -> None:
    cursor.be16("a command")
    cursor.require(cursor.be16("a command's length"), "a command's argument")
