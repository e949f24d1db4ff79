"""A scenario, run to its end: its events, its bytes, both machines, and what came of it."""

from enum import StrEnum
from functools import cached_property
from os import PathLike
from typing import Final

from ...container.capture_folder import CaptureFolder, CaptureOutcome, Direction
from ...container.capture_writer import CaptureWriter
from ...errors import EngineError, NotFound, printable
from ...markup import html_table
from ...rules.status import MigrationStatus
from ...stream.events import Event
from ...timeline.timeline import Timeline
from ..machine.machine import Machine, RunState
from ..sim.pipe import Sink
from ..sim.scheduler import Deadlock
from .migration import Migration, NotConverged
from .scenario import Scenario
from .stepper import Stepper, View

MADE_BY: Final = "savevm-inspect engine"


class Outcome(StrEnum):
    """How a run ended: ``COMPLETED`` is a source that completed and a guest that runs on at the destination.

    The last three are no migration's end: the source waits for its user, who does nothing more (it stays in a state
    like postcopy-paused); the scenario's time was over; all tasks were blocked.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNFINISHED = "unfinished"
    NOT_CONVERGED = "not-converged"
    DEADLOCKED = "deadlocked"


CAPTURED: Final = {
    Outcome.COMPLETED: CaptureOutcome.COMPLETED,
    Outcome.FAILED: CaptureOutcome.FAILED,
    Outcome.CANCELLED: CaptureOutcome.CANCELLED,
}
"""How a capture's manifest says the same; of a run without an end it says interrupted."""

_OUTCOMES: Final = {
    MigrationStatus.NONE: Outcome.FAILED,  # it was refused before it began
    MigrationStatus.COMPLETED: Outcome.COMPLETED,
    MigrationStatus.FAILED: Outcome.FAILED,
    MigrationStatus.CANCELLED: Outcome.CANCELLED,
}
"""What the source's last state means; it stays in no other but while somebody could still act."""


def outcome_of(migration: Migration) -> Outcome:
    """How a migration ended whose steps have all been taken."""
    outcome = _OUTCOMES.get(migration.source.status, Outcome.UNFINISHED)
    if outcome is Outcome.COMPLETED and migration.destination.machine.runstate is not RunState.RUNNING:
        return Outcome.FAILED  # on the destination, of which the source need not know
    return outcome


class Run:
    """One run of a scenario. The same scenario always gives the same run.

    Args:
        scenario: what to run; it is run at once.

    Attributes:
        scenario: what was run.
        migration: both sides as they are at the end.
        events: all that happened, in order.
        outcome: how it ended.
        error: what went wrong; ``None`` if nothing did.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._channels: dict[tuple[int, Direction], bytearray] = {}
        self._resumed: set[tuple[int, Direction]] = set()
        self.migration = Migration(scenario, self._watch)
        events: list[Event] = []
        stuck: Outcome | None = None
        try:
            events.extend(self.migration.steps())
        except NotConverged:
            stuck = Outcome.NOT_CONVERGED
        except Deadlock:
            stuck = Outcome.DEADLOCKED
        self.events: tuple[Event, ...] = tuple(events)
        self.error: EngineError | None = self.migration.failure
        self.outcome = stuck or outcome_of(self.migration)

    def _watch(self, number: int, *, back: bool, resumed: bool) -> Sink | None:
        if back and not self.scenario.source_options.return_path:
            return None
        key = number, Direction.RETURN if back else Direction.FORWARD
        if resumed:
            self._resumed.add(key)
        return self._channels.setdefault(key, bytearray()).extend

    @property
    def source(self) -> Machine:
        """The machine that moved, as it is at the end."""
        return self.migration.source.machine

    @property
    def destination(self) -> Machine:
        """The machine it moved to, as it is at the end."""
        return self.migration.destination.machine

    @cached_property
    def timeline(self) -> Timeline:
        """Its events, with the state before and after each."""
        return Timeline(self.events)

    @cached_property
    def _stepper(self) -> Stepper:
        return Stepper(self.scenario)

    def at(self, position: int) -> View:
        """What there was to see of both machines: dirty and received pages, threads, open sections.

        The scenario is run again for it, once, as far as it was asked for.

        Args:
            position: after how many events, from 0 to ``len(run.events)``.

        Raises:
            NotFound: there are not that many events.
        """
        if not 0 <= position <= len(self.events):
            raise NotFound(f"no state {position} in a run of {len(self.events)} events")
        return self._stepper.go_to(position)

    def save(self, output: str | PathLike[str]) -> CaptureFolder:
        """Write it as a capture folder.

        Args:
            output: the folder to make; an earlier capture there is replaced.

        Raises:
            SavevmError: something that is no capture is at ``output``.
        """
        with CaptureWriter(output, made_by=MADE_BY) as capture:
            capture.outcome = CAPTURED.get(self.outcome, CaptureOutcome.INTERRUPTED)
            capture.error = str(self.error or "")
            for (number, direction), data in self._channels.items():
                resumed = (number, direction) in self._resumed
                capture.open_channel(number, direction, resumed=resumed).write(data)
            for event in self.events:
                capture.add_event(event)
        return CaptureFolder(output)

    def _repr_html_(self) -> str:
        rows = (
            (each.side, each.phase, each.first, each.last, f"{each.start_us / 1000:.3f}", f"{each.end_us / 1000:.3f}")
            for each in self.timeline.phases()
        )
        return html_table(self, ("side", "phase", "first event", "last event", "from ms", "to ms"), rows)

    def __repr__(self) -> str:
        sent = sum(len(data) for (_, way), data in self._channels.items() if way is Direction.FORWARD)
        why = f": {self.error}" if self.error is not None else ""
        what = f"{self.outcome}, {len(self.events)} events, {sent} bytes sent{why}"
        return printable(f"<Run of {self.scenario.name}: {what}>")
