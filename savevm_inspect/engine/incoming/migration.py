"""The destination from its first byte to the running VM, or to its failure (process_incoming_migration_co).

How records are read is :mod:`.loadvm`'s, what the commands do is :mod:`.commands`'s and, from LISTEN on,
:mod:`.postcopy`'s.
"""

from collections.abc import Callable

from ...errors import EngineError, SavevmError
from ...rules.compat import Behaviour
from ...rules.options import Capability, Options
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...rules.threads import Side, Thread
from ...stream.events import EventKind
from ...stream.return_path import put_return_message
from ...wire import MigRpMessage
from ..machine.machine import Machine, RunState
from ..machine.qemu_file import PipeInput, QEMUFile, QEMUFileInput
from ..machine.side import MigrationSide
from ..sim.network import Connection
from ..sim.pipe import Pipe
from ..sim.scheduler import CHECKPOINT, Steps, Task, Wait, end_of
from .loadvm import LoadVM
from .multifd_recv import MultifdRecv
from .postcopy import PostcopyIncoming, PostcopyState

_S = MigrationStatus


class IncomingMigration(MigrationSide):
    """The receiving end.

    Args:
        machine: the VM to load, with the same devices as the source's.
        options: what the user set.
        listens: whether it waits for a source; one that goes back to a snapshot does not, and its state stays none.

    Attributes:
        from_src_file: the main channel's reading half; ``None`` while there is no connection.
        to_src_file: the way back, once the source has asked for it.
        loadvm: reads the records.
        postcopy: what there is besides in postcopy.
        multifd: the channels for pages; ``None`` without the capability.
        switchover_ack_pending: devices that have not agreed to the switchover yet.
        stream_failed: a load_setup failed, or the main channel's records could not be loaded: that alone is what the
            source is told at the end. Of a load_state_buffer or a thread that failed, as of a cleanup, it hears
            nothing, and takes the migration for completed (upstream: the error of from_src_file).
        load_threads_abort: threads that load device state are to end.
    """

    def __init__(self, machine: Machine, options: Options, *, listens: bool = True) -> None:
        super().__init__(Side.DESTINATION, machine, options)
        machine.destination = self
        self.connection: Connection | None = None
        self.from_src_file: QEMUFileInput | None = None
        self.to_src_file: QEMUFile | None = None
        self.loadvm = LoadVM(self)
        self.postcopy = PostcopyIncoming(self)
        self.multifd: MultifdRecv | None = None
        self.switchover_ack_pending = 0
        self.stream_failed = False
        self.load_threads_abort = False
        self._load_threads: list[Task] = []
        if listens and machine.compat.has(Behaviour.INCOMING_SETUP):
            self.set_state(_S.SETUP)

    def accept(self, connection: Connection) -> None:
        """A source has connected: begin to load, or go on (migration_start_incoming, postcopy_try_recover)."""
        self.connection = connection
        self.from_src_file = PipeInput(connection.main)
        connection.accepts = 1 + self._further_channels(resumed=connection.resumed)
        if self.status is _S.POSTCOPY_PAUSED:
            self.open_return_path()
            self.enter(Phase.POSTCOPY_RECOVER)
            self.set_state(_S.POSTCOPY_RECOVER)
            return
        if self.options.has(Capability.MULTIFD):
            self.multifd = MultifdRecv(self, connection)
        self.scheduler.start(Thread.MAIN, self._incoming())

    @property
    def first_multifd_channel(self) -> int:
        """Number of the first multifd channel; old machine types connect the preempt channel before it."""
        at_setup = not self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER)
        return 1 + (at_setup and self.options.has(Capability.POSTCOPY_PREEMPT))

    def _further_channels(self, *, resumed: bool) -> int:
        """How many channels besides the main one are expected; those of multifd do not come again."""
        multifd = self.options.has(Capability.MULTIFD) and not resumed
        pages = self.options.parameters.multifd_channels if multifd else 0
        return pages + self.options.has(Capability.POSTCOPY_PREEMPT)

    def load_file(self, content: bytes) -> None:
        """Begin to load what lies in a file (-incoming file:)."""
        self.from_src_file = QEMUFileInput(memoryview(content))
        self.scheduler.start(Thread.MAIN, self._incoming())

    def _incoming(self) -> Steps[None]:
        """Load all, then have the main loop start the VM (process_incoming_migration_co)."""
        yield from self.machine.bql.lock(emit=False)
        multifd = self.multifd
        if multifd is not None:
            yield from self.poll(Wait(what="all channels", ready=lambda: multifd.complete or self._gone()))
            multifd.start()
        self.set_state(_S.ACTIVE)
        yield CHECKPOINT
        try:
            assert self.from_src_file is not None
            yield from self.loadvm.state(self.from_src_file)
        except SavevmError as error:
            self.propagate(error)
            if self.postcopy.listening and self.from_src_file is not None:
                # The file is shared, and with it its error: the other thread ends, too.
                self.from_src_file.fail()
            else:
                self.set_state(_S.FAILED)
                yield from self.state_destroy()
        else:
            if not self.postcopy.listening:
                self.schedule(self._incoming_bh)
        if self.machine.bql.held:
            self.machine.bql.unlock(emit=False)

    def _gone(self) -> bool:
        main = self.connection.main if self.connection is not None else None
        return main is not None and (main.broken or main.closed)

    def _incoming_bh(self) -> Steps[None]:
        """Let the VM go on as it did on the source (process_incoming_migration_bh)."""
        if self.multifd is not None:
            self.multifd.hang_up()  # all is here (multifd_recv_shutdown)
        self.start_vm(self.machine.received_runstate or RunState.RUNNING)
        self.set_state(_S.COMPLETED)
        yield from self.state_destroy()

    def start_vm(self, wanted: RunState) -> None:
        """Let the VM run, or stand still as it did on the source."""
        if wanted is RunState.RUNNING:
            self.machine.vm_start()
        else:
            self.machine.runstate = wanted
        self.emit_qmp("RESUME" if self.machine.guest.running else "STOP")

    def state_destroy(self) -> Steps[None]:
        """Give everything up, and tell the source how it went (migration_incoming_state_destroy)."""
        if self.multifd is not None:
            yield from self.multifd.cleanup()
        if self.postcopy.state is not PostcopyState.NONE:
            yield from self.postcopy.cleanup()
        self.enter(Phase.CLEANUP)
        yield from self.loadvm.cleanup()
        yield from self.end_load_threads()
        if self.to_src_file is not None:
            self.send(MigRpMessage.MIG_RP_MSG_SHUT, int(self.stream_failed))
            if isinstance(self.to_src_file.pipe, Pipe):
                self.to_src_file.pipe.close()
            self.to_src_file = None
        if self.connection is not None:  # nobody reads any more: a source that goes on writing finds out
            for pipe in self.connection.forward:
                pipe.hang_up()
        yield CHECKPOINT

    # The way back.

    def open_return_path(self) -> None:
        """Begin to answer the source (qemu_file_get_return_path)."""
        if self.connection is not None:
            self.to_src_file = QEMUFile(self.connection.back)

    def send(self, message: MigRpMessage, *arguments: int | str, bitmap: bytes = b"") -> None:
        """Tell the source something, if there is a way back (migrate_send_rp_message)."""
        f = self.to_src_file
        if f is None or f.get_error():
            return
        span = put_return_message(f, message, *arguments, bitmap=bitmap).span
        f.end_record()
        f.fflush()
        self.emit(EventKind.RECORD, name=message.name, offset=span.offset, length=span.length, upstream="return path")

    def approve_switchover(self) -> None:
        """A device agrees to the switchover; the last one's word goes to the source (qemu_loadvm_approve_switchover).

        Raises:
            EngineError: nobody waits for it.
        """
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

    def fail_loading(self, error: SavevmError) -> EngineError:
        """Keep an error of a thread that nobody waits for, and close its channels (multifd_recv_terminate_threads).

        The main thread goes on as long as it can, and finds the error at its end.
        """
        failure = self.propagate(error)
        if self.multifd is not None:
            self.multifd.hang_up()
        return failure
