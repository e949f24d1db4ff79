"""What users do to a migration, and what fate does, before the destination runs."""

from typing import Final
from uuid import UUID

from ...rules.options import Capability
from ...rules.status import MigrationStatus
from ..play.scenario import Scenario
from ..play.script import Step, UserAction
from .parts import WRITER, scenario

_C = Capability
_S = MigrationStatus
_UUID: Final = UUID("6d1c7a40-93f2-4b0e-8a55-1f2e3d4c5b6a").bytes
_OTHER_UUID: Final = UUID("0f8e2b91-57c6-4d3a-b1e0-a9c8d7e6f504").bytes

SWITCHOVER: Final[tuple[Scenario, ...]] = (
    scenario(
        name="return-path",
        title="A destination that answers",
        teaches="The source opens a way back, pings, and waits at the end for the word that all is well.",
        workload=WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.RETURN_PATH, _C.VALIDATE_UUID}),
        uuid=_UUID,
    ),
    scenario(
        name="uuid-mismatch",
        title="A destination that was meant for another VM",
        teaches=(
            "With validate-uuid the configuration states which VM this is. The destination, which has another UUID, "
            "refuses before anything is loaded; if it had none, it would only remark on it."
        ),
        workload=WRITER,
        capabilities=frozenset({_C.RETURN_PATH, _C.VALIDATE_UUID}),
        uuid=_UUID,
        destination_uuid=_OTHER_UUID,
        ends=_S.FAILED,
    ),
    scenario(
        name="pause-before-switchover",
        title="A switchover that waits for its user",
        teaches="The VM has stopped, and nothing of the last data has been sent: the moment to move what is outside.",
        workload=WRITER,
        capabilities=frozenset({_C.PAUSE_BEFORE_SWITCHOVER}),
        script=(Step(do=UserAction.MIGRATE_CONTINUE, status=_S.PRE_SWITCHOVER, after_us=50_000),),
    ),
    scenario(
        name="cancel-setup",
        title="Cancelled before the first round",
        teaches="Whatever was set up is given up again; the guest never noticed.",
        workload=WRITER,
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.SETUP),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="cancel-active",
        title="Cancelled between two rounds",
        teaches="The connection is broken at once, in the middle of whatever was on its way.",
        workload=WRITER,
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=100_000),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="cancel-pre-switchover",
        title="Cancelled while the switchover waits",
        teaches="The VM stands still already; it goes on as if nothing had been.",
        workload=WRITER,
        capabilities=frozenset({_C.PAUSE_BEFORE_SWITCHOVER}),
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.PRE_SWITCHOVER, after_us=50_000),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="cancel-device",
        title="Cancelled in the last moment",
        teaches=(
            "All is sent, and the source waits for the other side's word. Until it comes the user can still cancel: "
            "the source's guest runs on, and the destination's has started, too."
        ),
        workload=WRITER,
        latency_us=20_000,
        capabilities=frozenset({_C.RETURN_PATH}),
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.DEVICE, after_us=70_000),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="network-fails",
        title="A connection that breaks in precopy",
        teaches="Before the destination runs, a broken connection is the end of it: the source's guest goes on.",
        workload=WRITER,
        script=(Step(do=UserAction.NETWORK_FAILS, status=_S.ACTIVE, after_us=100_000),),
        ends=_S.FAILED,
    ),
)
