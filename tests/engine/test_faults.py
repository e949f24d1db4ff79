"""Every callback gone wrong in every way: who says so, how both sides end, and that exactly QEMU's cleanups run."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain, product
from typing import Any

import pytest

from savevm_inspect.engine.devices.dirty_bitmap import DirtyBitmap
from savevm_inspect.engine.devices.faulty import HOOKS, Fault, How
from savevm_inspect.engine.devices.inactive import Inactive
from savevm_inspect.engine.devices.vfio import Vfio
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.handlers import DeviceError
from savevm_inspect.engine.machine.machine import Machine, RunState
from savevm_inspect.engine.machine.side import MigrationSide
from savevm_inspect.engine.machine.vmsd import VMStateDescription, VMStateField
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios.parts import OUR_DEVICES, SLOW
from savevm_inspect.errors import EngineError, SavevmError
from savevm_inspect.rules.callbacks import CALLBACKS, Returns
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind

from .running import Run, run
from .upstream import course

_C = Capability
_S = MigrationStatus
S, D = Side.SOURCE, Side.DESTINATION
FAILURES = {failure.point: failure for failure in course.FAILURES}

RAM, HTAB, SLIRP, BITMAPS, VFIO = "ram", "spapr/htab", "slirp", "dirty-bitmap", "0000:00:05.0/vfio"
INACTIVE = "inactive"
_PAGE = 1 << 12

PRECOPY = Scenario(
    name="precopy",
    title="",
    teaches="",
    devices=OUR_DEVICES,
    ram_bytes=64 * _PAGE,
    filled=0.8,
    workload=Workload(writes_per_s=40),
    link_bytes_per_s=1_000_000,
    parameters=SLOW,
    disks=(("disk0", 16 << 20),),
    bitmaps=(DirtyBitmap(node="disk0", name="backup", disk_bytes=16 << 20, bits=bytearray(b"\x0f\x80") * 16),),
    capabilities=frozenset({_C.RETURN_PATH, _C.DIRTY_BITMAPS}),
    time_limit_us=5_000_000,
)
WITH_VFIO = replace(
    PRECOPY,
    name="vfio",
    devices=(*OUR_DEVICES, Vfio.attach),
    disks=(),
    bitmaps=(),
    capabilities=frozenset({_C.RETURN_PATH, _C.SWITCHOVER_ACK, _C.MULTIFD}),
)
POSTCOPY = replace(
    PRECOPY,
    name="postcopy",
    ram_bytes=256 * _PAGE,
    latency_us=1000,
    capabilities=frozenset({_C.POSTCOPY_RAM}),
    script=(Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE, after_us=50_000),),
    parameters=replace(SLOW, max_postcopy_bandwidth_bytes_per_s=500_000),
)
RECOVERY = replace(
    POSTCOPY,
    name="recovery",
    script=(
        *POSTCOPY.script,
        Step(do=UserAction.NETWORK_FAILS, status=_S.POSTCOPY_ACTIVE, after_us=150_000),
        Step(do=UserAction.MIGRATE_RECOVER, status=_S.POSTCOPY_PAUSED, after_us=50_000),
    ),
)
SCENARIOS = {each.name: each for each in (PRECOPY, WITH_VFIO, POSTCOPY, RECOVERY)}

_ITERATING = "`save_live_iterate`, or the channel while active"
_SWITCHING = "`save_complete`, a save thread or a device's state, precopy"
_PACKING = "the same before the package is sent, postcopy"
_LOST = "the channel in postcopy-device"
_PAUSED = "the channel in postcopy-active"
_WAITS = "the main channel after RUN, with postcopy-ram"
_UNHEARD = "`load_state_buffer` or a loading thread, found after the end mark"
_LOADING = "a section, its version, `load_state`, a footer, a command"


@dataclass(frozen=True)
class Place:
    """A call that can go wrong.

    Attributes:
        handler: the callback.
        idstr: of the device.
        scenario: name of what is run.
        phase: in which phase; the first call there is meant.
        point: what QEMU's course calls a failure there.
        side: on which side.
        status: in which state; any if there is none.
    """

    handler: str
    idstr: str
    scenario: str
    phase: Phase
    point: str
    side: Side = S
    status: MigrationStatus | None = None

    def __str__(self) -> str:
        return "-".join((self.scenario, self.handler, self.status or self.phase))


PLACES = (
    Place("save_prepare", VFIO, "vfio", Phase.PREPARE, "`save_prepare` of anyone"),
    Place("save_setup", RAM, "precopy", Phase.SETUP, "`save_setup`"),
    Place("is_active", BITMAPS, "precopy", Phase.SETUP, "`save_setup`"),
    Place("is_active", BITMAPS, "precopy", Phase.ITERATE, _ITERATING),
    Place("is_active", BITMAPS, "precopy", Phase.COMPLETE, _SWITCHING),
    Place("is_active_iterate", VFIO, "vfio", Phase.ITERATE, _ITERATING),
    Place("save_live_iterate", RAM, "precopy", Phase.ITERATE, _ITERATING),
    Place("save_live_iterate", RAM, "postcopy", Phase.POSTCOPY, _LOST, status=_S.POSTCOPY_DEVICE),
    Place("save_live_iterate", RAM, "postcopy", Phase.POSTCOPY, _PAUSED, status=_S.POSTCOPY_ACTIVE),
    Place("state_pending_estimate", RAM, "precopy", Phase.ITERATE, _ITERATING),
    Place("state_pending_estimate", RAM, "postcopy", Phase.POSTCOPY, _LOST, status=_S.POSTCOPY_DEVICE),
    Place("state_pending_estimate", RAM, "postcopy", Phase.POSTCOPY, _PAUSED, status=_S.POSTCOPY_ACTIVE),
    Place("state_pending_exact", RAM, "precopy", Phase.ITERATE, _ITERATING),
    Place("save_complete", RAM, "precopy", Phase.COMPLETE, _SWITCHING),
    Place("save_complete", HTAB, "postcopy", Phase.COMPLETE, _PACKING),
    Place("save_complete", RAM, "postcopy", Phase.POSTCOPY, "`save_complete` at the end of postcopy"),
    Place("save_complete_precopy_thread", VFIO, "vfio", Phase.COMPLETE, _SWITCHING),
    Place("has_postcopy", RAM, "postcopy", Phase.COMPLETE, _PACKING),
    Place("save_state", SLIRP, "precopy", Phase.COMPLETE, _SWITCHING),
    Place("save_state", SLIRP, "postcopy", Phase.COMPLETE, _PACKING),
    Place(
        "resume_prepare",
        RAM,
        "recovery",
        Phase.POSTCOPY_RECOVER,
        "`resume_prepare`, the preempt channel or the handshake of a recovery",
    ),
    Place("load_setup", RAM, "precopy", Phase.SETUP, "`load_setup`", D),
    Place("switchover_ack_needed", VFIO, "vfio", Phase.SETUP, "`load_setup`", D),
    Place("load_state", RAM, "precopy", Phase.LOAD, _LOADING, D),
    Place("load_state", VFIO, "vfio", Phase.LOAD, _LOADING, D),
    Place("load_state", RAM, "postcopy", Phase.POSTCOPY, _WAITS, D, _S.POSTCOPY_ACTIVE),
    Place("load_state", SLIRP, "postcopy", Phase.POSTCOPY, "the package, or the main channel before RUN", D),
    Place("switchover_start", VFIO, "vfio", Phase.SWITCHOVER, "`switchover_start`", D),
    Place(
        "load_state_buffer",
        VFIO,
        "vfio",
        Phase.LOAD,
        _UNHEARD,
        D,
    ),
)
"""Where each callback is broken, by what QEMU's course says of a failure there; not the cleanups and what comes
before postcopy, whose failures end nothing."""

CLEANUPS = {S: "save_cleanup", D: "load_cleanup"}
_ENDS = {_S.COMPLETED, _S.FAILED, _S.CANCELLED}
_FAILING = {Returns.ZERO_OR_NEGATIVE, Returns.TRUE_OR_FALSE, Returns.MORE_OR_DONE}


@cache
def _plain(name: str) -> Run:
    """A scenario without any fault."""
    return run(SCENARIOS[name])


def _number(place: Place) -> int:
    """Which call of that callback is meant."""
    status, calls = "", 0
    for event in _plain(place.scenario).of(place.side):
        if event.event is EventKind.STATE:
            status = event.name or ""
        elif (event.event, event.handler, event.idstr) == (EventKind.CALL, place.handler, place.idstr):
            calls += 1
            if event.phase is place.phase and place.status in (None, status):
                return calls
    raise AssertionError(f"{place} is never called")


def _broken(place: Place, how: How, **more: Any) -> Run:
    fault = Fault(handler=place.handler, idstr=place.idstr, how=how, side=place.side, at_call=_number(place))
    return run(replace(SCENARIOS[place.scenario], faults=(fault,), **more))


def _side(ran: Run, side: Side) -> MigrationSide:
    return ran.migration.source if side is S else ran.migration.destination


def _cleaned_up(ran: Run, side: Side) -> Counter[str | None]:
    """Whose cleanup was called on a side, and how often."""
    return Counter(event.idstr for event in ran.of(side, EventKind.CALL) if event.handler == CLEANUPS[side])


def _assert_cleaned_up(ran: Run, side: Side, *, wanted: bool) -> None:
    """Everybody who has a cleanup had it once, set up or not; or nobody had."""
    registry = _side(ran, side).machine.registry
    everybody = {entry.idstr: 1 for entry in registry if entry.has(CLEANUPS[side])}
    assert _cleaned_up(ran, side) == (everybody if wanted else {})


def _assert_nothing_left_over(ran: Run) -> None:
    """Locks are free, threads have ended or wait for a person, each call has returned, each side is somewhere."""
    for side in Side:
        assert _side(ran, side).machine.bql.owner is None
        open_calls = Counter(event.call_id for event in ran.of(side, EventKind.CALL))
        assert Counter(event.call_id for event in ran.of(side, EventKind.RETURN)) == open_calls
    assert all(task.wait is not None and task.wait.waits_for_user for task in ran.migration.scheduler)
    source, destination = ran.migration.source, ran.migration.destination
    assert source.status in {*_ENDS, _S.NONE, _S.POSTCOPY_PAUSED}
    assert destination.status in {*_ENDS, _S.POSTCOPY_PAUSED} or source.status is _S.NONE
    for side in Side:
        _assert_cleaned_up(ran, side, wanted=_side(ran, side).status in _ENDS)


def _assert_as_upstream(ran: Run, place: Place) -> None:
    """The side that failed ends as QEMU's does."""
    wanted = FAILURES[place.point]
    side = _side(ran, place.side)
    states = [event.name for event in ran.of(place.side, EventKind.STATE)]
    assert tuple(states[len(states) - len(wanted.states) :]) == wanted.states
    if not wanted.states:
        assert not states
    _assert_cleaned_up(ran, place.side, wanted=bool(wanted.cleanup))
    if place.side is D:
        runs = wanted.guest.startswith("runs")
        still = RunState.PRELAUNCH if place.point == _LOADVM else RunState.INMIGRATE
        assert side.machine.runstate is (RunState.RUNNING if runs else still)
    else:
        assert side.machine.guest.running is (wanted.guest != "stays stopped")


