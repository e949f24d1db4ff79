"""PCI's types: configuration space, interrupt lines, MSI-X table, hot-plug controller (hw/pci/*.c)."""

from collections.abc import Iterable, Iterator

from .coder import Coder, FieldContext

_HEADER_BYTES = 0x40
_CONVENTIONAL_BYTES = 0x100
_HEADER_TYPE = 0x0E
_STATUS = 0x06
_STATUS_CAPABILITIES = 0x10
_CAPABILITY_POINTER = 0x34
_CAPABILITY_EXPRESS = 0x10
_CAPABILITY_MSIX = 0x11
_MSIX_ENTRY_BYTES = 16
_SHPC_REGISTERS_BYTES = 0x24

Register = tuple[str, str, int]
"""Name, kind, and how many; 1 for a single number."""

_COMMON: tuple[Register, ...] = (
    ("vendor_id", "le16", 1),
    ("device_id", "le16", 1),
    ("command", "le16", 1),
    ("status", "le16", 1),
    ("revision_id", "uint8", 1),
    ("class_code", "uint8", 3),
    ("cache_line_size", "uint8", 1),
    ("latency_timer", "uint8", 1),
    ("header_type", "uint8", 1),
    ("bist", "uint8", 1),
)
_DEVICE: tuple[Register, ...] = (
    ("bar", "le32", 6),
    ("cardbus_cis", "le32", 1),
    ("subsystem_vendor_id", "le16", 1),
    ("subsystem_id", "le16", 1),
    ("rom_address", "le32", 1),
    ("capability_pointer", "uint8", 1),
    ("reserved", "uint8", 7),
    ("interrupt_line", "uint8", 1),
    ("interrupt_pin", "uint8", 1),
    ("min_gnt", "uint8", 1),
    ("max_lat", "uint8", 1),
)
_BRIDGE: tuple[Register, ...] = (
    ("bar", "le32", 2),
    ("primary_bus", "uint8", 1),
    ("secondary_bus", "uint8", 1),
    ("subordinate_bus", "uint8", 1),
    ("secondary_latency_timer", "uint8", 1),
    ("io_base", "uint8", 1),
    ("io_limit", "uint8", 1),
    ("secondary_status", "le16", 1),
    ("memory_base", "le16", 1),
    ("memory_limit", "le16", 1),
    ("prefetch_base", "le16", 1),
    ("prefetch_limit", "le16", 1),
    ("prefetch_base_upper", "le32", 1),
    ("prefetch_limit_upper", "le32", 1),
    ("io_base_upper", "le16", 1),
    ("io_limit_upper", "le16", 1),
    ("capability_pointer", "uint8", 1),
    ("reserved", "uint8", 3),
    ("rom_address", "le32", 1),
    ("interrupt_line", "uint8", 1),
    ("interrupt_pin", "uint8", 1),
    ("bridge_control", "le16", 1),
)
_HEADERS = {0: _DEVICE, 1: _BRIDGE}
_UNKNOWN_HEADER: tuple[Register, ...] = (("header", "uint8", 48),)

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
    0x13: "advanced features",
}
_CAPABILITY_REGISTERS = {
    0x01: {0: "identifier, next", 2: "capabilities", 4: "control and status"},
    0x04: {0: "identifier, next", 2: "slots", 3: "chassis number: chassis"},
    0x05: {0: "identifier, next", 2: "message control: vectors", 4: "address and data"},
    0x09: {0: "identifier, next", 2: "length", 3: "type", 4: "BAR", 8: "offset", 12: "length of the region"},
    0x10: {
        0: "identifier, next",
        2: "type of the port",
        4: "device capabilities",
        8: "device control and status",
        0x0C: "link capabilities: speed, width",
        0x10: "link control and status",
        0x14: "slot capabilities: slot",
        0x18: "slot control and status",
        0x1C: "root control and capabilities",
        0x24: "device capabilities 2",
    },
    0x11: {
        0: "identifier, next",
        2: "table size: vectors",
        4: "table offset and BAR",
        8: "pending bits' offset and BAR",
    },
}
"""Registers of a capability by their position in it; after a colon, the property or figure they stand for."""
_EXTENDED_CAPABILITIES = {
    0x01: "advanced error reporting",
    0x03: "device serial number",
    0x0B: "vendor specific",
    0x0D: "access control services",
    0x0E: "alternative routing-ID",
    0x0F: "address translation services",
    0x10: "single-root I/O virtualization",
    0x13: "page request interface",
    0x1B: "process address space ID",
    0x2E: "data object exchange",
}

_SHPC: tuple[Register, ...] = (
    ("base_offset", "le32", 1),
    ("slots_33", "le32", 1),
    ("slots_66", "le32", 1),
    ("nslots", "uint8", 1),
    ("first_dev", "uint8", 1),
    ("phys_slot", "le16", 1),
    ("sec_bus", "le16", 1),
    ("msi_ctl", "uint8", 1),
    ("prog_ifc", "uint8", 1),
    ("cmd_code", "uint8", 1),
    ("cmd_trgt", "uint8", 1),
    ("cmd_status", "le16", 1),
    ("int_locator", "le32", 1),
    ("serr_locator", "le32", 1),
    ("serr_int", "le32", 1),
)


def config_field(coder: Coder, context: FieldContext) -> None:
    """A ``pci config`` field."""
    config(coder, context.size)


