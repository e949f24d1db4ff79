"""Reading a stream, record by record (migration/savevm.c, qemu_loadvm_*)."""

from typing import Final
from uuid import UUID

from ...errors import (
    BadMagic,
    BadPayload,
    EngineError,
    FooterMismatch,
    SavevmError,
    StreamError,
    UnknownRecord,
    Unsupported,
)
from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.phases import Phase
from ...span import Span
from ...stream.command import read_command
from ...stream.configuration import read_configuration
from ...stream.records import KIND_OF_RECORD, Command
from ...wire import QEMU_VM_FILE_MAGIC, QEMU_VM_FILE_VERSION, VmRecord
from ..machine.qemu_file import QEMUFileInput
from ..machine.registry import SaveStateEntry
from ..machine.side import message_of
from ..machine.vmstate import vmstate_load_state
from ..sim.scheduler import CHECKPOINT, Steps
from .commands import IncomingCommands
from .postcopy import PostcopyIncoming, PostcopyState
from .state import IncomingState

_STARTS: Final = frozenset({VmRecord.QEMU_VM_SECTION_START, VmRecord.QEMU_VM_SECTION_FULL})
_READABLE: Final = frozenset((*KIND_OF_RECORD, VmRecord.QEMU_VM_COMMAND, VmRecord.QEMU_VM_EOF))


def span_to(f: QEMUFileInput, offset: int) -> Span:
    """The span from an offset on the channel up to what was read last."""
    return Span(channel=f.channel, offset=offset, length=f.offset - offset)


def _file_header(f: QEMUFileInput) -> None:
    """Read magic and version."""
    offset, magic = f.offset, f.get_be32()
    if magic != QEMU_VM_FILE_MAGIC:
        raise BadMagic(f"magic {magic:#x}, expected {QEMU_VM_FILE_MAGIC:#x}", offset=offset)
    version = f.get_be32()
    if version != QEMU_VM_FILE_VERSION:
        raise Unsupported(f"stream version {version}, expected {QEMU_VM_FILE_VERSION}", offset=offset + 4)


def _section_head(f: QEMUFileInput) -> tuple[int, str, int, int]:
    """Read the number, idstr, instance_id and version_id that open a section."""
    f.get_byte()
    return f.get_be32(), f.get_counted_string(), f.get_be32(), f.get_be32()


def _command(f: QEMUFileInput) -> Command:
    """Read a command."""
    start = f.pos
    f.get_byte()
    return read_command(f, start)


def _skip_description(f: QEMUFileInput) -> None:
    """Read a description, of which nothing is wanted here."""
    offset, mark = f.offset, f.get_byte()
    if mark != VmRecord.QEMU_VM_VMDESCRIPTION:
        raise UnknownRecord(f"record type {mark:#x} after the end mark", offset=offset)
    f.take(f.get_be32(), "the description")


