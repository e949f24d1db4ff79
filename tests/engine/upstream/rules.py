"""Who calls the callbacks of register.h in QEMU 10.2, read off its source: data only.

Written from migration/{savevm,migration,ram,multifd,multifd-device-state,postcopy-ram,colo}.c and
hw/vfio/migration*.c, and not from the engine, so that the two can be compared.

A :class:`Walk` is a loop of upstream's that calls a callback: what it looks at first, what it writes around the call,
what becomes of the value. A :class:`CallSite` leads to a walk: the chain of callers, the thread, the lock. A callback
that answers a question (``is_active`` and the like) is called wherever a walk has its guard (:data:`ASKS`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side, Thread


class Mode(StrEnum):
    """What kind of migration leads there."""

    PRECOPY = "precopy"
    POSTCOPY = "postcopy"
    RECOVERY = "postcopy recovery"
    SAVEVM = "savevm"
    LOADVM = "loadvm"
    SNAPSHOT = "background snapshot"
    COLO = "COLO checkpoint"
    XEN = "Xen device state"


class Guard(StrEnum):
    """A condition that is looked at before the call; the order in a walk is the order of the source."""

    PRESENT = "the entry has the callback"
    ACTIVE = "`is_active` is absent or says yes"
    ACTIVE_ITERATE = "`is_active_iterate` is absent or says yes"
    POSTCOPIABLE = "`has_postcopy` is there and says yes"
    NOT_POSTCOPIABLE = "`has_postcopy` is absent or says no"
    RATE = "the rate limit is not used up; if it is, the walk ends, and no later entry has a turn"
    DEVICE_STATE_CHANNELS = "multifd is on, without mapped-ram and without compression"
    NO_VMSD = "the entry has no VMStateDescription"
    NOT_EARLY = "the entry is not one that is saved in the setup (`early_setup`)"
    NOT_ITERABLE = "the entry has no `save_setup`"
    SWITCHOVER_ACK = "the capability switchover-ack is on"
    FOUND = "the section or packet names an entry that is registered"
    VERSION = "its version is not above the entry's; only START and FULL state it"
    NEAR = "the estimate is below the threshold"


ASKS: Final[dict[Guard, str]] = {
    Guard.ACTIVE: "is_active",
    Guard.ACTIVE_ITERATE: "is_active_iterate",
    Guard.POSTCOPIABLE: "has_postcopy",
    Guard.NOT_POSTCOPIABLE: "has_postcopy",
}
"""Guards that are callbacks themselves."""


class Section(StrEnum):
    """The record around a call: its header comes before, its footer after, whatever the callback returns."""

    START = "START"
    PART = "PART"
    END = "END"
    FULL = "FULL"


COLO_INCOMING: Final = "mig/dst/colo"
"""The thread that receives COLO's checkpoints (migration/migration.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A loop over the entries that calls a callback of each, or a function that calls it of one.

    Attributes:
        callback: which one.
        function: upstream's function; in parentheses its arguments, where that matters.
        guards: what is looked at before, in the source's order.
        sections: the section that is written or read around the call, if any.
        failure: what becomes of a value that means failure; empty if none can.
        file_error: whether the walk itself notes the failure in the QEMUFile.
        goes_on: whether later entries still have their turn after a failure.
        spawned_by: key of the walk in whose thread the guards are looked at, if the call is in a thread of its own.
    """

    callback: str
    function: str
    guards: tuple[Guard, ...]
    sections: tuple[Section, ...] = ()
    failure: str = ""
    file_error: bool = False
    goes_on: bool = True
    spawned_by: str = ""


@dataclass(frozen=True, slots=True)
class CallSite:
    """A chain of calls that leads to a walk.

    Attributes:
        walk: key of :data:`WALKS`.
        chain: who calls whom, from the top down to the walk's function, without it.
        side: which end.
        phases: where in the migration.
        thread: the thread that calls.
        bql: whether it holds the big QEMU lock.
        modes: which kinds of migration come this way.
        states: MigrationStatus of that side at the call.
    """

    walk: str
    chain: tuple[str, ...]
    side: Side
    phases: tuple[Phase, ...]
    thread: Thread | str
    bql: bool
    modes: tuple[Mode, ...]
    states: tuple[str, ...]


G: Final = Guard
WALKS: Final[dict[str, Walk]] = {
    "prepare": Walk(
        callback="save_prepare",
        function="qemu_savevm_state_prepare",
        guards=(G.PRESENT, G.ACTIVE),
        failure="the command is refused: the state stays as it was, nothing was sent, nobody cleans up",
        goes_on=False,
    ),
    "setup": Walk(
        callback="save_setup",
        function="qemu_savevm_state_setup",
        guards=(G.NOT_EARLY, G.PRESENT, G.ACTIVE),
        sections=(Section.START,),
        failure="a migration still goes on to active, by way of wait-unplug, then to failed; savevm fails at once",
        file_error=True,
        goes_on=False,
    ),
    "iterate": Walk(
        callback="save_live_iterate",
        function="qemu_savevm_state_iterate (postcopy false)",
        guards=(G.PRESENT, G.ACTIVE, G.ACTIVE_ITERATE, G.RATE),
        sections=(Section.PART,),
        failure="failed. A migration overlooks the walk's value and finds the error in the QEMUFile",
        file_error=True,
        goes_on=False,
    ),
    "iterate in postcopy": Walk(
        callback="save_live_iterate",
        function="qemu_savevm_state_iterate (postcopy true)",
        guards=(G.PRESENT, G.ACTIVE, G.ACTIVE_ITERATE, G.POSTCOPIABLE, G.RATE),
        sections=(Section.PART,),
        failure="postcopy-device fails, postcopy-active pauses, as if the channel had broken",
        file_error=True,
        goes_on=False,
    ),
    "estimate": Walk(
        callback="state_pending_estimate",
        function="qemu_savevm_state_pending_estimate",
        guards=(G.PRESENT, G.ACTIVE),
    ),
    "exact": Walk(
        callback="state_pending_exact",
        function="qemu_savevm_state_pending_exact",
        guards=(G.NEAR, G.PRESENT, G.ACTIVE),
    ),
    "postcopy prepare": Walk(
        callback="save_postcopy_prepare",
        function="qemu_savevm_state_postcopy_prepare",
        guards=(G.PRESENT, G.ACTIVE),
        sections=(Section.PART,),
        failure="nothing but the message: the state stays active, so the next round tries the switch anew",
        goes_on=False,
    ),
    "save threads": Walk(
        callback="save_complete_precopy_thread",
        function="multifd_device_state_save_thread",
        guards=(G.DEVICE_STATE_CHANNELS, G.PRESENT),
        failure="kept as the migration's error; found when all threads are joined after the last END: failed",
        spawned_by="complete",
    ),
    "save threads before postcopy": Walk(
        callback="save_complete_precopy_thread",
        function="multifd_device_state_save_thread",
        guards=(G.DEVICE_STATE_CHANNELS, G.NOT_POSTCOPIABLE, G.PRESENT),
        failure="kept as the migration's error; found when all threads are joined after the last END: failed",
        spawned_by="complete before postcopy",
    ),
    "complete": Walk(
        callback="save_complete",
        function="qemu_savevm_complete",
        guards=(G.PRESENT, G.ACTIVE),
        sections=(Section.END,),
        failure="the save threads are asked to stop and joined; no device state, no end mark; failed",
        file_error=True,
        goes_on=False,
    ),
    "complete before postcopy": Walk(
        callback="save_complete",
        function="qemu_savevm_complete",
        guards=(G.PRESENT, G.NOT_POSTCOPIABLE, G.ACTIVE),
        sections=(Section.END,),
        failure="the save threads are asked to stop and joined; no package; failed, and the source's VM goes on",
        file_error=True,
        goes_on=False,
    ),
    "complete postcopy": Walk(
        callback="save_complete",
        function="qemu_savevm_complete",
        guards=(G.PRESENT, G.ACTIVE),
        sections=(Section.END,),
        failure="no end mark; the error in the QEMUFile is found once the return path is closed: failed",
        file_error=True,
        goes_on=False,
    ),
    "device state": Walk(
        callback="save_state",
        function="vmstate_save",
        guards=(G.NOT_EARLY, G.PRESENT, G.NO_VMSD),
        sections=(Section.FULL,),
    ),
    "device state alone": Walk(
        callback="save_state",
        function="vmstate_save",
        guards=(G.NOT_ITERABLE, G.PRESENT, G.NO_VMSD),
        sections=(Section.FULL,),
    ),
    "cleanup": Walk(callback="save_cleanup", function="qemu_savevm_state_cleanup", guards=(G.PRESENT,)),
    "resume": Walk(
        callback="resume_prepare",
        function="qemu_savevm_state_resume_prepare",
        guards=(G.PRESENT, G.ACTIVE),
        failure="the channel is closed, the source is paused again and can be resumed again",
        goes_on=False,
    ),
    "load setup": Walk(
        callback="load_setup",
        function="qemu_loadvm_state_setup",
        guards=(G.PRESENT, G.ACTIVE),
        failure="EINVAL, whatever the value was; failed, cleanup",
        file_error=True,
        goes_on=False,
    ),
    "ack": Walk(
        callback="switchover_ack_needed",
        function="qemu_loadvm_state_switchover_ack_needed",
        guards=(G.SWITCHOVER_ACK, G.PRESENT),
    ),
    "load": Walk(
        callback="load_state",
        function="vmstate_load",
        guards=(G.FOUND, G.VERSION, G.NO_VMSD),
        sections=(Section.START, Section.PART, Section.END, Section.FULL),
        failure="no footer is read, loading ends: failed, cleanup",
        file_error=True,
        goes_on=False,
    ),
    "load package": Walk(
        callback="load_state",
        function="vmstate_load",
        guards=(G.FOUND, G.VERSION, G.NO_VMSD),
        sections=(Section.FULL,),
        failure="the error goes to the main channel's QEMUFile, too, and ends the listen thread: failed, cleanup",
        file_error=True,
        goes_on=False,
    ),
    "load in postcopy": Walk(
        callback="load_state",
        function="vmstate_load",
        guards=(G.FOUND, G.NO_VMSD),
        sections=(Section.PART, Section.END),
        failure="paused if RUN has come and postcopy-ram is on; failed if not; dirty bitmaps alone are given up",
        file_error=True,
        goes_on=False,
    ),
    "switchover": Walk(
        callback="switchover_start",
        function="loadvm_postcopy_handle_switchover_start",
        guards=(G.PRESENT,),
        failure="loading ends: failed, cleanup",
        file_error=True,
        goes_on=False,
    ),
    "load buffer": Walk(
        callback="load_state_buffer",
        function="qemu_loadvm_load_state_buffer",
        guards=(G.FOUND, G.PRESENT),
        failure="this and all receiving threads end; the main channel finds the error at the end of its stream",
    ),
    "load cleanup": Walk(
        callback="load_cleanup",
        function="qemu_loadvm_state_cleanup",
        guards=(G.PRESENT,),
        failure="nobody looks at the value",
    ),
}
"""Every loop and function of QEMU 10.2 that calls a callback."""

_RUN: Final = ("migration_thread", "migration_iteration_run")
_SNAPSHOT: Final = ("bg_migration_thread",)
_SAVEVM: Final = ("save_snapshot", "qemu_savevm_state")
_COMPLETE: Final = (
    *_RUN,
    "migration_completion",
    "migration_completion_precopy",
    "qemu_savevm_state_complete_precopy",
)
_ITERABLE: Final = "qemu_savevm_state_complete_precopy_iterable"
_NON_ITERABLE: Final = "qemu_savevm_state_complete_precopy_non_iterable"
_SPAWN: Final = "multifd_spawn_device_state_save_thread"
_SWITCH: Final = (*_RUN, "postcopy_start")
_POSTCOPY_END: Final = (*_RUN, "migration_completion", "migration_completion_postcopy")
_RESUME: Final = ("migration_thread", "migration_detect_error", "postcopy_pause", "postcopy_do_resume")
_CHECKPOINT: Final = (
    "migration_thread",
    "migration_iteration_finish",
    "migrate_start_colo_process",
    "colo_process_checkpoint",
    "colo_do_checkpoint_transaction",
)
_LIVE_STATE: Final = (*_CHECKPOINT, "qemu_savevm_live_state", "qemu_savevm_state_complete_precopy", _ITERABLE)
_MAIN_LOOP: Final = ("process_incoming_migration_co", "qemu_loadvm_state", "qemu_loadvm_state_main")
_PACKAGE: Final = (*_MAIN_LOOP, "loadvm_process_command", "loadvm_handle_cmd_packaged", "qemu_loadvm_state_main")
_COLO_LOAD: Final = (
    "colo_process_incoming_thread",
    "colo_wait_handle_message",
    "colo_incoming_process_checkpoint",
    "qemu_loadvm_state_main",
)

_LIVE: Final = (Mode.PRECOPY, Mode.POSTCOPY)
_IDLE: Final = ("none", "completed", "failed", "cancelled")
_POSTCOPY_STATES: Final = ("postcopy-device", "postcopy-active")

S: Final = Side.SOURCE
D: Final = Side.DESTINATION


# fmt: off
CALL_SITES: Final[tuple[CallSite, ...]] = (
    CallSite("prepare", ("qmp_migrate", "migrate_prepare", "migrate_init"),
        S, (Phase.PREPARE,), Thread.MAIN, True, (*_LIVE, Mode.SNAPSHOT), _IDLE),
    CallSite("prepare", (*_SAVEVM, "migrate_init"), S, (Phase.PREPARE,), Thread.MAIN, True, (Mode.SAVEVM,), _IDLE),
    CallSite("setup", ("migration_thread",), S, (Phase.SETUP,), Thread.MIGRATION, True, _LIVE, ("setup",)),
    CallSite("setup", _SNAPSHOT, S, (Phase.SETUP,), Thread.SNAPSHOT, True, (Mode.SNAPSHOT,), ("setup",)),
    CallSite("setup", _SAVEVM, S, (Phase.SETUP,), Thread.MAIN, True, (Mode.SAVEVM,), ("setup",)),
    CallSite("estimate", _RUN, S, (Phase.ITERATE, Phase.POSTCOPY), Thread.MIGRATION, False,
        _LIVE, ("active", *_POSTCOPY_STATES)),
    CallSite("exact", _RUN, S, (Phase.ITERATE,), Thread.MIGRATION, False, _LIVE, ("active",)),
    CallSite("iterate", _RUN, S, (Phase.ITERATE,), Thread.MIGRATION, False, _LIVE, ("active",)),
    CallSite("iterate", (*_SNAPSHOT, "bg_migration_iteration_run"),
        S, (Phase.ITERATE,), Thread.SNAPSHOT, False, (Mode.SNAPSHOT,), ("active",)),
    CallSite("iterate", _SAVEVM, S, (Phase.ITERATE,), Thread.MAIN, True, (Mode.SAVEVM,), ("setup",)),
    CallSite("iterate in postcopy", _RUN, S, (Phase.POSTCOPY,), Thread.MIGRATION, False,
        (Mode.POSTCOPY,), _POSTCOPY_STATES),
    CallSite("postcopy prepare", _SWITCH, S, (Phase.ITERATE,), Thread.MIGRATION, False,
             (Mode.POSTCOPY,), ("active",)),
    CallSite("save threads", (*_COMPLETE, _ITERABLE, _SPAWN),
        S, (Phase.COMPLETE,), Thread.SAVE_STATE, False, (Mode.PRECOPY,), ("device",)),
    CallSite("save threads", (*_LIVE_STATE, _SPAWN),
        S, (Phase.COMPLETE,), Thread.SAVE_STATE, False, (Mode.COLO,), ("colo",)),
    CallSite("save threads before postcopy", (*_SWITCH, _ITERABLE, _SPAWN),
        S, (Phase.COMPLETE,), Thread.SAVE_STATE, False, (Mode.POSTCOPY,), ("device",)),
    CallSite("complete", (*_COMPLETE, _ITERABLE),
        S, (Phase.COMPLETE,), Thread.MIGRATION, True, (Mode.PRECOPY,), ("device",)),
    CallSite("complete", (*_SAVEVM, "qemu_savevm_state_complete_precopy", _ITERABLE),
        S, (Phase.COMPLETE,), Thread.MAIN, True, (Mode.SAVEVM,), ("setup",)),
    CallSite("complete", _LIVE_STATE, S, (Phase.COMPLETE,), Thread.MIGRATION, False, (Mode.COLO,), ("colo",)),
    CallSite("complete before postcopy", (*_SWITCH, _ITERABLE),
        S, (Phase.COMPLETE,), Thread.MIGRATION, True, (Mode.POSTCOPY,), ("device",)),
    CallSite("complete postcopy", (*_POSTCOPY_END, "qemu_savevm_state_complete_postcopy"),
        S, (Phase.POSTCOPY,), Thread.MIGRATION, True, (Mode.POSTCOPY,), ("postcopy-active",)),
    CallSite("device state", (*_COMPLETE, _NON_ITERABLE),
        S, (Phase.COMPLETE,), Thread.MIGRATION, True, (Mode.PRECOPY,), ("device",)),
    CallSite("device state", (*_SWITCH, _NON_ITERABLE),
        S, (Phase.COMPLETE,), Thread.MIGRATION, True, (Mode.POSTCOPY,), ("device",)),
    CallSite("device state", (*_SNAPSHOT, _NON_ITERABLE),
        S, (Phase.COMPLETE,), Thread.SNAPSHOT, True, (Mode.SNAPSHOT,), ("active",)),
    CallSite("device state", (*_SAVEVM, "qemu_savevm_state_complete_precopy", _NON_ITERABLE),
        S, (Phase.COMPLETE,), Thread.MAIN, True, (Mode.SAVEVM,), ("setup",)),
    CallSite("device state alone", (*_CHECKPOINT, "qemu_save_device_state"),
        S, (Phase.COMPLETE,), Thread.MIGRATION, True, (Mode.COLO,), ("colo",)),
    CallSite("device state alone", ("qmp_xen_save_devices_state", "qemu_save_device_state"),
        S, (Phase.COMPLETE,), Thread.MAIN, True, (Mode.XEN,), ("none",)),
    CallSite("cleanup", ("migration_cleanup_bh", "migration_cleanup"), S, (Phase.CLEANUP,), Thread.MAIN, True,
        (*_LIVE, Mode.SNAPSHOT, Mode.COLO), ("completed", "failed", "cancelling", "colo")),
    CallSite("cleanup", _SAVEVM, S, (Phase.CLEANUP,), Thread.MAIN, True, (Mode.SAVEVM,), ("setup",)),
    CallSite("resume", _RESUME, S, (Phase.POSTCOPY_RECOVER,), Thread.MIGRATION, False,
        (Mode.RECOVERY,), ("postcopy-recover",)),
    CallSite("load setup", ("process_incoming_migration_co", "qemu_loadvm_state"),
        D, (Phase.SETUP,), Thread.MAIN, True, _LIVE, ("active",)),
    CallSite("load setup", ("load_snapshot", "qemu_loadvm_state"),
        D, (Phase.SETUP,), Thread.MAIN, True, (Mode.LOADVM,), ("none",)),
    CallSite("load setup", ("qmp_xen_load_devices_state", "qemu_loadvm_state"),
        D, (Phase.SETUP,), Thread.MAIN, True, (Mode.XEN,), ("none",)),
    CallSite("ack", ("process_incoming_migration_co", "qemu_loadvm_state"),
        D, (Phase.SETUP,), Thread.MAIN, True, _LIVE, ("active",)),
    CallSite("ack", ("load_snapshot", "qemu_loadvm_state"),
        D, (Phase.SETUP,), Thread.MAIN, True, (Mode.LOADVM,), ("none",)),
    CallSite("ack", ("qmp_xen_load_devices_state", "qemu_loadvm_state"),
        D, (Phase.SETUP,), Thread.MAIN, True, (Mode.XEN,), ("none",)),
    CallSite("load", _MAIN_LOOP, D, (Phase.LOAD,), Thread.MAIN, True, _LIVE, ("active",)),
    CallSite("load", ("load_snapshot", "qemu_loadvm_state", "qemu_loadvm_state_main"),
        D, (Phase.LOAD,), Thread.MAIN, True, (Mode.LOADVM,), ("none",)),
    CallSite("load", ("qmp_xen_load_devices_state", "qemu_loadvm_state", "qemu_loadvm_state_main"),
        D, (Phase.LOAD,), Thread.MAIN, True, (Mode.XEN,), ("none",)),
    CallSite("load", _COLO_LOAD, D, (Phase.LOAD,), COLO_INCOMING, True, (Mode.COLO,), ("colo",)),
    CallSite("load package", _PACKAGE, D, (Phase.POSTCOPY,), Thread.MAIN, True, (Mode.POSTCOPY,), _POSTCOPY_STATES),
    CallSite("load in postcopy", ("postcopy_listen_thread", "qemu_loadvm_state_main"),
        D, (Phase.POSTCOPY,), Thread.LISTEN, False, (Mode.POSTCOPY,), _POSTCOPY_STATES),
    CallSite("switchover", (*_MAIN_LOOP, "loadvm_process_command"),
        D, (Phase.SWITCHOVER,), Thread.MAIN, True, _LIVE, ("active",)),
    CallSite("switchover", ("load_snapshot", "qemu_loadvm_state", "qemu_loadvm_state_main", "loadvm_process_command"),
        D, (Phase.SWITCHOVER,), Thread.MAIN, True, (Mode.LOADVM,), ("none",)),
    CallSite("switchover", (*_COLO_LOAD, "loadvm_process_command"),
        D, (Phase.SWITCHOVER,), COLO_INCOMING, True, (Mode.COLO,), ("colo",)),
    CallSite("load buffer", ("multifd_recv_thread", "multifd_device_state_recv"),
        D, (Phase.LOAD, Phase.SWITCHOVER), Thread.MULTIFD_RECV, False, (*_LIVE, Mode.COLO), ("active", "colo")),
    CallSite("load buffer", ("multifd_recv_thread", "multifd_device_state_recv"),
        D, (Phase.POSTCOPY,), Thread.MULTIFD_RECV, False, (Mode.POSTCOPY,), _POSTCOPY_STATES),
    CallSite("load cleanup", ("process_incoming_migration_bh", "migration_incoming_state_destroy"),
        D, (Phase.CLEANUP,), Thread.MAIN, True, (Mode.PRECOPY, Mode.COLO), ("completed",)),
    CallSite("load cleanup", ("process_incoming_migration_co", "migration_incoming_state_destroy"),
        D, (Phase.CLEANUP,), Thread.MAIN, True, _LIVE, ("failed",)),
    CallSite("load cleanup", ("postcopy_listen_thread_bh", "migration_incoming_state_destroy"),
        D, (Phase.CLEANUP,), Thread.MAIN, True, (Mode.POSTCOPY,), ("completed", "failed")),
    CallSite("load cleanup", ("load_snapshot", "migration_incoming_state_destroy"),
        D, (Phase.CLEANUP,), Thread.MAIN, True, (Mode.LOADVM,), ("none",)),
    CallSite("load cleanup", ("qmp_xen_load_devices_state", "migration_incoming_state_destroy"),
        D, (Phase.CLEANUP,), Thread.MAIN, True, (Mode.XEN,), ("none",)),
)
"""Every way of QEMU 10.2 to a walk.