def _both(how: tuple[How, ...]) -> list[Any]:
    return [pytest.param(place, each, id=f"{place}-{each.name}") for place in PLACES for each in how]


@pytest.mark.parametrize(("place", "how"), _both((How.RAISE, How.FAIL)))
def test_a_failure_ends_as_qemus_does_and_says_where(place: Place, how: How) -> None:
    returns = CALLBACKS[place.handler].returns
    if how is How.FAIL and returns is Returns.ANSWER:
        pytest.skip("no answer is a failure")
    ran = _broken(place, how)
    error = _side(ran, place.side).error
    if place.point == _WAITS:  # it is no end: the guest runs on, and what broke can be mended
        assert error is None
        messages = [event.name or "" for event in ran.of(D, EventKind.LOG)]
        assert any(f"{place.phase}: {place.handler} of {place.idstr} (instance 0)" in each for each in messages)
    elif place.phase is not Phase.POSTCOPY_RECOVER:  # there, the broken connection came first
        assert error is not None
        assert (error.handler, error.phase) == (place.handler, place.phase)
        assert error.section == f"{place.idstr} (instance 0)"
        assert isinstance(error.__cause__, RuntimeError) is (how is How.RAISE)
    _assert_as_upstream(ran, place)
    _assert_nothing_left_over(ran)


