"""The source's walks over all that is registered (migration/savevm.c, qemu_savevm_state_*).

Each walk is a function of upstream: same order, same questions asked, same records written. What calls them
when, in which thread and under which lock, is up to :mod:`.migration_thread`, :mod:`.postcopy`,
:mod:`.background_snapshot` and :mod:`..play.snapshot`.
"""

import errno
import json
from typing import Any, Final

from ...errors import EngineError
from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...stream.events import EventKind
from ...stream.records import SectionHead, SectionKind
from ...stream.writer import (
    put_command,
    put_configuration,
    put_description,
    put_eof,
    put_file_header,
    put_section_footer,
    put_section_header,
)
from ...wire import MigCmd
from ..machine.protocols import MigrationState
from ..machine.qemu_file import QEMUFile
from ..machine.registry import SaveStateEntry
from ..machine.side import MigrationSide, message_of
from ..machine.vmsd import VMStateDescription
from ..machine.vmstate import vmstate_save_state
from ..sim.scheduler import CHECKPOINT, Steps
from .configuration import describe_configuration
from .device_state import SaveThreads
from .multifd_send import MultifdSend

_COMPLETE_PRECOPY: Final = "save_live_complete_precopy"
_COMPLETE_POSTCOPY: Final = "save_live_complete_postcopy"
"""Jobs; whether one callback does both depends on the version."""


