"""A callback that fails, raises or is slow: who says so, and how both sides end."""

import random
from dataclasses import replace

import pytest

from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.machine import RunState
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.scenarios.parts import SLOW
from savevm_inspect.rules.callbacks import CALLBACKS, Returns
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from ..running import run
from .places import (
    CLEANUPS,
    FAILING,
    PAUSED,
    PLACES,
    POSTCOPY,
    PRECOPY,
    RAM,
    SCENARIOS,
    UNHEARD,
    WAITS,
    Place,
    assert_as_upstream,
    assert_nothing_left_over,
    broken,
    call_number,
    side_of,
)

_S = MigrationStatus
D = Side.DESTINATION


@pytest.mark.parametrize(
    ("place", "how"),
    [
        pytest.param(place, how, id=f"{place}-{how.name}")
        for place in PLACES
        for how in (How.RAISE, How.FAIL)
        if how is How.RAISE or CALLBACKS[place.handler].returns is not Returns.ANSWER  # no answer is a failure
    ],
)
def test_a_failure_ends_as_qemus_does_and_says_where(place: Place, how: How) -> None:
    ran = broken(place, how)
    error = side_of(ran, place.side).error
    if place.point == WAITS:  # it is no end: the guest runs on, and what broke can be mended
        assert error is None
        messages = [event.name or "" for event in ran.of(D, EventKind.LOG)]
        assert any(f"{place.phase}: {place.handler} of {place.idstr} (instance 0)" in each for each in messages)
    elif place.phase is not Phase.POSTCOPY_RECOVER:  # there, the broken connection came first
        assert error is not None
        assert (error.handler, error.phase) == (place.handler, place.phase)
        assert error.section == f"{place.idstr} (instance 0)"
        assert isinstance(error.__cause__, RuntimeError) is (how is How.RAISE)
    assert_as_upstream(ran, place)
    assert_nothing_left_over(ran)


@pytest.mark.parametrize("place", [each for each in PLACES if CALLBACKS[each.handler].returns in FAILING], ids=str)
def test_the_other_side_learns_of_it(place: Place) -> None:
    """The one that lives on is the source, unless the destination runs already.

    Of a thread that loads a device the source hears nothing: SHUT tells of the main channel alone, as upstream's
    (migration_incoming_state_destroy).
    """
    ran = broken(place, How.FAIL)
    source, destination = ran.migration.source, ran.migration.destination
    if place.phase is Phase.PREPARE:
        assert destination.status is _S.SETUP
    elif place.point == UNHEARD:
        assert (source.status, destination.status) == (_S.COMPLETED, _S.FAILED)
        assert source.error is None
        assert not source.machine.guest.running
        assert not destination.machine.guest.running
    elif place.point in (WAITS, PAUSED) or place.phase is Phase.POSTCOPY_RECOVER or "end of" in place.point:
        assert destination.status is _S.POSTCOPY_PAUSED
        assert destination.machine.runstate is RunState.RUNNING
    else:
        assert (source.status, destination.status) == (_S.FAILED, _S.FAILED)
        assert source.machine.guest.running
        assert source.error is not None
        assert destination.error is not None


def test_a_source_that_fails_before_it_hears_that_the_other_side_runs_lets_its_guest_run_as_well() -> None:
    """Up to the PONG a failure of the channel leads back to the source (migration_detect_error)."""
    unlimited = replace(SLOW, max_postcopy_bandwidth_bytes_per_s=0)
    scenario = replace(POSTCOPY, latency_us=120_000, socket_buffer_bytes=1 << 16, parameters=unlimited)
    plain, calls = run(scenario), 0
    for event in plain.of(Side.SOURCE):
        if (event.event, event.name) == (EventKind.STATE, "postcopy-active"):
            break
        calls += (event.event, event.handler, event.idstr) == (EventKind.CALL, "save_live_iterate", RAM)
    ran = run(replace(scenario, faults=(Fault(handler="save_live_iterate", idstr=RAM, how=How.FAIL, at_call=calls),)))
    source, destination = ran.migration.source, ran.migration.destination
    assert (source.status, destination.status) == (_S.FAILED, _S.POSTCOPY_PAUSED)
    assert source.machine.guest.running
    assert destination.machine.runstate is RunState.RUNNING
    assert_nothing_left_over(ran)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_slow_callback_harms_nobody(place: Place) -> None:
    ran = broken(place, How.STALL)
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.COMPLETED, _S.COMPLETED)
    assert ran.migration.failure is None
    if SCENARIOS[place.scenario].script == ():
        assert ran.stopped == ran.resumed
    assert_nothing_left_over(ran)
    calls = [
        event
        for event in ran.of(place.side, EventKind.CALL)
        if (event.handler, event.idstr) == (place.handler, place.idstr)
    ]
    called = calls[call_number(place) - 1]
    returned = next(e for e in ran.of(place.side, EventKind.RETURN) if e.call_id == called.call_id)
    assert returned.time_us - called.time_us >= Fault(handler=place.handler, idstr="", how=How.STALL).stall_us


def test_a_source_that_waits_for_an_answer_learns_of_a_destination_that_failed_before_it_could_answer() -> None:
    """With a preempt channel, postcopy begins when the destination has answered a ping."""
    fault = Fault(handler="load_setup", idstr=RAM, how=How.FAIL)
    script = (Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE),)
    capabilities = POSTCOPY.capabilities | {Capability.POSTCOPY_PREEMPT}
    scenario = replace(POSTCOPY, latency_us=0, ram_bytes=32 << 12, script=script, capabilities=capabilities)
    ran = run(replace(scenario, workload=Workload(writes_per_s=0), faults=(fault,)))
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.FAILED, _S.FAILED)
    assert ran.migration.source.machine.guest.running
    assert_nothing_left_over(ran)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", [each for each in PLACES if CALLBACKS[each.handler].returns in FAILING], ids=str)
def test_a_failure_leaves_nothing_over_whoever_runs_when(place: Place, seed: int) -> None:
    choose = random.Random(seed)
    fault = Fault(handler=place.handler, idstr=place.idstr, how=How.FAIL, side=place.side)
    scenario = replace(SCENARIOS[place.scenario], faults=(fault,))
    ran = run(scenario, choose=lambda ready: choose.choice(list(ready)))
    assert_nothing_left_over(ran)
    source, destination = ran.migration.source, ran.migration.destination
    assert destination.status is not _S.COMPLETED
    if place.point == UNHEARD:  # whether the source finds out depends on whether it still had something to send
        return
    assert source.status is not _S.COMPLETED
    if place.scenario in ("precopy", "vfio"):
        fair = run(scenario).migration
        assert (source.status, destination.status) == (fair.source.status, fair.destination.status)
        assert source.machine.guest.running
        assert not destination.machine.guest.running


def test_each_callback_is_broken_somewhere() -> None:
    broken = {place.handler for place in PLACES} | set(CLEANUPS.values()) | {"save_postcopy_prepare"}
    assert broken == set(CALLBACKS)


def test_pages_that_come_before_the_setup_are_an_error() -> None:
    fault = Fault(handler="load_setup", idstr="ram", how=How.FAIL)
    made = run(replace(PRECOPY, capabilities=frozenset({Capability.MULTIFD}), faults=(fault,)))
    assert made.migration.destination.status is MigrationStatus.FAILED
    assert made.migration.source.status is MigrationStatus.FAILED
