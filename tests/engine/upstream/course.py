"""The course of a migration in QEMU 10.2, read off its source: states, commands, failures; data only.

What 7.2 and 10.0 do otherwise was read off those releases' sources, what 11.1 does off its traces.
"""

from dataclasses import dataclass
from typing import Final

from savevm_inspect.rules.threads import Side

S: Final = Side.SOURCE
D: Final = Side.DESTINATION

STATUSES: Final = (
    "none",
    "setup",
    "cancelling",
    "cancelled",
    "active",
    "postcopy-device",
    "postcopy-active",
    "postcopy-paused",
    "postcopy-recover-setup",
    "postcopy-recover",
    "completed",
    "failed",
    "colo",
    "pre-switchover",
    "device",
    "wait-unplug",
)
"""MigrationStatus of 10.2 (qapi/migration.json). It has no ``failing``; that is a later QEMU's."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state.

    Attributes:
        side: whose.
        before: the states that it starts from.
        after: the state that it leads to.
        function: upstream's function that sets it.
        why: what leads to it.
    """

    side: Side
    before: tuple[str, ...]
    after: str
    function: str
    why: str


TRANSITIONS: Final = (
    Transition(
        S, ("none", "completed", "failed", "cancelled"), "setup", "migrate_init", "nobody's save_prepare objected"
    ),
    Transition(S, ("setup",), "wait-unplug", "qemu_savevm_wait_unplug", "a failover device is still plugged in"),
    Transition(S, ("setup", "wait-unplug"), "active", "qemu_savevm_wait_unplug", "set up, even if the setup failed"),
    Transition(S, ("setup",), "failed", "migration_connect_set_error", "no channel"),
    Transition(S, ("setup",), "failed", "migration_connect", "a notifier objects; CPR can't stop the VM"),
    Transition(S, ("setup",), "failed", "multifd_send_setup", "no multifd channels"),
    Transition(S, ("setup",), "completed", "qemu_savevm_state", "savevm is done: it has no other states"),
    Transition(S, ("setup",), "failed", "qemu_savevm_state", "savevm failed"),
    Transition(S, ("active",), "failed", "migration_thread", "the setup failed"),
    Transition(S, ("active",), "failed", "bg_migration_thread", "the setup, the stop or the device state failed"),
    Transition(S, ("active",), "failed", "bg_migration_completion", "the channel has an error"),
    Transition(S, ("active", "postcopy-device"), "failed", "migration_detect_error", "the channel has an error"),
    Transition(
        S,
        ("setup", "active", "pre-switchover", "device"),
        "failed",
        "multifd_send_set_error",
        "a multifd channel broke",
    ),
    Transition(
        S, ("active",), "pre-switchover", "migration_switchover_prepare", "pause-before-switchover; VM stopped"
    ),
    Transition(S, ("active",), "device", "migration_switchover_prepare", "VM stopped"),
    Transition(S, ("pre-switchover",), "device", "migration_switchover_prepare", "migrate-continue"),
    Transition(S, ("device",), "completed", "migration_completion_end", "all sent, the return path closed well"),
    Transition(S, ("active",), "completed", "migration_completion_end", "a background snapshot is written"),
    Transition(S, ("postcopy-active",), "completed", "migration_completion_end", "nothing pending, end mark sent"),
    Transition(S, ("cancelling",), "completed", "migration_completion_end", "a cancel that came after the last look"),
    Transition(
        S, ("active", "device", "postcopy-active"), "failed", "migration_completion", "anything since the stop"
    ),
    Transition(S, ("device",), "colo", "migration_completion", "x-colo"),
    Transition(S, ("colo",), "completed", "primary_vm_do_failover", "failover to the primary"),
    Transition(S, ("active", "device"), "failed", "postcopy_start", "anything but save_postcopy_prepare"),
    Transition(S, ("device",), "postcopy-device", "postcopy_start", "the package is out, there is a return path"),
    Transition(S, ("device",), "postcopy-active", "postcopy_start", "the package is out, there is no return path"),
    Transition(
        S, ("postcopy-device",), "postcopy-active", "migration_iteration_run", "PONG 0x42: the package is loaded"
    ),
    Transition(S, ("postcopy-active",), "postcopy-paused", "postcopy_pause", "the channel has an error"),
    Transition(S, ("postcopy-recover",), "postcopy-paused", "postcopy_pause", "the recovery failed"),
    Transition(S, ("postcopy-paused",), "postcopy-recover-setup", "migrate_prepare", "migrate with resume"),
    Transition(S, ("postcopy-recover-setup",), "postcopy-recover", "migration_connect", "the new channel is there"),
    Transition(S, ("postcopy-recover-setup",), "postcopy-paused", "migration_connect_set_error", "no new channel"),
    Transition(
        S, ("postcopy-recover",), "postcopy-active", "migrate_handle_rp_resume_ack", "the other side goes on, too"
    ),
    Transition(
        S,
        ("setup", "wait-unplug", "active", "pre-switchover", "device", "colo"),
        "cancelling",
        "migration_cancel",
        "migrate-cancel; it is refused in all postcopy states",
    ),
    Transition(S, ("cancelling",), "cancelled", "migration_cleanup", "the thread has ended, everyone has cleaned up"),
    Transition(S, ("cancelling",), "cancelled", "migration_cancel", "cancelled before there was a channel"),
    Transition(D, ("none",), "setup", "migration_incoming_state_setup", "listening"),
    Transition(D, ("setup",), "active", "process_incoming_migration_co", "all channels are there, before the header"),
    Transition(D, ("active",), "completed", "process_incoming_migration_bh", "loaded; the VM may run"),
    Transition(D, ("active",), "failed", "process_incoming_migration_co", "the loading failed, no listen thread"),
    Transition(D, ("active",), "postcopy-device", "postcopy_listen_thread", "LISTEN, with a return path"),
    Transition(D, ("active",), "postcopy-active", "postcopy_listen_thread", "LISTEN, without a return path"),
    Transition(D, ("postcopy-device",), "postcopy-active", "loadvm_postcopy_handle_run", "RUN"),
    Transition(D, ("postcopy-device", "postcopy-active"), "failed", "postcopy_listen_thread", "failed before RUN"),
    Transition(D, ("postcopy-active",), "completed", "postcopy_listen_thread", "the end mark"),
    Transition(
        D,
        ("postcopy-active", "postcopy-recover"),
        "postcopy-paused",
        "postcopy_pause_incoming",
        "a failure after RUN",
    ),
    Transition(D, ("postcopy-paused",), "postcopy-recover", "postcopy_try_recover", "a new main channel"),
    Transition(D, ("postcopy-recover",), "postcopy-active", "loadvm_postcopy_handle_resume", "RESUME"),
    Transition(D, ("active",), "colo", "colo_process_incoming_thread", "x-colo"),
    Transition(D, ("colo",), "completed", "secondary_vm_do_failover", "failover to the secondary"),
)
"""Every change of state on both sides. A change whose `before` is not the present state does nothing."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the source, in the order of a run.

    Attributes:
        name: without MIG_CMD_.
        payload: what it carries.
        when: where in the course.
        condition: what must be so.
        packaged: whether it is inside the package.
    """

    name: str
    payload: str
    when: str
    condition: str
    packaged: bool = False


