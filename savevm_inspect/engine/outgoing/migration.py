"""The source: what its user asks for, and what holds from the beginning of a migration to its end.

What the migration thread does in between is :mod:`.migration_thread`; the background snapshot's is
:mod:`.background_snapshot` (all of it migration/migration.c).
"""

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import EngineError
from ...payload.ram import RamWriter
from ...rules.compat import Behaviour
from ...rules.options import Capability, Options
from ...rules.phases import Phase
from ...rules.status import MigrationStatus, is_active, is_running
from ...rules.threads import Side, Thread
from ..machine.file_channel import FileChannel, FileQEMUFile
from ..machine.machine import Machine, RunState
from ..machine.qemu_file import PipeInput, QEMUFile, RateLimit
from ..machine.side import MigrationSide
from ..sim.scheduler import CHECKPOINT, Steps, Task, Wait
from .background_snapshot import BackgroundSnapshot
from .migration_thread import MigrationThread
from .multifd_send import MultifdSend
from .pace import Pace
from .return_path import ReturnPath
from .savevm import SaveVM

if TYPE_CHECKING:
    from ..sim.network import Connection, Network
    from ..sim.pipe import Pipe

_S = MigrationStatus


class OutgoingMigration(MigrationSide):
    """The sending end.

    Args:
        machine: the VM that moves.
        options: what the user set.
        network: over which it moves.

    Attributes:
        target: the file that it moves to instead; ``None`` for a connection.
        f: the main channel's writing half; ``None`` while there is no connection (upstream: to_dst_file).
        rate: the rate limit, over all channels.
        pace: when a round may begin, and from when on little enough is left.
        savevm: the walks over all devices.
        multifd: the channels for pages; ``None`` without the capability.
        preempt: the channel for requested pages; ``None`` without the capability or before the switchover.
        return_path: what listens to the destination; ``None`` if nobody does.
        postcopy_wanted: the user asked for postcopy (upstream: start_postcopy).
        switchover_acked: the destination agreed to the switchover.
        package_loaded: the destination has loaded the device state of postcopy.
        old_runstate: what the VM did before it was stopped.
    """

    def __init__(self, machine: Machine, options: Options, network: "Network") -> None:
        super().__init__(Side.SOURCE, machine, options)
        machine.source = self
        self.network = network
        self.target: FileChannel | None = None
        self.connection: Connection | None = None
        self.f: QEMUFile | None = None
        self.rate = RateLimit()
        self.pace = Pace(self)
        self.savevm = SaveVM(self)
        self.multifd: MultifdSend | None = None
        self.preempt: QEMUFile | None = None
        self.return_path: ReturnPath | None = None
        self.postcopy_wanted = False
        self.switchover_acked = False
        self.package_loaded = False
        self.old_runstate = machine.runstate
        self._thread: Task | None = None
        self._continued = False

    @property
    def to_dst_file(self) -> QEMUFile:
        """The main channel's writing half, where there must be one."""
        assert self.f is not None
        return self.f

    # What the user asks for; each runs in the main thread, under the lock.

    def migrate(self) -> Steps[None]:
        """Begin, or go on with a postcopy whose connection broke (qmp_migrate).

        A save_prepare that refuses leaves no trace: nothing was set up, so that nothing is cleaned up.
        """
        resume = self.status is _S.POSTCOPY_PAUSED
        if resume:
            self.set_state(_S.POSTCOPY_RECOVER_SETUP)
            self.error = None
        else:
            try:
                self.savevm.blocked()
                yield from self.savevm.prepare()
            except EngineError as error:
                self.propagate(error)
                return
            self.enter(Phase.SETUP)
            self.set_state(_S.SETUP)
        self._start_outgoing(resume=resume)

    def _start_outgoing(self, *, resume: bool) -> None:
        """Connect, and begin or wake the migration thread (migration_start_outgoing)."""
        parameters = self.options.parameters
        self.rate.set(
            parameters.max_postcopy_bandwidth_bytes_per_s if resume else parameters.max_bandwidth_bytes_per_s
        )
        if self.target is not None:
            self.f = FileQEMUFile(self.target, self.rate)
        else:
            self.connection = self.network.connect()
            self.f = QEMUFile(self.connection.main, self.rate)
            if self.options.return_path:
                self.return_path = ReturnPath(self, PipeInput(self.connection.back))
                self.return_path.open()
            if not self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER):
                self._connect_preempt()
        if resume:
            self.set_state(_S.POSTCOPY_RECOVER)  # which wakes the migration thread
            return
        if self.options.has(Capability.MULTIFD) and self.connection is not None:
            self.multifd = MultifdSend(self, self.connection)
        if self.options.has(Capability.BACKGROUND_SNAPSHOT):
            self._thread = self.scheduler.start(Thread.SNAPSHOT, BackgroundSnapshot(self).steps())
        else:
            self._thread = self.scheduler.start(Thread.MIGRATION, MigrationThread(self).steps())

    def start_postcopy(self) -> None:
        """Switch to postcopy as soon as only what can follow late is left (qmp_migrate_start_postcopy).

        Raises:
            EngineError: no capability allows it, or no migration has begun.
        """
        if self.status is _S.NONE:
            raise self.fail("migrate-start-postcopy before a migration has begun")
        if not self.options.postcopy:
            raise self.fail("migrate-start-postcopy without a postcopy capability")
        self.postcopy_wanted = True

    def continue_(self) -> None:
        """Go on with the switchover that waits for it (qmp_migrate_continue).

        Raises:
            EngineError: none does.
        """
        if self.status is not _S.PRE_SWITCHOVER:
            raise self.fail(f"migrate-continue in state {self.status}, expected {_S.PRE_SWITCHOVER}")
        self._continued = True

    def pause(self) -> None:
        """Break the connection of a running postcopy on purpose (qmp_migrate_pause).

        Raises:
            EngineError: no postcopy runs.
        """
        if self.status not in {_S.POSTCOPY_ACTIVE, _S.POSTCOPY_RECOVER} or self.connection is None:
            raise self.fail(f"migrate-pause in state {self.status}, expected a running postcopy")
        self.propagate(self.fail("postcopy is paused by the user"))
        self.to_dst_file.set_error(-errno.EIO)  # found also by a thread that has nothing to write just now
        self.connection.fail()

    def cancel(self) -> None:
        """Give up (qmp_migrate_cancel): the connection is broken, and whoever waits finds out.

        Raises:
            EngineError: the destination may run already.
        """
        if self.in_postcopy:
            raise self.fail("postcopy goes on, and can't be cancelled")
        if not is_running(self.status):
            return
        if self.status is not _S.CANCELLING:
            self.set_state(_S.CANCELLING)
        self._continued = True
        if self.connection is not None:
            self.connection.fail()
        if self.f is not None:
            self.f.set_error(-errno.EIO)

    # What the threads of the source share.

    def wait_continue(self) -> Steps[None]:
        """Wait until the user lets the switchover go on (pause-before-switchover)."""
        self._continued = False
        yield Wait(what="migrate-continue", ready=lambda: self._continued, waits_for_user=True)

    def wait_unplug(self) -> Steps[None]:
        """Wait until the guest has let go of what can't move, then be active (qemu_savevm_wait_unplug).

        Somebody may cancel meanwhile.
        """
        if not self.savevm.guest_unplug_pending():
            self.set_state(_S.ACTIVE, old=_S.SETUP)
            return
        self.set_state(_S.WAIT_UNPLUG, old=_S.SETUP)

        def unplugged() -> bool:
            return self.status is not _S.WAIT_UNPLUG or not self.savevm.guest_unplug_pending()

        yield Wait(what="the guest to let go of its devices", ready=unplugged, wake_us=self._soon_us)
        self.set_state(_S.ACTIVE, old=_S.WAIT_UNPLUG)

    def _soon_us(self) -> int:
        return self.machine.clock.now_us + 250_000

    def stop_vm(self, runstate: RunState) -> None:
        """Stop the guest, remembering what it did (migration_stop_vm)."""
        self.old_runstate = self.machine.runstate
        self.machine.vm_stop(runstate)
        self.emit_qmp("STOP")

    def resume_vm(self) -> None:
        """Let the guest go on as before."""
        if self.old_runstate is RunState.RUNNING:
            self.machine.vm_start()
            self.emit_qmp("RESUME")
        else:
            self.machine.runstate = self.old_runstate

    def rp_wait(self, ready: Callable[[], bool], what: str) -> Steps[None]:
        """Wait for the thread that listens to the destination, which may also tell of a failure (migration_rp_wait).

        Args:
            ready: whether it has come.
            what: what is waited for.
        """
        yield Wait(what=what, ready=lambda: ready() or self.error is not None)

    def wait_main_channel(self) -> Steps[None]:
        """Wait until the destination has answered a ping (migration_wait_main_channel)."""
        listener = self.return_path
        if listener is not None:
            yield from self.rp_wait(lambda: listener.pongs > 0, "an answer to a ping")

    def open_preempt(self) -> None:
        """Make sure that there is a channel for requested pages (postcopy_preempt_establish_channel).

        Old machine types have connected it at the setup; whether that worked matters only now.

        Raises:
            EngineError: the destination does not expect it.
        """
        if not self.options.has(Capability.POSTCOPY_PREEMPT) or self.connection is None:
            return
        if self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER):
            self._connect_preempt()
        if self.preempt is None:
            raise self.fail("the destination refuses the preempt channel")

    def _connect_preempt(self) -> None:
        """Connect that channel (postcopy_preempt_setup)."""
        if self.options.has(Capability.POSTCOPY_PREEMPT) and self.connection is not None:
            pipe = self.connection.open_channel()
            self.preempt = None if pipe.hung_up else QEMUFile(pipe, self.rate)

    def end_preempt(self) -> None:
        """End the channel for requested pages with an EOS, for old machine types (postcopy_preempt_shutdown_file)."""
        if self.preempt is not None and not self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER):
            RamWriter(self.preempt).put_eos()
            self.preempt.end_record()
            self.preempt.fflush()

    def close_return_path(self) -> Steps[bool]:
        """Wait for the end of the thread that listens to the destination (close_return_path_on_source).

        Returns:
            Whether something went wrong, there or before.
        """
        if self.return_path is None:
            return False
        if self.error is not None and self.connection is not None:
            self.connection.back.shutdown()
        yield from self.scheduler.join(self.return_path.task)
        self.return_path = None
        return self.error is not None

    def release_files(self) -> None:
        """Give up a connection that broke; another one may come (postcopy_pause)."""
        if self.connection is not None:
            self.connection.fail()
        self.f = self.preempt = None

    def finish(self) -> Steps[None]:
        """What the migration thread does last (migration_iteration_finish); cleaning up is the main thread's."""
        yield from self.machine.bql.lock()
        if self.options.has(Capability.AUTO_CONVERGE):
            self.machine.guest.throttle_percent = 0
        if self.status is _S.COMPLETED:
            self.machine.runstate = RunState.POSTMIGRATE
        elif self.machine.runstate is RunState.FINISH_MIGRATE:
            self.resume_vm()
        self.schedule(self.cleanup)
        self.machine.bql.unlock()

    def cleanup(self) -> Steps[None]:
        """Give everything up (migration_cleanup)."""
        self.enter(Phase.CLEANUP)
        yield from self.savevm.cleanup()
        yield from self.close_return_path()
        self.machine.bql.unlock()
        yield from self.scheduler.join(self._thread)
        yield from self.machine.bql.lock()
        if self.multifd is not None:
            yield from self.multifd.shutdown()
        if self.f is not None:
            self.f.fflush()
            for channel in self._channels():
                channel.close()
            self.f = self.preempt = None
        assert not is_active(self.status)
        self.set_state(_S.CANCELLED, old=_S.CANCELLING)
        yield CHECKPOINT

    def _channels(self) -> "list[Pipe] | list[FileChannel]":
        """All that is written to."""
        if self.target is not None:
            return [self.target]
        return self.connection.forward if self.connection is not None else []