@pytest.mark.parametrize("place", [each for each in PLACES if CALLBACKS[each.handler].returns in _FAILING], ids=str)
def test_the_other_side_learns_of_it(place: Place) -> None:
    """The one that lives on is the source, unless the destination runs already.

    Of a thread that loads a device the source hears nothing: SHUT tells of the main channel alone, as upstream's
    (migration_incoming_state_destroy).
    """
    ran = _broken(place, How.FAIL)
    source, destination = ran.migration.source, ran.migration.destination
    if place.phase is Phase.PREPARE:
        assert destination.status is _S.SETUP
    elif place.point == _UNHEARD:
        assert (source.status, destination.status) == (_S.COMPLETED, _S.FAILED)
        assert source.error is None
        assert not source.machine.guest.running
        assert not destination.machine.guest.running
    elif place.point in (_WAITS, _PAUSED, _LOST) or place.phase is Phase.POSTCOPY_RECOVER or "end of" in place.point:
        assert destination.status is _S.POSTCOPY_PAUSED
        assert destination.machine.runstate is RunState.RUNNING
    else:
        assert (source.status, destination.status) == (_S.FAILED, _S.FAILED)
        assert source.machine.guest.running
        assert source.error is not None
        assert destination.error is not None


@pytest.mark.parametrize(("place", "how"), _both((How.STALL,)))
def test_a_slow_callback_harms_nobody(place: Place, how: How) -> None:
    ran = _broken(place, how)
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.COMPLETED, _S.COMPLETED)
    assert ran.migration.failure is None
    if SCENARIOS[place.scenario].script == ():
        assert ran.stopped == ran.resumed
    _assert_nothing_left_over(ran)
    calls = [
        event
        for event in ran.of(place.side, EventKind.CALL)
        if (event.handler, event.idstr) == (place.handler, place.idstr)
    ]
    called = calls[_number(place) - 1]
    returned = next(e for e in ran.of(place.side, EventKind.RETURN) if e.call_id == called.call_id)
    assert returned.time_us - called.time_us >= Fault(handler=place.handler, idstr="", how=how).stall_us


