"""What each kind of virtio device saves of its own, between the queues and the subsections of all devices."""

from collections.abc import Callable
from dataclasses import dataclass

from ..coder import Coder
from ..runs import chunks
from .element import element

_NET_F_CTRL_GUEST_OFFLOADS = 1 << 2
_NET_VLAN_BYTES = 512
_NET_QUEUE_PAIRS_MAX = 511
_NET_RSS_KEY_BYTES = 40
_NET_RSS_TABLE_MAX = 1 << 15
_CONSOLE_PORTS_MAX = 511
_NSM_PCRS = 32
_NSM_PCR_BYTES = 48
_SUBSECTION_MARK = b"\x05"
_SUBSECTION_NAMES = (b"virtio/", b"virtio-")


@dataclass(frozen=True, slots=True)
class Core:
    """What the part before says.

    Attributes:
        guest_features: the lower 32 bits.
        queues: number of queues.
        version: version_id of the device's description.
    """

    guest_features: int
    queues: int
    version: int


def network(coder: Coder, core: Core) -> None:
    """hw/net/virtio-net.c, vmstate_virtio_net_device."""
    coder.numbers("mac", "uint8", 6)
    coder.record(("tx_waiting", "uint32"), ("mergeable_rx_bufs", "uint32"), ("status", "uint16"))
    coder.record(("promisc", "uint8"), ("allmulti", "uint8"))
    addresses = coder.count("mac_table.in_use")
    coder.buffer("mac_table.macs", 6 * addresses)
    coder.buffer("vlans", _NET_VLAN_BYTES)
    coder.number("has_vnet_hdr", "uint32")
    coder.record(("mac_table.multi_overflow", "uint8"), ("mac_table.uni_overflow", "uint8"))
    coder.record(("alluni", "uint8"), ("nomulti", "uint8"), ("nouni", "uint8"), ("nobcast", "uint8"))
    coder.number("has_ufo", "uint8")
    offloads = bool(core.guest_features & _NET_F_CTRL_GUEST_OFFLOADS)
    # The device has them if it was made with several pairs. Its configuration can't show that as long as the guest
    # did not read it, so what follows has to.
    if coder.has("max_queue_pairs", lambda data: not _subsections_begin(data, 8 * offloads)):
        coder.number("max_queue_pairs", "uint16", most=_NET_QUEUE_PAIRS_MAX)
        pairs = coder.count("curr_queue_pairs", "uint16", most=_NET_QUEUE_PAIRS_MAX)
        coder.numbers("tx_waiting_1", "uint32", max(pairs - 1, 0))
    if offloads:
        coder.number("curr_guest_offloads", "uint64")
    coder.subsection("virtio-net-device/rss", _rss, versions=(1, 2))
    coder.subsection("virtio-net-device/backend", lambda coder, _: chunks(coder, "backend"), versions=(0,))


def _rss(coder: Coder, version: int) -> None:
    """hw/net/virtio-net.c, vmstate_virtio_net_rss."""
    coder.record(("enabled", "bool"), ("redirect", "bool"), ("populate_hash", "bool"))
    coder.number("runtime_hash_types", "uint32")
    if version > 1:
        coder.number("supported_hash_types", "uint32")
    entries = coder.count("indirections_len", "uint16", most=_NET_RSS_TABLE_MAX)
    coder.number("default_queue", "uint16")
    coder.numbers("key", "uint8", _NET_RSS_KEY_BYTES)
    coder.numbers("indirections_table", "uint16", entries)


def block(coder: Coder, core: Core) -> None:
    """hw/block/virtio-blk.c, virtio_blk_save_device."""
    for _ in coder.marked("requests"):
        if core.queues > 1:
            coder.number("vq", most=core.queues - 1)
        element(coder)


