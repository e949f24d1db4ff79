"""Where the RAM blocks lie in guest-physical memory.

A block list hardly ever says it, so the machine type does (:mod:`.families`), and on x86 :mod:`.legacy_window` for
what is seen below 1 MiB. What the stream itself states goes first: the addresses that x-ignore-shared states, how the
CMOS splits RAM at 4 GiB, and what the host bridge shows below 1 MiB.
"""

import re
from collections.abc import Iterator, Sequence

from ..errors import AddressError, listed
from ..payload.ram_blocks import RamBlock
from .families import FAMILIES, find_family
from .legacy_window import show_window
from .machines import FOUR_GIB, Evidence, Family, Piece
from .memory_devices import place_devices
from .ranges import AddressMap, Range
from .srat import node_sizes

_AMD_HT_START = 0xFD_0000_0000
"""An AMD guest's RAM that would reach this starts at 1 TiB instead (hw/i386/pc.c, pc_memory_init); no stream says
whose CPU it was."""

_VGA = "vga.vram"
"""How the name of a VGA's video memory ends (hw/display/vga.c, vga_common_init)."""


def build_map(evidence: Evidence, given: Sequence[Range] = ()) -> AddressMap:
    """Find out where the RAM blocks lie.

    Args:
        evidence: what the stream states.
        given: ranges by hand; they replace all that would be found out about their blocks. Their sizes
            are checked.

    Returns:
        The map. Blocks that the guest sees at no address, or of which that is unknown, are not in it.

    Raises:
        AddressError: the machine type is not known and nothing is given, or the ranges are inconsistent.
    """
    sizes = {block.name: block.used_bytes for block in evidence.blocks}
    for each in given:
        if each.block not in sizes:
            raise AddressError(f"no RAM block {each.block!r} to map; the stream has: {', '.join(sizes) or 'none'}")
        if each.length <= 0 or each.addr + each.length > sizes[each.block]:
            raise AddressError(
                f"{each.length} bytes from {each.addr:#x} on can't be mapped of block {each.block!r}, which has "
                f"{sizes[each.block]}"
            )
    by_hand = frozenset(each.block for each in given)
    family = find_family(evidence)
    if family is None and not given:
        raise AddressError(
            f"where machine type {evidence.machine or 'not stated'!r} has its memory is not known (known: "
            f"{', '.join(each.name for each in FAMILIES)}); give the map by hand"
        )
    found = list(_lay_out(family, evidence, by_hand)) if family else []
    placed = by_hand | {each.block for each in found} | (_known_names(family) if family else frozenset())
    stated = (_stated(block) for block in evidence.blocks if block.name not in placed)
    return AddressMap([*found, *given, *(each for each in stated if each)])


def _known_names(family: Family) -> frozenset[str]:
    return frozenset({family.ram, *family.fixed, *family.top, "isa-bios"})


def _stated(block: RamBlock) -> Range | None:
    """Where the block list says that a block lies; 0 there is also said of blocks that lie nowhere."""
    if not block.gpa:
        return None
    source = "the block list, x-ignore-shared"
    return Range(block=block.name, addr=0, gpa=block.gpa, length=block.used_bytes, source=source)


def _lay_out(family: Family, evidence: Evidence, by_hand: frozenset[str]) -> Iterator[Range]:
    """What a family's rules say of the blocks that are there and not given by hand."""
    ram_blocks = _ram_blocks(family, evidence, by_hand)
    ram = list(_place_ram(family, evidence, ram_blocks))
    blocks = {block.name: block for block in evidence.blocks if block.name not in by_hand}
    source = family.source(evidence)
    fixed = [
        each
        for name, pieces in family.fixed.items()
        if name in blocks
        for each in _fixed(blocks[name], pieces, source)
    ]
    top = []
    gpa = FOUR_GIB
    for name in family.top:
        if name in blocks:
            gpa -= blocks[name].used_bytes
            top.append(Range(block=name, addr=0, gpa=gpa, length=blocks[name].used_bytes, source=source))
    if family.isa_bios:
        isa_bios, has_vga = blocks.get("isa-bios"), any(each.name.endswith(_VGA) for each in evidence.blocks)
        has_pam = family.pam is not None
        yield from show_window(ram, fixed, top, isa_bios, evidence.pam, has_pam=has_pam, has_vga=has_vga)
    else:
        yield from (*ram, *fixed)
    yield from top
    if not by_hand:
        yield from place_devices(evidence, ram_blocks, [*fixed, *top])