class LoadVM:
    """Reads one migration's records, on whatever channel they come.

    Args:
        destination: what the threads of this end share.
        postcopy: what there is besides in postcopy.
    """

    def __init__(self, destination: IncomingState, postcopy: PostcopyIncoming) -> None:
        self._d = destination
        self._postcopy = postcopy
        self._commands = IncomingCommands(destination, postcopy, self.main)

    def state(self, f: QEMUFileInput) -> Steps[None]:
        """Read a whole stream, or up to where postcopy's own thread takes over (qemu_loadvm_state).

        Raises:
            SavevmError: it can't be loaded.
        """
        d = self._d
        for entry in d.machine.registry:
            if entry.vmsd is not None and entry.vmsd.unmigratable:
                raise d.fail("it can't be migrated", entry=entry)
        yield from self._header(f)
        yield from self._setup(f)
        if d.options.has(Capability.SWITCHOVER_ACK) and d.counts_acks:
            yield from self._switchover_ack_needed()
        d.enter(Phase.LOAD)
        try:
            yield from self.main(f)
        finally:
            d.main_loaded = True
        if self._postcopy.listening:
            return
        yield from d.wait_load_threads()
        if not d.machine.kind.suppress_vmdesc:
            yield from self._description(f)

    def main(self, f: QEMUFileInput) -> Steps[bool]:
        """Read records up to the end mark (qemu_loadvm_state_main).

        A postcopy that runs already is paused when its connection breaks, and goes on with the next one.

        Returns:
            True if the loops around this one end, too (LOADVM_QUIT).

        Raises:
            SavevmError: it can't be loaded.
        """
        d = self._d
        while True:
            try:
                return (yield from self._records(f))
            except SavevmError as error:
                d.stream_failed = True
                if d.machine.dirty_bitmaps is not None:
                    d.machine.dirty_bitmaps.cancel_incoming()
                if self._postcopy.state is not PostcopyState.RUNNING or not d.options.has(Capability.POSTCOPY_RAM):
                    raise
                yield from self._postcopy.pause_incoming(error)
                d.stream_failed = False  # it was that of the old connection
                assert d.from_src_file is not None
                f = d.from_src_file

    def _records(self, f: QEMUFileInput) -> Steps[bool]:
        d = self._d
        while True:
            yield from self._d.need(f, "a record")
            offset, mark = f.offset, f.peek()[0]
            if mark not in _READABLE:
                raise UnknownRecord(f"record type {mark:#x}", offset=offset)
            record = VmRecord(mark)
            if record is VmRecord.QEMU_VM_EOF:
                f.get_byte()
                d.emit_record("eof", span_to(f, offset))
                yield CHECKPOINT
                return False
            if record is VmRecord.QEMU_VM_COMMAND:
                command = yield from f.record(lambda: _command(f))
                d.tell_command(command.command.name, command.span)
                yield CHECKPOINT
                if (yield from self._commands.process(f, command)):
                    return True
            elif record in _STARTS:
                yield from self._section_start_full(f, record, offset)
            else:
                yield from self._section_part_end(f, record, offset)

    def _header(self, f: QEMUFileInput) -> Steps[None]:
        """Read magic, version and configuration (qemu_loadvm_state_header)."""
        d = self._d
        yield from self._d.need(f, "a stream")
        offset = f.offset
        yield from f.record(lambda: _file_header(f))
        d.emit_record("header", span_to(f, offset))
        if d.machine.compat.has(Behaviour.SEND_CONFIGURATION):
            yield from self._d.need(f, "the configuration")
            yield from self._configuration(f)
        yield CHECKPOINT

    def _configuration(self, f: QEMUFileInput) -> Steps[None]:
        """Read the configuration, and compare it with ours (configuration_post_load)."""
        d = self._d
        kind, offset, mark = d.machine.kind, f.offset, bytes(f.peek())
        if mark != bytes((VmRecord.QEMU_VM_CONFIGURATION,)):
            raise UnknownRecord(f"record {mark.hex()}, expected a configuration", offset=offset)
        configuration = yield from f.record(lambda: read_configuration(f))
        while not f.remaining:  # the byte after it says whether a subsection follows
            f.pos = offset - f.base
            more = yield from f.more()
            configuration = yield from f.record(lambda: read_configuration(f))
            if not more:
                break
        if configuration.machine != kind.name:
            raise BadPayload(f"machine type {configuration.machine!r}, this side is {kind.name!r}", offset=offset)
        if configuration.page_bits != kind.page_bits:
            raise BadPayload(f"page bits {configuration.page_bits}, this side has {kind.page_bits}", offset=offset)
        ours = d.options.in_configuration
        if set(configuration.capabilities) != set(ours):
            theirs = ", ".join(configuration.capabilities) or "none"
            raise BadPayload(f"capabilities {theirs}, this side has {', '.join(ours) or 'none'}", offset=offset)
        self._compare_uuid(configuration.uuid, offset)
        d.emit_record("configuration", configuration.span)

    def _compare_uuid(self, theirs: bytes, offset: int) -> None:
        """Compare the UUID that the source states, if it does, with ours (vmstate_uuid_post_load).

        Whether validate-uuid is on here does not matter: the source's capability alone has it sent.
        """
        ours = self._d.machine.uuid
        if not theirs or theirs == ours:
            return
        if ours:
            raise BadPayload(f"UUID {UUID(bytes=theirs)}, this side has {UUID(bytes=ours)}", offset=offset)
        self._d.note(f"UUID {UUID(bytes=theirs)} is received, and none is set here")

    def _setup(self, f: QEMUFileInput) -> Steps[None]:
        """Have everyone get ready (qemu_loadvm_state_setup)."""
        for entry in self._d.machine.registry:
            if self._d.has(entry, "load_setup") and (yield from self._d.is_active(entry)):
                try:
                    yield from self._d.call(entry, "load_setup", f=f)
                except EngineError:
                    self._d.stream_failed = True
                    raise

    def _switchover_ack_needed(self) -> Steps[None]:
        """Count the devices that must agree to the switchover (qemu_loadvm_state_switchover_ack_needed)."""
        d = self._d
        for entry in d.machine.registry:
            if self._d.has(entry, "switchover_ack_needed") and (yield from d.call(entry, "switchover_ack_needed")):
                d.switchover_ack_pending += 1

    def _section_start_full(self, f: QEMUFileInput, record: VmRecord, offset: int) -> Steps[None]:
        """Find out whose section this is, and load it (qemu_loadvm_section_start_full)."""
        section_id, idstr, instance_id, version_id = yield from f.record(lambda: _section_head(f))
        entry = self._d.machine.registry.find_se(idstr, instance_id)
        if entry is None:
            raise BadPayload(f"section of {idstr!r}, instance {instance_id}, which this side lacks", offset=offset)
        if version_id > entry.version_id:
            raise Unsupported(f"version {version_id} of {idstr!r}, this side reads {entry.version_id}", offset=offset)
        entry.load_version_id = version_id
        entry.load_section_id = section_id
        yield from self._load(f, entry, record, offset)

    def _section_part_end(self, f: QEMUFileInput, record: VmRecord, offset: int) -> Steps[None]:
        """Load more of a section that was begun (qemu_loadvm_section_part_end)."""
        yield from f.fill(1 + 4)
        f.get_byte()
        section_id = f.get_be32()
        entry = self._d.machine.registry.find_loaded(section_id)
        if entry is None:
            raise BadPayload(f"section {section_id} goes on, but never began", offset=offset)
        yield from self._load(f, entry, record, offset)

    def _load(self, f: QEMUFileInput, entry: SaveStateEntry, record: VmRecord, offset: int) -> Steps[None]:
        """Load a section's payload and compare its footer (vmstate_load, check_section_footer)."""
        d = self._d
        f.section = str(entry)
        if entry.vmsd is not None:
            try:
                yield from vmstate_load_state(f, entry.vmsd, entry.opaque, entry.load_version_id)
            except Exception as error:  # a hook is somebody else's code and may raise anything
                raise d.fail(message_of(error), entry=entry) from error
        elif self._d.has(entry, "load_state"):
            yield from d.call(entry, "load_state", entry.load_version_id, f=f)
        else:
            raise d.fail("it has no load_state", entry=entry)
        if record is VmRecord.QEMU_VM_SECTION_FULL:
            d.scheduler.spend(d.machine.costs.device_ns)
            yield from d.scheduler.settle()
        if d.machine.compat.has(Behaviour.SEND_SECTION_FOOTER):
            yield from self._d.need(f, "a footer")
            try:
                yield from f.record(lambda: self._footer(f, entry))
            except StreamError as error:
                raise d.fail(message_of(error), entry=entry, handler="load_state" if entry.ops else "") from error
        f.section = ""
        d.emit_section(KIND_OF_RECORD[record], span_to(f, offset), entry)
        yield CHECKPOINT

    def _footer(self, f: QEMUFileInput, entry: SaveStateEntry) -> None:
        """Make sure that a section was read to its last byte, and no further (check_section_footer)."""
        offset, mark = f.offset, f.get_byte()
        expected = f"{entry.load_section_id} ({entry.idstr}, instance {entry.instance_id})"
        if mark != VmRecord.QEMU_VM_SECTION_FOOTER:
            message = f"byte {mark:#04x} where the footer of section {expected} must be"
            raise FooterMismatch(message, offset=offset, section=str(entry))
        section_id = f.get_be32()
        if section_id != entry.load_section_id:
            message = f"footer names section {section_id}, the open section is {expected}"
            raise FooterMismatch(message, offset=offset, section=str(entry))

    def _description(self, f: QEMUFileInput) -> Steps[None]:
        """Read the description and forget it; only those who watch the stream care (qemu_loadvm_state).

        The VM's state is whole already, so that a description that is missing or cut is worth a remark and no more.
        """
        d, offset = self._d, f.offset
        try:
            yield from self._d.need(f, "the description")
            offset = f.offset
            yield from f.record(lambda: _skip_description(f))
        except StreamError as error:
            d.note(str(error))
        else:
            d.emit_record("description", span_to(f, offset))
        yield CHECKPOINT

    def cleanup(self) -> Steps[None]:
        """Have everyone give up their bookkeeping (qemu_loadvm_state_cleanup)."""
        d = self._d
        for entry in d.machine.registry:
            if not self._d.has(entry, "load_cleanup"):
                continue
            try:
                yield from d.call(entry, "load_cleanup")
            except EngineError as error:
                d.propagate(error)  # the others have their turn nevertheless
