"""Where a callback can go wrong, what is run with it gone wrong, and what must hold then."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from savevm_inspect.engine.devices.dirty_bitmap import DirtyBitmap
from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.devices.inactive import Inactive
from savevm_inspect.engine.devices.vfio import Vfio
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.machine import RunState
from savevm_inspect.engine.machine.side import MigrationSide
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios.parts import OUR_DEVICES, SLOW
from savevm_inspect.rules.callbacks import Returns
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from ..running import Run, run
from ..upstream import course

_C = Capability
_S = MigrationStatus
S, D = Side.SOURCE, Side.DESTINATION
FAILURES = {failure.point: failure for failure in course.FAILURES}

RAM, HTAB, SLIRP, BITMAPS, VFIO = "ram", "spapr/htab", "slirp", "dirty-bitmap", "0000:00:05.0/vfio"
INACTIVE = "inactive"
PAGE = 1 << 12

PRECOPY = Scenario(
    name="precopy",
    title="",
    teaches="",
    devices=OUR_DEVICES,
    ram_bytes=64 * PAGE,
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
    ram_bytes=256 * PAGE,
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
SCENARIOS = {each.name: each for each in (PRECOPY, WITH_VFIO, POSTCOPY, RECOVERY, SNAPSHOT, BACKGROUND, MAPPED)}

ITERATING = "`save_live_iterate`, or the channel while active"
SWITCHING = "`save_complete`, a save thread or a device's state, precopy"
PACKING = "the same before the package is sent, postcopy"
LOST = "the channel in postcopy-device"
PAUSED = "the channel in postcopy-active"
WAITS = "the main channel after RUN, with postcopy-ram"
UNHEARD = "`load_state_buffer` or a loading thread, found after the end mark"
LOADING = "a section, its version, `load_state`, a footer, a command"
LOADVM = "loadvm: anything"
SAVEVM = "savevm: anything after `save_prepare`"
BACKGROUND_SNAPSHOT = "background snapshot: setup, stop, devices, write tracking"


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
    Place("is_active", BITMAPS, "precopy", Phase.ITERATE, ITERATING),
    Place("is_active", BITMAPS, "precopy", Phase.COMPLETE, SWITCHING),
    Place("is_active_iterate", VFIO, "vfio", Phase.ITERATE, ITERATING),
    Place("save_live_iterate", RAM, "precopy", Phase.ITERATE, ITERATING),
    Place("save_live_iterate", RAM, "postcopy", Phase.POSTCOPY, LOST, status=_S.POSTCOPY_DEVICE),
    Place("save_live_iterate", RAM, "postcopy", Phase.POSTCOPY, PAUSED, status=_S.POSTCOPY_ACTIVE),
    Place("state_pending_estimate", RAM, "precopy", Phase.ITERATE, ITERATING),
    Place("state_pending_estimate", RAM, "postcopy", Phase.POSTCOPY, LOST, status=_S.POSTCOPY_DEVICE),
    Place("state_pending_estimate", RAM, "postcopy", Phase.POSTCOPY, PAUSED, status=_S.POSTCOPY_ACTIVE),
    Place("state_pending_exact", RAM, "precopy", Phase.ITERATE, ITERATING),
    Place("save_complete", RAM, "precopy", Phase.COMPLETE, SWITCHING),
    Place("save_complete", HTAB, "postcopy", Phase.COMPLETE, PACKING),
    Place("save_complete", RAM, "postcopy", Phase.POSTCOPY, "`save_complete` at the end of postcopy"),
    Place("save_complete_precopy_thread", VFIO, "vfio", Phase.COMPLETE, SWITCHING),
    Place("has_postcopy", RAM, "postcopy", Phase.COMPLETE, PACKING),
    Place("save_state", SLIRP, "precopy", Phase.COMPLETE, SWITCHING),
    Place("save_state", SLIRP, "postcopy", Phase.COMPLETE, PACKING),
    Place(
        "resume_prepare",
        RAM,
        "recovery",
        Phase.POSTCOPY_RECOVER,
        "`resume_prepare`, the preempt channel or the handshake of a recovery",
    ),
    Place("load_setup", RAM, "precopy", Phase.SETUP, "`load_setup`", D),
    Place("switchover_ack_needed", VFIO, "vfio", Phase.SETUP, "`load_setup`", D),
    Place("load_state", RAM, "precopy", Phase.LOAD, LOADING, D),
    Place("load_state", VFIO, "vfio", Phase.LOAD, LOADING, D),
    Place("load_state", RAM, "postcopy", Phase.POSTCOPY, WAITS, D, _S.POSTCOPY_ACTIVE),
    Place("load_state", SLIRP, "postcopy", Phase.POSTCOPY, "the package, or the main channel before RUN", D),
    Place("switchover_start", VFIO, "vfio", Phase.SWITCHOVER, "`switchover_start`", D),
    Place(
        "load_state_buffer",
        VFIO,
        "vfio",
        Phase.LOAD,
        UNHEARD,
        D,
    ),
)
"""Where each callback is broken, by what QEMU's course says of a failure there; not the cleanups and what comes
before postcopy, whose failures end nothing."""

CLEANUPS = {S: "save_cleanup", D: "load_cleanup"}
ENDS = {_S.COMPLETED, _S.FAILED, _S.CANCELLED}
FAILING = {Returns.ZERO_OR_NEGATIVE, Returns.TRUE_OR_FALSE, Returns.MORE_OR_DONE}


@cache
def plain(name: str) -> Run:
    """A scenario without any fault."""
    return run(SCENARIOS[name])


def call_number(place: Place) -> int:
    """Which call of that callback is meant."""
    status, calls = "", 0
    for event in plain(place.scenario).of(place.side):
        if event.event is EventKind.STATE:
            status = event.name or ""
        elif (event.event, event.handler, event.idstr) == (EventKind.CALL, place.handler, place.idstr):
            calls += 1
            if event.phase is place.phase and place.status in (None, status):
                return calls
    raise AssertionError(f"{place} is never called")


def broken(place: Place, how: How, **more: Any) -> Run:
    fault = Fault(handler=place.handler, idstr=place.idstr, how=how, side=place.side, at_call=call_number(place))
    return run(replace(SCENARIOS[place.scenario], faults=(fault,), **more))


def side_of(ran: Run, side: Side) -> MigrationSide:
    return ran.migration.source if side is S else ran.migration.destination


def cleaned_up(ran: Run, side: Side) -> Counter[str | None]:
    """Whose cleanup was called on a side, and how often."""
    return Counter(event.idstr for event in ran.of(side, EventKind.CALL) if event.handler == CLEANUPS[side])


def assert_cleaned_up(ran: Run, side: Side, *, wanted: bool) -> None:
    """Everybody who has a cleanup had it once, set up or not; or nobody had."""
    registry = side_of(ran, side).machine.registry
    everybody = {entry.idstr: 1 for entry in registry if entry.has(CLEANUPS[side])}
    assert cleaned_up(ran, side) == (everybody if wanted else {})


def assert_nothing_left_over(ran: Run) -> None:
    """Locks are free, threads have ended or wait for a person, each call has returned, each side is somewhere."""
    for side in Side:
        assert side_of(ran, side).machine.bql.owner is None
        open_calls = Counter(event.call_id for event in ran.of(side, EventKind.CALL))
        assert Counter(event.call_id for event in ran.of(side, EventKind.RETURN)) == open_calls
    assert all(task.wait is not None and task.wait.waits_for_user for task in ran.migration.scheduler)
    source, destination = ran.migration.source, ran.migration.destination
    assert source.status in {*ENDS, _S.NONE, _S.POSTCOPY_PAUSED}
    assert destination.status in {*ENDS, _S.POSTCOPY_PAUSED} or source.status is _S.NONE
    for side in Side:
        assert_cleaned_up(ran, side, wanted=side_of(ran, side).status in ENDS)


def assert_as_upstream(ran: Run, place: Place) -> None:
    """The side that failed ends as QEMU's does."""
    wanted = FAILURES[place.point]
    side = side_of(ran, place.side)
    states = [event.name for event in ran.of(place.side, EventKind.STATE)]
    assert tuple(states[len(states) - len(wanted.states) :]) == wanted.states
    if not wanted.states:
        assert not states
    assert_cleaned_up(ran, place.side, wanted=bool(wanted.cleanup))
    if place.side is D:
        runs = wanted.guest.startswith("runs")
        still = RunState.PRELAUNCH if place.point == LOADVM else RunState.INMIGRATE
        assert side.machine.runstate is (RunState.RUNNING if runs else still)
    else:
        assert side.machine.guest.running is (wanted.guest != "stays stopped")