class SaveVM:
    """Writes one stream.

    Args:
        side: the source, which emits events and enforces the phases.
    """

    def __init__(self, side: MigrationSide) -> None:
        self._side = side
        self._machine = side.machine
        self._registry = side.machine.registry
        self._vmdesc: dict[str, Any] | None = None if side.machine.kind.suppress_vmdesc else {}

    def blocked(self) -> None:
        """Refuse a VM with a device that can't be migrated (qemu_savevm_state_blocked).

        Raises:
            EngineError: it has one.
        """
        for entry in self._registry:
            if entry.vmsd is not None and entry.vmsd.unmigratable:
                raise self._side.fail("it can't be migrated", entry=entry)

    def forget_description(self) -> None:
        """Postcopy has begun: no description will follow (migration_cleanup_json_writer)."""
        self._vmdesc = None

    def header(self, f: QEMUFile) -> None:
        """Write magic, version and configuration (qemu_savevm_state_header)."""
        kind, compat, options = self._machine.kind, self._machine.compat, self._side.options
        uuid = self._machine.uuid if options.has(Capability.VALIDATE_UUID) else b""  # vmstate_uuid_needed
        self._side.emit_record("header", put_file_header(f).span)
        if compat.has(Behaviour.SEND_CONFIGURATION):
            configuration = put_configuration(
                f,
                kind.name,
                page_bits=kind.page_bits,
                capabilities=options.in_configuration,
                uuid=uuid,
            )
            self._side.emit_record("configuration", configuration.span)
            if compat.has(Behaviour.DESCRIBE_CONFIGURATION) and self._vmdesc is not None:
                self._vmdesc["configuration"] = describe_configuration(
                    kind.name, kind.page_bits, options.in_configuration, uuid=bool(uuid)
                )

    def command(self, f: QEMUFile, command: MigCmd, argument: bytes = b"", *, package: bytes = b"") -> None:
        """Write a command, and send it at once (qemu_savevm_command_send).

        Args:
            f: where to.
            command: which one.
            argument: what it says.
            package: what follows a MIG_CMD_PACKAGED, outside of its argument.
        """
        sent = put_command(f, command, argument)
        if package:
            f.put_buffer(package)
        f.fflush()
        self._side.tell_command(sent.command.name, sent.span)

    def ping(self, f: QEMUFile, value: int) -> None:
        """Ask for an answer of the same value (qemu_savevm_send_ping)."""
        self.command(f, MigCmd.MIG_CMD_PING, value.to_bytes(4, "big"))

    def packaged(self, f: QEMUFile, content: bytes) -> None:
        """Send a stream as one piece (qemu_savevm_send_packaged)."""
        self.command(f, MigCmd.MIG_CMD_PACKAGED, len(content).to_bytes(4, "big"), package=content)

    def prepare(self) -> Steps[None]:
        """Ask everyone whether the VM can be migrated (qemu_savevm_state_prepare)."""
        for entry in self._registry:
            if self._side.has(entry, "save_prepare") and (yield from self._side.is_active(entry)):
                yield from self._side.call(entry, "save_prepare")

    def setup(self, f: QEMUFile) -> Steps[None]:
        """Write the START sections, and the devices that are saved early (qemu_savevm_state_setup)."""
        if self._vmdesc is not None:
            self._vmdesc["page_size"] = self._machine.kind.page_size
            self._vmdesc["devices"] = []
        for entry in self._registry:
            if entry.vmsd is not None and entry.vmsd.early_setup:
                yield from self._save(f, entry)
            elif self._side.has(entry, "save_setup") and (yield from self._side.is_active(entry)):
                yield from self._section(f, entry, SectionKind.START, "save_setup")

    def guest_unplug_pending(self) -> bool:
        """Whether the guest has not let go of a device yet (qemu_savevm_state_guest_unplug_pending)."""
        described = ((entry.vmsd, entry.opaque) for entry in self._registry if entry.vmsd is not None)
        return any(vmsd.dev_unplug_pending(opaque) for vmsd, opaque in described if vmsd.dev_unplug_pending)

    def resume_prepare(self, s: MigrationState) -> Steps[None]:
        """Get everyone ready to go on after a broken postcopy (qemu_savevm_state_resume_prepare).

        Args:
            s: the migration that goes on.
        """
        for entry in self._registry:
            if self._side.has(entry, "resume_prepare") and (yield from self._side.is_active(entry)):
                yield from self._side.call(entry, "resume_prepare", s)

    def iterate(self, f: QEMUFile, *, postcopy: bool) -> Steps[bool]:
        """Give each device its turn, one PART section each (qemu_savevm_state_iterate).

        Args:
            f: where to.
            postcopy: leave out what can't follow late; it was completed when the VM stopped.

        Returns:
            True if all of them had nothing left to send.
        """
        finished = True
        for entry in self._registry:
            if not self._side.has(entry, "save_live_iterate"):
                continue
            if not (yield from self._side.is_active(entry)):
                continue
            if self._side.has(entry, "is_active_iterate") and not (
                yield from self._side.call(entry, "is_active_iterate")
            ):
                continue
            if postcopy and not (yield from self._has_postcopy(entry)):
                continue
            if f.rate_exceeded():
                return False
            if not (yield from self._section(f, entry, SectionKind.PART, "save_live_iterate")):
                finished = False
        return finished

    def postcopy_prepare(self, f: QEMUFile) -> Steps[None]:
        """Have everyone send what must go before postcopy, in a PART section (qemu_savevm_state_postcopy_prepare)."""
        for entry in self._registry:
            if self._side.has(entry, "save_postcopy_prepare") and (yield from self._side.is_active(entry)):
                yield from self._section(f, entry, SectionKind.PART, "save_postcopy_prepare")

    def needs_switchover_ack(self) -> bool:
        """Whether a device must agree to the switchover."""
        return any(entry.has("switchover_ack_needed") for entry in self._registry)

    def maybe_send_switchover_start(self, f: QEMUFile) -> None:
        """Announce to the destination that the VM has stopped (qemu_savevm_maybe_send_switchover_start)."""
        if self._machine.compat.has(Behaviour.SEND_SWITCHOVER_START):
            self.command(f, MigCmd.MIG_CMD_SWITCHOVER_START)

    def complete_precopy(self, f: QEMUFile, multifd: MultifdSend | None = None) -> Steps[None]:
        """Send all that is left, and the state of all devices (qemu_savevm_state_complete_precopy)."""
        yield from self.complete_precopy_iterable(f, in_postcopy=False, multifd=multifd)
        yield from self.complete_precopy_non_iterable(f, in_postcopy=False)
        error = f.fflush()
        if error < 0:
            raise self._side.fail(f"the channel failed ({errno.errorcode[-error]})")

    def complete_precopy_iterable(
        self, f: QEMUFile, *, in_postcopy: bool, multifd: MultifdSend | None = None
    ) -> Steps[None]:
        """Write the END sections, while threads send device state (qemu_savevm_state_complete_precopy_iterable).

        Args:
            f: where to.
            in_postcopy: leave out what postcopy will carry.
            multifd: the channels for device state; ``None`` without the capability.
        """
        threads = SaveThreads(self._side, multifd)
        try:
            if self._side.options.multifd_device_state:
                for entry in self._registry:
                    if in_postcopy and (yield from self._has_postcopy(entry)):
                        continue
                    if self._side.has(entry, "save_complete_precopy_thread"):
                        threads.spawn(entry)
            for entry in self._registry:
                if not self._side.has(entry, _COMPLETE_PRECOPY):
                    continue
                if in_postcopy and (yield from self._has_postcopy(entry)):
                    continue
                yield from self._complete(f, entry, _COMPLETE_PRECOPY)
        except EngineError:
            yield from threads.abort()
            raise
        try:
            yield from threads.join()
        except EngineError:
            f.set_error(-errno.EINVAL)
            raise

    def complete_postcopy(self, f: QEMUFile) -> Steps[None]:
        """Write the END sections while the destination runs (qemu_savevm_state_complete_postcopy).

        Upstream asks nobody for has_postcopy here, so that what was completed when the VM stopped is completed
        a second time; up to 10.1 this walk has a callback of its own, which such devices lack.
        """
        for entry in self._registry:
            if self._side.has(entry, _COMPLETE_POSTCOPY):
                yield from self._complete(f, entry, _COMPLETE_POSTCOPY)
        self._side.emit_record("eof", put_eof(f).span)
        f.fflush()

    def complete_precopy_non_iterable(self, f: QEMUFile, *, in_postcopy: bool) -> Steps[None]:
        """Write the plain device state, the end mark, the description (..._complete_precopy_non_iterable).

        Args:
            f: where to.
            in_postcopy: the stream goes on, and there is no description.
        """
        for entry in self._registry:
            if entry.vmsd is None or not entry.vmsd.early_setup:
                yield from self._save(f, entry)
        if in_postcopy:
            return
        eof = put_eof(f)
        self._side.emit_record("eof", eof.span if f.placed else None)
        if self._vmdesc is not None:
            description = put_description(f, json.dumps(self._vmdesc))
            self._side.emit_record("description", description.span if f.placed else None)
        yield CHECKPOINT

    def cleanup(self) -> Steps[None]:
        """Have everyone give up their bookkeeping, whatever became of the migration (qemu_savevm_state_cleanup)."""
        for entry in self._registry:
            if not self._side.has(entry, "save_cleanup"):
                continue
            try:
                yield from self._side.call(entry, "save_cleanup")
            except EngineError as error:
                self._side.propagate(error)  # the others have their turn nevertheless

    def _has_postcopy(self, entry: SaveStateEntry) -> Steps[bool]:
        """Ask whether a device's data may follow late; one that can't be asked may not."""
        if not self._side.has(entry, "has_postcopy"):
            return False
        answer: bool = yield from self._side.call(entry, "has_postcopy")
        return answer

    def _complete(self, f: QEMUFile, entry: SaveStateEntry, job: str) -> Steps[None]:
        """Write one END section, if the device takes part (qemu_savevm_complete)."""
        if (yield from self._side.is_active(entry)):
            yield from self._section(f, entry, SectionKind.END, job)

    def _section(self, f: QEMUFile, entry: SaveStateEntry, kind: SectionKind, handler: str) -> Steps[int]:
        """Write a section around what a handler writes; its footer comes even if the handler fails.

        A failure sticks to the file, too, so that nothing more goes out.
        """
        start = f.transferred
        put_section_header(f, _head(entry, kind))
        try:
            returned: int = yield from self._side.call(entry, handler, f=f)
        except EngineError as error:
            self._footer(f, entry, kind, start)
            self._side.propagate(error)
            if handler != "save_postcopy_prepare":  # upstream forgets it there, and goes on with the next round
                f.set_error(-errno.EINVAL)
            yield CHECKPOINT
            raise
        self._footer(f, entry, kind, start)
        yield CHECKPOINT
        return returned

    def _save(self, f: QEMUFile, entry: SaveStateEntry) -> Steps[None]:
        """Write one device's whole state as a FULL section, if it has any to write (vmstate_save)."""
        described = entry.vmsd
        if described is None and not self._side.has(entry, "save_state"):
            return
        if described is not None and not self._needed(entry, described):
            self._side.emit(EventKind.LOG, name="skip", idstr=entry.idstr, instance_id=entry.instance_id)
            return
        start = f.transferred
        put_section_header(f, _head(entry, SectionKind.FULL))
        described_entry: dict[str, Any] = {"name": entry.idstr, "instance_id": entry.instance_id}
        try:
            if described is None:
                before, well = f.transferred, not f.get_error()
                yield from self._side.call(entry, "save_state", f=f)
                if well and f.get_error():  # it has no other way to say that it failed
                    name = errno.errorcode[-f.get_error()]
                    raise self._side.fail(f"left the file with the error {name}", entry=entry, handler="save_state")
                size = f.transferred - before
                described_entry |= {"size": size, "fields": [{"name": "data", "size": size, "type": "buffer"}]}
            else:
                described_entry |= vmstate_save_state(f, described, entry.opaque)
        except Exception as error:  # a hook is somebody else's code and may raise anything
            failure = (
                error
                if isinstance(error, EngineError)
                else self._side.fail(message_of(error), entry=entry, cause=error)
            )
            self._side.propagate(failure)
            f.set_error(-errno.EINVAL)
            if failure is error:
                raise
            raise failure from error
        if self._vmdesc is not None:
            self._vmdesc["devices"].append(described_entry)
        self._footer(f, entry, SectionKind.FULL, start)
        yield CHECKPOINT

    def _needed(self, entry: SaveStateEntry, described: VMStateDescription) -> bool:
        try:
            return described.is_needed(entry.opaque)
        except Exception as error:
            raise self._side.fail(message_of(error), entry=entry) from error

    def _footer(self, f: QEMUFile, entry: SaveStateEntry, kind: SectionKind, start: int) -> None:
        if self._machine.compat.has(Behaviour.SEND_SECTION_FOOTER):
            put_section_footer(f, entry.section_id)
        self._side.emit_section(kind, f.span_from(start) if f.placed else None, entry)


def _head(entry: SaveStateEntry, kind: SectionKind) -> SectionHead:
    return SectionHead(
        section_id=entry.section_id,
        idstr=entry.idstr,
        instance_id=entry.instance_id,
        version_id=entry.version_id,
        kind=kind,
    )