COMMANDS: Final = (
    Command("OPEN_RETURN_PATH", "", "after the configuration", "postcopy-ram or return-path"),
    Command("PING", "1", "at once", "postcopy-ram or return-path"),
    Command("POSTCOPY_ADVISE", "two page sizes", "at once", "postcopy-ram"),
    Command("POSTCOPY_ADVISE", "", "at once", "dirty-bitmaps without postcopy-ram"),
    Command("ENABLE_COLO", "", "at once, before the START sections", "x-colo"),
    Command(
        "SWITCHOVER_START", "", "VM stopped, disks given up; before the first END", "machine type of 10.0 or later"
    ),
    Command(
        "POSTCOPY_RAM_DISCARD",
        "ranges of a block",
        "after the END sections of what can't do postcopy",
        "postcopy-ram",
    ),
    Command("PING", "2", "after the discards", "postcopy-ram"),
    Command("PACKAGED", "length", "the package follows, made before this is written", "postcopy starts"),
    Command("POSTCOPY_LISTEN", "", "before the device state", "postcopy starts", packaged=True),
    Command("PING", "3", "after the device state", "postcopy-ram", packaged=True),
    Command("PING", "0x42", "after the device state", "there is a return path", packaged=True),
    Command("POSTCOPY_RUN", "", "last in the package", "postcopy starts", packaged=True),
    Command("PING", "4", "after the package", "postcopy-ram"),
    Command("RECV_BITMAP", "a block's name", "recovery, one for each block", "RAM is migrated"),
    Command("POSTCOPY_RESUME", "", "recovery, when all bitmaps have come", "recovery"),
)
"""savevm sends SWITCHOVER_START alone, a background snapshot nothing; COLO sends SWITCHOVER_START each time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A point where it can go wrong.

    Attributes:
        side: whose.
        point: what fails.
        states: the states that follow.
        cleanup: the callbacks that run then; empty if none.
        guest: what becomes of that side's VM.
    """

    side: Side
    point: str
    states: tuple[str, ...]
    cleanup: tuple[str, ...]
    guest: str


