"""A run of events as a line along which one can go forward and back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import NotFound
from ..rules.phases import Phase
from ..rules.threads import Side
from ..stream.events import CALL_KINDS, Event, EventKind
from .fold import apply
from .state import State

CHECKPOINT_EVERY: Final = 64
"""Events between two states that are kept; a jump applies fewer events than that."""

_STRETCHES_KEPT: Final = 4
"""More than one, so that stepping to and fro over a checkpoint does not walk a stretch each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRun:
    """A stretch of events of one side in one phase.

    Attributes:
        side: which end.
        phase: where it is.
        first: index of its first event.
        last: index of the side's last event in it.
        start_us: time of the first event, in microseconds.
        end_us: time of the side's next event after it, or of the last one if there is none.
    """

    side: Side
    phase: Phase
    first: int
    last: int
    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a handler from its beginning to its end.

    Attributes:
        call: the event of the call; ``None`` if the events begin within it.
        returned: the event of the return; ``None`` if it never came.
    """

    call: Event | None
    returned: Event | None


class Timeline:
    """The events of a run, and the state before and after each.

    A state is found from the last checkpoint before it, and the stretch between two checkpoints is kept once it
    was walked. So a step back costs what a step forward does, however long the run is.

    Args:
        events: in the order in which they happened.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events: tuple[Event, ...] = tuple(events)
        self._checkpoints: list[State] = [State()]
        self._stretches: dict[int, list[State]] = {}
        self._phases: tuple[PhaseRun, ...] | None = None
        self._pairs: dict[tuple[Side, int], list[int | None]] | None = None

    def __repr__(self) -> str:
        lasted_us = self.events[-1].time_us if self.events else 0
        return f"<Timeline: {len(self)} events in {lasted_us / 1000:.3f} ms, {len(self.phases())} phases>"

    def __len__(self) -> int:
        return len(self.events)

    def at(self, index: int) -> State:
        """The state after the first events.

        Args:
            index: how many have happened, from 0 to ``len(self)``; event ``k`` leads from ``at(k)`` to ``at(k + 1)``.

        Raises:
            NotFound: there are not that many events.
        """
        if not 0 <= index <= len(self.events):
            raise NotFound(f"no state {index} in a run of {len(self.events)} events")
        number, step = divmod(index, CHECKPOINT_EVERY)
        while len(self._checkpoints) <= number:
            self._checkpoints.append(self._walk(len(self._checkpoints) - 1)[-1])
        stretch = self._stretches.pop(number, None) or self._walk(number)
        self._stretches[number] = stretch  # at the end, so that the one used longest ago is the first
        if len(self._stretches) > _STRETCHES_KEPT:
            del self._stretches[next(iter(self._stretches))]
        return stretch[step]

    def states(self) -> Iterator[State]:
        """The state before the first event, then that after each; all of them cost one walk."""
        state = State()
        yield state
        for event in self.events:
            state = apply(state, event)
            yield state

    def _walk(self, number: int) -> list[State]:
        """The states from one checkpoint up to and with the next one."""
        state = self._checkpoints[number]
        states = [state]
        start = number * CHECKPOINT_EVERY
        for event in self.events[start : start + CHECKPOINT_EVERY]:
            state = apply(state, event)
            states.append(state)
        return states

    def phases(self) -> tuple[PhaseRun, ...]:
        """Each side's stretches in one phase, in the order of their first events."""
        if self._phases is None:
            self._phases = tuple(sorted(self._phase_runs(), key=lambda run: run.first))
        return self._phases

    def _phase_runs(self) -> Iterator[PhaseRun]:
        for side in Side:
            mine = [(index, event) for index, event in enumerate(self.events) if event.side is side]
            first: tuple[int, Event] | None = None
            last = 0
            for index, event in mine:
                if event.phase is not None and (first is None or event.phase is not first[1].phase):
                    if first is not None:
                        yield _run(first, last, event.time_us)
                    first = (index, event)
                last = index
            if first is not None:
                yield _run(first, last, mine[-1][1].time_us)

    def next_phase(self, index: int) -> int | None:
        """Index of the first event of the next phase that either side enters.

        Args:
            index: of an event.

        Returns:
            An index after it; ``None`` if no phase begins after it.
        """
        return next((run.first for run in self.phases() if run.first > index), None)

    def previous_phase(self, index: int) -> int | None:
        """Index of the last event before another at which either side entered a phase; ``None`` if there is none."""
        return next((run.first for run in reversed(self.phases()) if run.first < index), None)

    def calls(self) -> tuple[Call, ...]:
        """All calls of handlers, each with its return, in the order of their first events."""
        return tuple(
            Call(
                call=None if begin is None else self.events[begin],
                returned=None if end is None else self.events[end],
            )
            for begin, end in self._call_pairs().values()
        )

    def call_at(self, index: int) -> Call | None:
        """The call that an event belongs to.

        Args:
            index: of an event.

        Returns:
            The call it begins or ends, or else the innermost one that runs in its side and thread.

        Raises:
            NotFound: there is no such event.
        """
        if not 0 <= index < len(self.events):
            raise NotFound(f"no event {index} in a run of {len(self.events)}")
        event = self.events[index]
        call_id = event.call_id
        if event.event not in CALL_KINDS or call_id is None:
            stack = self.at(index).side(event.side).stack(event.thread)
            call_id = stack[-1].call_id if stack else None
        if call_id is None:
            return None
        begin, end = self._call_pairs()[event.side, call_id]
        return Call(
            call=None if begin is None else self.events[begin],
            returned=None if end is None else self.events[end],
        )

    def _call_pairs(self) -> dict[tuple[Side, int], list[int | None]]:
        """For each side and call_id, where its call and its return are."""
        if self._pairs is None:
            self._pairs = {}
            for index, event in enumerate(self.events):
                if event.event in CALL_KINDS and event.call_id is not None:
                    pair = self._pairs.setdefault((event.side, event.call_id), [None, None])
                    pair[event.event is EventKind.RETURN] = index
        return self._pairs


def _run(first: tuple[int, Event], last: int, end_us: int) -> PhaseRun:
    index, event = first
    assert event.phase is not None
    return PhaseRun(side=event.side, phase=event.phase, first=index, last=last, start_us=event.time_us, end_us=end_us)
