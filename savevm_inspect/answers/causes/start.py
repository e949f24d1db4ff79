"""How a migration starts and ends: what refuses it, what the source meets on its way, snapshots, Xen, channels.

migration/migration.c, savevm.c, channel.c, socket.c, file.c, fd.c, tls.c, qemu-file.c.
"""

from typing import Final

from ..row import Part, Row

_SOURCE_GOES_ON: Final = "The VM goes on at the source."

ROWS: Final = (
    Row(
        key="migration-busy",
        part=Part.NONE,
        cause="A migration or a snapshot is running already.",
        remedy="Wait for it, or cancel it (migrate_cancel); libvirt: `virsh domjobinfo`, `virsh domjobabort`.",
    ),
    Row(
        key="source-waits",
        part=Part.NONE,
        cause="migrate was asked of a QEMU that was started with -incoming and has not loaded anything yet.",
        remedy="Ask the source, not the destination.",
    ),
    Row(
        key="source-migrated",
        part=Part.NONE,
        cause="This VM has been migrated already and is paused (postmigrate): its disks belong to the destination.",
        remedy="If the destination is gone for good, `cont` here makes it run again, and then it can be migrated.",
    ),
    Row(
        key="memory-poisoned",
        part=Part.NONE,
        cause="The host's hardware reported memory errors in pages of the guest; their content can't be read to be "
        "sent.",
        remedy="Reboot the guest, which gives it other pages; have the host's memory checked.",
    ),
    Row(
        key="blocker",
        part=Part.NONE,
        cause="Something of this VM forbids migration; what follows in the line says what. The line itself says "
        "that a device or option could not be added, because a migration is running or --only-migratable was given.",
        remedy="Add it after the migration; or without --only-migratable.",
        context=True,
    ),
    Row(
        key="device-not-migratable",
        values=("device",),
        part=Part.NONE,
        cause="A device of the VM can't be migrated or saved: its description is marked so (unmigratable), as for "
        "devices that pass hardware through or have no support yet.",
        remedy="Unplug it before the migration, or replace it by one that can. `query-migrate` lists "
        "blocked-reasons.",
    ),
    Row(
        key="cpr-conflict",
        values=("feature",),
        part=Part.NONE,
        cause="The modes cpr-reboot, cpr-transfer and cpr-exec can't be had together with that.",
        remedy="Switch it off, or set mode to normal.",
    ),
    Row(
        key="cpr-exec-command",
        part=Part.NONE,
        cause="Mode cpr-exec was chosen without the command to execute.",
        remedy="Set the parameter cpr-exec-command.",
    ),
    Row(
        key="cpr-channel-missing",
        part=Part.NONE,
        cause="Mode cpr-transfer needs a second channel of type cpr.",
        remedy="Give migrate a list of two channels, main and cpr.",
    ),
    Row(
        key="mapped-ram-conflict",
        part=Part.NONE,
        cause="mapped-ram writes pages at fixed offsets of a file, which neither TLS nor multifd's compression can.",
        remedy="Switch TLS and multifd-compression off for it.",
    ),
    Row(
        key="options-incompatible",
        part=Part.NONE,
        cause="blk or inc (block migration of old) was asked for together with a capability that can't have it.",
        remedy="Copy disks with drive-mirror and NBD instead.",
    ),
    Row(
        key="colo-disk",
        part=Part.NONE,
        cause="COLO replicates disks by itself; migrating them too makes no sense.",
        remedy="Leave blk and inc off.",
    ),
    Row(
        key="colo-enable",
        part=Part.COMMAND,
        cause="The stream asks for COLO, and the destination can't or was not set to it.",
        remedy="Set x-colo on both sides, and use a QEMU that was built with replication; or switch it off at the "
        "source.",
    ),
    Row(
        key="colo-discard",
        part=Part.NONE,
        cause="COLO needs that no memory is discarded, and something of this VM relies on discarding (virtio-mem, "
        "VFIO's counterpart).",
        remedy="Remove virtio-mem, or do without COLO.",
    ),
    Row(
        key="colo-cache-failed",
        values=("error",),
        part=Part.NONE,
        cause="COLO's secondary could not set up its copy of guest memory.",
        remedy="See the rest of the line.",
        context=True,
    ),
    Row(
        key="colo-misplaced",
        part=Part.NONE,
        cause="A bug: the migration ended in the state colo without COLO.",
        remedy="Report it.",
    ),
    Row(
        key="uri-invalid",
        values=("uri",),
        part=Part.NONE,
        cause="The URI names no way to migrate that this QEMU has: tcp:, unix:, vsock:, exec:, fd:, file: (from 8.2 "
        "on), rdma: if built with it.",
        remedy="Correct it; mind the port (tcp:HOST:PORT).",
    ),
    Row(
        key="channels-invalid",
        values=("channel",),
        part=Part.NONE,
        cause="The list of channels of migrate or migrate-incoming has none, or too many, of one type; or neither "
        "uri nor channels was given.",
        remedy="Give either uri, or channels with one entry of type main.",
    ),
    Row(
        key="transport-unfit",
        part=Part.NONE,
        cause="A capability asks of the transport what it can't do: several connections (multifd, preempt), writing "
        "at an offset (mapped-ram), a stream, or handing over file descriptors.",
        remedy="Use the kind of URI that the line names, or switch the capability off.",
    ),
    Row(
        key="rdma-conflict",
        part=Part.NONE,
        cause="RDMA sends memory by itself and can't be had with multifd or xbzrle.",
        remedy="Switch multifd and xbzrle off, or use tcp:.",
    ),
    Row(
        key="incoming-state",
        values=("state",),
        part=Part.NONE,
        cause="An incoming migration was asked for while one is under way or was loaded already.",
        remedy="A destination takes one migration; start it anew for another try.",
    ),
    Row(
        key="incoming-missing",
        part=Part.NONE,
        cause="migrate-incoming was asked of a QEMU that was not started with -incoming.",
        remedy="Start the destination with -incoming defer.",
    ),
    Row(
        key="incoming-twice",
        part=Part.NONE,
        cause="migrate-incoming was asked for twice.",
        remedy="Ask once; a destination whose load failed has to be started anew.",
    ),
    Row(
        key="continue-state",
        values=("expected",),
        part=Part.NONE,
        cause="migrate-continue is for a migration that waits in pre-switchover (capability "
        "pause-before-switchover).",
        remedy="See `query-migrate` for its state.",
    ),
    Row(
        key="status-unexpected",
        values=("status",),
        part=Part.NONE,
        cause="The migration ended in a state that the code does not expect; the VM is left as it was.",
        remedy="See the errors before; report it if there are none.",
    ),
    Row(
        key="stop-failed",
        values=("error",),
        part=Part.NONE,
        cause="The VM could not be stopped for the migration: a device or its back end refused.",
        remedy="See the line before; disks that can't be flushed and VFIO devices are the usual ones. "
        + _SOURCE_GOES_ON,
    ),
    Row(
        key="disks-not-released",
        values=("error",),
        part=Part.NONE,
        cause="At the switchover the source could not hand over its disks (inactivate: flush caches, release "
        "locks): a disk had an I/O error, a block job is running, or a disk is inactive already.",
        remedy="End block jobs, look at the storage. " + _SOURCE_GOES_ON,
    ),
    Row(
        key="switchover-interrupted",
        part=Part.NONE,
        cause="Between stopping the VM and the switchover the migration was cancelled or paused for good.",
        remedy="If nobody cancelled it: see the errors before. " + _SOURCE_GOES_ON,
    ),
    Row(
        key="completion-failed",
        part=Part.NONE,
        cause="Sending the last part (rest of memory, devices) failed; another line says why.",
        remedy="See the other lines of the source, and the destination's log: mostly it refused and closed the "
        "connection.",
        context=True,
    ),
    Row(
        key="device-save-failed",
        values=("section_id", "idstr", "error"),
        part=Part.NONE,
        cause="A device of the source could not be saved (its save_live_iterate or save_state failed, or the "
        "connection broke while it sent).",
        remedy="With -32 or -104 the destination closed the connection: its log has the reason. Otherwise see the "
        "line before. " + _SOURCE_GOES_ON,
    ),
    Row(
        key="switchover-ack-underflow",
        part=Part.RETURN_PATH,
        cause="The destination acknowledged the switchover more often than devices asked for.",
        remedy="Set switchover-ack alike on both sides; report it if it is.",
    ),
    Row(
        key="switchover-ack-late",
        values=("devices",),
        part=Part.NONE,
        cause="Devices asked for an acknowledgement of the switchover while it was already under way.",
        remedy="A bug of that device's code (VFIO); report it.",
    ),
    Row(
        key="switchover-ack-unsent",
        values=("error",),
        part=Part.RETURN_PATH,
        cause="The destination could not tell the source that it is ready for the switchover: the return path is "
        "broken.",
        remedy="See the source's log; set the capability return-path.",
    ),
    Row(
        key="unplug-incomplete",
        part=Part.NONE,
        cause="The migration ended while the guest was still giving back a failover network card; its state is "
        "unknown.",
        remedy="Look in the guest whether the card is there; plug it again.",
    ),
    Row(
        key="command-length",
        values=("command", "expected", "length"),
        part=Part.COMMAND,
        cause="A command in the stream has a payload of another length than its kind has: reading lost its way, or "
        "the source is of another version.",
        remedy="See the errors before it; `savevm-inspect check` finds where the records stop making sense.",
    ),
    Row(
        key="command-unknown",
        values=("command", "length"),
        part=Part.COMMAND,
        cause="A command in the stream that this QEMU does not know (or no longer takes: 11.1 names those that it "
        "dropped): the source is newer or older, or reading lost its way.",
        remedy="See the errors before it. If it is the first: switch off the capability that the source uses, or "
        "use its QEMU version.",
    ),
    Row(
        key="return-path-twice",
        part=Part.COMMAND,
        cause="The stream asks a second time to open the return path.",
        remedy="The stream is damaged or joined from two.",
    ),
    Row(
        key="return-path-failed",
        part=Part.COMMAND,
        cause="The destination could not open a connection back to the source: the stream was saved to a file or "
        "pipe with return-path on, or is loaded from one.",
        remedy="Save to a file with the capability return-path off; a live migration needs tcp:, unix: or a socket.",
    ),
    Row(
        key="ping-without-return-path",
        values=("number",),
        part=Part.COMMAND,
        cause="The stream has a PING, and there is no way back to answer it: a live migration's stream is loaded "
        "from a file.",
        remedy="It can't be loaded as it is; save the VM to a file without return-path and postcopy.",
    ),
    Row(
        key="return-path-length",
        values=("message", "type", "length", "expected"),
        part=Part.RETURN_PATH,
        cause="A message of the destination has another length than its kind has.",
        remedy="The return path is damaged, or versions differ more than they may.",
    ),
    Row(
        key="return-path-message",
        values=("type", "length"),
        part=Part.RETURN_PATH,
        cause="The destination sent a message of a kind that the source does not know.",
        remedy="Use a source that is as new as the destination, or something else answers on that connection.",
    ),
    Row(
        key="return-path-cut",
        values=("type", "read", "expected"),
        part=Part.RETURN_PATH,
        cause="The return path broke within a message.",
        remedy="See the destination's log.",
    ),
    Row(
        key="destination-failed",
        values=("error",),
        part=Part.RETURN_PATH,
        cause="The destination said at its end that the load failed. " + _SOURCE_GOES_ON,
        remedy="The reason stands in the destination's log (libvirt: /var/log/libvirt/qemu/NAME.log there).",
        context=True,
    ),
    Row(
        key="channel-error",
        part=Part.NONE,
        cause="The connection broke, and QEMU has no better word. The end of the connection is mostly the other "
        "side's failure.",
        remedy="Read the other side's log first; then the network (firewall, time-outs, MTU).",
    ),
    Row(
        key="file-partial",
        values=("done", "wanted"),
        part=Part.MAPPED_RAM,
        cause="Fewer bytes could be read or written at an offset of the file than asked for.",
        remedy="Written: the disk is full. Read: the file is shorter than it was.",
    ),
    Row(
        key="file-descriptor",
        values=("channel", "byte"),
        part=Part.NONE,
        cause="A device's file descriptor should come over the connection (CPR), and did not, or was never taken.",
        remedy="Use unix: for it, and the same devices on both sides.",
    ),
    Row(
        key="file-mode",
        part=Part.NONE,
        cause="A bug: a stream was opened with an invalid mode.",
        remedy="Report it.",
    ),
    Row(
        key="release-ram-failed",
        values=("address", "length", "error"),
        part=Part.NONE,
        cause="With release-ram the source gives back pages that it sent; the kernel refused (locked memory).",
        remedy="Harmless for the migration; switch release-ram or mem-lock off.",
    ),
    Row(
        key="flush-failed",
        part=Part.NONE,
        cause="What was written last could not be sent or stored.",
        remedy="See the rest of the line: a full disk, or a destination that closed the connection.",
    ),
    Row(
        key="channel-unknown",
        values=("magic",),
        part=Part.HEADER,
        cause="A connection came in whose first bytes are neither a stream nor a multifd channel: multifd or TLS is "
        "on at one side only, or something else connected (a port scanner, a health check).",
        remedy="Set multifd, postcopy-preempt and tls-creds alike; let only the source reach the port.",
    ),
    Row(
        key="channel-unpeekable",
        part=Part.NONE,
        cause="A further connection came whose first bytes can't be looked at (TLS), and multifd is off on this "
        "side.",
        remedy="Set multifd alike on both sides.",
    ),
    Row(
        key="channel-superfluous",
        part=Part.NONE,
        cause="A connection came in that the migration does not need; it is ignored.",
        remedy="Harmless, unless multifd-channels differ between the two sides.",
    ),
    Row(
        key="channel-peek",
        part=Part.NONE,
        cause="A connection was closed before it sent its first four bytes.",
        remedy="Something else connected, or the source gave up: see its log.",
    ),
    Row(
        key="socket-address",
        part=Part.NONE,
        cause="A bug: a further channel was opened before the first one.",
        remedy="Report it.",
    ),
    Row(
        key="zero-copy",
        part=Part.NONE,
        cause="zero-copy-send needs MSG_ZEROCOPY (Linux 4.14 and later, tcp only), which the source's kernel lacks.",
        remedy="Switch zero-copy-send off.",
    ),
    Row(
        key="fd-file",
        part=Part.NONE,
        cause="fd: was given a file. It is for sockets and pipes; 10.0 warns, 10.2 and later refuse.",
        remedy="Use file: with a path, or /dev/fdset/N.",
    ),
    Row(
        key="file-truncate",
        values=("offset",),
        part=Part.NONE,
        cause="The file to migrate to could not be cut to the given offset.",
        remedy="Check that it is a file and may be written.",
    ),
    Row(
        key="file-offset",
        values=("offset",),
        part=Part.NONE,
        cause="The offset= of a file: URI is no number.",
        remedy="Give bytes, as 4096 or 0x1000.",
    ),
    Row(
        key="file-page-range",
        values=("offset", "block"),
        part=Part.MAPPED_RAM,
        cause="A page to be written into the mapped-ram file lies outside its block.",
        remedy="A bug of the source; report it.",
    ),
    Row(
        key="file-page-unread",
        values=("channel", "read", "expected"),
        part=Part.MAPPED_RAM,
        cause="The mapped-ram file ends within a page.",
        remedy="The file is shorter than it was: compare sizes.",
    ),
    Row(
        key="runstate-too-long",
        values=("runstate",),
        part=Part.NONE,
        cause="A bug: the name of the VM's state does not fit into globalstate.",
        remedy="Report it.",
    ),
    Row(
        key="tls-credentials",
        values=("id",),
        part=Part.NONE,
        cause="tls-creds names an object that is not there or is no TLS credentials.",
        remedy="Create it (-object tls-creds-x509,...,endpoint=client on the source, server on the destination), or "
        "set tls-creds to an empty string.",
    ),
    Row(
        key="argument",
        part=Part.NONE,
        cause="A command was given an argument that it does not take.",
        remedy="See the QMP reference of the command.",
    ),
    Row(
        key="snapshot-missing",
        values=("snapshot",),
        part=Part.NONE,
        cause="loadvm: a disk that takes part in snapshots has none of that name. Each writable disk needs it, the "
        "one with the VM state too.",
        remedy="`qemu-img snapshot -l` on each image. Detach disks that came later, or name the devices "
        "(snapshot-load).",
    ),
    Row(
        key="snapshot-disk-only",
        part=Part.NONE,
        cause="The snapshot holds disks without VM state: it was made by qemu-img, or of a VM that did not run.",
        remedy="qemu-img snapshot -a NAME, with the VM off.",
    ),
    Row(
        key="snapshot-exists",
        values=("snapshot",),
        part=Part.NONE,
        cause="savevm: a snapshot of that name is there already.",
        remedy="Delete it, or use another name.",
    ),
    Row(
        key="snapshot-state-unopened",
        part=Part.NONE,
        cause="The place of the VM state in the image could not be opened.",
        remedy="Check the image (qemu-img check).",
    ),
    Row(
        key="snapshot-write",
        part=Part.NONE,
        cause="The VM's state could not be written into the image.",
        remedy="Look for a full disk and for I/O errors of the image.",
    ),
    Row(
        key="snapshot-global-state",
        part=Part.NONE,
        cause="The state in which the VM was could not be noted for the snapshot.",
        remedy="Report it.",
    ),
    Row(
        key="snapshot-replay",
        part=Part.NONE,
        cause="Record/replay is at a point where no snapshot can be made.",
        remedy="Try again a moment later.",
    ),
    Row(
        key="snapshot-block-migration",
        part=Part.NONE,
        cause="The capability block is on, which snapshots can't have.",
        remedy="Switch it off.",
    ),
    Row(
        key="xen-state-failed",
        part=Part.NONE,
        cause="xen-save-devices-state or xen-load-devices-state failed.",
        remedy="See the rest of the line and the lines before.",
        context=True,
    ),
    Row(
        key="xen-vm-running",
        part=Part.NONE,
        cause="xen-load-devices-state wants a VM that is stopped.",
        remedy="Stop it first.",
    ),
)
