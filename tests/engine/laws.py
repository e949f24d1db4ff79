"""What must hold for every run, however it ends and whoever runs when."""

import random

from savevm_inspect.engine.sim.scheduler import Choose
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.status import STATUS_TRANSITIONS, MigrationStatus
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind

from .running import Run

_S = MigrationStatus


def at_random(seed: int) -> Choose:
    source = random.Random(seed)
    return lambda ready: source.choice(list(ready))


def assert_laws(made: Run) -> None:
    assert [event.seq for event in made.events] == list(range(len(made.events)))
    times = [event.time_us for event in made.events]
    assert times == sorted(times)
    left = [task for task in made.migration.scheduler if not task.daemon]
    for side in Side:
        assert_calls_return(made.of(side), unfinished=bool(left))
        assert_locks_alternate(made.of(side, EventKind.LOCK))
        assert_states_follow(side, made.of(side, EventKind.STATE))
    pages_alone = Capability.POSTCOPY_PREEMPT in made.migration.scenario.capabilities  # on the second channel
    for number, data in made.forward.items():
        if not (pages_alone and number == 1):
            assert_records_tile(bytes(data), number, made)
    assert not left or any(task.wait and task.wait.waits_for_user for task in left)
    for machine in (made.migration.source.machine, made.migration.destination.machine):
        assert machine.bql.owner is None


def assert_calls_return(events: list[Event], *, unfinished: bool = False) -> None:
    """What is read of a section may end within it, if its source waits for a person before it sends the rest."""
    open_calls: dict[int | None, Event] = {}
    seen = 0
    for event in events:
        if event.event is EventKind.CALL:
            assert event.handler in CALLBACKS
            assert event.call_id == seen
            seen += 1
            open_calls[event.call_id] = event
        elif event.event is EventKind.RETURN:
            call = open_calls.pop(event.call_id)
            same = ("call_id", "handler", "idstr", "instance_id", "section_id", "thread", "bql")
            assert [getattr(call, key) for key in same] == [getattr(event, key) for key in same]
    assert not open_calls or (unfinished and {call.handler for call in open_calls.values()} == {"load_state"})


def assert_locks_alternate(locks: list[Event]) -> None:
    holder: Thread | None = None
    for event in locks:
        if event.name == "bql_lock":
            assert holder in (None, Thread.MAIN)  # the main loop gives it up and takes it without a word
            holder = event.thread
        else:
            assert holder in (event.thread, None)
            holder = None


def assert_states_follow(side: Side, states: list[Event]) -> None:
    before = _S.NONE
    for event in states:
        assert _S(event.name) in STATUS_TRANSITIONS[side][before]
        before = _S(event.name)


def assert_records_tile(data: bytes, number: int, made: Run) -> None:
    """What the source says it wrote on a channel lies without a gap, from the first byte to the last."""
    kinds = (EventKind.RECORD, EventKind.COMMAND)
    spans = sorted(
        (each.offset, each.offset + each.length)
        for each in made.of(Side.SOURCE, *kinds)
        if each.channel == number and each.offset is not None and each.length
    )
    mapped = Capability.MAPPED_RAM in made.migration.scenario.capabilities
    covered = 0
    for start, end in spans:
        assert start <= covered or mapped or Capability.BACKGROUND_SNAPSHOT in made.migration.scenario.capabilities
        covered = max(covered, end)
    if made.migration.source.status is _S.COMPLETED and not made.of(Side.SOURCE, EventKind.LOG):
        assert covered == len(data)
