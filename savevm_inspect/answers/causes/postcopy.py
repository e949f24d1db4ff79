"""Postcopy: the host's userfaultfd, commands of the switchover, the package, recovery (postcopy-ram.c, savevm.c)."""

from typing import Final

from ..row import Part, Row

_LOG: Final = "See the errors before it on both sides; the connection's end on one side is the other's error."

ROWS: Final = (
    Row(
        key="userfaultfd-unavailable",
        values=("error",),
        part=Part.NONE,
        cause="Postcopy needs the kernel's userfaultfd on the destination, and QEMU may not use it ('Operation not "
        "permitted') or the kernel has it not.",
        remedy="As root: sysctl vm.unprivileged_userfaultfd=1, or give QEMU access to /dev/userfaultfd (Linux 6.1 "
        "and later); in a container also allow the system call (seccomp). Or migrate by precopy.",
    ),
    Row(
        key="userfaultfd-features",
        values=("features",),
        part=Part.NONE,
        cause="The destination's kernel lacks features of userfaultfd that QEMU needs, or refused them.",
        remedy="Use a newer kernel on the destination, or migrate by precopy.",
    ),
    Row(
        key="userfaultfd-huge-pages",
        part=Part.NONE,
        cause="Guest memory lies in huge pages, and the destination's kernel has no userfaultfd for those (Linux "
        "4.11 and later has).",
        remedy="Use a newer kernel, or ordinary pages.",
    ),
    Row(
        key="postcopy-page-size",
        part=Part.NONE,
        cause="A guest page is larger than a page of the destination's host, which postcopy can't place at once.",
        remedy="Migrate by precopy.",
    ),
    Row(
        key="postcopy-backing",
        part=Part.NONE,
        cause="Guest memory lies in a file of a file system for which the kernel has no userfaultfd: only anonymous "
        "memory, tmpfs and hugetlbfs can do postcopy.",
        remedy="Put the memory backend into /dev/shm, hugetlbfs or memfd, or migrate by precopy.",
    ),
    Row(
        key="postcopy-block-multiple",
        values=("block", "length", "page_size"),
        part=Part.NONE,
        cause="A RAM block is no multiple of the page size that backs it, so its last page could not be placed at "
        "once.",
        remedy="Choose a size of memory that is a multiple of the huge page, or use smaller pages.",
    ),
    Row(
        key="postcopy-probe",
        values=("error",),
        part=Part.NONE,
        cause="The trial that QEMU makes before it says that this host can do postcopy failed: memory could not be "
        "mapped, unlocked, or registered with userfaultfd.",
        remedy="See the reason in the line; limits of memory, seccomp and an old kernel are the usual ones.",
    ),
    Row(
        key="postcopy-mlock",
        values=("error",),
        part=Part.NONE,
        cause="After postcopy QEMU could not lock its memory again (-overcommit mem-lock=on).",
        remedy="Raise the limit of locked memory (ulimit -l). The guest runs; its memory may be swapped.",
    ),
    Row(
        key="postcopy-register",
        values=("error",),
        part=Part.NONE,
        cause="The destination could not register guest memory with userfaultfd, or not in a way that pages can be "
        "placed: its kind of memory can't do it, or another user of userfaultfd holds it (a background snapshot, "
        "vhost-user).",
        remedy="Use anonymous, tmpfs or hugetlbfs memory; see the errno.",
    ),
    Row(
        key="postcopy-setup",
        part=Part.NONE,
        cause="The destination could not get its RAM blocks ready for postcopy.",
        remedy="See the lines before.",
        context=True,
    ),
    Row(
        key="postcopy-temporary-pages",
        values=("channel", "error"),
        part=Part.NONE,
        cause="The destination has no memory for the pages in which a received host page is put together.",
        remedy="Free memory (with huge pages: one more huge page for each channel) on the destination.",
    ),
    Row(
        key="fault-thread",
        part=Part.NONE,
        cause="The thread that answers faults of the guest got something from userfaultfd that it can't handle, or "
        "could not read from it. vCPUs that wait for pages may wait for ever.",
        remedy="See the kernel's log; a bug of kernel or QEMU. The source still has the pages, not the device "
        "state: pause and recover (migrate-pause, migrate-recover) if the connection is sound.",
    ),
    Row(
        key="fault-shared",
        values=("client",),
        part=Part.NONE,
        cause="A fault of a vhost-user back end, whose memory is shared with QEMU, could not be resolved.",
        remedy="See the back end's log; end of the back end is the usual reason. Migrate without postcopy otherwise.",
    ),
    Row(
        key="fault-outside",
        values=("address",),
        part=Part.NONE,
        cause="A fault came for an address that lies in no RAM block of the guest.",
        remedy="A bug of QEMU or of a back end; report it.",
    ),
    Row(
        key="fault-notify",
        values=("error",),
        part=Part.NONE,
        cause="The thread that answers faults could not be woken, or the file to wake it by could not be made.",
        remedy="See the errno: mostly the limit of open files.",
    ),
    Row(
        key="page-place-failed",
        values=("error", "host"),
        part=Part.PAGES,
        cause="A received page could not be placed atomically: the memory is no longer registered, or the page is "
        "there already (17, File exists: sent twice after a recovery).",
        remedy="See the errno; report 'File exists' with both versions.",
    ),
    Row(
        key="postcopy-wake",
        values=("address", "client", "error"),
        part=Part.NONE,
        cause="A vhost-user back end that waits for a page could not be woken.",
        remedy="See the back end's log.",
    ),
    Row(
        key="postcopy-unregister",
        values=("error",),
        part=Part.NONE,
        cause="At the end of postcopy memory could not be taken from userfaultfd.",
        remedy="See the errno; the guest's state is complete.",
    ),
    Row(
        key="discard-failed",
        values=("block", "error"),
        part=Part.COMMAND,
        cause="Before postcopy the destination drops pages that the source changed since; it could not: the memory "
        "is locked, or its file can't be punched.",
        remedy="Switch -overcommit mem-lock=on off for postcopy; use a memory backend on tmpfs, hugetlbfs or "
        "anonymous memory.",
    ),
    Row(
        key="discard-unprepared",
        values=("error",),
        part=Part.COMMAND,
        cause="The destination could not get ready to discard pages (postcopy_ram_prepare_discard).",
        remedy="Mostly transparent huge pages could not be switched off for guest memory: see the errno.",
    ),
    Row(
        key="postcopy-command-state",
        values=("state",),
        part=Part.COMMAND,
        cause="A command of postcopy came in another order than ADVISE, DISCARD, LISTEN, RUN: the stream is "
        "damaged, was put together wrongly, or a record before it was taken for something else.",
        remedy="See the errors before it; `savevm-inspect events` shows the order of a capture.",
    ),
    Row(
        key="postcopy-command-length",
        values=("length",),
        part=Part.COMMAND,
        cause="The payload of a postcopy command is not of the form that it must have.",
        remedy="The stream is damaged there, or source and destination are of versions with another format.",
    ),
    Row(
        key="advise-ram-page-sizes",
        values=("source", "destination"),
        part=Part.COMMAND,
        cause="The sizes of pages that back guest memory, all of them ored together, differ: one side has huge "
        "pages where the other has not.",
        remedy="Back the same blocks with the same huge pages on both hosts, or switch postcopy-ram off.",
    ),
    Row(
        key="advise-target-page-size",
        values=("source", "destination"),
        part=Part.COMMAND,
        cause="A guest page has another size on the two sides.",
        remedy="Use the same machine type and CPU; x86 has always 4096.",
    ),
    Row(
        key="advise-length",
        part=Part.COMMAND,
        cause="postcopy-ram is on at one side and off at the other: ADVISE has 16 bytes with it, none without "
        "(dirty-bitmaps alone).",
        remedy="Set postcopy-ram alike on both sides before the migration.",
    ),
    Row(
        key="postcopy-init-failed",
        part=Part.NONE,
        cause="The destination could not get ready for postcopy.",
        remedy="See the rest of the line.",
        context=True,
    ),
    Row(
        key="resume-unexpected",
        part=Part.COMMAND,
        cause="A RESUME came while the destination was in no recovery.",
        remedy="The source resumes a migration that this destination did not pause: check that it reaches the right "
        "one.",
    ),
    Row(
        key="page-request-resend",
        values=("address",),
        part=Part.RETURN_PATH,
        cause="After a recovery the destination asks again for the pages that vCPUs wait for; one could not be "
        "asked for.",
        remedy="The new connection broke at once: recover again.",
    ),
    Row(
        key="switchover-start-failed",
        values=("error",),
        part=Part.COMMAND,
        cause="A device of the destination (VFIO) refused the switchover.",
        remedy="See the kernel's log of that device.",
    ),
    Row(
        key="package-too-large",
        values=("length",),
        part=Part.COMMAND,
        cause="The package with the state of all devices is larger than 4 GiB, which its header can name: on the "
        "destination mostly a damaged length, on the source a device with too much state.",
        remedy="On the source: migrate by precopy, or detach the device with the large state (`savevm-inspect "
        "sections` of a precopy stream shows the lengths).",
    ),
    Row(
        key="package-cut",
        values=("received", "length"),
        part=Part.COMMAND,
        cause="The connection broke within the package with the device state. The source still holds the VM.",
        remedy="See the source's log; it can go on there.",
    ),
    Row(
        key="postcopy-load-failed",
        values=("error",),
        part=Part.PAGES,
        cause="While the guest ran already, the rest of the stream could not be loaded. After RUN the source can't "
        "go on with the VM; with a broken connection the migration pauses instead and can be recovered.",
        remedy="See the errors before. If both sides are in postcopy-paused: migrate-recover on the destination, "
        "then migrate with resume=on on the source.",
    ),
    Row(
        key="bitmaps-lost",
        values=("error",),
        part=Part.WHOLE,
        cause="Memory and devices are complete and the guest runs; only dirty bitmaps of disks did not come over.",
        remedy="Make the next backup a full one.",
    ),
    Row(
        key="preempt-transport",
        part=Part.NONE,
        cause="postcopy-preempt needs a second connection, which this transport can't open.",
        remedy="Use tcp: or unix:, or switch postcopy-preempt off.",
    ),
    Row(
        key="host-page-mixed",
        values=("channel", "expected", "received", "block", "offset", "pages"),
        part=Part.PAGES,
        cause="The guest pages of one host page (huge page) must come one after the other on a channel, and another "
        "came in between.",
        remedy="A bug of the source (7.1 and 7.2 with preempt had one): use a newer one, or switch postcopy-preempt "
        "off.",
    ),
    Row(
        key="postcopy-paused",
        part=Part.NONE,
        cause="The connection broke during postcopy. Both sides keep what they have and wait: the guest runs on the "
        "destination as far as its pages are there.",
        remedy="Repair the network; migrate-recover with a new URI on the destination, then migrate with resume=on "
        "to it on the source. Do not end either side: the state is split between them.",
    ),
    Row(
        key="resume-failed",
        values=("error",),
        part=Part.NONE,
        cause="The recovery of a postcopy migration failed: the bitmaps were not exchanged, the handshake or the "
        "preempt channel did not come about. Both sides are paused again.",
        remedy="Recover once more; see the destination's log.",
    ),
    Row(
        key="resume-ack",
        values=("value",),
        part=Part.RETURN_PATH,
        cause="The destination answered a recovery with another value than 1.",
        remedy="The return path is damaged, or something else answers there.",
    ),
    Row(
        key="postcopy-stream-error",
        part=Part.NONE,
        cause="The connection broke while the source switched to postcopy. Before the package was sent the guest "
        "goes on at the source.",
        remedy=_LOG,
    ),
    Row(
        key="postcopy-start-failed",
        part=Part.NONE,
        cause="The source could not switch to postcopy: the VM could not be stopped, a device could not be saved, "
        "or the package or the preempt channel could not be sent. The guest goes on at the source.",
        remedy="See the rest of the line, or the line before.",
    ),
    Row(
        key="postcopy-not-enabled",
        part=Part.NONE,
        cause="migrate-start-postcopy was asked for, and postcopy-ram was off when the migration began.",
        remedy="Switch postcopy-ram on at both sides before the migration.",
    ),
    Row(
        key="postcopy-too-early",
        part=Part.NONE,
        cause="migrate-start-postcopy was asked for while no migration was running.",
        remedy="Start the migration first; ask for postcopy after the first round of RAM.",
    ),
    Row(
        key="postcopy-cancel",
        part=Part.NONE,
        cause="A migration can't be cancelled once it is in postcopy: the guest runs on the destination.",
        remedy="Let it end; if the connection is bad, migrate-pause and recover.",
    ),
    Row(
        key="postcopy-paused-by-user",
        part=Part.NONE,
        cause="migrate-pause broke the connection on purpose.",
        remedy="Go on with migrate-recover and migrate resume=on.",
    ),
    Row(
        key="pause-state",
        part=Part.NONE,
        cause="migrate-pause is for a postcopy migration that is active (or, in later versions, in its recovery).",
        remedy="Cancel a precopy migration with migrate_cancel instead.",
    ),
    Row(
        key="pause-failed",
        part=Part.NONE,
        cause="The connection of the migration could not be shut down.",
        remedy="See the rest of the line.",
    ),
    Row(
        key="recover-state",
        part=Part.NONE,
        cause="migrate-recover was asked for on a destination that is not in postcopy-paused. A destination that "
        "has not noticed yet that the connection is gone stays in postcopy-active.",
        remedy="migrate-pause on the destination first.",
    ),
    Row(
        key="resume-nothing",
        part=Part.NONE,
        cause="migrate with resume=on on a source that has no paused postcopy migration.",
        remedy="migrate-pause on the source first if the connection is gone; otherwise leave resume off.",
    ),
    Row(
        key="resume-release-ram",
        part=Part.NONE,
        cause="With release-ram the source has given back the pages that it sent, so lost ones could not be sent "
        "again.",
        remedy="Nothing can be recovered. Leave release-ram off where the network may fail.",
    ),
    Row(
        key="return-path-unavailable",
        part=Part.NONE,
        cause="Postcopy needs a connection in both directions, and this one has none back (exec, a pipe, a file).",
        remedy="Use tcp:, unix: or a socket by fd:.",
    ),
    Row(
        key="postcopy-did-not-start",
        part=Part.NONE,
        cause="The switch to postcopy failed; the line before says why.",
        remedy="See the line before.",
        context=True,
    ),
)
