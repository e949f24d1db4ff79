"""The ``virtio`` field: transport, rings, device and subsections, which no description describes.

A virtio device saves itself with code of its own and leaves the description one field with a size
(hw/virtio/virtio.c, virtio_save). Its layout is fixed for the PCI transport and for the device types below;
what is not, stays undecoded with the reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import BadPayload, StreamError
from ..span import Span
from ..stream.cursor import Cursor
from ..stream.values import FieldValue, Undecoded
from ..wire import VmRecord
from . import fields, pci
from .layout import buffer, number, state, struct
from .schema import FieldSchema, StateSchema
from .walk import walk

Parts = tuple[str, ...]

_QUEUE_MAX = 1024
_PCI_DEVICE_VERSION = 2
_CONFIG_SIZES = (256, 4096)
_IRQ_STATE_BYTES = 16
_VIRTIO_VENDOR = 0x1AF4
_MODERN_DEVICE_ID = 0x1040
_F_CTRL_GUEST_OFFLOADS = 1 << 2


def _in_order(*states: StateSchema) -> dict[str, StateSchema]:
    return {each.name: each for each in states}


_SUBSECTIONS = _in_order(
    state("virtio/device_endian", number("device_endian", "uint8")),
    state("virtio/128bit_features", number("guest_features_ex[1]", "uint64")),
    state("virtio/64bit_features", number("guest_features", "uint64")),
    state(
        "virtio/virtqueues",
        struct("vq", number("vring.avail", "uint64"), number("vring.used", "uint64"), count=_QUEUE_MAX),
    ),
    state("virtio/ringsize", number("vring.num_default", "uint32", _QUEUE_MAX)),
    state("virtio/broken", number("broken", "bool")),
    state("virtio/extra_state"),
    state("virtio/started", number("started", "bool")),
    state(
        "virtio/packed_virtqueues",
        struct(
            "vq",
            number("last_avail_idx", "uint16"),
            number("last_avail_wrap_counter", "bool"),
            number("used_idx", "uint16"),
            number("used_wrap_counter", "bool"),
            number("inuse", "uint32"),
            count=_QUEUE_MAX,
        ),
    ),
    state("virtio/disabled", number("disabled", "bool")),
)
_TRANSPORT_SUBSECTIONS = _in_order(
    state(
        "virtio_pci/modern_state",
        number("dfselect", "uint32"),
        number("gfselect", "uint32"),
        number("guest_features", "uint32", 2),
        struct(
            "vqs",
            number("num", "uint16"),
            number("unused", "uint8"),
            number("enabled", "bool"),
            number("desc", "uint32", 2),
            number("avail", "uint32", 2),
            number("used", "uint32", 2),
            count=_QUEUE_MAX,
        ),
    ),
    state("virtio_pci/modern_state/features128", number("guest_features", "uint32", 2)),
)
_BALLOON_SUBSECTIONS = _in_order(
    state(
        "virtio-balloon-device/free-page-report",
        number("free_page_hint_cmd_id", "uint32"),
        number("free_page_hint_status", "uint32"),
    ),
    state("virtio-balloon-device/page-poison", number("poison_val", "uint32")),
)


@dataclass(frozen=True, slots=True)
class _Core:
    """What the common part tells the device's own part."""

    guest_features: int
    config: bytes


def read_virtio(cursor: Cursor, field: FieldSchema, parts: Parts) -> Iterator[FieldValue]:
    """Read a whole virtio field.

    Args:
        cursor: stands on its first byte.
        field: its schema, which says no more than its size.
        parts: names down to it.
    """
    start = cursor.pos
    body = cursor.take(field.size, "a virtio device")
    inner = Cursor(body, channel=cursor.channel, base=cursor.base + start)
    inner.section = cursor.section
    leaves: list[FieldValue] = []
    try:
        leaves.extend(_read_device(inner, parts))
        if inner.remaining:
            raise BadPayload("more bytes than the layout has", offset=inner.offset)
        yield from leaves
    except StreamError as error:
        yield FieldValue(
            parts=parts,
            type=field.type,
            value=Undecoded(f"not the virtio layout that is known ({error})", bytes(body)),
            span=Span(channel=cursor.channel, offset=cursor.base + start, length=field.size),
        )