Nothing orders multifd's channels against the main one, so a buffer may come while ``switchover_start`` runs."""
# fmt: on

_PRE: Final = Mode.PRECOPY
_POST: Final = Mode.POSTCOPY
_REC: Final = Mode.RECOVERY
_SAV: Final = Mode.SAVEVM
_LOA: Final = Mode.LOADVM
_SNAP: Final = Mode.SNAPSHOT

NEVER: Final[dict[str, tuple[Mode, ...]]] = {
    "save_state": (_REC, _LOA),
    "save_prepare": (_REC, _LOA, Mode.COLO, Mode.XEN),
    "save_setup": (_REC, _LOA, Mode.COLO, Mode.XEN),
    "save_cleanup": (_REC, _LOA, Mode.XEN),
    "save_complete": (_REC, _LOA, _SNAP, Mode.XEN),
    "save_complete_precopy_thread": (_REC, _SAV, _LOA, _SNAP, Mode.XEN),
    "is_active": (),
    "has_postcopy": (_PRE, _REC, _SAV, _LOA, _SNAP, Mode.COLO, Mode.XEN),
    "is_active_iterate": (_REC, _LOA, Mode.COLO, Mode.XEN),
    "save_live_iterate": (_REC, _LOA, Mode.COLO, Mode.XEN),
    "save_postcopy_prepare": (_PRE, _REC, _SAV, _LOA, _SNAP, Mode.COLO, Mode.XEN),
    "state_pending_estimate": (_REC, _SAV, _LOA, _SNAP, Mode.COLO, Mode.XEN),
    "state_pending_exact": (_REC, _SAV, _LOA, _SNAP, Mode.COLO, Mode.XEN),
    "load_state": (_REC, _SAV, _SNAP),
    "load_state_buffer": (_REC, _SAV, _LOA, _SNAP, Mode.XEN),
    "load_setup": (_REC, _SAV, _SNAP, Mode.COLO),
    "load_cleanup": (_REC, _SAV, _SNAP),
    "resume_prepare": (_PRE, _POST, _SAV, _LOA, _SNAP, Mode.COLO, Mode.XEN),
    "switchover_ack_needed": (_REC, _SAV, _SNAP, Mode.COLO),
    "switchover_start": (_REC, _SAV, _SNAP, Mode.XEN),
}
"""Modes in which a callback isn't called.

Recovery is the time from paused until both sides go on; loadvm is the destination of savevm. A background snapshot
is the source alone here: what it wrote is loaded like any precopy stream. COLO is its checkpoints, not the precopy
before them."""