_UNDER_LOCK = (Phase.PREPARE, Phase.SETUP, Phase.COMPLETE)
"""Where the source has its lock, without which nobody can cancel: whoever hangs there, hangs all of QEMU."""

_NO_CANCEL = (Phase.POSTCOPY, Phase.POSTCOPY_RECOVER)
_HANGS = [each for each in PLACES if each.phase not in (*_NO_CANCEL, *(_UNDER_LOCK if each.side is S else ()))]


@pytest.mark.parametrize("place", _HANGS, ids=str)
def test_a_callback_that_hangs_can_be_cancelled(place: Place) -> None:
    scenario = SCENARIOS[place.scenario]
    ran = _broken(place, How.HANG, script=(*scenario.script, Step(do=UserAction.MIGRATE_CANCEL, after_us=1_000_000)))
    source, destination = ran.migration.source, ran.migration.destination
    assert source.status is _S.CANCELLED
    assert destination.status is _S.FAILED
    assert source.machine.guest.running
    assert not destination.machine.guest.running
    _assert_nothing_left_over(ran)


@pytest.mark.parametrize("place", [each for each in PLACES if each not in _HANGS], ids=str)
def test_where_nobody_can_cancel_a_hang_is_found_out(place: Place) -> None:
    scenario = SCENARIOS[place.scenario]
    with pytest.raises(EngineError, match=f"all tasks are blocked: .*{place.handler} that hangs"):
        _broken(place, How.HANG, script=(*scenario.script, Step(do=UserAction.MIGRATE_CANCEL, after_us=3_000_000)))


def _with_file(how: tuple[How, ...]) -> list[Any]:
    places = [each for each in PLACES if each.handler in (*_WRITERS, "load_state")]
    return [pytest.param(place, each, id=f"{place}-{each.name}") for place in places for each in how]


_WRITERS = ("save_setup", "save_live_iterate", "save_complete", "save_state")


@pytest.mark.parametrize(("place", "how"), _with_file((How.TOO_MUCH, How.TOO_LITTLE)))
def test_some_bytes_more_or_less_are_found_by_the_reader(place: Place, how: How) -> None:
    ran = _broken(place, how)
    source, destination = ran.migration.source, ran.migration.destination
    _assert_nothing_left_over(ran)
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