_SAVE: Final = ("save_cleanup",)
_LOAD: Final = ("load_cleanup",)
_RUNS: Final = "runs on"
_AGAIN: Final = "disks are taken back, and it runs again if it ran before"
_NEVER_RAN: Final = "never ran; QEMU exits, unless exit-on-error is off"

FAILURES: Final = (
    Failure(S, "`save_prepare` of anyone", (), (), _RUNS),
    Failure(S, "the address can't even be tried (10.2.0)", ("failed",), (), _RUNS),
    Failure(S, "the connection fails", ("failed",), _SAVE, _RUNS),
    Failure(S, "a notifier objects before the thread starts", ("failed",), _SAVE, _RUNS),
    Failure(S, "no multifd channels: not even the header is sent", ("failed",), _SAVE, _RUNS),
    Failure(S, "`save_setup`", ("active", "failed"), _SAVE, _RUNS),
    Failure(S, "`save_live_iterate`, or the channel while active", ("failed",), _SAVE, _RUNS),
    Failure(S, "`save_postcopy_prepare`: nothing; it is tried again", (), (), _RUNS),
    Failure(S, "the preempt channel at the start of postcopy", ("failed",), _SAVE, _RUNS),
    Failure(S, "the VM can't be stopped", ("failed",), _SAVE, _AGAIN),
    Failure(S, "disks can't be given up", ("device", "failed"), _SAVE, _AGAIN),
    Failure(S, "`save_complete`, a save thread or a device's state, precopy", ("device", "failed"), _SAVE, _AGAIN),
    Failure(S, "the same before the package is sent, postcopy", ("device", "failed"), _SAVE, _AGAIN),
    Failure(S, "the return path reports an error, precopy", ("device", "failed"), _SAVE, _AGAIN),
    Failure(S, "the channel in postcopy-device", ("failed",), _SAVE, _AGAIN),
    Failure(S, "the channel in postcopy-active", ("postcopy-paused",), (), "stays stopped"),
    Failure(
        S,
        "`resume_prepare`, the preempt channel or the handshake of a recovery",
        ("postcopy-paused",),
        (),
        "stays stopped",
    ),
    Failure(S, "`save_complete` at the end of postcopy", ("failed",), _SAVE, _AGAIN),
    Failure(S, "cancelled before there is a channel", ("cancelling", "cancelled"), (), _RUNS),
    Failure(S, "cancelled in setup, wait-unplug or active", ("cancelling", "cancelled"), _SAVE, _RUNS),
    Failure(S, "cancelled in pre-switchover or device", ("cancelling", "cancelled"), _SAVE, _AGAIN),
    Failure(
        S,
        "background snapshot: setup, stop, devices, write tracking",
        ("active", "failed"),
        _SAVE,
        "stays paused if it was stopped by then",
    ),
    Failure(S, "savevm: anything after `save_prepare`", ("failed",), _SAVE, "runs again if it ran before"),
    Failure(D, "a device that can't be migrated, header, configuration", ("failed",), _LOAD, _NEVER_RAN),
    Failure(D, "`load_setup`", ("failed",), _LOAD, _NEVER_RAN),
    Failure(D, "a section, its version, `load_state`, a footer, a command", ("failed",), _LOAD, _NEVER_RAN),
    Failure(D, "`switchover_start`", ("failed",), _LOAD, _NEVER_RAN),
    Failure(D, "`load_state_buffer` or a loading thread, found after the end mark", ("failed",), _LOAD, _NEVER_RAN),
    Failure(D, "LISTEN: faults can't be caught", ("failed",), _LOAD, _NEVER_RAN),
    Failure(D, "the package, or the main channel before RUN", ("postcopy-device", "failed"), _LOAD, _NEVER_RAN),
    Failure(
        D,
        "the main channel after RUN, with postcopy-ram",
        ("postcopy-paused",),
        (),
        "runs, and waits at missing pages",
    ),
    Failure(
        D,
        "the main channel after RUN, dirty bitmaps alone",
        ("completed",),
        _LOAD,
        "runs; bitmaps that were not whole are gone",
    ),
    Failure(D, "loadvm: anything", (), _LOAD, "stays stopped"),
)
"""Nothing is undone in the order of what was done: a cleanup goes through all entries, set up or not."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What another version does otherwise than 10.2.

    Attributes:
        version: of QEMU.
        what: is different.
        there: in that version.
        here: in 10.2.
        evidence: where it can be seen: the function in that version's source, or the trace.
    """

    version: str
    what: str
    there: str
    here: str
    evidence: str


