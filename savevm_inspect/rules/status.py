"""What a migration reports to be doing, and what may follow what (qapi/migration.json, MigrationStatus)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .compat import Behaviour, Compat
from .phases import Phase
from .threads import Side, Thread


class MigrationStatus(StrEnum):
    """QEMU's names; all of 10.2's but ``colo``, and ``failing``, which is later."""

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
    FAILING = "failing"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What begins with a migration status.

    Attributes:
        phase: the phase that begins with it.
        thread: the thread that sets it; ``None`` if versions differ, or several do.
        bql: whether that thread holds the big QEMU lock from here on; ``None`` if nothing changes.
    """

    phase: Phase
    thread: Thread | None = None
    bql: bool | None = None


ENTERED: Final[Mapping[Side, Mapping[MigrationStatus, Entered]]] = {
    Side.SOURCE: {
        _S.SETUP: Entered(phase=Phase.SETUP, thread=Thread.MAIN),
        _S.WAIT_UNPLUG: Entered(phase=Phase.SETUP, thread=Thread.MIGRATION, bql=False),
        _S.ACTIVE: Entered(phase=Phase.ITERATE, thread=Thread.MIGRATION, bql=False),
        _S.PRE_SWITCHOVER: Entered(phase=Phase.SWITCHOVER, thread=Thread.MIGRATION),
        _S.DEVICE: Entered(phase=Phase.COMPLETE, thread=Thread.MIGRATION, bql=True),
        _S.POSTCOPY_DEVICE: Entered(phase=Phase.POSTCOPY, thread=Thread.MIGRATION, bql=False),
        _S.POSTCOPY_ACTIVE: Entered(phase=Phase.POSTCOPY, bql=False),
        _S.POSTCOPY_PAUSED: Entered(phase=Phase.POSTCOPY_PAUSED, thread=Thread.MIGRATION, bql=False),
        _S.POSTCOPY_RECOVER_SETUP: Entered(phase=Phase.POSTCOPY_RECOVER, thread=Thread.MAIN),
        _S.POSTCOPY_RECOVER: Entered(phase=Phase.POSTCOPY_RECOVER, thread=Thread.MAIN),
        _S.COMPLETED: Entered(phase=Phase.CLEANUP, thread=Thread.MIGRATION, bql=False),
        _S.FAILING: Entered(phase=Phase.CLEANUP),
        _S.FAILED: Entered(phase=Phase.CLEANUP),
        _S.CANCELLING: Entered(phase=Phase.CLEANUP),
        _S.CANCELLED: Entered(phase=Phase.CLEANUP, thread=Thread.MAIN),
    },
    Side.DESTINATION: {
        _S.SETUP: Entered(phase=Phase.SETUP, thread=Thread.MAIN),
        _S.ACTIVE: Entered(phase=Phase.SETUP, thread=Thread.MAIN),
        _S.POSTCOPY_DEVICE: Entered(phase=Phase.POSTCOPY),
        _S.POSTCOPY_ACTIVE: Entered(phase=Phase.POSTCOPY),
        _S.POSTCOPY_PAUSED: Entered(phase=Phase.POSTCOPY_PAUSED, thread=Thread.LISTEN),
        _S.POSTCOPY_RECOVER: Entered(phase=Phase.POSTCOPY_RECOVER, thread=Thread.MAIN),
        _S.COMPLETED: Entered(phase=Phase.CLEANUP),
        _S.FAILING: Entered(phase=Phase.CLEANUP),
        _S.FAILED: Entered(phase=Phase.CLEANUP),
    },
}
"""Migration status (qapi/migration.json, MigrationStatus) -> what it entails (callers of migrate_set_state)."""


def entered(side: Side, name: str) -> Entered | None:
    """What begins with a status by its name; ``None`` for one that is not known on that side."""
    return ENTERED[side].get(MigrationStatus(name)) if name in _NAMES else None


_NAMES: Final = frozenset(status.value for status in MigrationStatus)
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
