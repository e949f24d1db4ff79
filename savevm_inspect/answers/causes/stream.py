"""The stream's header, configuration, sections and footers (migration/savevm.c)."""

from typing import Final

from ..row import Part, Row

ROWS: Final = (
    Row(
        key="not-a-stream",
        values=("magic", "expected"),
        part=Part.HEADER,
        cause="The first four bytes are not 51 45 56 4d (QEVM). The destination was given something else: a file "
        "that is compressed or has a container around it (a libvirt save image, a qcow2 image), a wrong offset, "
        "output of a program in front of the stream, or the first bytes of TLS (16 03) or of a multifd channel (11 "
        "22 33 44).",
        remedy="Look at the first 16 bytes of what was sent. Unpack it, give the right offset=, let the exec: "
        "command write nothing else to its output, switch TLS and multifd on at both sides or at none. "
        "`savevm-inspect info` says what a file is.",
    ),
    Row(
        key="stream-v2",
        part=Part.HEADER,
        cause="Bytes 4 to 7 say version 2, a format that QEMU stopped to read many years ago, or those bytes are "
        "damaged: every QEMU that is in use writes 3.",
        remedy="If the source is a current QEMU, the stream was damaged on its way; compare checksums. If it really "
        "is that old, load it in a QEMU of its time and save it again.",
    ),
    Row(
        key="stream-version",
        values=("version", "expected"),
        part=Part.HEADER,
        cause="Bytes 4 to 7 are not 00 00 00 03. No released QEMU writes another version, so the bytes are damaged "
        "or do not belong to a stream.",
        remedy="Compare checksums of the file on both hosts; if the offset was given by hand, check it.",
    ),
    Row(
        key="configuration-missing",
        values=("found", "expected"),
        part=Part.CONFIGURATION,
        cause="After the first 8 bytes the destination's machine type expects a configuration section (type 0x07), "
        "and the stream goes on with something else. Machine types up to 2.3 do not send it, later ones do; or "
        "`-global migration.send-configuration=` differs.",
        remedy="Start the destination with the very machine type of the source. With the same machine type on both "
        "sides, byte 8 is damaged.",
    ),
    Row(
        key="machine-type",
        values=("received", "local"),
        part=Part.CONFIGURATION,
        cause="The stream names the machine type of the source, and the destination was started with another. An "
        "alias such as pc or q35 stands for another version in each QEMU. The names are compared as far as the "
        "local one goes, so a local name that is the beginning of the other passes.",
        remedy="Start the destination with -machine and the received name, with its version. If its QEMU does not "
        "know that machine type (`-machine help`), it can't take this guest: use a QEMU that has it; distributions "
        "have names of their own (pc-q35-rhel..., ...-noble).",
    ),
    Row(
        key="target-page-bits",
        values=("received", "local"),
        part=Part.CONFIGURATION,
        cause="The size of a guest page differs. Arm chooses it when the machine is made, by CPU and machine type "
        "(10 bits where the stream does not say, 12 mostly).",
        remedy="Use the same machine type and the same kind of CPU on both sides.",
    ),
    Row(
        key="capability-mismatch",
        values=("capability", "local", "received"),
        part=Part.CONFIGURATION,
        cause="A capability that changes the format of the stream (x-ignore-shared, mapped-ram and others that the "
        "configuration section lists) is set differently on the two sides.",
        remedy="Set it alike on both sides before the migration starts: migrate-set-capabilities on the source and, "
        "with -incoming defer, on the destination. For a file, set what the source had set.",
    ),
    Row(
        key="capability-unknown",
        values=("capability",),
        part=Part.CONFIGURATION,
        cause="The configuration section names a capability that this QEMU does not have: the source is newer, or "
        "has patches.",
        remedy="Switch it off on the source, or use a QEMU on the destination that knows it.",
    ),
    Row(
        key="capabilities-invalid",
        part=Part.CONFIGURATION,
        cause="The configuration section's capabilities do not fit those of the destination; the line before says "
        "which.",
        remedy="See the line that names the capability.",
        context=True,
    ),
    Row(
        key="uuid-mismatch",
        values=("received", "local"),
        part=Part.CONFIGURATION,
        cause="x-validate-uuid is on, and the destination's -uuid is not the source's: the stream belongs to "
        "another VM.",
        remedy="Start the destination with the source's -uuid, or find out which stream belongs to this VM.",
    ),
    Row(
        key="uuid-unset",
        values=("received",),
        part=Part.CONFIGURATION,
        cause="The stream has the source's UUID to be compared, and the destination was started without -uuid.",
        remedy="Start the destination with -uuid and the received value.",
    ),
    Row(
        key="section-unknown",
        values=("idstr", "instance_id"),
        part=Part.SECTION_HEADER,
        cause="The stream has state of a device that the destination does not have: the device is missing there, "
        "sits at another address (the idstr holds its PCI address or path), is a different one of its kind "
        "(instance_id), or a newer QEMU registers a section that this one does not know (also with the same machine "
        "type).",
        remedy="Compare both command lines device by device: the same devices with the same id=, bus= and addr=, "
        "hot-plugged ones included, hot-unplugged ones left out. `savevm-inspect sections` lists what the stream "
        "expects. If the device is not configured but comes with QEMU (s390_css, globalstate, cpuhp), the "
        "destination is too old, or the source was built with a bug: look for a fix of that version.",
    ),
    Row(
        key="section-id-unknown",
        values=("section_id",),
        part=Part.SECTION_HEADER,
        cause="A PART or END section has a section_id that no START section introduced. As all ids come in order "
        "from the source, earlier bytes were read wrongly or lost: a section before it was taken to be longer or "
        "shorter than it is.",
        remedy="Take the first error of the log, not this one. If it is the only one, the stream is damaged, or "
        "joined from two: `savevm-inspect check` finds where reading leaves the records.",
    ),
    Row(
        key="section-type-unknown",
        values=("type",),
        part=Part.SECTION_HEADER,
        cause="Where the next section should begin stands a byte that is no section type (0 to 8, 0x7e for "
        "footers). The section before it was read with the wrong length: its device has other fields on the "
        "destination, and no footer caught it; or bytes are damaged.",
        remedy="Suspect the section right before: compare its device's configuration and QEMU's version on both "
        "sides. Machine types up to 2.3 have no footers, so there the error shows this late.",
    ),
    Row(
        key="section-version",
        values=("version", "idstr", "local_version"),
        part=Part.SECTION_HEADER,
        cause="The section's version_id is higher than the destination's code for that device can read. The "
        "device's format was changed in a newer QEMU without a machine type that keeps the old one, or the source "
        "has patches.",
        remedy="Use the source's QEMU version (or a later one) on the destination. Backward migration works only as "
        "far as the machine type hides the change; if it does not, that is a bug of the newer QEMU to be reported.",
    ),
    Row(
        key="section-header-unread",
        values=("error",),
        part=Part.END,
        cause="The stream ends, or its connection broke, within the header of a section.",
        remedy="Look at the source: it was ended, cancelled or failed there, or the file was not written to its end "
        "(a full disk). `savevm-inspect info` says how far the stream goes.",
    ),
    Row(
        key="idstr-unread",
        values=("section_id",),
        part=Part.SECTION_HEADER,
        cause="A section's name could not be read: the stream ends there, or reading went wrong before and took "
        "some other byte for the length of a name.",
        remedy="If another error stands before it, take that one. Otherwise see whether the stream is whole.",
    ),
    Row(
        key="footer-missing",
        values=("idstr",),
        part=Part.FOOTER,
        cause="The destination read that device's fields, and where its footer (0x7e) should be stands something "
        "else: the device has more, fewer or longer fields here than on the source. Reasons are a property that "
        "changes arrays or fields (ports, queues, timers, sizes of buffers), a subsection that this QEMU does not "
        "know and whose name does not begin with the device's, a field that a QEMU version (or a distribution's "
        "patch) added without a version, or another machine type. Nothing is wrong with the footer itself.",
        remedy="Compare that device's properties on both sides, then QEMU's versions and the machine type. The "
        "destination's log with `-trace vmstate_load_state_field -trace vmstate_n_elems`, held against the "
        "description in the stream (`savevm-inspect show STREAM IDSTR`), names the first field that differs.",
    ),
    Row(
        key="footer-mismatch",
        values=("idstr", "read", "expected"),
        part=Part.FOOTER,
        cause="Where the footer should be stands a 0x7e, but followed by another section_id: by chance it is a byte "
        "of the device's state (fields were read with the wrong length), or the footer is damaged.",
        remedy="Proceed as for a missing footer: compare the device's properties, QEMU's versions, the machine type.",
    ),
    Row(
        key="footer-unread",
        values=("error",),
        part=Part.END,
        cause="The stream ends, or the connection broke (-5: input/output error), where a section's footer should "
        "be. Mostly the source went away: it was ended, cancelled, or failed with an error of its own.",
        remedy="Read the source's log and `query-migrate` there; the destination only saw the end.",
    ),
    Row(
        key="footer-error",
        values=("section_id",),
        part=Part.FOOTER,
        cause="A section does not end with its footer; the line before says how.",
        remedy="See the line before. Section ids differ between QEMU versions for the same device: the number alone "
        "says nothing about another stream.",
        context=True,
    ),
    Row(
        key="device-load-failed",
        values=("instance_id", "idstr"),
        part=Part.FIELDS,
        cause="Loading the state of that device failed. The lines before (7.2, 10.0), or the rest of this line "
        "(11.1), say why; if nothing does, and the migration ends with 'No such file or directory', the section has "
        "a subsection that the destination does not know; with 'Invalid argument' or 'Operation not permitted', the "
        "device's own check (post_load) refused a value.",
        remedy="If a reason is named, see it. If not, compare the device's properties and QEMU's versions: a newer "
        "source sends subsections that an older destination does not know.",
        context=True,
    ),
    Row(
        key="section-load-failed",
        values=("section_id", "idstr"),
        part=Part.PAGES,
        cause="Loading a PART or END section failed: of ram mostly a page, a block or a flag; the lines before say "
        "which.",
        remedy="See the line before. Without one the connection broke or the stream ends there.",
        context=True,
    ),
    Row(
        key="vmstate-load-failed",
        values=("version", "error"),
        part=Part.WHOLE,
        cause="A section of an old-style handler (ram and others with a load_state of their own) returned an error; "
        "the rest of the line, or the line before, says which.",
        remedy="See what else the line says; -22 is an invalid value in the stream, -5 a stream that ends there.",
        context=True,
    ),
    Row(
        key="xen-ram",
        values=("idstr",),
        part=Part.SECTION_HEADER,
        cause="Under Xen guest memory is moved by Xen's own tools, but this stream holds section ram.",
        remedy="Save and load by Xen's tools (xen-save-devices-state), or load the stream in a QEMU with KVM or TCG.",
    ),
    Row(
        key="load-setup-failed",
        values=("idstr",),
        part=Part.NONE,
        cause="A device could not get ready to receive: its load_setup callback failed before a byte of its state "
        "was read (ram: memory for multifd or COLO; VFIO: the kernel refused the state RESUMING).",
        remedy="See the rest of the line; for VFIO the kernel's log of the destination.",
    ),
    Row(
        key="description-unexpected",
        values=("type",),
        part=Part.END,
        cause="After the end-of-stream mark stands neither nothing nor a description (type 0x06). QEMU complains "
        "and goes on: all state was loaded.",
        remedy="Harmless by itself. It says that something follows the stream, or that the mark was a byte read at "
        "the wrong offset; `savevm-inspect info` tells what is there.",
    ),
    Row(
        key="stream-error",
        values=("error",),
        part=Part.END,
        cause="The stream ends or its connection broke before its end-of-stream mark (-5 is an input/output error, "
        "-104 a connection reset by the peer, -32 a broken pipe).",
        remedy="The reason lies at the source or between: its log, `query-migrate` there, the network, a full disk. "
        "A file: compare its size with the original's.",
    ),
    Row(
        key="load-state-failed",
        part=Part.WHOLE,
        cause="Loading the state of the VM failed; other lines, or the rest of this one, say why.",
        remedy="Take the first error line of that log.",
        context=True,
    ),
    Row(
        key="load-failed",
        values=("reason",),
        part=Part.WHOLE,
        cause="The destination's last word on a load that was refused. What follows is only the kind of error: "
        "'Invalid argument' is a value or structure that does not fit, 'No such file or directory' (alone) a "
        "subsection that is unknown, 'Input/output error' a stream that ended early, 'Operation not permitted' a "
        "check that failed.",
        remedy="Read the lines before it (11.1: the rest of the line); they name the device and the reason.",
        context=True,
    ),
)