@pytest.mark.parametrize("place", [each for each in PLACES if each.handler in _WRITERS], ids=str)
def test_who_writes_past_the_rate_limit_makes_others_wait_and_no_more(place: Place) -> None:
    ran = _broken(place, How.PAST_RATE_LIMIT)
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.COMPLETED, _S.COMPLETED)
    assert ran.migration.failure is None
    _assert_nothing_left_over(ran)


def test_a_limit_that_one_writes_past_holds_for_the_next() -> None:
    ran = _broken(replace(PLACES[6], scenario="precopy"), How.PAST_RATE_LIMIT)
    assert ran.migration.source.rate.limit_bytes_per_s == 0  # the switchover lifts it
    limited = [event for event in ran.of(S, EventKind.LOG) if event.name == "rate limit"]
    assert len(limited) >= len([e for e in _plain("precopy").of(S, EventKind.LOG) if e.name == "rate limit"])


_UNNOTICED = {"switchover_start"}
"""Who does nothing there and says that all is well leaves a device as it was; nobody else can know."""

_WAITED_FOR = {"save_complete_precopy_thread", "load_state_buffer"}
"""Who does nothing there leaves a thread waiting for a piece that never comes, upstream too."""


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_doing_nothing_is_found_out_or_does_no_harm(place: Place) -> None:
    if place.handler in _WAITED_FOR:
        with pytest.raises(EngineError, match=r"all tasks are blocked: .*mig/dst/load waits for piece"):
            _broken(place, How.NOTHING)
        return
    ran = _broken(place, How.NOTHING)
    _assert_nothing_left_over(ran)
    if ran.migration.destination.status is not _S.COMPLETED:
        assert ran.migration.failure is not None or ran.migration.source.status is _S.POSTCOPY_PAUSED
    elif place.handler in _UNNOTICED:
        assert ran.stopped != ran.resumed
    elif not SCENARIOS[place.scenario].script:
        assert ran.stopped == ran.resumed


@pytest.mark.parametrize("handler", sorted(_WAITED_FOR))
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


@pytest.mark.parametrize("how", [How.RAISE, How.FAIL, How.NOTHING, How.STALL])
@pytest.mark.parametrize("side", Side)
def test_a_cleanup_that_fails_keeps_nobody_from_theirs(side: Side, how: How) -> None:
    place = Place(CLEANUPS[side], RAM, "vfio", Phase.CLEANUP, "", side)
    ran = _broken(place, how)
    assert (ran.migration.source.status, ran.migration.destination.status) == (_S.COMPLETED, _S.COMPLETED)
    assert not ran.migration.source.machine.guest.running
    _assert_nothing_left_over(ran)
    error = _side(ran, side).error
    if how is How.RAISE:
        assert error is not None
        assert (error.handler, error.phase) == (CLEANUPS[side], Phase.CLEANUP)
    assert _side(ran, S if side is D else D).error is None


@pytest.mark.parametrize("side", Side)
def test_a_cleanup_that_hangs_is_found_out(side: Side) -> None:
    with pytest.raises(EngineError, match=f"{CLEANUPS[side]} that hangs"):
        _broken(Place(CLEANUPS[side], RAM, "precopy", Phase.CLEANUP, "", side), How.HANG)


@pytest.mark.parametrize("place", [each for each in PLACES if each.handler not in CLEANUPS.values()], ids=str)
def test_a_failure_in_a_cleanup_after_a_failure_does_not_hide_it(place: Place) -> None:
    fault = Fault(handler=place.handler, idstr=place.idstr, how=How.RAISE, side=place.side, at_call=_number(place))
    second = Fault(handler=CLEANUPS[place.side], idstr=RAM, how=How.RAISE)
    ran = run(replace(SCENARIOS[place.scenario], faults=(fault, second)))
    error = _side(ran, place.side).error
    assert place.point == _WAITS or (error is not None and error.handler != CLEANUPS[place.side])
    _assert_nothing_left_over(ran)


# What comes before postcopy: its failure ends nothing, it is tried again.


def test_postcopy_is_tried_again_until_somebody_cancels() -> None:
    script = (*POSTCOPY.script, Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=30_000))
    ran = run(replace(POSTCOPY, script=script, faults=_refuses_postcopy(lasting=True)))
    tries = [event for event in ran.of(S, EventKind.CALL) if event.handler == "save_postcopy_prepare"]
    assert len(tries) > 3
    assert not [event for event in ran.of(S, EventKind.STATE) if event.name == "device"]
    assert ran.migration.source.status is _S.CANCELLED
    assert ran.migration.source.machine.guest.running
    _assert_nothing_left_over(ran)


