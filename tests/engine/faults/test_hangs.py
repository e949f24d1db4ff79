"""A callback that hangs, or leaves another thread waiting: it can be cancelled, or is found out."""

from dataclasses import replace

import pytest

from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.errors import EngineError
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event

from .places import (
    CLEANUPS,
    PLACES,
    PRECOPY,
    RAM,
    SCENARIOS,
    VFIO,
    WITH_VFIO,
    Place,
    assert_nothing_left_over,
    broken,
)

_S = MigrationStatus
S = Side.SOURCE


_UNDER_LOCK = (Phase.PREPARE, Phase.SETUP, Phase.COMPLETE)
"""Where the source has its lock, without which nobody can cancel: whoever hangs there, hangs all of QEMU."""

_NO_CANCEL = (Phase.POSTCOPY, Phase.POSTCOPY_RECOVER)
_HANGS = [each for each in PLACES if each.phase not in (*_NO_CANCEL, *(_UNDER_LOCK if each.side is S else ()))]


@pytest.mark.parametrize("place", _HANGS, ids=str)
def test_a_callback_that_hangs_can_be_cancelled(place: Place) -> None:
    scenario = SCENARIOS[place.scenario]
    ran = broken(place, How.HANG, script=(*scenario.script, Step(do=UserAction.MIGRATE_CANCEL, after_us=1_000_000)))
    source, destination = ran.migration.source, ran.migration.destination
    assert source.status is _S.CANCELLED
    assert destination.status is _S.FAILED
    assert source.machine.guest.running
    assert not destination.machine.guest.running
    assert_nothing_left_over(ran)


@pytest.mark.parametrize("place", [each for each in PLACES if each not in _HANGS], ids=str)
def test_where_nobody_can_cancel_a_hang_is_found_out(place: Place) -> None:
    scenario = SCENARIOS[place.scenario]
    with pytest.raises(EngineError, match=f"all tasks are blocked: .*{place.handler} that hangs"):
        broken(place, How.HANG, script=(*scenario.script, Step(do=UserAction.MIGRATE_CANCEL, after_us=3_000_000)))


_WAITED_FOR = ("load_state_buffer", "save_complete_precopy_thread")
"""Who does nothing there leaves a thread waiting for a piece that never comes, upstream too."""


@pytest.mark.parametrize("place", [each for each in PLACES if each.handler in _WAITED_FOR], ids=str)
def test_a_piece_that_never_comes_is_found_out(place: Place) -> None:
    with pytest.raises(EngineError, match=r"all tasks are blocked: .*mig/dst/load waits for piece"):
        broken(place, How.NOTHING)


@pytest.mark.parametrize("handler", _WAITED_FOR)
def test_a_wait_without_end_names_who_waits_for_whom(handler: str) -> None:
    """QEMU stands still there until somebody cancels: nothing is cleaned up, and no guest runs."""
    fault = Fault(handler=handler, idstr=VFIO, how=How.NOTHING)
    migration = Migration(replace(WITH_VFIO, faults=(fault,)))
    events: list[Event] = []
    with pytest.raises(EngineError) as caught:
        events.extend(migration.steps())
    error = caught.value
    assert migration.failure is error
    assert (error.phase, error.handler, error.section) == (Phase.LOAD, "load_state_buffer", f"{VFIO} (instance 0)")
    source, destination = migration.source, migration.destination
    assert "the source is in phase complete, state device" in str(error)
    assert "the destination is in phase load, state active" in str(error)
    assert (source.status, destination.status) == (_S.DEVICE, _S.ACTIVE)
    assert not source.machine.guest.running
    assert not destination.machine.guest.running
    assert not [event for event in events if event.handler in CLEANUPS.values()]


def test_a_source_can_be_cancelled_while_its_destination_waits_without_end() -> None:
    fault = Fault(handler="load_state_buffer", idstr=VFIO, how=How.NOTHING)
    script = (Step(do=UserAction.MIGRATE_CANCEL, status=_S.DEVICE, after_us=500_000),)
    migration = Migration(replace(WITH_VFIO, faults=(fault,), script=script))
    with pytest.raises(EngineError, match="state cancelled, the destination is in phase load, state active"):
        list(migration.steps())
    assert migration.source.status is _S.CANCELLED
    assert migration.source.machine.guest.running


def test_a_run_without_end_says_so_in_its_failure() -> None:
    migration = Migration(replace(PRECOPY, workload=Workload(writes_per_s=100_000), time_limit_us=1_000_000))
    with pytest.raises(EngineError, match="does not converge") as caught:
        list(migration.steps())
    assert migration.failure is caught.value


@pytest.mark.parametrize("side", Side)
def test_a_cleanup_that_hangs_is_found_out(side: Side) -> None:
    with pytest.raises(EngineError, match=f"{CLEANUPS[side]} that hangs"):
        broken(Place(CLEANUPS[side], RAM, "precopy", Phase.CLEANUP, "", side), How.HANG)
