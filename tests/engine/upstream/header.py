"""What register.h of QEMU 10.2 promises of each callback, and where the code does something else: data only.

In words of this project's own. An empty string is something that the header does not say.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header's column of one callback.

    Attributes:
        side: which end calls.
        phase: when.
        thread: which thread.
        bql: whether the big QEMU lock is held, by the heading above the callback or by its own comment.
        guards: on what the call depends.
        returns: what the value means.
        failure: what a failure brings.
        differs: what the code does otherwise, or what a reader of the header can't know; a list in Markdown.
    """

    side: str = ""
    phase: str = ""
    thread: str = ""
    bql: str
    guards: str = ""
    returns: str = ""
    failure: str = ""
    differs: str


_INSIDE: Final = "held (heading)"
_BOTH: Final = "either (heading)"
_OUTSIDE: Final = "not held (the last heading stands above this one, too)"
_ZERO: Final = "0, or negative for an error"

HEADER: Final[dict[str, Header]] = {
    "save_state": Header(
        side="source",
        bql=_INSIDE,
        returns="nothing",
        differs="""\
- Nothing asks `is_active`: an inactive device has its FULL section all the same.
- It can't return a failure; a device that fails must set the error of the QEMUFile, as VFIO does.
- An iterable entry may have it, too. VFIO's FULL section comes after its END and bears the same section id.
""",
    ),
    "save_prepare": Header(
        phase="before a migration starts",
        bql=_INSIDE,
        returns=_ZERO,
        differs="""\
- It comes before the state is `setup`, before there is a channel, and in savevm, too (`migrate_init`).
- A refusal leaves no trace: no other callback is called, `save_cleanup` neither.
- A resumed postcopy migration doesn't ask again.
""",
    ),
    "save_setup": Header(
        side="source",
        phase="the device's first section",
        bql=_INSIDE,
        returns=_ZERO,
        differs="""\
- RAM's drops the lock midway, to flush the multifd channels, and takes it again: other threads and the guest
  may do anything meanwhile, in savevm as well.
- The section's footer is written even if it failed. The source is then `active` for a moment.
- Entries with `early_setup` are saved here as FULL sections, in their place of the list, between the STARTs.
- Its presence alone makes an entry `is_ram`, which COLO and Xen leave out of the device state.
""",
    ),
    "save_cleanup": Header(
        side="source",
        bql=_INSIDE,
        guards="none; also if `save_setup` was never called",
        returns="nothing",
        differs="""\
- In a migration it runs in a bottom half of the main thread, before the migration thread is joined.
- Not after a refused `save_prepare`.
- In 10.2.0 not if the connection can't even be tried (later versions clean up there, too).
""",
    ),
    "save_complete": Header(
        phase="precopy: while the VM stands still; postcopy: after the switchover, except PMEM",
        bql=_INSIDE,
        returns=_ZERO,
        differs="""\
- An iterable that can't do postcopy is completed twice in a postcopy migration: at the switchover, and again at
  the end, because the walk at the end doesn't ask `has_postcopy`. It has two END sections.
- COLO's checkpoints call it without the lock.
- The footer is written even if it failed.
""",
    ),
    "save_complete_precopy_thread": Header(
        phase="end of precopy, beside `save_complete`",
        thread="one of its own",
        bql=_INSIDE,
        guards="multifd can carry device state; not for devices that can do postcopy if postcopy is enabled",
        returns="true, or false for an error",
        differs="""\
- The heading is wrong: the thread never holds the lock, while the migration thread does.
- Devices that can do postcopy are left out only when postcopy really starts; that it is enabled doesn't matter.
- Nothing asks `is_active`: an inactive device has its thread.
- All threads start before the first END section and are joined after the last one, before the device state; a
  failure of one is not seen before that.
""",
    ),
    "is_active": Header(
        bql=_BOTH,
        returns="true or false",
        differs="""\
- It is asked before the callbacks of setup, iteration and completion, pending, resume and `load_setup`, not
  before `save_state`, the cleanups, the save threads, and whatever loads.
- The answer may change between two calls; nothing checks that an entry that was started is ended.
""",
    ),
    "has_postcopy": Header(
        bql=_BOTH,
        returns="true or false",
        differs="""\
- Nobody asks before postcopy starts, so plain precopy, savevm and background snapshots never do.
- At the switchover it is asked with the lock, once for the thread and once for `save_complete`; in the
  iterations of postcopy without.
- Absent means no in both places; but the walk that completes postcopy doesn't ask.
""",
    ),
    "is_active_iterate": Header(
        phase="iterations",
        bql=_BOTH,
        returns="true or false",
        differs="""\
- It is asked after `is_active` and before `has_postcopy` and the rate limit, and nowhere else.
""",
    ),
    "save_live_iterate": Header(
        phase="iterations",
        bql="not held in a migration, held in savevm",
        guards="the rate limit says when to stop",
        returns="0 if there is more, 1 if not, negative for an error",
        differs="""\
- The walk looks at the rate limit, too, before each entry; one that used it up leaves nothing to those after it
  it. savevm and background snapshots have no limit.
- What the walk returns ends savevm and background snapshots (all entries said 1 in one walk). A migration
  overlooks it: there, the pending figures decide.
- The footer is written even if it failed.
""",
    ),
    "save_postcopy_prepare": Header(
        side="source",
        phase="right before the switch to postcopy, the VM runs",
        bql="not held (heading)",
        returns="true, or false for an error, with the message set",
        differs="""\
- False without a message ends QEMU (an assertion).
- False leaves the migration `active` and no error in the QEMUFile: the next round tries to start postcopy
  again, until it works or someone cancels. The description is gone by then.
""",
    ),
    "state_pending_estimate": Header(
        bql="not held (heading)",
        returns="two sums, to which it adds",
        differs="""\
- It is asked in every round, in postcopy, too; never in savevm and background snapshots.
- In postcopy, a sum of zero is what ends the migration.
""",
    ),
    "state_pending_exact": Header(
        bql="not held (heading)",
        returns="two sums, to which it adds",
        differs="""\
- Only in precopy, and only if the estimate is below the threshold; its answer replaces the estimate.
- RAM's and the dirty bitmaps' take the lock by themselves; the dirty bitmaps' estimate does, too.
""",
    ),
    "load_state": Header(
        bql=_OUTSIDE,
        returns=_ZERO,
        differs="""\
- `version_id` is not the highest version supported: it is the one that the stream's START or FULL section
  stated, which was found not to be above the entry's. PART and END have the version of the START.
- With the lock in the main thread; without it in the listen thread, which reads the main channel after LISTEN,
  while the main thread loads the package.
- It is not looked whether the entry has one: without it, and without a VMStateDescription, QEMU crashes.
- Nothing asks `is_active`.
""",
    ),
    "load_state_buffer": Header(
        bql="not held (its own comment)",
        returns="true, or false for an error",
        differs="""\
- In the receiving thread of the multifd channel that the packet came on: several at once, also of one device.
- Nothing orders the channels: buffers may come before and during `switchover_start`.
""",
    ),
    "load_setup": Header(
        side="destination",
        bql=_OUTSIDE,
        returns=_ZERO,
        differs="""\
- With the lock, in the main thread, between the configuration and the first section.
- A failure becomes EINVAL, and those already set up have their `load_cleanup`, as have all others.
""",
    ),
    "load_cleanup": Header(
        side="destination",
        bql=_OUTSIDE,
        guards="none; also if `load_setup` was never called",
        returns=_ZERO,
        differs="""\
- With the lock, which VFIO relies on and drops midway.
- Nobody looks at what it returns.
""",
    ),
    "resume_prepare": Header(
        phase="postcopy resumes after a failure",
        bql=_OUTSIDE,
        returns=_ZERO,
        differs="""\
- RAM's asks for the received bitmaps (RECV_BITMAP, one a block) and waits for all of them, before the preempt
  channel is opened and RESUME is sent.
""",
    ),
    "switchover_ack_needed": Header(
        side="destination",
        bql=_OUTSIDE,
        returns="true or false",
        differs="""\
- With the lock, in the main thread, after the last `load_setup`, and only with the capability switchover-ack.
- If nobody says yes, the acknowledgement goes out as soon as the return path is opened.
""",
    ),
    "switchover_start": Header(
        side="destination",
        bql=_OUTSIDE,
        returns=_ZERO,
        differs="""\
- With the lock, in the main thread; VFIO's drops it midway.
- Only if the source's machine type sends the command: types of QEMU 10.0 and later. loadvm has it, too.
""",
    ),
}
"""The header's column, in the header's order."""
