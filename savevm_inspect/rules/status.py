"""What a migration reports to be doing, and what may follow what (qapi/migration.json, MigrationStatus)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .compat import Behaviour, Compat
from .threads import Side


class MigrationStatus(StrEnum):
    """QEMU's names; all of 10.2's but ``colo``."""

    NONE = "none"
    SETUP = "setup"
    WAIT_UNPLUG = "wait-unplug"
    ACTIVE = "active"
    PRE_SWITCHOVER = "pre-switchover"
    DEVICE = "device"
    POSTCOPY_DEVICE = "postcopy-device"
    POSTCOPY_ACTIVE = "postcopy-active"
    POSTCOPY_PAUSED = "postcopy-paused"
    POSTCOPY_RECOVER_SETUP = "postcopy-recover-setup"
    POSTCOPY_RECOVER = "postcopy-recover"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


_S = MigrationStatus

STATUS_TRANSITIONS: Final[Mapping[Side, Mapping[MigrationStatus, tuple[MigrationStatus, ...]]]] = {
    Side.SOURCE: {
        _S.NONE: (_S.SETUP,),
        # A snapshot (savevm) goes from here to its end without ever being active.
        _S.SETUP: (_S.WAIT_UNPLUG, _S.ACTIVE, _S.COMPLETED, _S.FAILED, _S.CANCELLING),
        _S.WAIT_UNPLUG: (_S.ACTIVE, _S.CANCELLING),
        # A background snapshot completes without a switchover.
        _S.ACTIVE: (_S.PRE_SWITCHOVER, _S.DEVICE, _S.COMPLETED, _S.FAILED, _S.CANCELLING),
        _S.PRE_SWITCHOVER: (_S.DEVICE, _S.FAILED, _S.CANCELLING),
        _S.DEVICE: (_S.POSTCOPY_DEVICE, _S.POSTCOPY_ACTIVE, _S.COMPLETED, _S.FAILED, _S.CANCELLING),
        # From here on nobody can cancel: the destination may run.
        _S.POSTCOPY_DEVICE: (_S.POSTCOPY_ACTIVE, _S.FAILED),
        _S.POSTCOPY_ACTIVE: (_S.POSTCOPY_PAUSED, _S.COMPLETED, _S.FAILED),
        _S.POSTCOPY_PAUSED: (_S.POSTCOPY_RECOVER_SETUP,),
        _S.POSTCOPY_RECOVER_SETUP: (_S.POSTCOPY_RECOVER, _S.POSTCOPY_PAUSED),
        _S.POSTCOPY_RECOVER: (_S.POSTCOPY_ACTIVE, _S.POSTCOPY_PAUSED),
        # Who cancels after the migration thread's last look at the channel is too late (migration_completion_end).
        _S.CANCELLING: (_S.CANCELLED, _S.COMPLETED),
        _S.COMPLETED: (_S.SETUP,),
        _S.FAILED: (_S.SETUP,),
        _S.CANCELLED: (_S.SETUP,),
    },
    Side.DESTINATION: {
        _S.NONE: (_S.SETUP,),
        _S.SETUP: (_S.ACTIVE,),
        _S.ACTIVE: (_S.POSTCOPY_DEVICE, _S.POSTCOPY_ACTIVE, _S.COMPLETED, _S.FAILED),
        _S.POSTCOPY_DEVICE: (_S.POSTCOPY_ACTIVE, _S.FAILED),
        _S.POSTCOPY_ACTIVE: (_S.POSTCOPY_PAUSED, _S.COMPLETED, _S.FAILED),
        _S.POSTCOPY_PAUSED: (_S.POSTCOPY_RECOVER,),
        _S.POSTCOPY_RECOVER: (_S.POSTCOPY_ACTIVE, _S.POSTCOPY_PAUSED),
        _S.COMPLETED: (),
        _S.FAILED: (),
    },
}
"""For each side, what may follow a state; drawn into the docs, and every change is checked against it.

Read off the calls of migrate_set_state in QEMU 10.2's migration.c, savevm.c and postcopy-ram.c. Versions after 10.2
have ``failing`` between a failure and ``failed``.
"""

_Transitions = Mapping[Side, Mapping[MigrationStatus, tuple[MigrationStatus, ...]]]

EARLIER_TRANSITIONS: Final[Mapping[Behaviour, _Transitions]] = {
    Behaviour.STATE_DEVICE: {Side.SOURCE: {_S.ACTIVE: (_S.POSTCOPY_ACTIVE,)}},
    Behaviour.INCOMING_SETUP: {Side.DESTINATION: {_S.NONE: (_S.ACTIVE,)}},
}
"""What else follows a state in a QEMU that lacks a behaviour."""


def follows(side: Side, status: MigrationStatus, compat: Compat) -> tuple[MigrationStatus, ...]:
    """The states that may follow one on a side of a migration, as its QEMU has it."""
    earlier = (
        after
        for behaviour, sides in EARLIER_TRANSITIONS.items()
        if not compat.has(behaviour)
        for after in sides.get(side, {}).get(status, ())
    )
    return (*STATUS_TRANSITIONS[side][status], *earlier)


_RUNNING: Final = frozenset(MigrationStatus) - {_S.NONE, _S.COMPLETED, _S.FAILED, _S.CANCELLED}


def is_running(status: MigrationStatus) -> bool:
    """Whether a migration is going on, at whatever point (migration_is_running)."""
    return status in _RUNNING


def is_active(status: MigrationStatus) -> bool:
    """Whether the migration thread goes on with its rounds (migration_is_active)."""
    return status in {_S.ACTIVE, _S.POSTCOPY_DEVICE, _S.POSTCOPY_ACTIVE}


def in_postcopy(status: MigrationStatus) -> bool:
    """Whether the destination has been ordered to run (migration_in_postcopy)."""
    return status.value.startswith("postcopy-")
