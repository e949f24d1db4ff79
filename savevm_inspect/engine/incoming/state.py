"""What all threads of the destination share, from the first byte to the end (migration/migration.c, savevm.c).

Upstream this is the structure MigrationIncomingState. Who loads when is :mod:`.migration`'s.
"""

from collections.abc import Callable

from ...errors import SavevmError, Truncated
from ...rules.options import Options
from ...rules.status import MigrationStatus
from ...rules.threads import Side, Thread
from ...stream.events import EventKind
from ...stream.return_path import put_return_message
from ...wire import MigRpMessage
from ..machine.machine import Machine, RunState
from ..machine.qemu_file import ChannelInput, QEMUFile, QEMUFileInput
from ..machine.side import MigrationSide
from ..sim.connection import IncomingChannel, IncomingConnection
from ..sim.scheduler import Steps, Task, Wait, end_of
from .multifd_recv import MultifdRecv

_S = MigrationStatus


class IncomingState(MigrationSide):
    """The receiving end, as its threads see it.

    Args:
        machine: the VM to load, with the same devices as the source's.
        options: what the user set.

    Attributes:
        connection: what it comes over; ``None`` before there is one, and for a file.
        from_src_file: the main channel's reading half; ``None`` while there is no connection.
        to_src_file: the way back, once the source has asked for it.
        multifd: the channels for pages; ``None`` without the capability.
        main_loaded: the main thread is done with its part (upstream: main_thread_load_event).
        switchover_ack_pending: devices that have not agreed to the switchover yet.
        stream_failed: a load_setup failed, or the main channel's records could not be loaded: that alone is what the
            source gets at the end. Of a load_state_buffer or a thread that failed, as of a cleanup, it hears
            nothing, and takes the migration for completed (upstream: the error of from_src_file).
        load_threads_abort: threads that load device state are to end.
    """

    def __init__(self, machine: Machine, options: Options) -> None:
        super().__init__(Side.DESTINATION, machine, options)
        self.connection: IncomingConnection | None = None
        self.from_src_file: QEMUFileInput | None = None
        self.to_src_file: QEMUFile | None = None
        self.multifd: MultifdRecv | None = None
        self.main_loaded = False
        self.switchover_ack_pending = 0
        self.stream_failed = False
        self.load_threads_abort = False
        self._load_threads: list[Task] = []

    @property
    def abandoned(self) -> bool:
        """Whether nobody sends any more: the connection is gone, or the source has closed it."""
        main = self.connection.main if self.connection is not None else None
        return main is not None and (main.broken or main.closed)

    def starting_vm(self, wanted: RunState) -> Steps[None]:
        """Let the VM run when the work for that is done; see :meth:`start_vm`."""
        self.scheduler.spend(self.machine.costs.start_ns)
        yield from self.scheduler.settle()
        self.start_vm(wanted)

    def start_vm(self, wanted: RunState) -> None:
        """Let the VM run, or stand still as it did on the source."""
        if wanted is RunState.RUNNING:
            self.machine.vm_start()
        else:
            self.machine.runstate = wanted
        self.emit_qmp("RESUME" if self.machine.guest.running else "STOP")

    def reading(self, channel: IncomingChannel) -> QEMUFileInput:
        """The reading half of the main channel; a main thread that waits there gives up its lock meanwhile."""

        def wrap(wait: Steps[bool]) -> Steps[bool]:
            bql, polls = self.machine.bql, self.scheduler.current.thread is Thread.MAIN
            if polls:
                bql.unlock(emit=False)
            more = yield from wait
            if polls:
                yield from bql.lock(emit=False)
            return more

        return ChannelInput(channel, wrap, self.scheduler.wait_inside)

    def need(self, f: QEMUFileInput, what: str) -> Steps[None]:
        """Wait until there is something to read.

        Args:
            f: the channel.
            what: what is expected there.

        Raises:
            Truncated: nothing more will come.
        """
        if not (yield from f.fill(1)):
            raise Truncated(f"the stream ended where {what} is expected", offset=f.offset, section=f.section)

    # The way back.

    def open_return_path(self) -> None:
        """Begin to answer the source (qemu_file_get_return_path)."""
        if self.connection is not None:
            self.to_src_file = QEMUFile(self.connection.back)

    def close_return_path(self) -> None:
        """Report to the source how it went, and answer no more (migration_incoming_state_destroy)."""
        if self.connection is None or self.to_src_file is None:
            return
        self.send(MigRpMessage.MIG_RP_MSG_SHUT, int(self.stream_failed))
        self.connection.back.close()
        self.to_src_file = None

    def send(self, message: MigRpMessage, *arguments: int | str, bitmap: bytes = b"") -> None:
        """Send the source a message, if there is a return path (migrate_send_rp_message)."""
        f = self.to_src_file
        if f is None or f.get_error():
            return
        span = put_return_message(f, message, *arguments, bitmap=bitmap).span
        f.fflush()
        self.emit(EventKind.RECORD, name=message.name, offset=span.offset, length=span.length, upstream="return path")

    @property
    def counts_acks(self) -> bool:
        """Whether it is this end that counts the devices that must agree to the switchover."""
        return self.machine.interface.doing("switchover_ack_needed") is not None

    def approve_switchover(self) -> None:
        """A device agrees to the switchover; the last one's word goes to the source (qemu_loadvm_approve_switchover).

        From 11.1 on the source counts, and hears of each device.

        Raises:
            EngineError: nobody waits for it.
        """
        if not self.counts_acks:
            self.send(MigRpMessage.MIG_RP_MSG_SWITCHOVER_ACK)
            return
        if not self.switchover_ack_pending:
            raise self.fail("a device agrees to the switchover, and nobody waits for it")
        self.switchover_ack_pending -= 1
        if not self.switchover_ack_pending:
            self.send(MigRpMessage.MIG_RP_MSG_SWITCHOVER_ACK)

    # Threads that load device state.

    def start_load_thread(self, function: Callable[[], Steps[None]]) -> None:
        """Begin a thread that loads what came over multifd channels (qemu_loadvm_start_load_thread)."""

        def run() -> Steps[None]:
            try:
                yield from function()
            except SavevmError as error:
                self.propagate(error)

        self._load_threads.append(self.scheduler.start(Thread.LOAD_STATE, run()))

    def wait_load_threads(self) -> Steps[None]:
        """Wait until all device state is loaded (qemu_loadvm_thread_pool_wait).

        Raises:
            EngineError: a thread failed, or something else did before or meanwhile.
        """

        def done() -> bool:
            return self.error is not None or all(task.done for task in self._load_threads)

        yield from self.poll(Wait(what="all device state to be loaded", ready=done))
        if self.error is not None:
            raise self.error

    def end_load_threads(self) -> Steps[None]:
        """Have all that still load give up (qemu_loadvm_thread_pool_destroy)."""
        self.load_threads_abort = True
        for task in self._load_threads:
            yield from self.poll(end_of(task))
