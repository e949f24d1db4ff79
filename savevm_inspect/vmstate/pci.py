"""PCI's types: configuration space, interrupt lines, MSI-X table (hw/pci/pci.c, hw/pci/msix.c)."""

from collections.abc import Iterator
from struct import Struct

from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from .schema import FieldSchema

Parts = tuple[str, ...]

_HEADER_BYTES = 0x40
_HEADER_TYPE = 0x0E
_STATUS = 0x06
_STATUS_CAPABILITIES = 0x10
_CAPABILITY_POINTER = 0x34
_CAPABILITY_MSIX = 0x11
_MSIX_ENTRY_BYTES = 16

_COMMON = (
    ("vendor_id", "<H"),
    ("device_id", "<H"),
    ("command", "<H"),
    ("status", "<H"),
    ("revision_id", "<B"),
    ("class_code", "<3B"),
    ("cache_line_size", "<B"),
    ("latency_timer", "<B"),
    ("header_type", "<B"),
    ("bist", "<B"),
)
_DEVICE = (
    ("bar", "<6I"),
    ("cardbus_cis", "<I"),
    ("subsystem_vendor_id", "<H"),
    ("subsystem_id", "<H"),
    ("rom_address", "<I"),
    ("capability_pointer", "<B"),
    ("reserved", "<7B"),
    ("interrupt_line", "<B"),
    ("interrupt_pin", "<B"),
    ("min_gnt", "<B"),
    ("max_lat", "<B"),
)
_BRIDGE = (
    ("bar", "<2I"),
    ("primary_bus", "<B"),
    ("secondary_bus", "<B"),
    ("subordinate_bus", "<B"),
    ("secondary_latency_timer", "<B"),
    ("io_base", "<B"),
    ("io_limit", "<B"),
    ("secondary_status", "<H"),
    ("memory_base", "<H"),
    ("memory_limit", "<H"),
    ("prefetch_base", "<H"),
    ("prefetch_limit", "<H"),
    ("prefetch_base_upper", "<I"),
    ("prefetch_limit_upper", "<I"),
    ("io_base_upper", "<H"),
    ("io_limit_upper", "<H"),
    ("capability_pointer", "<B"),
    ("reserved", "<3B"),
    ("rom_address", "<I"),
    ("interrupt_line", "<B"),
    ("interrupt_pin", "<B"),
    ("bridge_control", "<H"),
)
_LAYOUTS = {0: _DEVICE, 1: _BRIDGE}
_TYPES = {"B": "uint8", "H": "uint16 le", "I": "uint32 le"}
_CAPABILITIES = {
    0x01: "power management",
    0x04: "slot identification",
    0x05: "MSI",
    0x09: "vendor specific",
    0x0C: "hot plug",
    0x0D: "bridge subsystem",
    0x10: "PCI Express",
    0x11: "MSI-X",
    0x12: "SATA",
}


def read_config(cursor: Cursor, field: FieldSchema, parts: Parts) -> Iterator[FieldValue]:
    """Read configuration space: its header by the fields that the standard gives it, then the rest.

    What follows the header is the device's own; the capabilities in it are named where they lie.
    """
    config = bytes(cursor.peek(field.size))
    if field.size < _HEADER_BYTES or len(config) < field.size:
        cursor.require(field.size, "configuration space")
        return
    for name, layout in (*_COMMON, *_LAYOUTS.get(config[_HEADER_TYPE] & 0x7F, (("header", "<48B"),))):
        yield read_packed(cursor, (*parts, name), layout)
    start = cursor.pos
    rest = bytes(cursor.take(field.size - _HEADER_BYTES, "configuration space"))
    names = (f"{_CAPABILITIES.get(number, hex(number))} at {at:#x}" for at, number in capabilities(config))
    yield FieldValue(
        parts=(*parts, "device_registers"),
        type=f"buffer[{len(rest)}]",
        value=rest,
        span=cursor.span_from(start),
        meaning=", ".join(names),
    )


def read_irq_state(cursor: Cursor, field: FieldSchema, parts: Parts) -> Iterator[FieldValue]:
    """Read the levels of the interrupt lines, a big-endian 32-bit number each."""
    yield read_packed(cursor, parts, f">{field.size // 4}I", "uint32")


def read_msix(cursor: Cursor, field: FieldSchema, parts: Parts) -> Iterator[FieldValue]:
    """Read the MSI-X table and its pending bits; the field's size gives the number of vectors (msix_save)."""
    yield from read_msix_table(cursor, field.size * 8 // (_MSIX_ENTRY_BYTES * 8 + 1), parts)


def read_msix_table(cursor: Cursor, vectors: int, parts: Parts) -> Iterator[FieldValue]:
    """Read a table of known length, and its pending bits in whole bytes."""
    for vector in range(vectors):
        entry = (*parts, f"table[{vector}]")
        yield read_packed(cursor, (*entry, "address"), "<Q")
        yield read_packed(cursor, (*entry, "data"), "<I")
        yield read_packed(cursor, (*entry, "vector_control"), "<I")
    yield read_packed(cursor, (*parts, "pending_bits"), f"<{(vectors + 7) // 8}B")


def msix_vectors(config: bytes) -> int:
    """Number of MSI-X vectors that a configuration space has; 0 if it has no such capability."""
    for at, number in capabilities(config):
        if number == _CAPABILITY_MSIX:
            return 1 + (int.from_bytes(config[at + 2 : at + 4], "little") & 0x7FF)
    return 0


def capabilities(config: bytes) -> list[tuple[int, int]]:
    """Walk the list of capabilities.

    Args:
        config: configuration space, of any size.

    Returns:
        (offset, identifier) of each; a list that loops or leaves the space ends there.
    """
    found: list[tuple[int, int]] = []
    if len(config) < _HEADER_BYTES:
        return found
    at = config[_CAPABILITY_POINTER] & 0xFC if config[_STATUS] & _STATUS_CAPABILITIES else 0
    while _HEADER_BYTES <= at <= len(config) - 4 and at not in (start for start, _ in found):
        found.append((at, config[at]))
        at = config[at + 1] & 0xFC
    return found


def read_packed(cursor: Cursor, parts: Parts, layout: str, kind: str = "") -> FieldValue:
    """Read one field of fixed layout.

    Args:
        cursor: stands on its first byte.
        parts: names down to it.
        layout: for :mod:`struct`; one code, with a count in front if it is an array.
        kind: name of its type; by default that of the little-endian number.
    """
    packed = Struct(layout)
    start = cursor.require(packed.size, parts[-1])
    values = packed.unpack_from(cursor.buffer, start)
    single = len(layout) == 2
    kind = kind or _TYPES.get(layout[-1], "uint64 le")
    return FieldValue(
        parts=parts,
        type=kind if single else f"{kind}[{len(values)}]",
        value=values[0] if single else values,
        span=cursor.span_from(start),
    )