DIFFERENCES: Final = (
    Difference(
        "7.2",
        "pending",
        "one callback, `save_live_pending`, which gets the threshold and synchronises by itself",
        "`state_pending_estimate` and `state_pending_exact`",
        "qemu_savevm_state_pending",
    ),
    Difference(
        "7.2",
        "setup's lock",
        "header and setup without the lock; savevm gives it up for them",
        "with the lock",
        "migration_thread, qemu_savevm_state",
    ),
    Difference(
        "7.2",
        "setup's failure",
        "noted in the QEMUFile alone, found in the first round",
        "failed at once",
        "qemu_savevm_state_setup",
    ),
    Difference(
        "7.2",
        "iterations",
        "the walk stops at the first entry that has more to send",
        "everyone has a turn",
        "qemu_savevm_state_iterate",
    ),
    Difference(
        "7.2",
        "state of a precopy switchover",
        "stays active; device only with pause-before-switchover",
        "device",
        "migration_maybe_pause",
    ),
    Difference(
        "7.2",
        "state of a postcopy switchover",
        "postcopy-active before the VM is stopped",
        "device, then postcopy-device",
        "postcopy_start",
    ),
    Difference(
        "7.2",
        "postcopy's start",
        "pending below the threshold ends it; postcopy is looked at only above it",
        "postcopy is looked at first",
        "migration_iteration_run",
    ),
    Difference("7.2", "SWITCHOVER_START", "doesn't exist", "sent, by machine type", "trace"),
    Difference(
        "7.2",
        "destination's setup",
        "none to active, when the channel is there",
        "none to setup when it listens",
        "process_incoming_migration_co",
    ),
    Difference(
        "7.2",
        "callbacks",
        "no save_prepare, save_postcopy_prepare, save_complete_precopy_thread, load_state_buffer, "
        "switchover_ack_needed, switchover_start",
        "all 20",
        "include/migration/register.h",
    ),
    Difference(
        "7.2",
        "preempt channel",
        "opened in the setup, closed with an EOS",
        "opened at the switchover, just closed",
        "migration_completion, postcopy_preempt_wait_channel",
    ),
    Difference(
        "7.2, 10.0",
        "completion",
        "`save_live_complete_precopy` and `save_live_complete_postcopy`: nothing is completed twice",
        "one `save_complete`",
        "qemu_savevm_state_complete_postcopy",
    ),
    Difference(
        "7.2, 10.0",
        "postcopy-device",
        "doesn't exist: postcopy-active after the package, and no PING 0x42",
        "postcopy-device until PONG 0x42",
        "postcopy_start; traces",
    ),
    Difference(
        "7.2, 10.0",
        "save_postcopy_prepare",
        "doesn't exist: no PART section right before postcopy",
        "a PART section of RAM",
        "postcopy_start; traces",
    ),
    Difference(
        "10.0",
        "exact figure",
        "asked in postcopy, too, when the estimate is below the threshold",
        "in precopy only",
        "migration_iteration_run",
    ),
    Difference(
        "10.0",
        "end of the rounds",
        "nothing pending, or less than the threshold",
        "not more than the threshold",
        "migration_iteration_run",
    ),
    Difference(
        "10.0",
        "postcopy's start",
        "looked at after the completion: what fits the threshold completes in precopy",
        "looked at first",
        "migration_iteration_run",
    ),
    Difference(
        "10.0", "postcopy's end", "pending below the threshold ends it", "nothing pending", "migration_iteration_run"
    ),
    Difference(
        "10.0",
        "a failed switch to postcopy",
        "a state other than postcopy-active stays as it was",
        "failed",
        "postcopy_start",
    ),
    Difference(
        "11.1",
        "pending",
        "one query with flags exact and final, and figures precopy, stopcopy, postcopy",
        "two callbacks with two figures",
        "trace: qemu_savevm_query_pending",
    ),
    Difference(
        "11.1",
        "exact figure",
        "seems to depend on what precopy must still send: with postcopy-ram it is asked in every round",
        "asked by the whole of the estimate",
        "trace of postcopy: estimates of 17309696 and 15867904 followed by exact ones",
    ),
    Difference(
        "11.1",
        "at the switchover",
        "a last query (final=1) with a bitmap sync, between device and SWITCHOVER_START",
        "none; RAM synchronises when it is completed or discards",
        "traces of precopy and postcopy",
    ),
    Difference(
        "11.1",
        "switchover-ack",
        "the source's query counts what needs an acknowledgement; nothing needs one, so none is sent",
        "the destination counts; if nothing needs one, it is sent before PONG 1",
        "trace: qemu_savevm_query_pending; return path of switchover-ack, 10.0 against 11.1",
    ),
)
"""7.2 and 10.0 by the sources of 7.2.0 and 10.0.0; 11.1 by what its traces show, whose source was not read."""