def config(coder: Coder, length: int) -> bytes:
    """Configuration space: its header by the fields that the standard gives it, then the rest.

    What follows the header is the device's own; the capabilities in it are named where they lie. Extended
    configuration space, from byte 0x100 on, is a value of its own.

    Args:
        coder: where it begins.
        length: bytes of it.

    Returns:
        All of it.
    """
    if length < _HEADER_BYTES:
        coder.refuse(f"configuration space of {length} bytes, expected at least {_HEADER_BYTES}")
    start = coder.pos
    _registers(coder, _COMMON)
    header_type = coder.since(start)[_HEADER_TYPE] & 0x7F
    _registers(coder, _HEADERS.get(header_type, _UNKNOWN_HEADER))
    header = coder.since(start)
    coder.buffer(
        "device_registers",
        min(length, _CONVENTIONAL_BYTES) - _HEADER_BYTES,
        meaning=lambda rest: _named(capabilities(header + rest), _CAPABILITIES),
    )
    if length > _CONVENTIONAL_BYTES:
        extended_config(coder, length - _CONVENTIONAL_BYTES)
    return coder.since(start)


def extended_config(coder: Coder, length: int) -> None:
    """Extended configuration space of ``length`` bytes."""
    coder.buffer("extended_registers", length, meaning=lambda data: _named(_extended(data), _EXTENDED_CAPABILITIES))


def irq_state(coder: Coder, context: FieldContext) -> None:
    """A ``pci irq state`` field: the level of each interrupt line."""
    coder.numbers("", "uint32", context.size // 4)


def msix_field(coder: Coder, context: FieldContext) -> None:
    """An ``msix state`` field, whose size gives the number of vectors (hw/pci/msix.c, msix_save)."""
    msix_table(coder, context.size * 8 // (_MSIX_ENTRY_BYTES * 8 + 1))


def msix_table(coder: Coder, vectors: int) -> None:
    """The MSI-X table, and its pending bits in whole bytes."""
    coder.table("table", vectors, ("address", "le64"), ("data", "le32"), ("vector_control", "le32"))
    coder.numbers("pending_bits", "uint8", (vectors + 7) // 8)


def shpc(coder: Coder, context: FieldContext) -> None:
    """The working register set of a standard hot-plug controller (hw/pci/shpc.c, shpc_save)."""
    _registers(coder, _SHPC)
    slots, rest = divmod(context.size - _SHPC_REGISTERS_BYTES, 4)
    if rest or slots < 0:
        coder.refuse(f"{context.size} bytes do not end with a slot")
    coder.table("slot", slots, ("status", "le16"), ("event_latch", "uint8"), ("event_disable", "uint8"))


def is_express(configuration: bytes) -> bool:
    """Whether a configuration space has the PCI Express capability, and with it 4096 bytes (pci_config_size)."""
    return any(number == _CAPABILITY_EXPRESS for _, number in capabilities(configuration))


def msix_vectors(configuration: bytes) -> int:
    """Number of MSI-X vectors that a configuration space has; 0 if it has no such capability."""
    for at, number in capabilities(configuration):
        if number == _CAPABILITY_MSIX:
            return 1 + (int.from_bytes(configuration[at + 2 : at + 4], "little") & 0x7FF)
    return 0


def capabilities(configuration: bytes) -> list[tuple[int, int]]:
    """Walk the list of capabilities.

    Args:
        configuration: configuration space, of any size.

    Returns:
        (position, identifier) of each; a list that loops or leaves the space ends there.
    """
    found: dict[int, int] = {}
    if len(configuration) < _HEADER_BYTES:
        return []
    at = configuration[_CAPABILITY_POINTER] & 0xFC if configuration[_STATUS] & _STATUS_CAPABILITIES else 0
    while _HEADER_BYTES <= at <= len(configuration) - 4 and at not in found:
        found[at] = configuration[at]
        at = configuration[at + 1] & 0xFC
    return list(found.items())


def register_at(configuration: bytes, pos: int) -> str:
    """The register that a byte of configuration space belongs to.

    Args:
        configuration: configuration space, of any size.
        pos: of the byte in it.

    Returns:
        Its name, that of its capability before it; empty if the byte is the device's own.
    """
    if pos < _HEADER_BYTES <= len(configuration):
        end = 0
        for name, kind, count in (*_COMMON, *_HEADERS.get(configuration[_HEADER_TYPE] & 0x7F, _UNKNOWN_HEADER)):
            end += count * (int(kind.strip("uintle")) // 8)
            if pos < end:
                return name
    before = [each for each in capabilities(configuration) if each[0] <= pos < _CONVENTIONAL_BYTES]
    if not before:
        return ""
    at, number = max(before)
    registers = _CAPABILITY_REGISTERS.get(number, {})
    register = max((start for start in registers if start <= pos - at), default=None)
    named = _CAPABILITIES.get(number, f"capability {number:#x}")
    return f"{named} {registers[register]}" if register is not None else named


def _extended(data: bytes) -> Iterator[tuple[int, int]]:
    """(Position, identifier) of the capabilities in extended configuration space, which ``data`` is."""
    seen: set[int] = set()
    at = _CONVENTIONAL_BYTES
    while _CONVENTIONAL_BYTES <= at <= _CONVENTIONAL_BYTES + len(data) - 4 and at not in seen:
        seen.add(at)
        head = int.from_bytes(data[at - _CONVENTIONAL_BYTES :][:4], "little")
        if head & 0xFFFF:
            yield at, head & 0xFFFF
        at = head >> 20 & 0xFFC


def _named(found: Iterable[tuple[int, int]], names: dict[int, str]) -> str:
    return ", ".join(f"{names.get(number, hex(number))} at {at:#x}" for at, number in found)


def _registers(coder: Coder, registers: tuple[Register, ...]) -> None:
    for name, kind, length in registers:
        if length == 1:
            coder.number(name, kind)
        else:
            coder.numbers(name, kind, length)
