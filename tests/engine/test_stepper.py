"""Walking a run to and fro: what was seen is seen again, and nobody runs twice."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.stepper import Stepper, View
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.errors import NotFound
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Thread
from savevm_inspect.stream.events import EventKind
from savevm_inspect.timeline.fold import apply
from savevm_inspect.timeline.state import State

from .running import run

SMALL = replace(
    SCENARIOS["postcopy"],
    ram_bytes=64 << 12,
    link_bytes_per_s=1_000_000,
    socket_buffer_bytes=8 << 12,
    script=(Step(do=UserAction.MIGRATE_START_POSTCOPY, status=MigrationStatus.ACTIVE, after_us=20_000),),
)


def test_it_sees_the_events_of_the_run() -> None:
    assert [view.event for view in Stepper(SMALL)] == run(SMALL).events


@settings(max_examples=30)
@given(st.lists(st.integers(0, 150), max_size=12))
def test_wherever_one_comes_from_one_sees_the_same(positions: list[int]) -> None:
    straight: list[View] = [Stepper(SMALL).view, *Stepper(SMALL)]
    walked = Stepper(SMALL)
    for position in positions:
        if position < len(straight):
            assert walked.go_to(position) == straight[position]
            assert walked.position == position


def test_the_docs_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    """What the document prints after an example is what the example prints."""
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```\n+```\n(.*?)```\n", text, re.DOTALL)
    assert len(found) == text.count("```python") > 0
    for code, printed in found:
        exec(code, {})
        assert capsys.readouterr().out == printed


def test_it_has_a_beginning_and_an_end() -> None:
    stepper = Stepper(SMALL)
    with pytest.raises(NotFound):
        stepper.back()
    *_, last = stepper
    assert stepper.view == last
    with pytest.raises(NotFound, match="no state"):
        stepper.forward()
    assert stepper.back() == stepper.go_to(stepper.position)


LOOKED_AT = (
    *(
        "quickstart",
        "return-path",
        "multifd",
        "postcopy",
        "postcopy-recover",
        "vfio",
        "savevm",
        "background-snapshot",
    ),
    *("cancel-active", "fail-save_setup", "fail-save_complete", "fail-load_state", "network-fails", "bitmaps"),
)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_what_is_seen_is_what_the_events_add_up_to(name: str) -> None:
    """The machines' own books, and the timeline's, which knows the events alone, agree after every event."""
    views = list(Stepper(SCENARIOS[name]))
    state, looked = State(), 0
    for view in views:
        assert view.event is not None
        state = apply(state, view.event)
        for seen, replayed in ((view.source, state.source), (view.destination, state.destination)):
            assert seen.open_sections == tuple((each.idstr, each.instance_id) for each in replayed.open_sections)
            assert seen.status == (replayed.status or MigrationStatus.NONE)
            looked += bool(seen.open_sections) + bool(seen.pending)
            assert (seen.pending is None) is (replayed.pending is None)
            if seen.pending is not None and replayed.pending is not None:
                assert seen.pending.name == replayed.pending.name
                assert seen.pending.pending.must_precopy == replayed.pending.must_precopy
                assert seen.pending.pending.can_postcopy == replayed.pending.can_postcopy
                assert seen.pending.threshold_bytes == replayed.pending.threshold_bytes
                assert seen.pending.bandwidth_bytes_per_s == replayed.pending.bandwidth_bytes_per_s
    assert looked > 5
    asked = [view.event for view in views if view.event and view.event.event is EventKind.PENDING]
    assert (views[-1].source.pending is None) is not bool(asked)


def test_a_section_is_open_from_its_first_record_to_its_last() -> None:
    """By the registrations: what has a save_setup is open on both sides when the first device comes, then closed."""
    stepper = Stepper(SCENARIOS["quickstart"])
    iterable = tuple(
        (entry.idstr, entry.instance_id)
        for entry in stepper.migration.source.machine.registry
        if entry.has("save_setup") and entry.idstr != "dirty-bitmap"
    )
    views = list(stepper)
    most = max(views, key=lambda view: len(view.source.open_sections))
    assert most.source.open_sections == iterable
    assert max(views, key=lambda view: len(view.destination.open_sections)).destination.open_sections == iterable
    for view in views:
        if view.event is not None and view.event.name == "full":
            side = view.source if view.event.side == "source" else view.destination
            assert side.open_sections == ()


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