def test_postcopy_starts_when_the_next_try_succeeds() -> None:
    ran = run(replace(POSTCOPY, faults=_refuses_postcopy(lasting=False)))
    tries = [event for event in ran.of(S, EventKind.RETURN) if event.handler == "save_postcopy_prepare"]
    assert [bool(event.error) for event in tries] == [True, False]
    assert ran.migration.source.error is not None
    assert ran.migration.source.error.handler == "save_postcopy_prepare"


def _refuses_postcopy(*, lasting: bool) -> tuple[Fault, ...]:
    return (Fault(handler="save_postcopy_prepare", idstr=RAM, how=How.FAIL_LATE, lasting=lasting),)


# Into a file: nobody tells the source what became of it.

SNAPSHOT = replace(
    PRECOPY,
    name="snapshot",
    transport=Transport.SNAPSHOT,
    capabilities=frozenset(),
    disks=(),
    bitmaps=(),
    devices=(*OUR_DEVICES, Inactive.attach),
)
BACKGROUND = replace(
    SNAPSHOT, name="background", transport=Transport.FILE, capabilities=frozenset({_C.BACKGROUND_SNAPSHOT})
)
MAPPED = replace(SNAPSHOT, name="mapped", transport=Transport.FILE, capabilities=frozenset({_C.MAPPED_RAM}))
SCENARIOS |= {each.name: each for each in (SNAPSHOT, BACKGROUND, MAPPED)}
_LOADVM = "loadvm: anything"
_SAVEVM = "savevm: anything after `save_prepare`"
_BACKGROUND = "background snapshot: setup, stop, devices, write tracking"
FILE_PLACES = (
    Place("save_setup", RAM, "snapshot", Phase.SETUP, _SAVEVM),
    Place("save_live_iterate", RAM, "snapshot", Phase.ITERATE, _SAVEVM),
    Place("save_complete", RAM, "snapshot", Phase.COMPLETE, _SAVEVM),
    Place("save_state", SLIRP, "snapshot", Phase.COMPLETE, _SAVEVM),
    Place("save_setup", RAM, "background", Phase.SETUP, _BACKGROUND),
    Place("save_state", SLIRP, "background", Phase.COMPLETE, _BACKGROUND),
    Place("save_setup", RAM, "mapped", Phase.SETUP, "`save_setup`"),
    Place("save_live_iterate", RAM, "mapped", Phase.ITERATE, _ITERATING),
    Place("save_complete", RAM, "mapped", Phase.COMPLETE, _SWITCHING),
)


@pytest.mark.parametrize("how", [How.RAISE, How.FAIL, How.FAIL_LATE])
@pytest.mark.parametrize("place", FILE_PLACES, ids=str)
def test_a_file_that_fails_is_never_loaded(place: Place, how: How) -> None:
    ran = _broken(place, how)
    source, destination = ran.migration.source, ran.migration.destination
    wanted = FAILURES[place.point]
    states = tuple(event.name for event in ran.of(S, EventKind.STATE))
    assert states[len(states) - len(wanted.states) :] == wanted.states
    assert source.error is not None
    assert (source.error.handler, source.error.phase) == (place.handler, place.phase)
    _assert_cleaned_up(ran, S, wanted=True)
    _assert_cleaned_up(ran, D, wanted=False)
    assert destination.status is (_S.NONE if place.scenario == "snapshot" else _S.SETUP)
    paused = place.point == _BACKGROUND and place.phase is Phase.COMPLETE
    assert source.machine.runstate is (RunState.PAUSED if paused else RunState.RUNNING)
    for side in Side:
        assert _side(ran, side).machine.bql.owner is None


def test_memory_that_can_not_be_guarded_fails_a_background_snapshot() -> None:
    """As when ram_write_tracking_start fails: the VM was stopped for its devices, and nobody starts it again."""
    ran = _broken(FILE_PLACES[4], How.NOTHING)
    source = ran.migration.source
    error = source.error
    assert error is not None
    assert ran.migration.failure is error
    assert (error.phase, error.section) == (Phase.COMPLETE, "ram (instance 0)")
    assert isinstance(error.__cause__, DeviceError)
    assert [event.name for event in ran.of(S, EventKind.STATE)] == ["setup", "active", "failed"]
    assert source.machine.runstate is RunState.PAUSED
    _assert_cleaned_up(ran, S, wanted=True)
    assert ran.migration.destination.status is _S.SETUP


