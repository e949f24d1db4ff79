"""Where memory lies that is plugged in: virtio-mem, NVDIMMs and DIMMs (hw/mem/memory-device.c)."""

import re
from collections.abc import Iterator, Sequence

from ..payload.ram_blocks import RamBlock
from .machines import Evidence
from .ranges import Range

_SHARES_BLOCKS = "ivshmem"
"""A device whose memory has a backend's name, but lies in a PCI BAR."""


def place_devices(evidence: Evidence, ram: Sequence[RamBlock], placed: Sequence[Range]) -> Iterator[Range]:
    """Place what the stream or the firmware's tables place, and DIMMs in the order in which QEMU does.

    Args:
        evidence: what the stream states.
        ram: the blocks that are the machine's own RAM.
        placed: where those lie.

    Yields:
        Where memory devices lie. What is not certain is left out.
    """
    own = {block.name for block in ram} | {each.block for each in placed}
    virtio = list(_virtio_mem(evidence))
    yield from virtio
    known = {each.block for each in virtio} | own
    left = [block for block in evidence.blocks if block.name not in known and _is_backend(block)]
    nvdimms = list(_nvdimms(evidence, left))
    yield from nvdimms
    left = [block for block in left if block.name not in {each.block for each in nvdimms}]
    if not any(_SHARES_BLOCKS in idstr for idstr in evidence.devices):
        yield from _dimms(evidence, _in_order(left), [*virtio, *nvdimms])


def _is_backend(block: RamBlock) -> bool:
    """Whether a block has the name of a memory backend: those of devices and firmware have a path or a dot."""
    return re.search(r"[/.@]", block.name.removeprefix("/objects/")) is None


def _virtio_mem(evidence: Evidence) -> Iterator[Range]:
    """Each such device says where its block lies, whose name begins with the device's path."""
    for path, gpa in evidence.virtio_mem.items():
        for block in evidence.blocks:
            if block.name.startswith(f"{path}/"):
                yield Range(block=block.name, addr=0, gpa=gpa, length=block.used_bytes, source=f"{path}/virtio-mem")


def _nvdimms(evidence: Evidence, blocks: Sequence[RamBlock]) -> Iterator[Range]:
    """An NVDIMM is in the table; it is the one block of its size, or the next of several."""
    left = list(blocks)
    for each in sorted((each for each in evidence.affinities if each.is_non_volatile), key=lambda each: each.gpa):
        for block in left:
            if block.used_bytes == each.length:
                yield Range(block=block.name, addr=0, gpa=each.gpa, length=each.length, source="ACPI's SRAT")
                left.remove(block)
                break


def _in_order(blocks: Sequence[RamBlock]) -> list[RamBlock]:
    """Blocks in the order in which they were made, if that is certain; the block list is sorted by size."""
    if len({block.used_bytes for block in blocks}) <= 1:
        return list(blocks)
    numbers = {block.name: re.fullmatch(r"(.*?)(\d{1,6})", block.name) for block in blocks}
    if any(match is None for match in numbers.values()) or len({match[1] for match in numbers.values() if match}) > 1:
        return []
    return sorted(blocks, key=lambda block: int(re.sub(r"\D+", "", block.name[-6:])))


def _dimms(evidence: Evidence, blocks: Sequence[RamBlock], others: Sequence[Range]) -> Iterator[Range]:
    """QEMU puts each where the first room is, unless its address was given, which no stream states."""
    rooms = [each for each in evidence.affinities if each.is_hotpluggable]
    if len(rooms) != 1:
        return
    taken = list(others)
    for block in blocks:
        gpa = rooms[0].gpa
        for other in sorted(taken, key=lambda each: each.gpa):
            if gpa < other.end and other.gpa < gpa + block.used_bytes:
                gpa = other.end
        if gpa + block.used_bytes > rooms[0].gpa + rooms[0].length:
            return
        source = "the first free place of ACPI's SRAT, unless its address was given"
        taken.append(Range(block=block.name, addr=0, gpa=gpa, length=block.used_bytes, source=source))
        yield taken[-1]
