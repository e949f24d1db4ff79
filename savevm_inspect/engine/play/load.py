"""A destination alone, which loads what lies in a file: there is no source, and nobody hears what it answers."""

from functools import cached_property, partial
from typing import Final

from ...errors import EngineError, SavevmError, printable
from ...reader.stream import Stream
from ...rules.phases import Phase
from ...stream.events import Event
from ...timeline.timeline import Timeline
from ...wire import MigCmd
from ..incoming.migration import IncomingMigration
from ..machine.machine import Machine
from ..sim.clock import VirtualClock
from ..sim.scheduler import Deadlock, Scheduler
from .run import Outcome
from .scenario import Scenario
from .snapshot import load_snapshot
from .transport import Transport

_NEEDS_A_SOURCE: Final = {
    MigCmd.MIG_CMD_OPEN_RETURN_PATH: "a return path, which a file has not: nobody hears the answers",
    MigCmd.MIG_CMD_POSTCOPY_RUN: "postcopy, in which a source answers requests: here a page has to wait for its turn",
    MigCmd.MIG_CMD_RECV_BITMAP: "a recovery, in which the source asks for what was received: nobody hears the answer",
    MigCmd.MIG_CMD_POSTCOPY_RESUME: "a recovery over a second connection, which a file has not",
}
"""Commands that ask for what only a source could give, and what becomes of them."""


class Load:
    """One load of a stream by a machine of the engine.

    Args:
        stream: what is loaded: its main channel, to its last byte.
        scenario: whose destination loads it, with its devices, capabilities and faults.

    Attributes:
        scenario: whose destination it is.
        destination: that machine, as it is at the end.
        events: all that happened, in order.
        outcome: how it ended.
        error: what went wrong; ``None`` if nothing did.
        remarks: what the stream asks for that a file does not have.

    Raises:
        SavevmError: its pages lie on further channels, without which nothing can be loaded.
    """

    def __init__(self, stream: Stream, scenario: Scenario) -> None:
        further = len(stream.inputs.further_cursors()) + len(stream.inputs.resumed_cursors())
        if further:
            raise SavevmError(f"{further} further channels, and a file has one: only a run of the engine loads them")
        content = bytes(stream.buffer[stream.offset :])
        commands = dict.fromkeys(each.command for each in stream.commands)
        self.scenario = scenario
        self.remarks = tuple(f"{each.name}: {_NEEDS_A_SOURCE[each]}" for each in commands if each in _NEEDS_A_SOURCE)
        scheduler = Scheduler(VirtualClock())
        snapshot = scenario.transport is Transport.SNAPSHOT
        end = IncomingMigration(
            scenario.build_destination(scheduler), scenario.destination_options, listens=not snapshot
        )
        if snapshot:
            end.schedule(partial(load_snapshot, end, content))
        else:
            end.load_file(content)
        self.destination: Machine = end.machine
        events: list[Event] = []
        self.error: EngineError | None = None
        stuck = False
        try:
            events.extend(scheduler.run())
        except Deadlock as deadlock:
            self.error, stuck = Deadlock(deadlock.message, deadlock.wait, phase=end.phase), True
        self.events: tuple[Event, ...] = tuple(events)
        self.error = self.error or end.error
        done = Outcome.COMPLETED if end.phase is Phase.CLEANUP else Outcome.UNFINISHED
        self.outcome = Outcome.DEADLOCKED if stuck else Outcome.FAILED if self.error is not None else done

    @cached_property
    def timeline(self) -> Timeline:
        """Its events, with the state before and after each."""
        return Timeline(self.events)

    def __repr__(self) -> str:
        why = f": {self.error}" if self.error is not None else ""
        what = "; ".join((f"{self.outcome}, {len(self.events)} events{why}", *self.remarks))
        return printable(f"<Load by {self.scenario.name}: {what}>")