@pytest.mark.parametrize("name", ["precopy", "vfio", "postcopy", "recovery", "snapshot", "background", "mapped"])
def test_whatever_does_nothing_or_too_much_ends_in_an_engine_error_at_most(name: str) -> None:
    """Each callback of each device that is called at all, at its first call."""
    called = {(e.side, e.handler, e.idstr) for e in _plain(name).events if e.event is EventKind.CALL}
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


@pytest.mark.parametrize("how", [How.TOO_MUCH, How.TOO_LITTLE])
@pytest.mark.parametrize("place", FILE_PLACES, ids=str)
def test_a_file_of_wrong_bytes_is_refused_when_it_is_loaded(place: Place, how: How) -> None:
    ran = _broken(place, how)
    assert ran.migration.source.status is _S.COMPLETED
    error = ran.migration.destination.error
    assert error is not None
    assert (error.handler, error.section) == ("load_state", f"{place.idstr} (instance 0)")
    _assert_as_upstream(ran, Place("load_state", place.idstr, place.scenario, place.phase, _loading(place), D))


def _loading(place: Place) -> str:
    return _LOADVM if place.scenario == "snapshot" else _LOADING


LOADVM_PLACES = (
    Place("is_active", INACTIVE, "snapshot", Phase.SETUP, _LOADVM, D),
    Place("load_setup", RAM, "snapshot", Phase.SETUP, _LOADVM, D),
    Place("load_state", RAM, "snapshot", Phase.LOAD, _LOADVM, D),
    Place("load_state", SLIRP, "snapshot", Phase.LOAD, _LOADVM, D),
)


@pytest.mark.parametrize("how", [How.RAISE, How.HANG])
@pytest.mark.parametrize("place", LOADVM_PLACES, ids=str)
def test_a_snapshot_that_can_not_be_loaded_changes_no_state(place: Place, how: How) -> None:
    if how is How.HANG:
        with pytest.raises(EngineError, match=f"{place.handler} that hangs"):
            _broken(place, how)
        return
    ran = _broken(place, how)
    error = ran.migration.destination.error
    assert error is not None
    assert (error.handler, error.section, error.phase) == (place.handler, f"{place.idstr} (instance 0)", place.phase)
    _assert_as_upstream(ran, place)
    assert not ran.of(D, EventKind.STATE)
    assert not ran.migration.destination.machine.guest.running


def test_loadvm_starts_the_vm_after_the_cleanup_and_changes_no_state() -> None:
    events = _plain("snapshot").of(D)
    assert not [event for event in events if event.event is EventKind.STATE]
    order = [event.handler or event.name for event in events if event.event in (EventKind.CALL, EventKind.QMP)]
    assert order[0] == "loadvm"
    assert order[-2:] == ["load_cleanup", "RESUME"]
    assert _plain("snapshot").migration.destination.machine.runstate is RunState.RUNNING


# Devices that are described: their hooks.


class Hooked:
    """A device whose hooks say that they were called."""

    def __init__(self) -> None:
        self.value = 0
        self.called: list[str] = []

    @classmethod
    def attach(cls, machine: Machine) -> "Hooked":
        device = cls()
        hooks: dict[str, Any] = {name: partial(cls.call, name) for name in HOOKS}
        fields = (VMStateField(name="value", type="uint8"),)
        vmsd = VMStateDescription(name="hooked", version_id=1, minimum_version_id=1, fields=fields, **hooks)
        machine.registry.register_vmstate(vmsd, device)
        return device

    @staticmethod
    def call(name: str, device: "Hooked", *_args: object) -> None:
        device.called.append(name)


def _hooked(name: str, how: How) -> tuple[Migration, list[Event]]:
    fault = Fault(handler=name, idstr="hooked", how=how)
    devices = (*OUR_DEVICES, Hooked.attach)
    migration = Migration(
        replace(PRECOPY, capabilities=frozenset({_C.RETURN_PATH}), devices=devices, faults=(fault,))
    )
    return migration, list(migration.steps())


