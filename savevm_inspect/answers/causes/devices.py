"""PCI and virtio devices (hw/pci/pci.c, hw/virtio/virtio.c)."""

from typing import Final

from ..row import Part, Row

ROWS: Final = (
    Row(
        key="pci-config",
        values=("config_offset", "read", "device", "cmask", "wmask", "w1cmask"),
        part=Part.PCI_CONFIG,
        cause="A byte of a device's PCI configuration space that can't change at run time (a bit of cmask, and in "
        "neither wmask nor w1cmask) is different: i is its offset, `read` the stream's value, `device` the "
        "destination's. At 0x00 to 0x03 it is another device; 0x08 another revision; 0x0a, 0x0b another class; 0x0e "
        "multifunction=on at one side; 0x34 another list of capabilities (disable-modern, disable-legacy, or a PCIe "
        "port); within MSI-X the number of vectors (vectors=, num_queues=); in a root port's capabilities chassis= "
        "or slot=.",
        remedy="Give the device the same properties and the same QEMU machine type on both sides; with a stream, "
        "`savevm-inspect explain LINE STREAM` says which register of which device the byte belongs to.",
    ),
    Row(
        key="pci-irq-state",
        values=("state",),
        part=Part.FIELDS,
        cause="The level of an interrupt line in the state of a PCI device is neither 0 nor 1: the configuration "
        "space before it has another length (256 or 4096 bytes: PCI or PCI Express), or bytes are damaged.",
        remedy="Plug the device into the same kind of bus on both sides (directly into pcie.0, or into a root port).",
    ),
    Row(
        key="vring-num",
        values=("queue", "received", "local"),
        part=Part.VIRTIO,
        cause="A virtqueue is larger in the stream than the destination's device has allocated. Since 11.1 that is "
        "checked; 7.2 and 10.0 load it without a word. If the guest's firmware left a device unbound, queue 0 of an "
        "unchanged configuration can hold the maximum of 1024 and is refused too: a regression of 11.1.",
        remedy="Give the device the same queue-size (rx_queue_size, tx_queue_size, queue-size) as on the source. If "
        "both are equal, let the guest's driver bind the device (or reset it) before saving, or load with another "
        "version.",
    ),
    Row(
        key="virtio-features",
        values=("guest_features", "host_features"),
        part=Part.VIRTIO,
        cause="The guest uses virtio features (first number) that the destination's device does not offer (second): "
        "a property is off there (mq, csum, packed, iommu_platform, ...), its back end can't do them (vhost, a tap "
        "without vnet headers, the kernel of the host), or its machine type or QEMU is older.",
        remedy="Find the bits that are set in the first and not in the second number: each has its property of the "
        "device. Switch it on at the destination, or off at the source from the guest's boot on.",
    ),
    Row(
        key="virtio-queue-count",
        values=("queues",),
        part=Part.VIRTIO,
        cause="The number of virtqueues in the stream is above 1024, QEMU's maximum: bytes before it were read with "
        "the wrong length, or are damaged.",
        remedy="Compare the device's type, transport (PCI, mmio, ccw) and bus on both sides.",
    ),
    Row(
        key="virtio-queue-address",
        values=("queue", "index"),
        part=Part.VIRTIO,
        cause="A queue has no address, yet an index that says it was in use: the state contradicts itself.",
        remedy="The stream is damaged, or its source had a bug in resetting the queue; reset the device in the "
        "guest and save again.",
    ),
    Row(
        key="virtio-used-index",
        values=("queue", "size", "last_avail_index", "used_index"),
        part=Part.VIRTIO,
        cause="A queue has more requests in flight than it has room for: its indices, or the memory that holds "
        "them, are not those of the moment the state was saved. Guest memory came damaged or late, or vhost wrote "
        "on after it.",
        remedy="See whether RAM was transferred fully (postcopy, x-ignore-shared, shared memory of vhost-user, a "
        "disk image that both QEMUs wrote to). An older source with vhost: upgrade it.",
    ),
    Row(
        key="virtio-avail-index",
        values=("queue", "size", "guest_index", "host_index", "delta"),
        part=Part.VIRTIO,
        cause="The guest's index of a queue, read from guest memory, and the device's index in the stream are "
        "further apart than the queue is long: memory and device state are not of the same moment. It also shows if "
        "pages were lost, or if memory was loaded that belongs to another save.",
        remedy="Check that the whole memory was transferred and that no page was written after the VM was stopped "
        "(vhost-user, VFIO, x-ignore-shared with a file that went on changing). Then it is a bug of the source.",
    ),
)
