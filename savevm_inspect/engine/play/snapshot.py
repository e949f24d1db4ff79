"""Saving a VM with its disks, and going back to it (migration/savevm.c, save_snapshot and load_snapshot).

All of it happens in the main thread, under the lock, with the VM stopped. Nobody is asked what is pending: the
devices have their turns until all of them are done.
"""

import errno

from ...errors import EngineError, SavevmError
from ...rules.options import Capability
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ..incoming.migration import IncomingMigration
from ..machine.machine import RunState
from ..machine.qemu_file import FileQEMUFile, QEMUFile, QEMUFileInput
from ..outgoing.migration import OutgoingMigration
from ..sim.file_channel import FileChannel
from ..sim.scheduler import Steps

_S = MigrationStatus


def save_snapshot(s: OutgoingMigration, file: FileChannel) -> Steps[None]:
    """Save the VM's state into a file (save_snapshot, qemu_savevm_state).

    Args:
        s: the machine's end.
        file: where to.
    """
    if s.options.has(Capability.MULTIFD):
        s.propagate(s.fail("savevm is not possible with multifd"))
        return
    s.stop_vm(RunState.SAVE_VM)
    try:
        yield from _savevm_state(s, FileQEMUFile(file, s.rate))
    except EngineError as error:
        s.propagate(error)
    file.close()
    s.resume_vm()


def _savevm_state(s: OutgoingMigration, f: QEMUFile) -> Steps[None]:
    s.savevm.blocked()
    yield from s.savevm.prepare()
    s.enter(Phase.SETUP)
    s.set_state(_S.SETUP)
    s.f = f
    try:
        s.savevm.header(f)
        yield from s.setup()
        s.enter(Phase.ITERATE)
        while not f.get_error():
            if (yield from s.savevm.iterate(f, postcopy=False)):
                break
        s.enter(Phase.SWITCHOVER)
        s.savevm.maybe_send_switchover_start(f)
        s.enter(Phase.COMPLETE)
        yield from s.savevm.complete_precopy(f)
        if f.get_error():
            raise s.fail(f"writing failed ({errno.errorcode[-f.get_error()]})")
    except EngineError as error:
        s.propagate(error)
    s.enter(Phase.CLEANUP)
    yield from s.savevm.cleanup()
    s.set_state(_S.FAILED if s.error is not None else _S.COMPLETED)
    s.f = None


def load_snapshot(d: IncomingMigration, content: bytes) -> Steps[None]:
    """Go back to what was saved, in a machine that was started for that (load_snapshot, load_snapshot_resume).

    To migration's state nothing happens, whatever becomes of it.

    Args:
        d: the machine's end.
        content: what was saved.
    """
    d.emit_qmp("loadvm")
    d.from_src_file = QEMUFileInput(memoryview(content))
    loaded = False
    try:
        yield from d.loadvm.state(d.from_src_file)
        loaded = True
    except SavevmError as error:
        d.propagate(error)
    yield from d.state_destroy()
    if loaded:
        d.start_vm(RunState.RUNNING)