def _called(migration: Migration) -> list[list[str]]:
    machines = (migration.source.machine, migration.destination.machine)
    return [device.called for machine in machines for device in machine.devices if isinstance(device, Hooked)]


@pytest.mark.parametrize("how", [How.FAIL, How.FAIL_LATE, How.RAISE])
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_fails_ends_as_a_device_that_can_not_be_saved_or_loaded(name: str, how: How) -> None:
    migration, events = _hooked(name, how)
    wanted = FAILURES[_SWITCHING if HOOKS[name] is S else _LOADING]
    side = migration.source if HOOKS[name] is S else migration.destination
    cause = RuntimeError if how is How.RAISE else DeviceError
    assert side.error is not None
    assert side.error.section == "hooked (instance 0)"
    assert side.error.phase == (Phase.COMPLETE if HOOKS[name] is S else Phase.LOAD)
    assert isinstance(side.error.__cause__, cause)
    states = [event.name for event in events if event.side is HOOKS[name] and event.event is EventKind.STATE]
    assert tuple(states[-len(wanted.states) :]) == wanted.states
    assert migration.source.status is _S.FAILED
    assert migration.source.machine.guest.running
    ran = Run(migration, events)
    for each in Side:
        _assert_cleaned_up(ran, each, wanted=True)
    before, _, _ = "pre_save post_save pre_load post_load".partition(name)
    assert list(chain(*_called(migration))) == [*before.split(), *[name] * (how is How.FAIL_LATE)]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_does_nothing_is_the_devices_own_affair(name: str) -> None:
    migration, _ = _hooked(name, How.NOTHING)
    assert migration.failure is None
    assert list(chain(*_called(migration))) == [each for each in HOOKS if each != name]


# Whoever runs when.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", [each for each in PLACES if CALLBACKS[each.handler].returns in _FAILING], ids=str)
def test_a_failure_leaves_nothing_over_whoever_runs_when(place: Place, seed: int) -> None:
    choose = random.Random(seed)
    fault = Fault(handler=place.handler, idstr=place.idstr, how=How.FAIL, side=place.side)
    scenario = replace(SCENARIOS[place.scenario], faults=(fault,))
    ran = run(scenario, choose=lambda ready: choose.choice(list(ready)))
    _assert_nothing_left_over(ran)
    source, destination = ran.migration.source, ran.migration.destination
    assert destination.status is not _S.COMPLETED
    if place.point == _UNHEARD:  # whether the source finds out depends on whether it still had something to send
        return
    assert source.status is not _S.COMPLETED
    if place.scenario in ("precopy", "vfio"):
        fair = run(scenario).migration
        assert (source.status, destination.status) == (fair.source.status, fair.destination.status)
        assert source.machine.guest.running
        assert not destination.machine.guest.running


# What a fault may be.


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"handler": "save_all"}, "no callback is called 'save_all'"),
        ({"handler": "load_state", "side": S}, "load_state is not called on the source"),
        ({"handler": "save_prepare", "how": How.TOO_MUCH}, "save_prepare has no file"),
        ({"handler": "load_state", "how": How.PAST_RATE_LIMIT}, "load_state has no rate limit"),
        ({"handler": "pre_save", "how": How.HANG}, "pre_save is a hook, which can't hang"),
        ({"handler": "post_load", "side": S}, "post_load is not called on the source"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(SavevmError, match=message):
        Fault(**{"idstr": RAM, "how": How.RAISE, **fault})


def test_a_fault_of_a_callback_that_nobody_has_is_refused() -> None:
    fault = Fault(handler="save_state", idstr=RAM, how=How.RAISE)
    with pytest.raises(SavevmError, match="no device 'ram' with a save_state"):
        run(replace(PRECOPY, faults=(fault,)))


def test_each_callback_is_broken_somewhere() -> None:
    broken = {place.handler for place in PLACES} | set(CLEANUPS.values()) | {"save_postcopy_prepare"}
    assert broken == set(CALLBACKS)


def test_pages_that_come_before_the_setup_are_an_error() -> None:
    fault = Fault(handler="load_setup", idstr="ram", how=How.FAIL)
    made = run(replace(PRECOPY, capabilities=frozenset({Capability.MULTIFD}), faults=(fault,)))
    assert made.migration.destination.status is MigrationStatus.FAILED
    assert made.migration.source.status is MigrationStatus.FAILED