NOT_ASKED: Final = (
    "save_state",
    "save_cleanup",
    "save_complete_precopy_thread",
    "load_state",
    "load_state_buffer",
    "load_cleanup",
    "switchover_ack_needed",
    "switchover_start",
)
"""Callbacks before which nobody asks ``is_active``: those of an inactive entry are called all the same."""

DROPS_BQL: Final[dict[tuple[str, str], str]] = {
    ("ram", "save_setup"): "ram_save_setup: around multifd_ram_flush_and_sync, in savevm and without multifd, too",
    ("vfio", "load_cleanup"): "vfio_load_cleanup_load_bufs_thread: while its loading thread ends",
    ("vfio", "load_state"): "vfio_load_state_config_load_ready: to take its own lock first",
    ("vfio", "switchover_start"): "vfio_multifd_switchover_start: to take its own lock first",
}
"""By idstr and callback: who gives the lock up midway and takes it again, though the caller holds it."""

TAKES_BQL: Final[dict[tuple[str, str], str]] = {
    ("ram", "state_pending_exact"): "ram_state_pending_exact: for the bitmap sync",
    ("dirty-bitmap", "state_pending_estimate"): "dirty_bitmap_state_pending",
    ("dirty-bitmap", "state_pending_exact"): "dirty_bitmap_state_pending",
}
"""By idstr and callback: who is called without the lock and takes it by itself."""
