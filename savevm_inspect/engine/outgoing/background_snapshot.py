"""The background snapshot: the state of one moment, while the guest runs on (bg_migration_thread).

The devices are saved first, at that moment, into a buffer; then all of RAM goes out, each page before the guest
writes to it; the buffer comes last. state_pending_*, save_complete, is_active_iterate's rounds of precopy and all
of postcopy are never asked for.
"""

import errno

from ...errors import EngineError
from ...rules.phases import Phase
from ...rules.status import MigrationStatus, is_active
from ...stream.events import EventKind
from ..machine.machine import RunState
from ..machine.qemu_file import RATE_LIMIT_DISABLED, BufferFile
from ..sim.scheduler import CHECKPOINT, Steps
from .state import OutgoingState

_S = MigrationStatus


class BackgroundSnapshot:
    """Runs one snapshot.

    Args:
        state: what it shares with the other threads of the source.
    """

    def __init__(self, state: OutgoingState) -> None:
        self._s = state
        self._protected = False

    def steps(self) -> Steps[None]:
        """Run it to its end; what goes wrong is kept in the source."""
        s = self._s
        s.rate.set(RATE_LIMIT_DISABLED)
        buffer = BufferFile()
        try:
            yield from self._setup()
            yield from s.machine.bql.around(self._save_devices(buffer))
            s.enter(Phase.ITERATE)
            yield from self._iterate(buffer)
        except EngineError as error:
            s.propagate(error)
            if s.status is not _S.CANCELLING:
                s.set_state(_S.FAILED)
        self._protect(on=False)
        yield from s.machine.bql.lock()
        s.schedule(s.cleanup)
        s.machine.bql.unlock()

    def _setup(self) -> Steps[None]:
        s = self._s
        failure: EngineError | None = None
        yield from s.machine.bql.lock()
        s.savevm.header(s.to_dst_file)
        try:
            yield from s.setup()
        except EngineError as error:
            failure = error
        s.machine.bql.unlock()
        yield from s.wait_unplug()
        yield CHECKPOINT
        if failure is not None:  # only now: it is active for a moment
            raise failure

    def _save_devices(self, buffer: BufferFile) -> Steps[None]:
        """Stop the VM for as long as its devices take, and let it run on with its memory guarded."""
        s = self._s
        s.stop_vm(RunState.PAUSED)
        s.enter(Phase.COMPLETE)
        yield from s.savevm.complete_precopy_non_iterable(buffer, in_postcopy=False)
        self._protect(on=True)
        s.schedule(self._vm_start_bh)

    def _vm_start_bh(self) -> Steps[None]:
        self._s.resume_vm()
        yield CHECKPOINT

    def _protect(self, *, on: bool) -> None:
        """Have each page go out before it is written for the first time (ram_write_tracking_start and _stop).

        Raises:
            EngineError: memory can't be guarded; the VM is stopped then, and stays so, as upstream.
        """
        ram = self._s.machine.ram
        if ram is not None and (on or self._protected):
            with self._s.asking(ram):
                ram.guard(on=on)
        self._protected = on

    def _iterate(self, buffer: BufferFile) -> Steps[None]:
        """Send RAM, then the devices that were saved before (bg_migration_iteration_run, bg_migration_completion)."""
        s = self._s
        f = s.to_dst_file
        while is_active(s.status):
            if (yield from s.savevm.iterate(f, postcopy=False)):
                content = buffer.content()
                start = f.transferred
                f.put_buffer(content)
                f.fflush()
                s.emit(EventKind.LOG, name="devices", channel=f.channel, offset=start, length=len(content))
                if f.get_error():
                    raise s.fail(f"the channel failed ({errno.errorcode[-f.get_error()]})")
                s.set_state(_S.COMPLETED, old=_S.ACTIVE)
                yield CHECKPOINT
                return
            if f.get_error() and s.status is not _S.CANCELLING:
                raise s.fail(f"the channel failed ({errno.errorcode[-f.get_error()]})")
            yield CHECKPOINT
