"""What all threads of the source share, from the beginning of a migration to its end (migration/migration.c).

Upstream this is the structure MigrationState. What its user asks for is :mod:`.migration`'s.
"""

from collections.abc import Callable, Sequence

from ...payload.ram import RamWriter
from ...rules.callbacks import Place
from ...rules.compat import Behaviour
from ...rules.options import Capability, Options
from ...rules.phases import Phase
from ...rules.status import MigrationStatus, is_active
from ...rules.threads import Side
from ...wire import MigCmd
from ..machine.machine import Machine, RunState
from ..machine.qemu_file import QEMUFile, RateLimit
from ..machine.side import MigrationSide
from ..sim.connection import OutgoingChannel, OutgoingConnection
from ..sim.file_channel import FileChannel
from ..sim.scheduler import CHECKPOINT, Steps, Task, Wait
from .multifd_send import MultifdSend
from .pace import Pace
from .pending import PendingQuery
from .return_path import ReturnPath
from .savevm import SaveVM

_S = MigrationStatus


class OutgoingState(MigrationSide):
    """The sending end, as its threads see it.

    Args:
        machine: the VM that moves.
        options: what the user set.

    Attributes:
        target: the file that it moves to; ``None`` for a connection.
        connection: what it moves over; ``None`` before there is one, and for a file.
        f: the main channel's writing half; ``None`` while there is no connection (upstream: to_dst_file).
        rate: the rate limit, over all channels.
        pace: when a round may begin, and from when on little enough is left.
        pending: what is left to send.
        savevm: the walks over all devices.
        multifd: the channels for pages; ``None`` without the capability.
        preempt: the channel for requested pages; ``None`` without the capability or before the switchover.
        return_path: what listens to the destination; ``None`` if nobody does.
        postcopy_wanted: the user asked for postcopy (upstream: start_postcopy).
        continued: the user lets the switchover go on.
        old_runstate: what the VM did before it was stopped.
        thread: what runs the migration; ``None`` before there is one.
    """

    def __init__(self, machine: Machine, options: Options) -> None:
        super().__init__(Side.SOURCE, machine, options)
        self.target: FileChannel | None = None
        self.connection: OutgoingConnection | None = None
        self.f: QEMUFile | None = None
        self.rate = RateLimit()
        self.pace = Pace(self, self.rate)
        self.pending = PendingQuery(self, self.pace)
        self.savevm = SaveVM(self)
        self.multifd: MultifdSend | None = None
        self.preempt: QEMUFile | None = None
        self.return_path: ReturnPath | None = None
        self.postcopy_wanted = False
        self.continued = False
        self.old_runstate = machine.runstate
        self.thread: Task | None = None

    @property
    def to_dst_file(self) -> QEMUFile:
        """The main channel's writing half, where there must be one."""
        assert self.f is not None
        return self.f

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for this end any more: it failed, or was cancelled."""
        return self.status in {_S.CANCELLING, _S.FAILED} or self.error is not None

    @property
    def switchover_acked(self) -> bool:
        """Whether the destination has agreed to the switchover."""
        wanted = self.pending.acks_wanted if self.pending.counts_acks else 1
        acks = self.return_path.switchover_acks if self.return_path is not None else 0
        return acks >= wanted

    @property
    def package_loaded(self) -> bool:
        """Whether the destination has loaded the device state of postcopy."""
        return self.return_path is not None and self.return_path.package_loaded

    def setup(self) -> Steps[None]:
        """Write the START sections, under the lock where this version takes it (qemu_savevm_state_do_setup)."""
        place = Place(side=Side.SOURCE, phase=Phase.SETUP, thread=self.scheduler.current.thread, bql=True)
        callback, bql = self.machine.interface.doing("save_setup"), self.machine.bql
        locked = callback is not None and place in callback.places
        if locked is bql.held:
            yield from self.savevm.setup(self.to_dst_file)
        elif locked:
            yield from bql.around(self.savevm.setup(self.to_dst_file))
        else:
            yield from bql.outside(self.savevm.setup(self.to_dst_file))

    # The VM.

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

    # Waiting.

    def wait_continue(self) -> Steps[None]:
        """Wait until the user lets the switchover go on (pause-before-switchover)."""
        self.continued = False
        yield Wait(what="migrate-continue", ready=lambda: self.continued, waits_for_user=True)

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

    def rp_wait(self, ready: Callable[[], bool], what: str) -> Steps[None]:
        """Wait for the thread that listens to the destination, which may also report a failure (migration_rp_wait).

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

    # Channels.

    def send_recv_bitmap(self, block: str) -> None:
        """Ask the destination which pages of a block it has (qemu_savevm_send_recv_bitmap)."""
        name = block.encode()
        self.savevm.command(self.to_dst_file, MigCmd.MIG_CMD_RECV_BITMAP, bytes((len(name),)) + name)

    def open_preempt(self) -> None:
        """Make sure that there is a channel for requested pages (postcopy_preempt_establish_channel).

        Old machine types have connected it at the setup; whether that worked matters only now.

        Raises:
            EngineError: the destination does not expect it.
        """
        if not self.options.has(Capability.POSTCOPY_PREEMPT) or self.connection is None:
            return
        if self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER):
            self.connect_preempt()
        if self.preempt is None:
            raise self.fail("the destination refuses the preempt channel")

    def connect_preempt(self) -> None:
        """Connect that channel (postcopy_preempt_setup)."""
        if self.options.has(Capability.POSTCOPY_PREEMPT) and self.connection is not None:
            pipe = self.connection.open_channel()
            self.preempt = None if pipe.hung_up else QEMUFile(pipe, self.rate)

    def end_preempt(self) -> None:
        """End the channel for requested pages with an EOS, for old machine types (postcopy_preempt_shutdown_file)."""
        if self.preempt is not None and not self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER):
            RamWriter(self.preempt).put_eos()
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

    # The end.

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
        yield from self.scheduler.join(self.thread)
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

    def _channels(self) -> Sequence[OutgoingChannel]:
        """All that is written to."""
        if self.target is not None:
            return [self.target]
        return self.connection.forward if self.connection is not None else []
