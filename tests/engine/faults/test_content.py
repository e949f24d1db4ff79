"""A callback that writes or reads too much, too little, too fast or nothing: found by the reader, or harmless."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.machine.machine import RunState
from savevm_inspect.engine.machine.qemu_file import BUFFER_DELAY_MS, IO_BUF_SIZE
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.scenarios.parts import SLOW
from savevm_inspect.errors import EngineError, SavevmError
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from .places import PLACES, PRECOPY, RAM, SCENARIOS, Place, assert_nothing_left_over, broken, plain

_S = MigrationStatus
S = Side.SOURCE


_WRITERS = ("save_setup", "save_live_iterate", "save_complete", "save_state")


def _with_file(how: tuple[How, ...]) -> list[Any]:
    places = [each for each in PLACES if each.handler in (*_WRITERS, "load_state")]
    return [pytest.param(place, each, id=f"{place}-{each.name}") for place in places for each in how]


@pytest.mark.parametrize(("place", "how"), _with_file((How.TOO_MUCH, How.TOO_LITTLE)))
def test_some_bytes_more_or_less_are_found_by_the_reader(place: Place, how: How) -> None:
    ran = broken(place, how)
    source, destination = ran.migration.source, ran.migration.destination
    assert_nothing_left_over(ran)
    if place.phase is Phase.POSTCOPY and place.idstr == RAM:  # the guest runs there: it is no end, but a pause
        assert destination.status is _S.POSTCOPY_PAUSED
        assert destination.machine.runstate is RunState.RUNNING
        return
    assert destination.error is not None
    assert destination.error.handler == "load_state"
    assert destination.error.section == f"{place.idstr} (instance 0)"
    assert (source.status, destination.status) == (_S.FAILED, _S.FAILED)
    assert source.machine.guest.running
    assert not destination.machine.guest.running


LIMITED = replace(
    PRECOPY,
    name="limited",
    ram_bytes=256 * 4096,
    link_bytes_per_s=50_000_000,
    parameters=replace(SLOW, max_bandwidth_bytes_per_s=1_000_000),
    capabilities=frozenset({Capability.RETURN_PATH}),
    disks=(),
    bitmaps=(),
)
"""A limit that is lower than what the link carries, so that it is the limit that makes the sender wait."""

_WINDOW_BYTES = 1_000_000 * BUFFER_DELAY_MS // 1000
_FLUSH_BYTES = 32 * (8 + 4096)
_SLACK_BYTES = IO_BUF_SIZE + _FLUSH_BYTES
"""What one who heeds the limit may be over it: pages count once they have gone out, which 32 do together."""


def _iterations(scenario: Scenario) -> list[tuple[int, bool]]:
    """What each call of RAM's `save_live_iterate` sent while iterating, and whether its thread had to wait next."""
    migration = Migration(scenario)
    rate = migration.source.rate
    found: list[tuple[int, bool]] = []
    start = 0
    for event in migration.steps():
        mine = (event.side, event.handler, event.idstr, event.phase) == (S, "save_live_iterate", RAM, Phase.ITERATE)
        if mine and event.event is EventKind.CALL:
            start = rate.transferred
        elif mine and event.event is EventKind.RETURN:
            found.append((rate.transferred - start, False))
        elif event.event is EventKind.LOG and event.name == "rate limit":
            found[-1] = (found[-1][0], True)
    assert migration.failure is None
    return found


def test_who_writes_past_the_rate_limit_fills_more_than_a_window_and_only_once() -> None:
    heeding = _iterations(LIMITED)
    assert len(heeding) > 5
    assert max(sent for sent, _ in heeding) <= _WINDOW_BYTES + _SLACK_BYTES
    assert heeding[0][1], "the limit makes the sender wait"
    fault = Fault(handler="save_live_iterate", idstr=RAM, how=How.PAST_RATE_LIMIT, at_call=2)
    broken_once = _iterations(replace(LIMITED, faults=(fault,)))
    assert broken_once[0] == heeding[0]
    sent, waited = broken_once[1]
    assert sent > 2 * (_WINDOW_BYTES + _SLACK_BYTES)
    assert waited, "all others wait for the end of the window"
    assert max((sent for sent, _ in broken_once[2:]), default=0) <= _WINDOW_BYTES + _SLACK_BYTES


@pytest.mark.parametrize("place", [each for each in PLACES if each.handler in _WRITERS], ids=str)
def test_writing_past_the_rate_limit_harms_nobody(place: Place) -> None:
    ran = broken(place, How.PAST_RATE_LIMIT)
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.COMPLETED, _S.COMPLETED)
    assert ran.migration.failure is None
    if not SCENARIOS[place.scenario].script:
        assert ran.stopped == ran.resumed
    assert_nothing_left_over(ran)


_UNNOTICED = {"switchover_start"}
"""Who does nothing there and says that all is well leaves a device as it was; nobody else can know."""

_WAITED_FOR = {"save_complete_precopy_thread", "load_state_buffer"}
"""Who does nothing there leaves a thread waiting: see :mod:`.test_hangs`."""


@pytest.mark.parametrize("place", [each for each in PLACES if each.handler not in _WAITED_FOR], ids=str)
def test_doing_nothing_is_found_out_or_does_no_harm(place: Place) -> None:
    ran = broken(place, How.NOTHING)
    assert_nothing_left_over(ran)
    if ran.migration.destination.status is not _S.COMPLETED:
        assert ran.migration.failure is not None or ran.migration.source.status is _S.POSTCOPY_PAUSED
    elif place.handler in _UNNOTICED:
        assert ran.stopped != ran.resumed
    elif not SCENARIOS[place.scenario].script:
        assert ran.stopped == ran.resumed


@pytest.mark.parametrize("name", ["precopy", "vfio", "postcopy", "recovery", "snapshot", "background", "mapped"])
def test_whatever_does_nothing_or_too_much_ends_in_an_engine_error_at_most(name: str) -> None:
    """Each callback of each device that is called at all, at its first call."""
    called = {(e.side, e.handler, e.idstr) for e in plain(name).events if e.event is EventKind.CALL}
    for (side, handler, idstr), how in product(sorted(called), (How.NOTHING, How.TOO_MUCH)):
        try:
            fault = Fault(handler=handler, idstr=idstr, how=how, side=side)
        except SavevmError:
            continue
        migration, raised = Migration(replace(SCENARIOS[name], faults=(fault,))), None
        try:
            list(migration.steps())
        except EngineError as error:
            raised = error
        if raised is not None:
            assert migration.failure is raised
            assert raised.phase
            assert raised.section or "does not converge" in str(raised)