def _read_device(cursor: Cursor, parts: Parts) -> Iterator[FieldValue]:
    config = _find_pci_config(cursor)
    transport = state(
        "",
        number("version_id", "int32 le"),
        FieldSchema(name="config", type="pci config", size=len(config), count=1, index=None, states=()),
        FieldSchema(name="irq_state", type="pci irq state", size=_IRQ_STATE_BYTES, count=1, index=None, states=()),
    )
    yield from walk(transport, cursor, fields.CODECS, (*parts, "pci_dev"))
    vectors = pci.msix_vectors(config)
    if vectors:
        yield from pci.read_msix_table(cursor, vectors, (*parts, "pci_dev", "msix"))
        yield from _walk(cursor, parts, number("config_vector", "uint16"))
    common = _walk(
        cursor,
        parts,
        number("status", "uint8"),
        number("isr", "uint8"),
        number("queue_sel", "uint16"),
        number("guest_features_lo", "uint32"),
        number("config_len", "uint32"),
    )
    yield from common
    length = _number_in(common[-1])
    device_config = bytes(cursor.peek(length))
    yield from _walk(cursor, parts, buffer("config", length))
    yield from _read_queues(cursor, parts, vectors)
    core = _Core(guest_features=_number_in(common[3]), config=device_config)
    read_own = _DEVICES.get(_virtio_id(config))
    if read_own is None:
        raise BadPayload(f"a virtio device of type {_virtio_id(config)}", offset=cursor.offset)
    yield from read_own(cursor, core, (*parts, "device"))
    yield from _read_subsections(cursor, _SUBSECTIONS, parts)


def _find_pci_config(cursor: Cursor) -> bytes:
    """Configuration space after the version; its size is told by the interrupt lines after it, 0 or 1 each."""
    if bytes(cursor.peek(4)) != _PCI_DEVICE_VERSION.to_bytes(4):
        raise BadPayload("no PCI device", offset=cursor.offset)
    for size in _CONFIG_SIZES:
        ahead = bytes(cursor.peek(4 + size + _IRQ_STATE_BYTES))
        config, lines = ahead[4 : 4 + size], ahead[4 + size :]
        levels = {lines[at : at + 4] for at in range(0, _IRQ_STATE_BYTES, 4)}
        if levels <= {b"\0\0\0\0", b"\0\0\0\1"} and config[:2] == _VIRTIO_VENDOR.to_bytes(2, "little"):
            return config
    raise BadPayload("no virtio PCI configuration space", offset=cursor.offset)


def _virtio_id(config: bytes) -> int:
    """The device type by the PCI identifiers: the modern range, or the subsystem of a transitional device."""
    device = int.from_bytes(config[2:4], "little")
    return device - _MODERN_DEVICE_ID if device >= _MODERN_DEVICE_ID else int.from_bytes(config[0x2E:0x30], "little")


def _read_queues(cursor: Cursor, parts: Parts, vectors: int) -> Iterator[FieldValue]:
    counted = _walk(cursor, parts, number("num_queues", "uint32"))
    yield from counted
    count = _number_in(counted[0])
    if count > _QUEUE_MAX:
        raise BadPayload(f"{count} queues, expected at most {_QUEUE_MAX}", offset=counted[0].span.offset)
    queue = [
        number("vring.num", "uint32"),
        number("vring.desc", "uint64"),
        number("last_avail_idx", "uint16"),
    ]
    if vectors:
        queue.append(number("vector", "uint16"))
    yield from _walk(cursor, parts, struct("vq", *queue, count=count))


def _read_nothing(_cursor: Cursor, _core: _Core, _parts: Parts) -> Iterator[FieldValue]:
    return iter(())


def _read_block(cursor: Cursor, _core: _Core, parts: Parts) -> Iterator[FieldValue]:
    """Requests in flight are raw host structures upstream; their list is read when it is empty."""
    mark = _walk(cursor, parts, number("requests", "uint8"))
    if mark[0].value:
        raise BadPayload("requests in flight, host structures of QEMU's", offset=mark[0].span.offset)
    yield from mark