def _fixed(block: RamBlock, pieces: Sequence[Piece], source: str) -> Iterator[Range]:
    """A block that its machine type places, unless the block list says where it lies."""
    stated = _stated(block)
    if stated is not None:
        yield stated
        return
    for piece in pieces:
        left = block.used_bytes - piece.addr
        length = left if piece.length is None else min(left, piece.length)
        if length > 0:
            yield Range(block=block.name, addr=piece.addr, gpa=piece.gpa, length=length, source=source)


def _place_ram(family: Family, evidence: Evidence, blocks: Sequence[RamBlock]) -> Iterator[Range]:
    """The machine's RAM: one block, or one a NUMA node, laid end to end and split at 4 GiB."""
    size = sum(block.used_bytes for block in blocks)
    source = family.source(evidence)
    pieces = family.pieces
    if family.split is not None:
        low = size
        if evidence.cmos is not None and sum(evidence.cmos) == size:  # else the guest has written there
            low, source = evidence.cmos[0], "CMOS in mc146818rtc (hw/i386/pc.c, pc_cmos_init)"
        elif size >= family.split.from_bytes:
            low = family.split.low_bytes
        if FOUR_GIB + size - low > _AMD_HT_START and size > low:
            raise AddressError(
                f"RAM of {size} bytes starts at 4 GiB or, for an AMD guest, at 1 TiB; give the map by hand"
            )
        pieces = (Piece(gpa=0, length=low), Piece(gpa=FOUR_GIB, addr=low))
    elif len(blocks) == 1 and blocks[0].gpa:
        stated = _stated(blocks[0])
        assert stated is not None
        yield stated
        return
    done = 0
    for block in blocks:
        for piece in pieces:
            end = size if piece.length is None else piece.addr + piece.length
            first, last = max(piece.addr, done), min(end, done + block.used_bytes)
            if first < last:
                gpa = piece.gpa + first - piece.addr
                yield Range(block=block.name, addr=first - done, gpa=gpa, length=last - first, source=source)
        done += block.used_bytes


def _ram_blocks(family: Family, evidence: Evidence, by_hand: frozenset[str]) -> list[RamBlock]:
    """The blocks that make up RAM: by name, or what is left when those of devices and firmware are taken away."""
    names = {block.name: block for block in evidence.blocks}
    if family.ram in by_hand:
        return []
    if family.ram in names:
        return [names[family.ram]]
    known = _known_names(family)
    left = {
        name: block
        for name, block in names.items()
        if name not in known and "/" not in name.removeprefix("/objects/")
    }
    numbers = {name: re.fullmatch(r"(?:/objects/)?ram-node(\d{1,3})", name) for name in left}
    nodes = {int(match[1]): left[name] for name, match in numbers.items() if match}
    if nodes and not by_hand & {block.name for block in nodes.values()}:
        return [nodes[number] for number in sorted(nodes)]
    by_affinity = _by_sizes(node_sizes(evidence.affinities), list(left.values()))
    if by_affinity and not by_hand & {block.name for block in by_affinity}:
        return by_affinity
    if len(left) == 1:
        return [block for block in left.values() if block.name not in by_hand]
    if by_hand:
        return []  # who gives a backend's address by hand gives that of all
    raise AddressError(
        f"there is no block {family.ram!r}, and which of {listed(map(repr, left))} is RAM is not known; "
        f"give the map by hand"
    )


def _by_sizes(sizes: Sequence[int], blocks: list[RamBlock]) -> list[RamBlock]:
    """The blocks that have the nodes' sizes, in the order of the nodes; none if some node has no block.

    Of several blocks of one size the first is taken: the block list has them in the order in which they were made.
    """
    found = []
    for size in sizes:
        block = next((block for block in blocks if block.used_bytes == size), None)
        if block is None:
            return []
        blocks.remove(block)
        found.append(block)
    return found
