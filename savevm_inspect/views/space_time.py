"""A run as a space-time diagram: a row for each thread of each side, and what is drawn in and between them."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..rules.threads import Side, Thread
from ..stream.events import Event, EventKind
from ..timeline.state import GuestState, State
from ..timeline.stop import next_resume, source_stop
from ..timeline.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One thread of one side.

    Attributes:
        side: which end.
        thread: the thread; ``None`` for what no thread is known of.
    """

    side: Side
    thread: Thread | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of events in a row: a call, or how long its thread had the lock.

    Attributes:
        row: index of the row.
        first: index of the event that it begins with.
        last: index of the event that it ends with; the last event of the run if none ends it.
        depth: how many calls of the same row it lies in.
    """

    row: int
    first: int
    last: int
    depth: int = 0


class ArrowKind(StrEnum):
    """What went from one row to another."""

    RECORD = "record"
    REQUEST = "page request"
    RETURN_PATH = "return path"


@dataclass(frozen=True, slots=True)
class Arrow:
    """Something that one row sent and another one got.

    Attributes:
        sent: index of the event at which it was sent.
        received: index of the event at which it was received.
        kind: what it is.
    """

    sent: int
    received: int
    kind: ArrowKind


@dataclass(frozen=True, slots=True)
class GuestRun:
    """A stretch in which a side's VM ran or was stopped.

    Attributes:
        side: which end.
        state: what it did; stretches of which nobody says it are left out.
        first: index of the event from which on it did.
        last: index of the event that ended it, or of the run's last one.
    """

    side: Side
    state: GuestState
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Downtime:
    """How long no VM ran: from the source's last STOP to the next RESUME of either side.

    Attributes:
        stopped: index of the event at which the source's VM was stopped.
        resumed: index of the event at which a VM ran again; ``None`` if none did.
        length_us: in microseconds; ``None`` if none ran again, or the clocks do not fit together.
    """

    stopped: int
    resumed: int | None
    length_us: int | None


def thread_rows(timeline: Timeline) -> tuple[ThreadRow, ...]:
    """The threads that did something: the source's, then the destination's, each in the order of :class:`Thread`."""
    order = [*Thread, None]
    found = {(event.side, event.thread) for event in timeline.events}
    return tuple(ThreadRow(side, thread) for side in Side for thread in order if (side, thread) in found)


def call_bars(timeline: Timeline, rows: Sequence[ThreadRow]) -> list[Bar]:
    """Every call, in the order in which they began.

    Args:
        timeline: the run.
        rows: its rows.
    """
    number = {(row.side, row.thread): index for index, row in enumerate(rows)}
    running: dict[int, dict[int | None, tuple[int, int]]] = defaultdict(dict)
    bars: list[Bar] = []
    last = len(timeline) - 1
    for index, event in enumerate(timeline.events):
        row = number[event.side, event.thread]
        calls = running[row]
        if event.event is EventKind.CALL:
            calls[event.call_id] = index, len(calls)  # threads of one name share a row: the depth keeps them apart
        elif event.event is EventKind.RETURN and event.call_id in calls:
            first, depth = calls.pop(event.call_id)
            bars.append(Bar(row, first, index, depth))
    bars += [Bar(row, first, last, depth) for row, calls in running.items() for first, depth in calls.values()]
    return sorted(bars, key=lambda bar: bar.first)


def lock_bars(timeline: Timeline, states: Sequence[State], rows: Sequence[ThreadRow]) -> list[Bar]:
    """The stretches in which the events of a row say that its thread has the big QEMU lock.

    Args:
        timeline: the run.
        states: before its first event, and after each.
        rows: its rows.
    """
    number = {(row.side, row.thread): index for index, row in enumerate(rows)}
    held: dict[Side, tuple[int, int]] = {}
    bars: list[Bar] = []
    for index, event in enumerate(timeline.events):
        after = states[index + 1].side(event.side).lock_holder
        before = held.get(event.side)
        row = None if after is None else number.get((event.side, after))
        if before is not None and before[0] != row:
            bars.append(Bar(before[0], before[1], index))
            del held[event.side]
        if row is not None and event.side not in held:
            held[event.side] = row, index
    bars += [Bar(row, first, len(timeline) - 1) for row, first in held.values()]
    return sorted(bars, key=lambda bar: bar.first)


def arrows(timeline: Timeline) -> list[Arrow]:
    """What was sent and received, matched by where it lies in its channel; requests by the page that they ask for."""
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    found: list[Arrow] = []
    for index, event in enumerate(timeline.events):
        for kind, sender, key in _message(event):
            if event.side is sender:
                waiting[key].append(index)
            elif waiting[key]:
                found.append(Arrow(waiting[key].popleft(), index, kind))
    return found


def _message(event: Event) -> Iterator[tuple[ArrowKind, Side, Hashable]]:
    if event.event is EventKind.PAGE_REQUEST and event.addr is not None:
        yield ArrowKind.REQUEST, Side.DESTINATION, ("request", event.addr)
    elif event.event in (EventKind.RECORD, EventKind.COMMAND) and event.offset is not None:
        if (event.name or "").startswith("MIG_RP_MSG"):
            yield ArrowKind.RETURN_PATH, Side.DESTINATION, ("return", event.channel, event.offset, event.name)
        else:
            yield ArrowKind.RECORD, Side.SOURCE, ("forward", event.channel or 0, event.offset)


def guest_runs(timeline: Timeline, states: Sequence[State]) -> list[GuestRun]:
    """When the VM of each side is known to run or to be stopped.

    What stops a VM says that it ran until then, and what lets it run that it was stopped.

    Args:
        timeline: the run.
        states: before its first event, and after each.
    """
    found: list[GuestRun] = []
    since: dict[Side, tuple[GuestState, int]] = {}
    for index, event in enumerate(timeline.events):
        state = states[index + 1].side(event.side).guest
        before = since.get(event.side)
        if before is None or before[0] is not state:
            if before is not None:
                was = _OPPOSITE[state] if before[0] is GuestState.UNKNOWN else before[0]
                found.append(GuestRun(event.side, was, before[1], index))
            since[event.side] = state, index
    found += [GuestRun(side, state, first, len(timeline) - 1) for side, (state, first) in since.items()]
    return [each for each in found if each.state is not GuestState.UNKNOWN]


_OPPOSITE: Final = {GuestState.STOPPED: GuestState.RUNNING, GuestState.RUNNING: GuestState.STOPPED}


def downtime(timeline: Timeline) -> Downtime | None:
    """How long no VM ran; ``None`` if the events do not say that the source's was stopped."""
    events = timeline.events
    stopped = source_stop(events)
    if stopped is None:
        return None
    resumed = next_resume(events, stopped)
    length_us = None if resumed is None else events[resumed].time_us - events[stopped].time_us
    return Downtime(stopped, resumed, length_us if length_us is not None and length_us >= 0 else None)
