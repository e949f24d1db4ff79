"""Into a file and out of it: nobody tells the source what became of it."""

import pytest

from savevm_inspect.engine.devices.faulty import How
from savevm_inspect.engine.machine.handlers import DeviceError
from savevm_inspect.engine.machine.machine import RunState
from savevm_inspect.errors import EngineError
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from .places import (
    BACKGROUND_SNAPSHOT,
    FAILURES,
    INACTIVE,
    ITERATING,
    LOADING,
    LOADVM,
    RAM,
    SAVEVM,
    SLIRP,
    SWITCHING,
    Place,
    assert_as_upstream,
    assert_cleaned_up,
    broken,
    plain,
    side_of,
)

_S = MigrationStatus
S, D = Side.SOURCE, Side.DESTINATION


FILE_PLACES = (
    Place("save_setup", RAM, "snapshot", Phase.SETUP, SAVEVM),
    Place("save_live_iterate", RAM, "snapshot", Phase.ITERATE, SAVEVM),
    Place("save_complete", RAM, "snapshot", Phase.COMPLETE, SAVEVM),
    Place("save_state", SLIRP, "snapshot", Phase.COMPLETE, SAVEVM),
    Place("save_setup", RAM, "background", Phase.SETUP, BACKGROUND_SNAPSHOT),
    Place("save_state", SLIRP, "background", Phase.COMPLETE, BACKGROUND_SNAPSHOT),
    Place("save_setup", RAM, "mapped", Phase.SETUP, "`save_setup`"),
    Place("save_live_iterate", RAM, "mapped", Phase.ITERATE, ITERATING),
    Place("save_complete", RAM, "mapped", Phase.COMPLETE, SWITCHING),
)

LOADVM_PLACES = (
    Place("is_active", INACTIVE, "snapshot", Phase.SETUP, LOADVM, D),
    Place("load_setup", RAM, "snapshot", Phase.SETUP, LOADVM, D),
    Place("load_state", RAM, "snapshot", Phase.LOAD, LOADVM, D),
    Place("load_state", SLIRP, "snapshot", Phase.LOAD, LOADVM, D),
)


@pytest.mark.parametrize("how", [How.RAISE, How.FAIL, How.FAIL_LATE])
@pytest.mark.parametrize("place", FILE_PLACES, ids=str)
def test_a_file_that_fails_is_never_loaded(place: Place, how: How) -> None:
    ran = broken(place, how)
    source, destination = ran.migration.source, ran.migration.destination
    wanted = FAILURES[place.point]
    states = tuple(event.name for event in ran.of(S, EventKind.STATE))
    assert states[len(states) - len(wanted.states) :] == wanted.states
    assert source.error is not None
    assert (source.error.handler, source.error.phase) == (place.handler, place.phase)
    assert_cleaned_up(ran, S, wanted=True)
    assert_cleaned_up(ran, D, wanted=False)
    assert destination.status is (_S.NONE if place.scenario == "snapshot" else _S.SETUP)
    paused = place.point == BACKGROUND_SNAPSHOT and place.phase is Phase.COMPLETE
    assert source.machine.runstate is (RunState.PAUSED if paused else RunState.RUNNING)
    for side in Side:
        assert side_of(ran, side).machine.bql.owner is None


def test_memory_that_can_not_be_guarded_fails_a_background_snapshot() -> None:
    """As when ram_write_tracking_start fails: the VM was stopped for its devices, and nobody starts it again."""
    ran = broken(FILE_PLACES[4], How.NOTHING)
    source = ran.migration.source
    error = source.error
    assert error is not None
    assert ran.migration.failure is error
    assert (error.phase, error.section) == (Phase.COMPLETE, "ram (instance 0)")
    assert isinstance(error.__cause__, DeviceError)
    assert [event.name for event in ran.of(S, EventKind.STATE)] == ["setup", "active", "failed"]
    assert source.machine.runstate is RunState.PAUSED
    assert_cleaned_up(ran, S, wanted=True)
    assert ran.migration.destination.status is _S.SETUP


def _loading(place: Place) -> str:
    return LOADVM if place.scenario == "snapshot" else LOADING


@pytest.mark.parametrize("how", [How.TOO_MUCH, How.TOO_LITTLE])
@pytest.mark.parametrize("place", FILE_PLACES, ids=str)
def test_a_file_of_wrong_bytes_is_refused_when_it_is_loaded(place: Place, how: How) -> None:
    ran = broken(place, how)
    assert ran.migration.source.status is _S.COMPLETED
    error = ran.migration.destination.error
    assert error is not None
    assert (error.handler, error.section) == ("load_state", f"{place.idstr} (instance 0)")
    assert_as_upstream(ran, Place("load_state", place.idstr, place.scenario, place.phase, _loading(place), D))


@pytest.mark.parametrize("how", [How.RAISE, How.HANG])
@pytest.mark.parametrize("place", LOADVM_PLACES, ids=str)
def test_a_snapshot_that_can_not_be_loaded_changes_no_state(place: Place, how: How) -> None:
    if how is How.HANG:
        with pytest.raises(EngineError, match=f"{place.handler} that hangs"):
            broken(place, how)
        return
    ran = broken(place, how)
    error = ran.migration.destination.error
    assert error is not None
    assert (error.handler, error.section, error.phase) == (place.handler, f"{place.idstr} (instance 0)", place.phase)
    assert_as_upstream(ran, place)
    assert not ran.of(D, EventKind.STATE)
    assert not ran.migration.destination.machine.guest.running


def test_loadvm_starts_the_vm_after_the_cleanup_and_changes_no_state() -> None:
    events = plain("snapshot").of(D)
    assert not [event for event in events if event.event is EventKind.STATE]
    order = [event.handler or event.name for event in events if event.event in (EventKind.CALL, EventKind.QMP)]
    assert order[0] == "loadvm"
    assert order[-2:] == ["load_cleanup", "RESUME"]
    assert plain("snapshot").migration.destination.machine.runstate is RunState.RUNNING
