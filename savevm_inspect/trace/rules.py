"""What traces do not say, read off QEMU 10.2's source: phases, threads, and which handlers are called where.

All that follows from these tables is marked: an event of its own as not ``observed``, a key of an observed event
by its name in ``derived``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..rules.phases import Phase
from ..rules.threads import Side, Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a migration status entails.

    Attributes:
        phase: the phase that begins with it.
        thread: the thread that sets it; ``None`` if versions differ, or several do.
        bql: whether that thread holds the big QEMU lock from here on; ``None`` if nothing changes.
    """

    phase: Phase
    thread: Thread | None = None
    bql: bool | None = None


STATUSES: Final[Mapping[Side, Mapping[str, Status]]] = {
    Side.SOURCE: {
        "setup": Status(phase=Phase.SETUP, thread=Thread.MAIN),
        "wait-unplug": Status(phase=Phase.SETUP, thread=Thread.MIGRATION, bql=False),
        "active": Status(phase=Phase.ITERATE, thread=Thread.MIGRATION, bql=False),
        "pre-switchover": Status(phase=Phase.SWITCHOVER, thread=Thread.MIGRATION),
        "device": Status(phase=Phase.COMPLETE, thread=Thread.MIGRATION, bql=True),
        "postcopy-device": Status(phase=Phase.POSTCOPY, thread=Thread.MIGRATION, bql=False),
        "postcopy-active": Status(phase=Phase.POSTCOPY, bql=False),
        "postcopy-paused": Status(phase=Phase.POSTCOPY_PAUSED, thread=Thread.MIGRATION, bql=False),
        "postcopy-recover-setup": Status(phase=Phase.POSTCOPY_RECOVER, thread=Thread.MAIN),
        "postcopy-recover": Status(phase=Phase.POSTCOPY_RECOVER, thread=Thread.MAIN),
        "completed": Status(phase=Phase.CLEANUP, thread=Thread.MIGRATION, bql=False),
        "failing": Status(phase=Phase.CLEANUP),
        "failed": Status(phase=Phase.CLEANUP),
        "cancelling": Status(phase=Phase.CLEANUP),
        "cancelled": Status(phase=Phase.CLEANUP, thread=Thread.MAIN),
    },
    Side.DESTINATION: {
        "setup": Status(phase=Phase.SETUP, thread=Thread.MAIN),
        "active": Status(phase=Phase.SETUP, thread=Thread.MAIN),
        "postcopy-device": Status(phase=Phase.POSTCOPY),
        "postcopy-active": Status(phase=Phase.POSTCOPY),
        "postcopy-paused": Status(phase=Phase.POSTCOPY_PAUSED, thread=Thread.LISTEN),
        "postcopy-recover": Status(phase=Phase.POSTCOPY_RECOVER, thread=Thread.MAIN),
        "completed": Status(phase=Phase.CLEANUP),
        "failing": Status(phase=Phase.CLEANUP),
        "failed": Status(phase=Phase.CLEANUP),
    },
}
"""Migration status (qapi/migration.json, MigrationStatus) -> what it entails (callers of migrate_set_state)."""

CHECKPOINT_PHASE: Final[Mapping[str, Phase]] = {
    "src-downtime-start": Phase.SWITCHOVER,
}
"""Checkpoint of the downtime -> the phase that begins there (migration.c, migration_downtime_start)."""

CHECKPOINT_THREAD: Final[Mapping[str, Thread]] = {
    "src-downtime-start": Thread.MIGRATION,
    "src-vm-stopped": Thread.MIGRATION,
    "src-iterable-saved": Thread.MIGRATION,
    "src-non-iterable-saved": Thread.MIGRATION,
    "src-downtime-end": Thread.MIGRATION,
    "dst-precopy-loadvm-completed": Thread.MAIN,
    "dst-precopy-bh-enter": Thread.MAIN,
    "dst-precopy-bh-announced": Thread.MAIN,
    "dst-precopy-bh-vm-started": Thread.MAIN,
    "dst-postcopy-bh-enter": Thread.MAIN,
    "dst-postcopy-bh-cpu-synced": Thread.MAIN,
    "dst-postcopy-bh-announced": Thread.MAIN,
    "dst-postcopy-bh-cache-invalidated": Thread.MAIN,
    "dst-postcopy-bh-vm-started": Thread.MAIN,
}
"""Checkpoint -> the thread that reaches it."""

SNAPSHOT_CHECKPOINT_THREAD: Final = {**CHECKPOINT_THREAD, "src-downtime-end": Thread.MAIN}
"""The same of a background snapshot, whose VM the main thread starts again (bg_migration_vm_start_bh)."""

GUEST: Final[Mapping[tuple[str, str], str]] = {
    ("migration_completion_vm_stop", "ret 0"): "STOP",
    ("vmstate_downtime_checkpoint", "dst-precopy-bh-vm-started"): "RESUME",
    ("vmstate_downtime_checkpoint", "dst-postcopy-bh-vm-started"): "RESUME",
    ("loadvm_postcopy_handle_run_bh", "return"): "RESUME",
}
"""Trace event and arguments -> the QMP event that QEMU sends for the same change of the VM.

Whether the destination's VM starts depends on whether the source's ran (migration.c,
process_incoming_migration_bh), so that an idle source is shown as running there.
"""

OPS: Final[Mapping[str, frozenset[str]]] = {
    "ram": frozenset(
        (
            "save_cleanup",
            "state_pending_estimate",
            "state_pending_exact",
            "load_setup",
            "load_cleanup",
            "resume_prepare",
        )
    ),
    "dirty-bitmap": frozenset(("save_cleanup", "state_pending_estimate", "state_pending_exact")),
    "spapr/htab": frozenset(("save_cleanup",)),
    "s390-storage_attributes": frozenset(("save_cleanup", "state_pending_estimate", "state_pending_exact")),
}
"""idstr -> the handlers that a device is known to have and that no section gives away.

Of ram.c, block-dirty-bitmap.c, hw/ppc/spapr.c and hw/s390x/s390-stattrib.c. Of a device that is not here, calls
are emitted where a section shows that they were made.
"""

CALLED_AT_ONCE: Final[Mapping[str, str]] = {
    "savevm_state_cleanup": "save_cleanup",
    "loadvm_state_setup": "load_setup",
    "loadvm_state_cleanup": "load_cleanup",
}
"""Trace event of a walk over all devices -> the handler that each of them is called by."""
