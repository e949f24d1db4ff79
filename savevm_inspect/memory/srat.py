"""ACPI's System Resource Affinity Table: which node has which memory, as QEMU states it to the firmware.

Facts: the ACPI specification, 5.2.16; QEMU builds it in build_srat of hw/i386/acpi-build.c and others.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TABLES = "/rom@etc/acpi/tables"
"""The RAM block that holds ACPI's tables."""

_SIGNATURE, _HEADER_BYTES, _MEMORY, _MEMORY_BYTES = b"SRAT", 48, 1, 40
_ENABLED, _HOTPLUGGABLE, _NON_VOLATILE = 1, 2, 4
_LEGACY_HOLE_BYTES = 0x6_0000
"""What no entry covers of the first MiB on x86, though RAM lies there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """A piece of memory.

    Attributes:
        node: the node that it belongs to.
        gpa: where it starts.
        length: its bytes.
        is_hotpluggable: whether it is room for memory devices, rather than memory.
        is_non_volatile: whether it is an NVDIMM.
    """

    node: int
    gpa: int
    length: int
    is_hotpluggable: bool
    is_non_volatile: bool


def read_srat(tables: bytes) -> tuple[Affinity, ...]:
    """The memory that the table names; none if there is no sound table.

    Args:
        tables: all of ACPI's tables, one after the other.
    """
    at = tables.find(_SIGNATURE)
    while at >= 0:
        if at + _HEADER_BYTES <= len(tables):
            (length,) = struct.unpack_from("<I", tables, at + 4)
            table = tables[at : at + length]
            if _HEADER_BYTES <= length == len(table):
                return tuple(_entries(table))
        at = tables.find(_SIGNATURE, at + 1)
    return ()


def _entries(table: bytes) -> Iterator[Affinity]:
    at = _HEADER_BYTES
    while at + 2 <= len(table) and table[at + 1] >= 2:
        kind, length = table[at], table[at + 1]
        if kind == _MEMORY and length == _MEMORY_BYTES and at + length <= len(table):
            node, gpa, size, flags = struct.unpack_from("<2xI2xQQ4xI", table, at)
            if flags & _ENABLED and size:
                yield Affinity(
                    node=node,
                    gpa=gpa,
                    length=size,
                    is_hotpluggable=bool(flags & _HOTPLUGGABLE),
                    is_non_volatile=bool(flags & _NON_VOLATILE),
                )
        at += length


def node_sizes(affinities: Sequence[Affinity]) -> list[int]:
    """How much RAM each node has, in the order of their addresses."""
    sizes: dict[int, int] = {}
    for each in sorted(affinities, key=lambda each: each.gpa):
        if not each.is_hotpluggable and not each.is_non_volatile:
            hole = _LEGACY_HOLE_BYTES if (each.gpa, each.length) == (0, 0xA_0000) else 0
            sizes[each.node] = sizes.get(each.node, 0) + each.length + hole
    return list(sizes.values())
