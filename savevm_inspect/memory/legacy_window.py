"""What an x86 guest sees below 1 MiB: RAM, the VGA window, and from 768 KiB on RAM or ROM as the host bridge says."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..payload.ram_blocks import RamBlock
from .ranges import Range

_MIB = 1 << 20
_VGA = (0xA_0000, 0xC_0000)
"""Video memory; the RAM behind it is for a CPU in system management mode."""

_EXPANSION = (0xC_0000, 0x10_0000)
"""RAM or ROM."""

_ISA_BIOS_BYTES = 128 << 10
"""So much of the firmware's end is seen below 1 MiB (hw/i386/x86-common.c, x86_isa_bios_init)."""

_SEGMENTS = ((0xF_0000, 0x10_0000), *((start, start + 0x4000) for start in range(0xC_0000, 0xF_0000, 0x4000)))
"""What each two bits of the PAM registers are about, from bit 4 of the first register on (hw/pci-host/pam.c)."""


def show_window(
    ram: Sequence[Range],
    fixed: Sequence[Range],
    top: Sequence[Range],
    isa_bios: RamBlock | None,
    pam: bytes | None,
    *,
    has_pam: bool,
    has_vga: bool,
) -> Iterator[Range]:
    """Cut RAM where something else is seen below 1 MiB, and put that there.

    Args:
        ram: the machine's RAM.
        fixed: option ROMs.
        top: the firmware below 4 GiB, the topmost first.
        isa_bios: the block that holds a copy of its end, for machine types that have one.
        pam: the PAM registers; ``None`` if they are not decoded.
        has_pam: whether the machine has them; one without shows the firmware, and RAM everywhere else.
        has_vga: whether there is a VGA, which hides RAM behind its window.

    Yields:
        RAM and ROM as the guest sees them.
    """
    roms = [*fixed, *_isa_bios(top, isa_bios)]
    vga = [_VGA] if has_vga else []
    if not has_pam:
        yield from _lay_over(_cut(ram, vga), roms)
        return
    to_pci = [segment for number, segment in enumerate(_SEGMENTS) if pam is not None and not _attribute(pam, number)]
    shown = [part for start, end in to_pci for rom in roms if (part := rom.part(start, end)) is not None]
    hidden = [(each.gpa, each.end) for each in shown]  # RAM shows through where PCI has nothing
    hidden += vga
    note = "PAM of the host bridge" if pam is not None else "PAM is not decoded, RAM is taken"
    yield from _cut(ram, [*hidden, _EXPANSION])
    window = (part for each in _cut(ram, hidden) if (part := each.part(*_EXPANSION)) is not None)
    for each in (*window, *shown):
        yield replace(each, source=f"{each.source}; {note}")


def _attribute(pam: bytes, number: int) -> int:
    """The two bits of a segment; 0 sends reads to PCI, all others to RAM."""
    return pam[(number + 1) // 2] >> (0 if number % 2 else 4) & 3


def _isa_bios(top: Sequence[Range], block: RamBlock | None) -> Iterator[Range]:
    if block is not None:
        length, source = block.used_bytes, "hw/i386/pc_sysfw.c, pc_isa_bios_init"
        yield Range(block=block.name, addr=0, gpa=_MIB - length, length=length, source=source)
    elif top:
        length = min(top[0].length, _ISA_BIOS_BYTES)
        yield replace(top[0], addr=top[0].length - length, gpa=_MIB - length, length=length)


def _cut(ranges: Sequence[Range], holes: Sequence[tuple[int, int]]) -> list[Range]:
    """What is left of some ranges between holes."""
    left = list(ranges)
    for start, end in holes:
        left = [part for each in left for part in (each.part(0, start), each.part(end, 1 << 64)) if part is not None]
    return left


def _lay_over(ranges: Sequence[Range], over: Sequence[Range]) -> list[Range]:
    return [*_cut(ranges, [(each.gpa, each.end) for each in over]), *over]
