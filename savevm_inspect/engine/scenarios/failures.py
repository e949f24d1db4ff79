"""Each callback failing once: what becomes of the migration, and who cleans up."""

from dataclasses import dataclass, replace
from typing import Final

from ..callbacks import CALLBACKS
from ..devices.faulty import Fault, How
from ..options import Capability
from ..scenario import Scenario
from ..script import Do, Step
from ..status import MigrationStatus
from .parts import BITMAPS, DISKS, FULL_DEVICES, PC_DEVICES, POSTCOPY, TO_POSTCOPY, WRITER, scenario

_C = Capability
_S = MigrationStatus
_VFIO: Final = "0000:00:05.0/vfio"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """How a callback fails.

    Attributes:
        idstr: in which device.
        how: in which way.
        at_call: at which of its calls.
        ends: what state the source is in at the end.
        arrives: whether the destination runs then, if the source has completed.
        way: name of the way of migrating in which it happens.
    """

    idstr: str = "ram"
    how: How = How.FAIL
    at_call: int = 1
    ends: MigrationStatus = _S.FAILED
    arrives: bool = True
    way: str = "precopy"


_WAYS: Final[dict[str, Scenario]] = {
    "precopy": scenario(name="", title="", teaches="", devices=FULL_DEVICES, workload=WRITER),
    "bitmaps": scenario(
        name="",
        title="",
        teaches="",
        devices=PC_DEVICES,
        disks=DISKS,
        bitmaps=BITMAPS,
        capabilities=frozenset({_C.DIRTY_BITMAPS}),
    ),
    "multifd": scenario(
        name="",
        title="",
        teaches="",
        devices=FULL_DEVICES,
        workload=WRITER,
        capabilities=frozenset({_C.MULTIFD, _C.RETURN_PATH, _C.SWITCHOVER_ACK}),
    ),
    "postcopy": scenario(
        name="",
        title="",
        teaches="",
        devices=PC_DEVICES,
        workload=WRITER,
        latency_us=2000,
        parameters=POSTCOPY,
        capabilities=frozenset({_C.POSTCOPY_RAM}),
        script=(TO_POSTCOPY,),
    ),
}
_WAYS["postcopy that is cancelled"] = replace(
    _WAYS["postcopy"], script=(TO_POSTCOPY, Step(do=Do.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=20_000))
)
_WAYS["recovery"] = replace(
    _WAYS["postcopy"],
    script=(
        TO_POSTCOPY,
        Step(do=Do.NETWORK_FAILS, status=_S.POSTCOPY_ACTIVE, after_us=50_000),
        Step(do=Do.MIGRATE_RECOVER, status=_S.POSTCOPY_PAUSED, after_us=100_000),
    ),
)

_FAILURES: Final[dict[str, _Failure]] = {
    "save_state": _Failure(idstr="console"),
    "save_prepare": _Failure(idstr=_VFIO, ends=_S.NONE),
    "save_setup": _Failure(),
    "save_cleanup": _Failure(how=How.RAISE, ends=_S.COMPLETED),
    "save_complete": _Failure(),
    "save_complete_precopy_thread": _Failure(idstr=_VFIO, way="multifd"),
    "is_active": _Failure(idstr="dirty-bitmap", how=How.RAISE, at_call=4, way="bitmaps"),
    "has_postcopy": _Failure(how=How.RAISE, way="postcopy"),
    "is_active_iterate": _Failure(idstr=_VFIO, how=How.RAISE),
    "save_live_iterate": _Failure(at_call=2),
    # Upstream forgets this failure, and tries again in the next round, for ever.
    "save_postcopy_prepare": _Failure(way="postcopy that is cancelled", ends=_S.CANCELLED),
    "state_pending_estimate": _Failure(how=How.RAISE, at_call=2),
    "state_pending_exact": _Failure(how=How.RAISE),
    "load_state": _Failure(at_call=2),
    # Upstream tells the source only of what went wrong on the main channel.
    "load_state_buffer": _Failure(idstr=_VFIO, way="multifd", ends=_S.COMPLETED, arrives=False),
    "load_setup": _Failure(),
    "load_cleanup": _Failure(how=How.RAISE, ends=_S.COMPLETED),
    "resume_prepare": _Failure(way="recovery", ends=_S.POSTCOPY_PAUSED),
    "switchover_ack_needed": _Failure(idstr=_VFIO, how=How.RAISE, way="multifd"),
    "switchover_start": _Failure(idstr=_VFIO, way="multifd"),
}
"""For each callback a failure that is told apart from all others."""


def _failing(handler: str, failure: _Failure) -> Scenario:
    side = CALLBACKS[handler].side
    return replace(
        _WAYS[failure.way],
        name=f"fail-{handler}",
        title=f"{handler} fails on the {side}",
        teaches=f"In {failure.way}: the {side}'s {failure.idstr} fails; the source ends in state {failure.ends}.",
        faults=(
            Fault(
                handler=handler,
                idstr=failure.idstr,
                how=failure.how,
                at_call=failure.at_call,
                lasting=failure.ends is _S.CANCELLED,
            ),
        ),
        ends=failure.ends,
        arrives=failure.arrives,
    )


FAILURES: Final[tuple[Scenario, ...]] = tuple(_failing(handler, failure) for handler, failure in _FAILURES.items())
