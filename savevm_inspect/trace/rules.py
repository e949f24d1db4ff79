"""What traces do not say, read off QEMU 10.2's source: phases, threads, and which handlers are called where.

All that follows from these tables is marked: an event of its own as not ``observed``, a key of an observed event
by its name in ``derived``.
"""

from collections.abc import Mapping
from typing import Final

from ..rules.devices import DEVICE_OPS
from ..rules.phases import Phase
from ..rules.threads import Thread

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

_IN_NO_SECTION: Final = frozenset(
    (
        "save_cleanup",
        "state_pending_estimate",
        "state_pending_exact",
        "load_setup",
        "load_cleanup",
        "resume_prepare",
    )
)
"""Jobs of which no section shows that they were done."""

OPS: Final[Mapping[str, frozenset[str]]] = {idstr: ops & _IN_NO_SECTION for idstr, ops in DEVICE_OPS.items()}
"""idstr -> the jobs that the device is known to do and that no section gives away.

Of a device that is not here, calls are derived where a section shows that they were made.
"""

CALLED_AT_ONCE: Final[Mapping[str, str]] = {
    "savevm_state_cleanup": "save_cleanup",
    "loadvm_state_setup": "load_setup",
    "loadvm_state_cleanup": "load_cleanup",
}
"""Trace event of a walk over all devices -> the handler that each of them is called by."""
