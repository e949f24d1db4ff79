"""The destination from its first byte to the running VM, or to its failure (process_incoming_migration_co).

How records are read is :mod:`.loadvm`'s, what the commands do is :mod:`.commands`'s and, from LISTEN on,
:mod:`.postcopy`'s; what all of them share is :mod:`.state`.
"""

from ...errors import SavevmError
from ...rules.compat import Behaviour
from ...rules.options import Capability, Options
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...rules.threads import Thread
from ..machine.machine import Machine, RunState
from ..machine.qemu_file import QEMUFileInput
from ..sim.connection import IncomingConnection
from ..sim.scheduler import CHECKPOINT, Steps, Wait
from .loadvm import LoadVM
from .multifd_recv import MultifdRecv
from .postcopy import PostcopyIncoming, PostcopyState
from .state import IncomingState

_S = MigrationStatus


class IncomingMigration(IncomingState):
    """The receiving end.

    Args:
        machine: the VM to load, with the same devices as the source's.
        options: what the user set.
        listens: whether it waits for a source; one that goes back to a snapshot does not, and its state stays none.

    Attributes:
        postcopy: what there is besides in postcopy.
        loadvm: reads the records.
    """

    def __init__(self, machine: Machine, options: Options, *, listens: bool = True) -> None:
        super().__init__(machine, options)
        self.postcopy = PostcopyIncoming(self, self.state_destroy)
        self.loadvm = LoadVM(self, self.postcopy)
        machine.destination = self
        if listens and machine.compat.has(Behaviour.INCOMING_SETUP):
            self.set_state(_S.SETUP)

    def accept(self, connection: IncomingConnection) -> None:
        """A source has connected: begin to load, or go on (migration_start_incoming, postcopy_try_recover)."""
        self.connection = connection
        self.from_src_file = self.reading(connection.main)
        connection.accepts = 1 + self._further_channels(resumed=connection.resumed)
        if self.status is _S.POSTCOPY_PAUSED:
            self.open_return_path()
            self.enter(Phase.POSTCOPY_RECOVER)
            self.set_state(_S.POSTCOPY_RECOVER)
            return
        if self.options.has(Capability.MULTIFD):
            self.multifd = MultifdRecv(self, connection, self._first_multifd_channel)
        self.scheduler.start(Thread.MAIN, self._incoming())

    @property
    def _first_multifd_channel(self) -> int:
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
            yield from self.poll(Wait(what="all channels", ready=lambda: multifd.complete or self.abandoned))
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

    def _incoming_bh(self) -> Steps[None]:
        """Let the VM go on as it did on the source (process_incoming_migration_bh)."""
        if self.multifd is not None:
            self.multifd.hang_up()  # all is here (multifd_recv_shutdown)
        yield from self.starting_vm(self.machine.received_runstate or RunState.RUNNING)
        self.set_state(_S.COMPLETED)
        yield from self.state_destroy()

    def state_destroy(self) -> Steps[None]:
        """Clean up, and report to the source how it went (migration_incoming_state_destroy)."""
        if self.multifd is not None:
            yield from self.multifd.cleanup()
        if self.postcopy.state is not PostcopyState.NONE:
            yield from self.postcopy.cleanup()
        self.enter(Phase.CLEANUP)
        yield from self.loadvm.cleanup()
        yield from self.end_load_threads()
        self.close_return_path()
        if self.connection is not None:  # it is closed in both directions: a source that goes on, or waits, finds out
            self.connection.back.close()
            for pipe in self.connection.forward:
                pipe.hang_up()
        yield CHECKPOINT

    def page_placed(self, block: str, addr: int) -> None:
        """A page has come in postcopy, whoever asked for it (postcopy_place_page)."""
        self.postcopy.placed(block, addr)
        self.machine.guest.arrived(block, addr)
