"""Feature bits by the names that the virtio standard gives them (include/standard-headers/linux/virtio_*.h)."""

from collections.abc import Iterator

_ANY_DEVICE = {
    24: "NOTIFY_ON_EMPTY",
    27: "ANY_LAYOUT",
    28: "INDIRECT_DESC",
    29: "EVENT_IDX",
    30: "BAD_FEATURE",
    32: "VERSION_1",
    33: "ACCESS_PLATFORM",
    34: "RING_PACKED",
    35: "IN_ORDER",
    36: "ORDER_PLATFORM",
    37: "SR_IOV",
    38: "NOTIFICATION_DATA",
    39: "NOTIF_CONFIG_DATA",
    40: "RING_RESET",
    41: "ADMIN_VQ",
}
_NET = {
    0: "CSUM",
    1: "GUEST_CSUM",
    2: "CTRL_GUEST_OFFLOADS",
    3: "MTU",
    5: "MAC",
    6: "GSO",
    7: "GUEST_TSO4",
    8: "GUEST_TSO6",
    9: "GUEST_ECN",
    10: "GUEST_UFO",
    11: "HOST_TSO4",
    12: "HOST_TSO6",
    13: "HOST_ECN",
    14: "HOST_UFO",
    15: "MRG_RXBUF",
    16: "STATUS",
    17: "CTRL_VQ",
    18: "CTRL_RX",
    19: "CTRL_VLAN",
    20: "CTRL_RX_EXTRA",
    21: "GUEST_ANNOUNCE",
    22: "MQ",
    23: "CTRL_MAC_ADDR",
    50: "DEVICE_STATS",
    52: "VQ_NOTF_COAL",
    53: "NOTF_COAL",
    54: "GUEST_USO4",
    55: "GUEST_USO6",
    56: "HOST_USO",
    57: "HASH_REPORT",
    59: "GUEST_HDRLEN",
    60: "RSS",
    61: "RSC_EXT",
    62: "STANDBY",
    63: "SPEED_DUPLEX",
    65: "GUEST_UDP_TUNNEL_GSO",
    66: "GUEST_UDP_TUNNEL_GSO_CSUM",
    67: "HOST_UDP_TUNNEL_GSO",
    68: "HOST_UDP_TUNNEL_GSO_CSUM",
}
_BLOCK = {
    0: "BARRIER",
    1: "SIZE_MAX",
    2: "SEG_MAX",
    4: "GEOMETRY",
    5: "RO",
    6: "BLK_SIZE",
    7: "SCSI",
    9: "FLUSH",
    10: "TOPOLOGY",
    11: "CONFIG_WCE",
    12: "MQ",
    13: "DISCARD",
    14: "WRITE_ZEROES",
    16: "SECURE_ERASE",
    17: "ZONED",
}
_CONSOLE = {0: "SIZE", 1: "MULTIPORT", 2: "EMERG_WRITE"}
_BALLOON = {
    0: "MUST_TELL_HOST",
    1: "STATS_VQ",
    2: "DEFLATE_ON_OOM",
    3: "FREE_PAGE_HINT",
    4: "PAGE_POISON",
    5: "REPORTING",
}
_SCSI = {0: "INOUT", 1: "HOTPLUG", 2: "CHANGE", 3: "T10_PI"}
_9P = {0: "MOUNT_TAG"}
_GPU = {0: "VIRGL", 1: "EDID", 2: "RESOURCE_UUID", 3: "RESOURCE_BLOB", 4: "CONTEXT_INIT"}
_VSOCK = {0: "STREAM", 1: "SEQPACKET"}
_IOMMU = {
    0: "INPUT_RANGE",
    1: "DOMAIN_RANGE",
    2: "MAP_UNMAP",
    3: "BYPASS",
    4: "PROBE",
    5: "MMIO",
    6: "BYPASS_CONFIG",
}
_MEM = {0: "ACPI_PXM", 1: "UNPLUGGED_INACCESSIBLE", 2: "PERSISTENT_SUSPEND"}
_FS = {0: "NOTIFICATION"}

OF_DEVICE = {
    "virtio-net": _NET,
    "virtio-blk": _BLOCK,
    "vhost-user-blk": _BLOCK,
    "virtio-console": _CONSOLE,
    "virtio-balloon": _BALLOON,
    "virtio-scsi": _SCSI,
    "virtio-vhost_scsi": _SCSI,
    "virtio-9p": _9P,
    "virtio-gpu": _GPU,
    "virtio-vhost_vsock": _VSOCK,
    "virtio-iommu": _IOMMU,
    "virtio-mem": _MEM,
    "vhost-user-fs": _FS,
}
"""By the device's ``vmsd_name``; devices that have no bits of their own are missing."""


def names(device: str, value: int, first_bit: int = 0) -> str:
    """The features whose bits are set.

    Args:
        device: its ``vmsd_name``.
        value: the bits.
        first_bit: number of the lowest one.
    """
    return " ".join(_names(device, value << first_bit))


def _names(device: str, bits: int) -> Iterator[str]:
    known = {**_ANY_DEVICE, **OF_DEVICE.get(device, {})}
    for bit in range(bits.bit_length()):
        if bits >> bit & 1:
            yield known.get(bit, f"bit {bit}")
