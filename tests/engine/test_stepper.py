"""Walking a run to and fro: what was seen is seen again, and nobody runs twice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.engine.script import Do, Step
from savevm_inspect.engine.status import MigrationStatus
from savevm_inspect.engine.stepper import Stepper, View
from savevm_inspect.errors import NotFound
from savevm_inspect.stream.events import EventKind, Thread

from .running import run

SMALL = replace(
    SCENARIOS["postcopy"],
    ram_bytes=64 << 12,
    link_bytes_per_s=1_000_000,
    script=(Step(do=Do.MIGRATE_START_POSTCOPY, status=MigrationStatus.ACTIVE, after_us=20_000),),
)


def test_it_sees_the_events_of_the_run() -> None:
    assert [view.event for view in Stepper(SMALL)] == run(SMALL).events


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 150), max_size=12))
def test_wherever_one_comes_from_one_sees_the_same(positions: list[int]) -> None:
    straight: list[View] = [Stepper(SMALL).view, *Stepper(SMALL)]
    walked = Stepper(SMALL)
    for position in positions:
        if position < len(straight):
            assert walked.go_to(position) == straight[position]
            assert walked.position == position


def test_it_has_a_beginning_and_an_end() -> None:
    stepper = Stepper(SMALL)
    with pytest.raises(NotFound):
        stepper.back()
    *_, last = stepper
    assert stepper.view == last
    with pytest.raises(NotFound, match="no state"):
        stepper.forward()
    assert stepper.back() == stepper.go_to(stepper.position)


def test_what_there_is_to_see() -> None:
    views = list(Stepper(SMALL))
    dirty = [int.from_bytes(view.source.dirty[0][1], "little").bit_count() for view in views if view.source.dirty]
    received = [
        int.from_bytes(view.destination.received[0][1], "little").bit_count()
        for view in views
        if view.destination.received
    ]
    assert dirty[0] == 64
    assert dirty[-1] == 0
    assert max(received) == 64
    for view in views:
        event = view.event
        assert event is not None
        if event.event is EventKind.CALL:
            side = view.source if event.side == "source" else view.destination
            assert (side.lock_holder == event.thread) is (event.bql is True) or event.bql is False
    waits = {what for view in views for thread, what in view.threads if thread is Thread.FAULT}
    assert "a page fault" in waits