def _read_console(cursor: Cursor, _core: _Core, parts: Parts) -> Iterator[FieldValue]:
    """hw/char/virtio-serial-bus.c, virtio_serial_save_device."""
    head = _walk(cursor, parts, number("cols", "uint16"), number("rows", "uint16"), number("max_nr_ports", "uint32"))
    yield from head
    ports = _number_in(head[-1])
    if ports > cursor.remaining * 8:
        raise BadPayload(f"{ports} ports", offset=head[-1].span.offset)
    yield from _walk(cursor, parts, number("ports_map", "uint32", (ports + 31) // 32))
    active = _walk(cursor, parts, number("nr_active_ports", "uint32"))
    yield from active
    for port in range(_number_in(active[0])):
        state_of_port = _walk(
            cursor,
            (*parts, f"ports[{port}]"),
            number("id", "uint32"),
            number("guest_connected", "bool"),
            number("host_connected", "bool"),
            number("elem_popped", "uint32"),
        )
        yield from state_of_port
        if state_of_port[-1].value:
            raise BadPayload("a buffer in use, a host structure of QEMU's", offset=state_of_port[-1].span.offset)


def _read_balloon(cursor: Cursor, _core: _Core, parts: Parts) -> Iterator[FieldValue]:
    """hw/virtio/virtio-balloon.c, vmstate_virtio_balloon_device."""
    yield from _walk(cursor, parts, number("num_pages", "uint32"), number("actual", "uint32"))
    yield from _read_subsections(cursor, _BALLOON_SUBSECTIONS, parts)


def _read_net(cursor: Cursor, core: _Core, parts: Parts) -> Iterator[FieldValue]:
    """hw/net/virtio-net.c, vmstate_virtio_net_device."""
    head = _walk(
        cursor,
        parts,
        number("mac", "uint8", 6),
        number("tx_waiting", "uint32"),
        number("mergeable_rx_bufs", "uint32"),
        number("status", "uint16"),
        number("promisc", "uint8"),
        number("allmulti", "uint8"),
        number("mac_table.in_use", "uint32"),
    )
    yield from head
    yield from _walk(
        cursor,
        parts,
        buffer("mac_table.macs", 6 * _number_in(head[-1])),
        buffer("vlans", 512),
        number("has_vnet_hdr", "uint32"),
        number("mac_table.multi_overflow", "uint8"),
        number("mac_table.uni_overflow", "uint8"),
        number("alluni", "uint8"),
        number("nomulti", "uint8"),
        number("nouni", "uint8"),
        number("nobcast", "uint8"),
        number("has_ufo", "uint8"),
    )
    if int.from_bytes(core.config[8:10], "little") > 1:
        pairs = _walk(cursor, parts, number("max_queue_pairs", "uint16"), number("curr_queue_pairs", "uint16"))
        yield from pairs
        yield from _walk(cursor, parts, number("tx_waiting_1", "uint32", max(_number_in(pairs[-1]) - 1, 0)))
    if core.guest_features & _F_CTRL_GUEST_OFFLOADS:
        yield from _walk(cursor, parts, number("curr_guest_offloads", "uint64"))


_DEVICES: dict[int, Callable[[Cursor, _Core, Parts], Iterator[FieldValue]]] = {
    1: _read_net,
    2: _read_block,
    3: _read_console,
    4: _read_nothing,  # entropy
    5: _read_balloon,
    8: _read_nothing,  # SCSI host
    18: _read_nothing,  # input
}
"""By the device type of the virtio standard."""


def _read_subsections(cursor: Cursor, known: dict[str, StateSchema], parts: Parts) -> Iterator[FieldValue]:
    while cursor.peek() == bytes((VmRecord.QEMU_VM_SUBSECTION,)):
        name = bytes(cursor.peek(2 + 255))[2:][: cursor.peek(2)[1]].decode("utf-8", "replace")
        schema = known.get(name)
        if schema is None:
            return
        cursor.require(2 + len(name), "a subsection")
        version = cursor.be32("a subsection's version")
        if version != schema.version:
            raise BadPayload(f"subsection {name!r} version {version}", offset=cursor.offset - 4)
        yield from walk(schema, cursor, fields.CODECS, (*parts, name))
        if name == "virtio/extra_state":
            yield from _read_subsections(cursor, _TRANSPORT_SUBSECTIONS, (*parts, name))


def _walk(cursor: Cursor, parts: Parts, *members: FieldSchema) -> list[FieldValue]:
    return list(walk(state("", *members), cursor, fields.CODECS, parts))


def _number_in(leaf: FieldValue) -> int:
    assert isinstance(leaf.value, int)
    return leaf.value
