"""Cleanups that go wrong keep nobody from theirs; what fails before postcopy ends nothing."""

from dataclasses import replace

import pytest

from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from ..running import run
from .places import (
    CLEANUPS,
    PLACES,
    POSTCOPY,
    RAM,
    SCENARIOS,
    WAITS,
    Place,
    assert_nothing_left_over,
    broken,
    call_number,
    side_of,
)

_S = MigrationStatus
S, D = Side.SOURCE, Side.DESTINATION


@pytest.mark.parametrize("how", [How.RAISE, How.FAIL, How.NOTHING, How.STALL])
@pytest.mark.parametrize("side", Side)
def test_a_cleanup_that_fails_keeps_nobody_from_theirs(side: Side, how: How) -> None:
    place = Place(CLEANUPS[side], RAM, "vfio", Phase.CLEANUP, "", side)
    ran = broken(place, how)
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.COMPLETED, _S.COMPLETED)
    assert not ran.migration.source.machine.guest.running
    assert_nothing_left_over(ran)
    error = side_of(ran, side).error
    if how is How.RAISE:
        assert error is not None
        assert (error.handler, error.phase) == (CLEANUPS[side], Phase.CLEANUP)
    assert side_of(ran, S if side is D else D).error is None


@pytest.mark.parametrize("place", [each for each in PLACES if each.handler not in CLEANUPS.values()], ids=str)
def test_a_failure_in_a_cleanup_after_a_failure_does_not_hide_it(place: Place) -> None:
    fault = Fault(
        handler=place.handler, idstr=place.idstr, how=How.RAISE, side=place.side, at_call=call_number(place)
    )
    second = Fault(handler=CLEANUPS[place.side], idstr=RAM, how=How.RAISE)
    ran = run(replace(SCENARIOS[place.scenario], faults=(fault, second)))
    error = side_of(ran, place.side).error
    assert place.point == WAITS or (error is not None and error.handler != CLEANUPS[place.side])
    assert_nothing_left_over(ran)


def _refuses_postcopy(*, lasting: bool) -> tuple[Fault, ...]:
    return (Fault(handler="save_postcopy_prepare", idstr=RAM, how=How.FAIL_LATE, lasting=lasting),)


def test_postcopy_is_tried_again_until_somebody_cancels() -> None:
    script = (*POSTCOPY.script, Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=200_000))
    ran = run(replace(POSTCOPY, script=script, faults=_refuses_postcopy(lasting=True)))
    tries = [event for event in ran.of(S, EventKind.CALL) if event.handler == "save_postcopy_prepare"]
    assert len(tries) > 3
    assert not [event for event in ran.of(S, EventKind.STATE) if event.name == "device"]
    assert ran.migration.source.status is _S.CANCELLED
    assert ran.migration.source.machine.guest.running
    assert_nothing_left_over(ran)


def test_postcopy_starts_when_the_next_try_succeeds() -> None:
    ran = run(replace(POSTCOPY, faults=_refuses_postcopy(lasting=False)))
    tries = [event for event in ran.of(S, EventKind.RETURN) if event.handler == "save_postcopy_prepare"]
    assert [bool(event.error) for event in tries] == [True, False]
    assert ran.migration.source.error is not None
    assert ran.migration.source.error.handler == "save_postcopy_prepare"
