"""The destination of a precopy migration (migration/savevm.c, qemu_loadvm_*; process_incoming_migration_co).

Sans-IO: :meth:`Destination.feed` takes bytes that end with a whole record, and yields what came of them. A
driver that has a socket cuts the stream into records first; the engine's own source tells where each ends.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ..errors import BadMagic, BadPayload, EngineError, FooterMismatch, SavevmError, UnknownRecord, Unsupported
from ..stream.command import read_command
from ..stream.configuration import read_configuration
from ..stream.events import EventKind, Phase, Side
from ..wire import QEMU_VM_FILE_MAGIC, QEMU_VM_FILE_VERSION, MigCmd, VmRecord
from .machine import Machine, MigrationStatus
from .qemu_file import QEMUFileInput
from .registry import SaveStateEntry
from .side import MigrationSide, Steps
from .vmstate import vmstate_load_state

_KIND: Final = {
    VmRecord.QEMU_VM_SECTION_START: "start",
    VmRecord.QEMU_VM_SECTION_PART: "part",
    VmRecord.QEMU_VM_SECTION_END: "end",
    VmRecord.QEMU_VM_SECTION_FULL: "full",
}


class Destination(MigrationSide):
    """The receiving end.

    Args:
        machine: the VM to load, with the same devices as the source's.
        numbers: gives each event its number.
    """

    def __init__(self, machine: Machine, numbers: Iterator[int] | None = None) -> None:
        super().__init__(Side.DESTINATION, machine, numbers)
        self._offset = 0
        self._stage = self._header
        self._ended = False
        self._readers: Mapping[VmRecord, Callable[[QEMUFileInput, VmRecord, int], Steps[None]]] = {
            VmRecord.QEMU_VM_SECTION_START: self._section_start_full,
            VmRecord.QEMU_VM_SECTION_FULL: self._section_start_full,
            VmRecord.QEMU_VM_SECTION_PART: self._section_part_end,
            VmRecord.QEMU_VM_SECTION_END: self._section_part_end,
            VmRecord.QEMU_VM_COMMAND: self._command,
            VmRecord.QEMU_VM_EOF: self._eof,
        }
        self._commands: Mapping[MigCmd, Callable[[], Steps[None]]] = {
            MigCmd.MIG_CMD_SWITCHOVER_START: self._switchover_start,
        }

    def feed(self, data: bytes) -> Steps[None]:
        """Load what arrived.

        Args:
            data: the next bytes of the main channel; they end with a whole record.

        Raises:
            EngineError: they can't be loaded; everyone has had their load_cleanup.
        """
        f = QEMUFileInput(memoryview(data), base=self._offset)
        self._offset += len(data)
        try:
            while f.remaining:
                yield from self._stage(f)
        except SavevmError as error:
            failure = yield from self._give_up(error)
            if failure is error:
                raise
            raise failure from error

    def finish(self) -> Steps[None]:
        """The channel was closed: start the VM if all is there (process_incoming_migration_bh).

        Raises:
            EngineError: the stream ended before its end mark; everyone has had their load_cleanup.
        """
        if not self._ended:
            raise (
                yield from self._give_up(
                    self.fail(f"the stream ended after {self._offset} bytes, before its end mark")
                )
            )
        self.machine.loaded()
        self.tell(EventKind.QMP, name="RESUME" if self.machine.guest.running else "STOP")
        self.set_state(MigrationStatus.COMPLETED)
        yield from self._cleanup()

    def _header(self, f: QEMUFileInput) -> Steps[None]:
        """Read magic and version (qemu_loadvm_state_header)."""
        self.set_state(MigrationStatus.SETUP)
        self.set_state(MigrationStatus.ACTIVE)
        yield from self.drain()
        start = f.offset
        magic = f.get_be32()
        if magic != QEMU_VM_FILE_MAGIC:
            raise BadMagic(f"magic {magic:#x}, expected {QEMU_VM_FILE_MAGIC:#x}", offset=f.base + start)
        version = f.get_be32()
        if version != QEMU_VM_FILE_VERSION:
            raise Unsupported(f"stream version {version}, expected {QEMU_VM_FILE_VERSION}", offset=f.base + start + 4)
        self.tell_record("header", f.span_from(start))
        if self.machine.kind.send_configuration:
            self._stage = self._configuration
        else:
            yield from self._setup(f)

    def _configuration(self, f: QEMUFileInput) -> Steps[None]:
        """Read the configuration, and compare it with ours (configuration_post_load)."""
        kind, place, mark = self.machine.kind, f.place, bytes(f.peek())
        if mark != bytes((VmRecord.QEMU_VM_CONFIGURATION,)):
            raise UnknownRecord(f"record {mark.hex()}, expected a configuration", offset=place)
        configuration = read_configuration(f)
        if configuration.machine != kind.name:
            raise BadPayload(f"machine type {configuration.machine!r}, this side is {kind.name!r}", offset=place)
        if configuration.page_bits != kind.page_bits:
            raise BadPayload(f"page bits {configuration.page_bits}, this side has {kind.page_bits}", offset=place)
        if configuration.capabilities:
            raise Unsupported(f"capabilities {', '.join(configuration.capabilities)}", offset=place)
        self.tell_record("configuration", configuration.span)
        yield from self._setup(f)

    def _setup(self, f: QEMUFileInput) -> Steps[None]:
        """Have everyone get ready (qemu_loadvm_state_setup)."""
        yield from self.drain()
        for entry in self.machine.registry:
            if not entry.has("load_setup"):
                continue
            if (yield from self.is_active(entry)):
                yield from self.call(entry, "load_setup", f=f)
        self.enter(Phase.LOAD)
        self._stage = self._record

    def _record(self, f: QEMUFileInput) -> Steps[None]:
        """Read one record (qemu_loadvm_state_main)."""
        start = f.offset
        mark = f.get_byte()
        if mark not in _READABLE:
            raise UnknownRecord(f"record type {mark:#x}", offset=f.base + start)
        yield from self._readers[VmRecord(mark)](f, VmRecord(mark), start)

    def _section_start_full(self, f: QEMUFileInput, mark: VmRecord, start: int) -> Steps[None]:
        """Find out whose section this is, and load it (qemu_loadvm_section_start_full)."""
        section_id = f.get_be32()
        idstr = f.get_counted_string()
        instance_id, version_id = f.get_be32(), f.get_be32()
        entry = self.machine.registry.find_se(idstr, instance_id)
        if entry is None:
            raise BadPayload(
                f"section of {idstr!r}, instance {instance_id}, which this side lacks", offset=f.base + start
            )
        if version_id > entry.version_id:
            raise Unsupported(
                f"version {version_id} of {idstr!r}, this side reads {entry.version_id}", offset=f.base + start
            )
        entry.load_version_id = version_id
        entry.load_section_id = section_id
        yield from self._load(f, entry, mark, start)

    def _section_part_end(self, f: QEMUFileInput, mark: VmRecord, start: int) -> Steps[None]:
        """Load more of a section that was begun (qemu_loadvm_section_part_end)."""
        section_id = f.get_be32()
        entry = self.machine.registry.find_loaded(section_id)
        if entry is None:
            raise BadPayload(f"section {section_id} goes on, but never began", offset=f.base + start)
        yield from self._load(f, entry, mark, start)

    def _load(self, f: QEMUFileInput, entry: SaveStateEntry, mark: VmRecord, start: int) -> Steps[None]:
        """Load a section's payload and compare its footer (vmstate_load, check_section_footer)."""
        f.section = str(entry)
        if entry.vmsd is not None:
            try:
                vmstate_load_state(f, entry.vmsd, entry.opaque, entry.load_version_id)
            except SavevmError as error:
                raise self.fail(str(error), entry=entry) from error
        elif entry.has("load_state"):
            yield from self.call(entry, "load_state", entry.load_version_id, f=f)
        else:
            raise self.fail("it has no load_state", entry=entry)
        if self.machine.kind.send_section_footer:
            place, footer, section_id = f.place, f.get_byte(), f.get_be32()
            if footer != VmRecord.QEMU_VM_SECTION_FOOTER or section_id != entry.load_section_id:
                raise FooterMismatch(
                    f"{footer:#x} {section_id}, expected the footer of section {entry.load_section_id}",
                    offset=place,
                    section=str(entry),
                )
        f.section = ""
        self.tell_record(_KIND[mark], f.span_from(start), entry)
        yield from self.drain()

    def _command(self, f: QEMUFileInput, _mark: VmRecord, start: int) -> Steps[None]:
        """Obey a command (loadvm_process_command)."""
        command = read_command(f, start)
        self.tell_command(command.command.name, command.span)
        yield from self.drain()
        if command.command not in self._commands:
            raise Unsupported(f"command {command.command.name}", offset=command.span.offset)
        yield from self._commands[command.command]()

    def _switchover_start(self) -> Steps[None]:
        """Let everyone know that the source has stopped (loadvm_postcopy_handle_switchover_start)."""
        self.enter(Phase.SWITCHOVER)
        for entry in self.machine.registry:
            if entry.has("switchover_start"):
                yield from self.call(entry, "switchover_start")
        self.enter(Phase.LOAD)

    def _eof(self, f: QEMUFileInput, _mark: VmRecord, start: int) -> Steps[None]:
        """The end mark: from here on there is at most a description."""
        self._ended = True
        self._stage = self._description
        self.tell_record("eof", f.span_from(start))
        yield from self.drain()

    def _description(self, f: QEMUFileInput) -> Steps[None]:
        """Read the description and forget it; only those who watch the stream care (qemu_loadvm_state)."""
        start = f.offset
        mark = f.get_byte()
        if mark != VmRecord.QEMU_VM_VMDESCRIPTION:
            raise UnknownRecord(f"record type {mark:#x} behind the end mark", offset=f.base + start)
        f.get_buffer(f.get_be32())
        self.tell_record("description", f.span_from(start))
        yield from self.drain()

    def _give_up(self, error: SavevmError) -> Steps[EngineError]:
        """Clean up after a failure; returns the error to raise."""
        failure = error if isinstance(error, EngineError) else self.fail(str(error))
        self.set_state(MigrationStatus.FAILED)
        self.tell(EventKind.LOG, name="error", error=str(failure))
        try:
            yield from self._cleanup()
        except EngineError as further:
            failure.add_note(str(further))
        return failure

    def _cleanup(self) -> Steps[None]:
        """Have everyone give up their bookkeeping (qemu_loadvm_state_cleanup)."""
        self.enter(Phase.CLEANUP)
        yield from self.drain()
        first: EngineError | None = None
        for entry in self.machine.registry:
            if not entry.has("load_cleanup"):
                continue
            try:
                yield from self.call(entry, "load_cleanup")
            except EngineError as error:
                first = first or error
        if first is not None:
            raise first


_READABLE: Final = frozenset((*_KIND, VmRecord.QEMU_VM_COMMAND, VmRecord.QEMU_VM_EOF))
