"""Postcopy as the destination sees it: listening while it loads, running while pages are missing, pausing.

What the commands do is migration/savevm.c's, the threads are migration/postcopy-ram.c's.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

from ...errors import BadPayload, SavevmError
from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...rules.threads import Thread
from ...stream.events import EventKind
from ...wire import MIGRATION_RESUME_ACK_VALUE, MigRpMessage
from ..machine.machine import RunState
from ..machine.qemu_file import ChannelInput, QEMUFileInput
from ..sim.connection import IncomingChannel, IncomingConnection
from ..sim.scheduler import CHECKPOINT, Steps, Task, Wait, end_of
from .state import IncomingState

_S = MigrationStatus

Load = Callable[[QEMUFileInput], Steps[bool]]
"""Reads records up to the end of a channel or a package; returns whether the loops around it end, too."""


class PostcopyState(StrEnum):
    """How far postcopy has come on the destination (migration/postcopy-ram.h, POSTCOPY_INCOMING_*)."""

    NONE = "none"
    ADVISE = "advise"
    DISCARD = "discard"
    LISTENING = "listening"
    RUNNING = "running"
    END = "end"


_P = PostcopyState
_FOLLOWS: Final = {
    _P.ADVISE: {_P.NONE},
    _P.DISCARD: {_P.ADVISE, _P.DISCARD},
    _P.LISTENING: {_P.ADVISE, _P.DISCARD},
    _P.RUNNING: {_P.LISTENING},
}
"""For each state, those that it may follow; what brings it is a command of the source."""


class PostcopyIncoming:
    """What a destination does besides loading, once postcopy was announced.

    Args:
        destination: what the threads of this end share.
        destroy: gives everything up, in the main thread.

    Attributes:
        state: how far it has come.
        listening: a thread of its own reads the main channel.
    """

    def __init__(self, destination: IncomingState, destroy: Callable[[], Steps[None]]) -> None:
        self._d = destination
        self._destroy = destroy
        self.state = PostcopyState.NONE
        self.listening = False
        self._listen: Task | None = None
        self._fault: Task | None = None
        self._preempt: Task | None = None
        self._quit = False
        self._requested: set[tuple[str, int]] = set()
        self._last_block = ""

    @property
    def preempt_connected(self) -> bool:
        """Whether the channel for requested pages is there, or never will be."""
        connection = self._d.connection
        return connection is None or connection.broken or self._preempt_pipe() is not None

    def _go(self, state: PostcopyState, offset: int) -> None:
        if self.state not in _FOLLOWS[state]:
            raise BadPayload(f"a command that leads to {state} in postcopy state {self.state}", offset=offset)
        self.state = state

    # What the commands do.

    def advise(self, arguments: dict[str, Any], offset: int) -> None:
        """Postcopy may come (loadvm_postcopy_handle_advise).

        Raises:
            BadPayload: the two sides do not agree on what may come, or on the size of pages.
        """
        d = self._d
        self._go(_P.ADVISE, offset)
        if bool(arguments) is not d.options.has(Capability.POSTCOPY_RAM):
            raise BadPayload(
                f"advice {'of' if arguments else 'without'} memory, and postcopy-ram is "
                f"{'on' if d.options.has(Capability.POSTCOPY_RAM) else 'off'} here",
                offset=offset,
            )
        ours = d.machine.kind.page_size
        if arguments and (arguments["pagesize_summary"], arguments["target_page_size"]) != (ours, ours):
            raise BadPayload(f"advice of other pages than ours of {ours} bytes", offset=offset)

    def ram_discard(self, block: str, starts: Sequence[Any], lengths: Sequence[Any], offset: int) -> None:
        """Forget pages that the source has dirtied since (loadvm_postcopy_ram_handle_discard).

        Raises:
            BadPayload: they lie outside of the block.
        """
        self._go(_P.DISCARD, offset)
        if self._d.machine.ram is None:
            raise BadPayload("pages to forget, and there is no memory", offset=offset)
        for start, length in zip(starts, lengths, strict=True):
            self._d.machine.ram.discard(block, int(start), int(length), offset)

    def listen(self, load: Load, offset: int) -> None:
        """From here on pages may come at any time: a thread reads the channel (loadvm_postcopy_handle_listen).

        Args:
            load: reads it.
            offset: of the command that says so.
        """
        d = self._d
        self._go(_P.LISTENING, offset)
        d.enter(Phase.POSTCOPY)
        if d.options.has(Capability.POSTCOPY_RAM) and d.machine.ram is not None:
            d.machine.ram.expect_faults()
            self._fault = d.scheduler.start(Thread.FAULT, self._fault_thread(), daemon=True)
            if d.options.has(Capability.POSTCOPY_PREEMPT):
                self._preempt = d.scheduler.start(Thread.PREEMPT, self._preempt_thread(), daemon=True)
        self.listening = True
        self._listen = d.scheduler.start(Thread.LISTEN, self._listen_thread(load))

    def run(self, offset: int) -> None:
        """All device state is here: the main loop starts the VM (loadvm_postcopy_handle_run)."""
        d = self._d
        self._go(_P.RUNNING, offset)
        d.set_state(_S.POSTCOPY_ACTIVE, old=_S.POSTCOPY_DEVICE)
        d.schedule(self._run_bh)

    def _run_bh(self) -> Steps[None]:
        yield from self._d.starting_vm(RunState.RUNNING)
        yield CHECKPOINT

    def resume(self) -> Steps[None]:
        """The source is ready to go on (loadvm_postcopy_handle_resume); what is still missing is asked for again."""
        d = self._d
        if d.status is not _S.POSTCOPY_RECOVER:
            return
        self._last_block = ""
        d.set_state(_S.POSTCOPY_ACTIVE)
        d.enter(Phase.POSTCOPY)
        d.send(MigRpMessage.MIG_RP_MSG_RESUME_ACK, MIGRATION_RESUME_ACK_VALUE)
        for block, addr in sorted(self._requested):
            self._send_request(block, addr)
        yield CHECKPOINT

    # Threads.

    def _listen_thread(self, load: Load) -> Steps[None]:
        """Read the main channel while the main thread loads the package, and after that (postcopy_listen_thread)."""
        d = self._d
        loading = d.machine.compat.has(Behaviour.POSTCOPY_DEVICE) and d.to_src_file is not None
        d.set_state(_S.POSTCOPY_DEVICE if loading else _S.POSTCOPY_ACTIVE, old=_S.ACTIVE)
        yield CHECKPOINT
        try:
            assert d.from_src_file is not None
            yield from load(d.from_src_file)
        except SavevmError as error:
            if self.state is _P.RUNNING and not d.options.has(Capability.POSTCOPY_RAM):
                d.note(f"all is here but dirty bitmaps ({error})")  # the guest can do without them
            else:
                d.propagate(error)
                d.set_state(_S.FAILED)
        if d.status is not _S.FAILED:
            yield Wait(what="the main thread to load the package", ready=lambda: d.main_loaded)
            d.set_state(_S.COMPLETED, old=_S.POSTCOPY_ACTIVE)
        self.state = _P.END
        d.schedule(self._destroy)
        yield CHECKPOINT

    def _fault_thread(self) -> Steps[None]:
        """Ask the source for pages that the guest waits for (postcopy_ram_fault_thread)."""
        d = self._d
        while True:
            yield Wait(
                what="a page fault", ready=lambda: self._quit or self._new_fault() is not None, waits_for_user=True
            )
            fault = self._new_fault()
            if self._quit or fault is None:
                return
            self._requested.add(fault)
            d.scheduler.spend(d.machine.costs.fault_ns)
            yield from d.scheduler.settle()
            if d.status not in (_S.POSTCOPY_PAUSED, _S.POSTCOPY_RECOVER):  # else when there is somebody to ask
                self._send_request(*fault)

    def _new_fault(self) -> tuple[str, int] | None:
        fault = self._d.machine.guest.fault
        return fault if fault is not None and fault not in self._requested else None

    def _send_request(self, block: str, addr: int) -> None:
        """Ask for a page; its block is named unless the last request was for the same (..._req_pages)."""
        d = self._d
        length = d.machine.kind.page_size
        waits = {"fault_id": d.machine.guest.faults - 1} if d.machine.guest.fault == (block, addr) else {}
        d.emit(EventKind.PAGE_REQUEST, name=block, addr=addr, length=length, **waits)
        if block == self._last_block:
            d.send(MigRpMessage.MIG_RP_MSG_REQ_PAGES, addr, length)
        else:
            d.send(MigRpMessage.MIG_RP_MSG_REQ_PAGES_ID, addr, length, block)
        self._last_block = block

    def placed(self, block: str, addr: int) -> None:
        """A page has arrived, whoever asked for it; an event if the guest waits for it."""
        d = self._d
        self._requested.discard((block, addr))
        if d.machine.guest.fault == (block, addr):
            d.scheduler.spend(d.machine.costs.place_ns)
            d.emit(EventKind.PAGE_PLACED, block=block, addr=addr, vcpu=0, fault_id=d.machine.guest.faults - 1)

    def _preempt_thread(self) -> Steps[None]:
        """Read the channel for requested pages (postcopy_preempt_thread); after a failure, the next one.

        Bytes that are no pages pause this thread alone upstream, and the guest waits for ever. Here they break the
        connection, so that both sides pause and can recover.
        """
        d = self._d
        while not self._quit:
            yield Wait(
                what="the preempt channel",
                ready=lambda: self._quit or self._preempt_pipe() is not None,
                waits_for_user=True,
            )
            connection, pipe = d.connection, self._preempt_pipe()
            if self._quit or pipe is None or d.machine.ram is None:
                return
            try:
                yield from d.machine.ram.read_preempt(ChannelInput(pipe))
            except SavevmError as error:
                if self._quit:
                    return
                d.note(f"the preempt channel ended ({error})")
                if connection is not None:
                    connection.fail()
            yield self._another(connection)

    def _another(self, connection: IncomingConnection | None) -> Wait:
        """What waits for the next connection."""
        return Wait(
            what="another preempt channel",
            ready=lambda: self._quit or self._d.connection is not connection,
            waits_for_user=True,
        )

    def _preempt_pipe(self) -> IncomingChannel | None:
        d, connection = self._d, self._d.connection
        if connection is None:
            return None
        multifd = d.multifd is not None and not connection.resumed  # whose channels were connected before
        at_switchover = d.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER)
        number = 1 + (d.options.parameters.multifd_channels if multifd and at_switchover else 0)
        return connection.forward[number] if len(connection.forward) > number else None

    # When the connection breaks, and at the end.

    def pause_incoming(self, error: SavevmError) -> Steps[None]:
        """Keep what there is, and wait for another connection (postcopy_pause_incoming)."""
        d = self._d
        d.note(f"postcopy is paused ({error})")
        if d.connection is not None:
            d.connection.fail()
        d.from_src_file = d.to_src_file = None
        d.enter(Phase.POSTCOPY_PAUSED)
        d.set_state(_S.POSTCOPY_PAUSED)
        yield Wait(what="a new connection", ready=lambda: d.status is not _S.POSTCOPY_PAUSED, waits_for_user=True)

    def cleanup(self) -> Steps[None]:
        """End all threads (postcopy_incoming_cleanup, postcopy_ram_incoming_cleanup)."""
        d = self._d
        self._quit = True
        pipe = self._preempt_pipe()
        if self._preempt is not None and pipe is not None:
            pipe.hang_up()
        for task in (self._listen, self._preempt, self._fault):
            if task is not None:
                yield from d.poll(end_of(task))
        self.listening = False
        if d.machine.ram is not None:
            d.machine.ram.expect_no_faults()
