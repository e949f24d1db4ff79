"""What libvirt, the kernel and other parts of QEMU say around a migration."""

from typing import Final

from ..row import Part, Row

ROWS: Final = (
    Row(
        key="connection-broke",
        part=Part.NONE,
        cause="The connection of the migration ended: 'Broken pipe' and 'Connection reset by peer' are the other "
        "side's end (mostly the destination refused the load and closed), 'Bad file descriptor' our own "
        "(cancelled), 'timed out' the network.",
        remedy="Read the destination's log first. If it has nothing, look at firewalls, keep-alive and the network.",
    ),
    Row(
        key="connection-refused",
        values=("host", "port"),
        part=Part.NONE,
        cause="The destination could not be reached: nobody listens there (its QEMU ended already, or waits "
        "elsewhere), a firewall, a wrong name or address.",
        remedy="libvirt takes ports 49152 to 49215 on the destination; open them, or use --tunnelled or "
        "--migrateuri. Check that both hosts resolve each other's name.",
    ),
    Row(
        key="tls-handshake",
        values=("reason",),
        part=Part.NONE,
        cause="The two sides could not agree on TLS: one of them has none, certificates are missing, expired, of "
        "another authority or another name.",
        remedy="Check ca-cert.pem, server-cert.pem, client-cert.pem on both hosts, their dates, and tls-hostname.",
    ),
    Row(
        key="image-locked",
        values=("lock",),
        part=Part.NONE,
        cause="The disk image is in use by another QEMU, mostly the source that still runs, on a storage where its "
        "lock reaches the destination; or the destination was started without -incoming, or has finished loading "
        "before the source let go.",
        remedy="Start the destination with -incoming: then it locks at the switchover. Don't start the VM a second "
        "time; end what holds the image (`lsof`, qemu-nbd, a backup).",
    ),
    Row(
        key="tsc-frequency",
        values=("guest", "host"),
        part=Part.FIELDS,
        cause="The guest's time stamp counter runs at another rate than the destination's, and the CPU there can't "
        "scale it. Without invtsc that is a warning: clocks in the guest may drift.",
        remedy="Choose hosts with the same TSC rate or with TSC scaling; do without invtsc and tsc-frequency.",
    ),
    Row(
        key="msr-refused",
        values=("msr", "value"),
        part=Part.FIELDS,
        cause="KVM on the destination refused a model-specific register of the guest's CPU: this host's CPU, "
        "microcode or kernel lacks what the guest uses (0x48 spec-ctrl, 0x10a arch-capabilities, 0x38d to 0x38f and "
        "0x186 PMU, 0x480 and following nested VMX).",
        remedy="Give the guest a CPU model that both hosts have (not -cpu host), same kernel and microcode, "
        "pmu=off, nested off; it takes effect when the guest is started anew.",
    ),
    Row(
        key="cpu-feature",
        values=("features",),
        part=Part.NONE,
        cause="The destination's CPU, microcode or kernel does not have CPU features that the guest was started "
        "with.",
        remedy="Choose the oldest common model (`virsh hypervisor-cpu-baseline`), restart the guest with it, then "
        "migrate.",
    ),
    Row(
        key="virtio-net-backend",
        part=Part.VIRTIO,
        cause="The guest's network card was saved with a back end that does header and segmentation offload, and "
        "the destination's can't (user mode, a tap without vnet_hdr).",
        remedy="Use tap with vnet_hdr=on (or vhost) on both sides, or switch those features off from the guest's "
        "boot on.",
    ),
    Row(
        key="virtio-serial-port",
        values=("port", "device"),
        part=Part.FIELDS,
        cause="The guest had a virtio serial port open or configured that the destination does not have, or has "
        "with another nr=.",
        remedy="Give the destination the same virtserialport and virtconsole devices with the same nr=.",
    ),
    Row(
        key="virtfs-mounted",
        values=("path", "mount_tag"),
        part=Part.NONE,
        cause="The guest has a 9p file system mounted; its open files on the host can't be moved.",
        remedy="Unmount it in the guest, or use virtio-fs with a virtiofsd that can migrate.",
    ),
    Row(
        key="qemu-died",
        part=Part.NONE,
        cause="A QEMU process ended while libvirt talked with it. What follows is the end of its log: the reason is "
        "a line of QEMU's. Of the destination it is usual: QEMU exits when it can't load, unless migrate-incoming "
        "was given exit-on-error=false.",
        remedy="Take QEMU's own lines: /var/log/libvirt/qemu/NAME.log on the destination, and dmesg (killed for "
        "memory, segfault).",
        context=True,
    ),
    Row(
        key="job-failed",
        values=("job", "reason"),
        part=Part.NONE,
        cause="libvirt's word for a migration that QEMU reported as failed; often nothing but that.",
        remedy="The reason stands in QEMU's log of the destination and, for the source, in `query-migrate`'s "
        "error-desc: virsh qemu-monitor-command NAME --hmp 'info migrate'.",
        context=True,
    ),
    Row(
        key="job-canceled",
        values=("job",),
        part=Part.NONE,
        cause="Somebody cancelled the migration: virsh domjobabort, Ctrl-C, a time-out of the management (oVirt, "
        "OpenStack, KubeVirt cancel what makes no progress).",
        remedy="If it does not converge: more bandwidth, auto-converge, postcopy or a larger downtime limit.",
    ),
    Row(
        key="state-lock",
        part=Part.NONE,
        cause="Another job of libvirt holds the domain (a migration, save, snapshot or a query that hangs).",
        remedy="`virsh domjobinfo`; if a QEMU hangs, look at its storage.",
    ),
    Row(
        key="command-refused",
        values=("command", "reason"),
        part=Part.NONE,
        cause="QEMU refused a command of libvirt; what follows is QEMU's reason.",
        remedy="See the rest of the line.",
        context=True,
    ),
    Row(
        key="unsafe-storage",
        part=Part.NONE,
        cause="libvirt found a disk that does not lie on storage which both hosts share.",
        remedy="Put it there, copy it along with --copy-storage-all, or use --unsafe if you know that it is shared.",
    ),
    Row(
        key="unsafe-cache",
        part=Part.NONE,
        cause="A disk has a cache mode with which the destination's host may have old data in its page cache.",
        remedy="Set cache='none' or 'directsync' (file systems that are coherent pass anyway), or --unsafe after "
        "dropping caches.",
    ),
    Row(
        key="definition-differs",
        values=("target", "source"),
        part=Part.NONE,
        cause="The definition that was given for the destination (--xml, --persistent-xml) describes another "
        "machine than the one that runs: something changed that the guest can see.",
        remedy="Change only what the guest can't see (paths of disks, networks); start from `virsh dumpxml "
        "--migratable`.",
    ),
    Row(
        key="same-host",
        values=("host",),
        part=Part.NONE,
        cause="Source and destination are one host for libvirt: they have the same host UUID or machine-id, mostly "
        "clones of one installation.",
        remedy="Give each host a UUID of its own: host_uuid in libvirtd.conf, /etc/machine-id.",
    ),
    Row(
        key="domain-blocked",
        values=("reasons",),
        part=Part.NONE,
        cause="Something of the domain forbids migration; the reasons follow, in QEMU's words.",
        remedy="Remove what is named: detach a passed-through device, unmount 9p in the guest.",
    ),
    Row(
        key="out-of-memory",
        values=("pid", "process"),
        part=Part.NONE,
        cause="The kernel ended a process for want of memory. If it was a QEMU, its peer only sees a broken "
        "connection.",
        remedy="Give the host (or the container: its limit) memory for the whole guest and QEMU's overhead; "
        "multifd, COLO and VFIO need more.",
    ),
    Row(
        key="segfault",
        part=Part.NONE,
        cause="A process crashed. If it was a QEMU, that is a bug of it, whatever the stream held.",
        remedy="Report it with the backtrace (coredumpctl), both versions and the stream or its description.",
    ),
    Row(
        key="unstable-tsc",
        part=Part.NONE,
        cause="The host's time stamp counter is not reliable, so the guest's is not either: clocks may jump after a "
        "migration.",
        remedy="A warning. Check the clock source of the host (BIOS, C-states).",
    ),
)
