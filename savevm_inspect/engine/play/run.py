"""A scenario, run to its end: its events, its bytes, both machines, and what came of it."""

import shutil
import tempfile
import weakref
from collections.abc import Sequence, Set
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Final

from ...container.capture_folder import CaptureFolder, CaptureOutcome, Direction
from ...container.capture_writer import CaptureWriter
from ...errors import EngineError, NotFound, did_you_mean, printable
from ...markup import html_table
from ...reader.stream import Stream, open_stream
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...rules.threads import Side
from ...stream.events import Event, EventKind
from ...timeline.stop import next_resume, source_stop
from ...timeline.timeline import Call, Timeline
from ..machine.machine import Machine, RunState
from ..sim.pipe import Sink
from ..sim.scheduler import Choose, Deadlock, fair
from .migration import Migration, NotConverged
from .order import Order, recorded
from .page_waits import PageWait, page_waits
from .scenario import Scenario
from .script import Step, action_of
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


_ENDS: Final = (MigrationStatus.COMPLETED, MigrationStatus.FAILED, MigrationStatus.CANCELLED)


def _is_state(event: Event, *wanted: MigrationStatus) -> bool:
    return event.event is EventKind.STATE and event.name in wanted


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
        choose: which thread is next, of those that can go on; by default the one that waited longest.

    Attributes:
        scenario: what was run.
        migration: both sides as they are at the end.
        events: all that happened, in order.
        outcome: how it ended.
        error: what went wrong; ``None`` if nothing did.
        remarks: what one should know of it besides: what was to be done to it and never became due.
    """

    def __init__(self, scenario: Scenario, *, choose: Choose = fair) -> None:
        self.scenario = scenario
        self._channels: dict[tuple[int, Direction], bytearray] = {}
        self._resumed: set[tuple[int, Direction]] = set()
        self._choose = choose
        self._order = Order(choose)
        self._turns: list[int] = []  # how many there had been when each event came out
        self.migration = Migration(scenario, self._watch, choose=self._order)
        events: list[Event] = []
        stuck: Outcome | None = None
        try:
            for event in self.migration.steps():
                events.append(event)
                self._turns.append(len(self._order.choices))
        except NotConverged:
            stuck = Outcome.NOT_CONVERGED
        except Deadlock:
            stuck = Outcome.DEADLOCKED
        self.events: tuple[Event, ...] = tuple(events)
        self.error: EngineError | None = self.migration.failure
        self.outcome = stuck or outcome_of(self.migration)
        self.remarks = tuple(
            f"{step.do} was never done: {step} never came"
            for script in self.migration.scripts
            for step in script.left
        )

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
    def stream(self) -> Stream:
        """What the source sent, on all channels, opened; what a migration that failed left is not strict.

        Raises:
            NotFound: nothing was sent.
        """
        if not self.sent_bytes:
            raise NotFound(f"nothing was sent in this run of {self.scenario.name}")
        scratch = tempfile.mkdtemp(prefix="savevm-inspect-")
        weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        return open_stream(self.save(Path(scratch) / "run"), strict=False)

    @property
    def sent_bytes(self) -> int:
        """How much the source sent, on all channels."""
        return sum(len(data) for (_, way), data in self._channels.items() if way is Direction.FORWARD)

    @cached_property
    def pending(self) -> tuple[Event, ...]:
        """Each time that the source found out what is left to send, with the threshold and the dirty pages."""
        return tuple(event for event in self.events if event.event is EventKind.PENDING)

    @property
    def exact(self) -> tuple[Event, ...]:
        """Those of :attr:`pending` before which the dirty log was synchronised."""
        return tuple(event for event in self.pending if event.name == "exact")

    @property
    def rounds(self) -> int:
        """How often the source collected the dirty log: the number of its passes over RAM (dirty-sync-count)."""
        return self.source.stats.dirty_sync_count

    @property
    def total_us(self) -> int:
        """From the beginning to the end of the migration on the source, or to where the run stopped (total-time)."""
        ends = (each.time_us for each in self.events if each.side is Side.SOURCE and _is_state(each, *_ENDS))
        return next(ends, self.events[-1].time_us if self.events else 0)

    @property
    def downtime_us(self) -> int | None:
        """QEMU's figure: from the source's stop to its completion, or to postcopy; ``None`` if there is neither."""
        stopped = source_stop(self.events)
        if stopped is None:
            return None
        after = (each for each in self.events[stopped:] if each.side is Side.SOURCE)
        ends = (each for each in after if each.phase is Phase.POSTCOPY or _is_state(each, MigrationStatus.COMPLETED))
        return next((each.time_us - self.events[stopped].time_us for each in ends), None)

    @property
    def gap_us(self) -> int | None:
        """The guest's figure: from its stop until it runs again, on whichever side; ``None`` if it never does."""
        stopped = source_stop(self.events)
        resumed = None if stopped is None else next_resume(self.events, stopped)
        if stopped is None or resumed is None:
            return None
        return self.events[resumed].time_us - self.events[stopped].time_us

    @cached_property
    def page_waits(self) -> tuple[PageWait, ...]:
        """Each wait of the guest for a page, in postcopy and in a background snapshot: when, which page, how long."""
        return page_waits(self.events)

    @property
    def blocktime_us(self) -> int:
        """How long all virtual CPUs of the destination waited for pages: our only one (postcopy-blocktime)."""
        return sum(each.wait_us or 0 for each in self.page_waits if each.stopped.side is Side.DESTINATION)

    def calls(self, *, handler: str = "", idstr: str = "", side: Side | str = "") -> tuple[Call, ...]:
        """The calls of handlers, each with its return, in the order in which they began.

        Args:
            handler: only of this callback, by its name in the version that is played.
            idstr: only of this device.
            side: only on this side.

        Raises:
            NotFound: no such callback, device or side is part of this run; the message names what is near.
        """
        machines = self.source, self.destination
        known: dict[str, tuple[str, Set[str]]] = {
            "handler": (handler, {name for machine in machines for name in machine.interface.callbacks}),
            "idstr": (idstr, {entry.idstr for machine in machines for entry in machine.registry}),
            "side": (side, set(Side)),
        }
        for what, (wanted, names) in known.items():
            if wanted and wanted not in names:
                raise NotFound(f"{what}={str(wanted)!r}: {did_you_mean(str(wanted), sorted(names))}")
        return tuple(
            call
            for call in self.timeline.calls()
            if call.call is not None
            and handler in ("", call.call.handler)
            and idstr in ("", call.call.idstr)
            and side in ("", call.call.side)
        )

    def branch(self, *, at: int | Event, do: str | Sequence[str], after_us: int = 0) -> "Run":
        """Run the same again, and do something else from an event on: break it here.

        Up to that event both runs are equal. What the script does later it still does.

        Args:
            at: the event, or its number; what is to be done is done at the first checkpoint after it.
            do: what: one or more of :class:`~savevm_inspect.engine.play.script.UserAction`, also by name.
            after_us: how long to wait before it is done, in microseconds.

        Raises:
            NotFound: the run has no such event.
            SavevmError: nothing of that name can be done.
        """
        number = at.seq if isinstance(at, Event) else at
        if not 0 <= number < len(self.events):
            raise NotFound(f"no event {number} in a run of {len(self.events)} events")
        actions = [do] if isinstance(do, str) else list(do)
        steps = tuple(Step(do=action_of(action), event=number, after_us=after_us) for action in actions)
        again = replace(self.scenario, interventions=(*self.scenario.interventions, *steps))
        same = self._order.choices[: self._turns[number]]
        return Run(again, choose=recorded(same, then=self._choose))

    @cached_property
    def _stepper(self) -> Stepper:
        return Stepper(self.scenario, choose=recorded(self._order.choices))

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
        why = f": {self.error}" if self.error is not None else ""
        what = "; ".join(
            (f"{self.outcome}, {len(self.events)} events, {self.sent_bytes} bytes sent{why}", *self.remarks)
        )
        return printable(f"<Run of {self.scenario.name}: {what}>")
