"""The source's walks over all that is registered (migration/savevm.c, qemu_savevm_state_*).

Each walk is a function of upstream: same order, same questions asked, same records written. What calls them
when, in which thread and under which lock, is :mod:`.source`.
"""

import json
from typing import Any

from ..errors import EngineError, SavevmError
from ..stream.records import SectionHead, SectionKind
from ..stream.writer import (
    put_command,
    put_configuration,
    put_description,
    put_eof,
    put_file_header,
    put_section_footer,
    put_section_header,
)
from ..wire import MigCmd
from .handlers import Pending
from .qemu_file import QEMUFile
from .registry import SaveStateEntry
from .side import MigrationSide, Steps
from .vmstate import vmstate_save_state


class SaveVM:
    """Writes one stream.

    Args:
        side: the source, which tells what happens and enforces the phases.
        f: where to.
    """

    def __init__(self, side: MigrationSide, f: QEMUFile) -> None:
        self._side = side
        self._f = f
        self._machine = side.machine
        self._registry = side.machine.registry
        self._vmdesc: dict[str, Any] = {}

    def header(self) -> Steps[None]:
        """Write magic, version and configuration (qemu_savevm_state_header)."""
        kind = self._machine.kind
        self._side.tell_record("header", put_file_header(self._f).span)
        if kind.send_configuration:
            self._side.tell_record(
                "configuration", put_configuration(self._f, kind.name, page_bits=kind.page_bits).span
            )
            if kind.describe_configuration:
                self._vmdesc["configuration"] = describe_configuration(kind.name, kind.page_bits)
        yield from self._side.drain()

    def prepare(self) -> Steps[None]:
        """Ask everyone whether the VM can be migrated (qemu_savevm_state_prepare)."""
        for entry in self._registry:
            if not entry.has("save_prepare"):
                continue
            if (yield from self._side.is_active(entry)):
                yield from self._side.call(entry, "save_prepare")

    def setup(self) -> Steps[None]:
        """Write the START sections, and the devices that are saved early (qemu_savevm_state_setup)."""
        self._vmdesc["page_size"] = self._machine.kind.page_size
        self._vmdesc["devices"] = []
        for entry in self._registry:
            if entry.vmsd is not None and entry.vmsd.early_setup:
                yield from self._save(entry)
                continue
            if not entry.has("save_setup"):
                continue
            if (yield from self._side.is_active(entry)):
                yield from self._section(entry, SectionKind.START, "save_setup")

    def pending(self, handler: str) -> Steps[Pending]:
        """Add up what is left (qemu_savevm_state_pending_estimate and _exact).

        Args:
            handler: ``state_pending_estimate`` or ``state_pending_exact``.
        """
        total = Pending()
        for entry in self._registry:
            if not entry.has(handler):
                continue
            if (yield from self._side.is_active(entry)):
                total += yield from self._side.call(entry, handler)
        return total

    def iterate(self) -> Steps[bool]:
        """Give each device its turn, one PART section each (qemu_savevm_state_iterate).

        Returns:
            True if all of them had nothing left to send.
        """
        finished = True
        for entry in self._registry:
            if not entry.has("save_live_iterate"):
                continue
            if not (yield from self._side.is_active(entry)):
                continue
            if entry.has("is_active_iterate") and not (yield from self._side.call(entry, "is_active_iterate")):
                continue
            if self._f.rate_exceeded():
                return False
            if not (yield from self._section(entry, SectionKind.PART, "save_live_iterate")):
                finished = False
        return finished

    def switchover_start(self) -> Steps[None]:
        """Tell the destination that the VM has stopped (qemu_savevm_maybe_send_switchover_start)."""
        if self._machine.kind.send_switchover_start:
            command = put_command(self._f, MigCmd.MIG_CMD_SWITCHOVER_START)
            self._f.fflush()
            self._side.tell_command(command.command.name, command.span)
            yield from self._side.drain()

    def complete_iterable(self) -> Steps[None]:
        """Write the END sections (qemu_savevm_state_complete_precopy_iterable)."""
        for entry in self._registry:
            if not entry.has("save_complete"):
                continue
            if (yield from self._side.is_active(entry)):
                yield from self._section(entry, SectionKind.END, "save_complete")

    def complete_non_iterable(self) -> Steps[None]:
        """Write the plain device state, the end mark, the description (..._complete_precopy_non_iterable)."""
        for entry in self._registry:
            if entry.vmsd is None or not entry.vmsd.early_setup:
                yield from self._save(entry)
        self._side.tell_record("eof", put_eof(self._f).span)
        if not self._machine.kind.suppress_vmdesc:
            self._side.tell_record("description", put_description(self._f, json.dumps(self._vmdesc)).span)
        self._f.fflush()
        yield from self._side.drain()

    def cleanup(self) -> Steps[None]:
        """Have everyone give up their bookkeeping, whatever became of the migration (qemu_savevm_state_cleanup).

        Raises:
            EngineError: one of them raised; the others had their turn nevertheless.
        """
        first: EngineError | None = None
        for entry in self._registry:
            if not entry.has("save_cleanup"):
                continue
            try:
                yield from self._side.call(entry, "save_cleanup")
            except EngineError as error:
                first = first or error
        if first is not None:
            raise first

    def _section(self, entry: SaveStateEntry, kind: SectionKind, handler: str) -> Steps[int]:
        """Write a section around what a handler writes; its footer comes even if the handler fails."""
        start = self._f.transferred
        put_section_header(self._f, _head(entry, kind))
        try:
            returned: int = yield from self._side.call(entry, handler, f=self._f)
        except EngineError:
            self._footer(entry, kind, start)
            yield from self._side.drain()
            raise
        self._footer(entry, kind, start)
        yield from self._side.drain()
        return returned

    def _save(self, entry: SaveStateEntry) -> Steps[None]:
        """Write one device's whole state as a FULL section, if it has any to write (vmstate_save)."""
        described = entry.vmsd
        if described is None and not entry.has("save_state"):
            return
        if described is not None and not described.is_needed(entry.opaque):
            return
        start = self._f.transferred
        put_section_header(self._f, _head(entry, SectionKind.FULL))
        told: dict[str, Any] = {"name": entry.idstr, "instance_id": entry.instance_id}
        if described is None:
            before = self._f.transferred
            yield from self._side.call(entry, "save_state", f=self._f)
            size = self._f.transferred - before
            told |= {"size": size, "fields": [{"name": "data", "size": size, "type": "buffer"}]}
        else:
            try:
                told |= vmstate_save_state(self._f, described, entry.opaque)
            except SavevmError as error:
                raise self._side.fail(str(error), entry=entry, cause=error) from error
        self._vmdesc["devices"].append(told)
        self._footer(entry, SectionKind.FULL, start)
        yield from self._side.drain()

    def _footer(self, entry: SaveStateEntry, kind: SectionKind, start: int) -> None:
        if self._machine.kind.send_section_footer:
            put_section_footer(self._f, entry.section_id)
        self._side.tell_record(kind.value, self._f.span_from(start), entry)


def _head(entry: SaveStateEntry, kind: SectionKind) -> SectionHead:
    return SectionHead(
        section_id=entry.section_id,
        idstr=entry.idstr,
        instance_id=entry.instance_id,
        version_id=entry.version_id,
        kind=kind,
    )


def describe_configuration(machine: str, page_bits: int | None) -> dict[str, Any]:
    """What the description tells about the configuration (migration/savevm.c, vmstate_configuration)."""
    told: dict[str, Any] = {
        "vmsd_name": "configuration",
        "version": 1,
        "fields": [
            {"name": "len", "type": "uint32", "size": 4},
            {"name": "name", "type": "buffer", "size": len(machine.encode())},
        ],
    }
    if page_bits is not None:
        told["subsections"] = [
            {
                "vmsd_name": "configuration/target-page-bits",
                "version": 1,
                "fields": [{"name": "target_page_bits", "type": "uint32", "size": 4}],
            }
        ]
    return told
