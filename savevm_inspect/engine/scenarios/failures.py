"""Each callback failing once: what becomes of the migration, and who cleans up."""

from dataclasses import dataclass, replace
from typing import Final

from ...rules.callbacks import CALLBACKS
from ...rules.options import Capability
from ...rules.status import MigrationStatus
from ...rules.threads import Side
from ..devices.faulty import Fault, How
from ..play.scenario import Scenario
from ..play.script import Step, UserAction
from .parts import BITMAPS, DISKS, FULL_DEVICES, PC_DEVICES, POSTCOPY, TO_POSTCOPY, WRITER, scenario

_C = Capability
_S = MigrationStatus
_VFIO: Final = "0000:00:05.0/vfio"


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a callback fails.

    Attributes:
        handler: name of the callback.
        idstr: in which device.
        how: what it does instead of succeeding.
        at_call: at which of its calls.
        ends: what state the source is in at the end.
        arrives: whether the destination runs then, if the source has completed.
        base: name of the scenario in which it happens, of :data:`_BASES`.
        side: on which side, where both call it; ``None`` for the first one.
    """

    handler: str
    idstr: str = "ram"
    how: How = How.FAIL
    at_call: int = 1
    ends: MigrationStatus = _S.FAILED
    arrives: bool = True
    base: str = "precopy"
    side: Side | None = None


_BASES: Final[dict[str, Scenario]] = {
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
_BASES["postcopy that is cancelled"] = replace(
    _BASES["postcopy"],
    script=(TO_POSTCOPY, Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=20_000)),
)
_BASES["recovery"] = replace(
    _BASES["postcopy"],
    script=(
        TO_POSTCOPY,
        Step(do=UserAction.NETWORK_FAILS, status=_S.POSTCOPY_ACTIVE, after_us=50_000),
        Step(do=UserAction.MIGRATE_RECOVER, status=_S.POSTCOPY_PAUSED, after_us=100_000),
    ),
)

_FAILURES: Final = (
    _Failure("save_state", idstr="console"),
    _Failure("save_prepare", idstr=_VFIO, ends=_S.NONE),
    _Failure("save_setup"),
    _Failure("save_cleanup", how=How.RAISE, ends=_S.COMPLETED),
    _Failure("save_complete"),
    _Failure("save_complete_precopy_thread", idstr=_VFIO, base="multifd"),
    _Failure("is_active", idstr="dirty-bitmap", how=How.RAISE, at_call=4, base="bitmaps"),
    _Failure("is_active", idstr="inactive", how=How.RAISE, side=Side.DESTINATION),
    _Failure("has_postcopy", how=How.RAISE, base="postcopy"),
    _Failure("is_active_iterate", idstr=_VFIO, how=How.RAISE),
    _Failure("save_live_iterate", at_call=2),
    # Upstream forgets this failure, and tries again in the next round, for ever.
    _Failure("save_postcopy_prepare", base="postcopy that is cancelled", ends=_S.CANCELLED),
    _Failure("state_pending_estimate", how=How.RAISE, at_call=2),
    _Failure("state_pending_exact", how=How.RAISE),
    _Failure("load_state", at_call=2),
    # Upstream reports to the source only what went wrong on the main channel; had it more to send on the channel that
    # is hung up then, it would find out.
    _Failure("load_state_buffer", idstr=_VFIO, base="multifd", at_call=2, ends=_S.COMPLETED, arrives=False),
    _Failure("load_setup"),
    _Failure("load_cleanup", how=How.RAISE, ends=_S.COMPLETED),
    _Failure("resume_prepare", base="recovery", ends=_S.POSTCOPY_PAUSED),
    _Failure("switchover_ack_needed", idstr=_VFIO, how=How.RAISE, base="multifd"),
    _Failure("switchover_start", idstr=_VFIO, base="multifd"),
)
"""For each callback, on each side that calls it, a failure with a message of its own."""


def _failing(failure: _Failure) -> Scenario:
    handler = failure.handler
    side = failure.side or CALLBACKS[handler].side
    return replace(
        _BASES[failure.base],
        name=f"fail-{handler}" + (f"-{side}" if failure.side else ""),
        title=f"{handler} fails on the {side}",
        teaches=f"In {failure.base}: the {side}'s {failure.idstr} fails; the source ends in state {failure.ends}.",
        faults=(
            Fault(
                handler=handler,
                idstr=failure.idstr,
                how=failure.how,
                side=side,
                at_call=failure.at_call,
                lasting=failure.ends is _S.CANCELLED,
            ),
        ),
        ends=failure.ends,
        arrives=failure.arrives,
    )


FAILURES: Final[tuple[Scenario, ...]] = tuple(map(_failing, _FAILURES))