def console(coder: Coder, _core: Core) -> None:
    """hw/char/virtio-serial-bus.c, virtio_serial_save_device."""
    coder.record(("cols", "uint16"), ("rows", "uint16"))
    # As it lies in configuration space: swapped if the target is big-endian.
    stated = coder.number("max_nr_ports")
    ports = stated if stated <= _CONSOLE_PORTS_MAX else int.from_bytes(stated.to_bytes(4), "little")
    if ports > _CONSOLE_PORTS_MAX:
        coder.refuse(f"max_nr_ports is {stated:#x}, expected at most {_CONSOLE_PORTS_MAX} in either byte order")
    coder.numbers("ports_map", "uint32", (ports + 31) // 32)
    for _ in coder.indices("ports", coder.count("nr_active_ports", most=ports)):
        coder.record(("id", "uint32"), ("guest_connected", "bool"), ("host_connected", "bool"))
        if coder.number("elem_popped", most=1):
            coder.record(("iov_idx", "uint32"), ("iov_offset", "uint64"))
            element(coder)


def balloon(coder: Coder, _core: Core) -> None:
    """hw/virtio/virtio-balloon.c, vmstate_virtio_balloon_device."""
    coder.record(("num_pages", "uint32"), ("actual", "uint32"))
    coder.subsection(
        "virtio-balloon-device/free-page-report",
        lambda coder, _: coder.record(("free_page_hint_cmd_id", "uint32"), ("free_page_hint_status", "uint32")),
    )
    coder.subsection("virtio-balloon-device/page-poison", lambda coder, _: coder.number("poison_val"))


def memory(coder: Coder, _core: Core) -> None:
    """hw/virtio/virtio-mem.c, vmstate_virtio_mem_device.

    Machine types from 8.0 on send most of it before RAM, in a section of its own that is described.
    """
    whole = coder.has("addr", lambda data: not _subsections_begin(data, 16))
    region = block_size = 0
    if whole:
        coder.number("addr", "uint64")
        region = coder.number("region_size", "uint64")
        block_size = coder.number("block_size", "uint64")
        coder.number("node")
    coder.number("usable_region_size", "uint64")
    if whole:
        coder.number("size", "uint64")
    coder.number("requested_size", "uint64")
    if whole:
        if not block_size:
            coder.refuse("block_size is 0")
        coder.numbers("bitmap", "uint64", (region // block_size + 63) // 64)


def iommu(coder: Coder, core: Core) -> None:
    """hw/virtio/virtio-iommu.c, vmstate_virtio_iommu_device; bypass came with version 2."""
    bypass = core.version != 1
    coder.count("domains_nnodes")
    for _ in coder.marked("domains"):
        coder.record(("key", "uint64"), ("id", "uint32"))
        coder.count("mappings_nnodes")
        for _ in coder.marked("mappings"):
            coder.record(("low", "uint64"), ("high", "uint64"), ("phys_addr", "uint64"), ("flags", "uint32"))
        for _ in coder.marked("endpoint_list"):
            coder.number("id")
        if bypass:
            coder.number("bypass", "bool")
    if bypass:
        coder.number("config.bypass", "uint8")


def security_module(coder: Coder, _core: Core) -> None:
    """hw/virtio/virtio-nsm.c, vmstate_virtio_nsm_device."""
    for _ in coder.indices("pcrs", _NSM_PCRS):
        coder.number("locked", "bool")
        coder.numbers("data", "uint8", _NSM_PCR_BYTES)


def nothing(_coder: Coder, _core: Core) -> None:
    """A device that saves nothing of its own."""


OWN_STATE: dict[str, Callable[[Coder, Core], None]] = {
    "virtio-net": network,
    "virtio-blk": block,
    "virtio-console": console,
    "virtio-balloon": balloon,
    "virtio-iommu": iommu,
    "virtio-mem": memory,
    "virtio-nsm": security_module,
}
"""By the device's ``vmsd_name``. Any other saves nothing here: rng, scsi, 9p, gpu, input, vsock, vhost-user ones."""


def _subsections_begin(data: memoryview, at: int) -> bool:
    """Whether the field's bytes end at a position, or go on with the head of a subsection."""
    if at >= len(data):
        return at == len(data)
    head = bytes(data[at : at + 9])
    return head[:1] == _SUBSECTION_MARK and head[2:] in _SUBSECTION_NAMES
