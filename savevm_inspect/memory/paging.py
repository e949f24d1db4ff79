"""What page table entries mean on x86 and AArch64.

Facts: Intel's manual, volume 3, chapter 4, and target/i386/tcg/system/excp_helper.c; Arm's architecture reference
manual, D8, and target/arm/ptw.c.
"""

from functools import partial

from ..errors import AddressError
from .address_space import PhysicalMemory
from .mmu import Level, Next, PageTables, Tree, VirtualMemory
from .registers import Aarch64Registers, Registers, X86Registers

_ALL = 1 << 64

# x86 ------------------------------------------------------------------------------------------------------

_CR0_PG, _CR4_PSE, _CR4_PAE, _CR4_LA57, _EFER_LMA = 1 << 31, 1 << 4, 1 << 5, 1 << 12, 1 << 10
_PRESENT, _LARGE = 1 << 0, 1 << 7
_X86_GPA = (1 << 52) - 1

_PT, _PD = Level("PT", 12, 9), Level("PD", 21, 9)
_PDPT, _PML4, _PML5 = Level("PDPT", 30, 9), Level("PML4", 39, 9), Level("PML5", 48, 9)
_LONG = {False: (_PML4, _PDPT, _PD, _PT), True: (_PML5, _PML4, _PDPT, _PD, _PT)}
_PAE = (Level("PDPT", 30, 2), _PD, _PT)
_LEGACY = (Level("PD", 22, 10), Level("PT", 12, 10))


def _decode_x86(large: frozenset[str], entry: int, level: Level, last: bool) -> Next | None:
    """An entry of 8 bytes; ``large`` names the levels whose entries may be pages."""
    if not entry & _PRESENT:
        return None
    if last or (entry & _LARGE and level.name in large):
        return Next(entry & _X86_GPA & -(1 << level.shift), is_table=False)
    if entry & _LARGE:
        return None  # reserved: a page fault
    return Next(entry & _X86_GPA & -(1 << 12), is_table=True)


def _decode_legacy(large: bool, entry: int, level: Level, last: bool) -> Next | None:
    """An entry of 4 bytes; one of 4 MiB has bits 32 to 39 of its address in bits 13 to 20 (PSE-36)."""
    if not entry & _PRESENT:
        return None
    if large and not last and entry & _LARGE:
        return Next((entry & -(1 << level.shift)) | (entry >> 13 & 0xFF) << 32, is_table=False)
    return Next(entry & -(1 << 12), is_table=not last)


def _translate_x86(cpu: X86Registers, physical: PhysicalMemory) -> PageTables | None:
    if not cpu.cr0 & _CR0_PG:
        return None
    if not cpu.cr4 & _CR4_PAE:
        decode = partial(_decode_legacy, bool(cpu.cr4 & _CR4_PSE))
        tree = Tree(start=0, end=1 << 32, root=cpu.cr3 & 0xFFFF_F000, levels=_LEGACY, entry_bytes=4, decode=decode)
        return PageTables(physical, (tree,), "x86 32-bit paging")
    if not cpu.efer & _EFER_LMA:
        decode_pae = partial(_decode_x86, frozenset({"PD"}))
        tree = Tree(start=0, end=1 << 32, root=cpu.cr3 & 0xFFFF_FFE0, levels=_PAE, entry_bytes=8, decode=decode_pae)
        return PageTables(physical, (tree,), "x86 PAE paging")
    levels = _LONG[bool(cpu.cr4 & _CR4_LA57)]
    half = 1 << levels[0].shift + levels[0].bits - 1
    root = cpu.cr3 & _X86_GPA & -(1 << 12)
    decode_long = partial(_decode_x86, frozenset({"PD", "PDPT"}))
    trees = tuple(
        Tree(start=start, end=end, root=root, levels=levels, entry_bytes=8, decode=decode_long)
        for start, end in ((0, half), (_ALL - half, _ALL))
    )
    return PageTables(physical, trees, f"x86 {len(levels)}-level paging")


# AArch64 --------------------------------------------------------------------------------------------------

_SCTLR_M, _TCR_EPD = 1 << 0, (7, 23)
_TCR_SIZE, _TCR_TBI, _TCR_DS = (0, 16), (37, 38), 59
_TCR_GRANULE = ((14, {0: 12, 1: 16, 2: 14}), (30, {1: 14, 2: 12, 3: 16}))
"""For TTBR0 and TTBR1: where the granule is, and what its values mean, as the number of bits within a page."""
_IPS_52_BITS = 6
_INPUT_BITS = range(12, 53)


def _decode_aarch64(granule: int, wide: str, entry: int, level: Level, last: bool) -> Next | None:
    """A descriptor; ``wide`` says where bits 48 to 51 of an address are, if anywhere."""
    kind = entry & 3
    if not kind & 1 or (last and kind == 1):
        return None
    is_table = kind == 3 and not last
    gpa = entry & ((1 << 48) - 1) & -(1 << (granule if is_table else level.shift))
    if wide == "DS":
        gpa = (entry & ((1 << 50) - 1) & -(1 << (granule if is_table else level.shift))) | (entry >> 8 & 3) << 50
    elif wide == "LPA":
        gpa |= (entry >> 12 & 0xF) << 48
    return Next(gpa, is_table=is_table)


def _translate_aarch64(cpu: Aarch64Registers, physical: PhysicalMemory) -> PageTables | None:
    if not cpu.sctlr & _SCTLR_M:
        return None
    trees = []
    for half, ttbr in enumerate((cpu.ttbr0, cpu.ttbr1)):
        if cpu.tcr >> _TCR_EPD[half] & 1:
            continue
        shift, granules = _TCR_GRANULE[half]
        granule = granules.get(cpu.tcr >> shift & 3)
        input_bits = 64 - (cpu.tcr >> _TCR_SIZE[half] & 0x3F)
        if granule is None or not granule < input_bits or input_bits not in _INPUT_BITS:
            raise AddressError(f"TCR {cpu.tcr:#x} asks for a granule or a size of TTBR{half} that there is not")
        wide = ""
        if granule == 16 and cpu.tcr >> 32 & 7 == _IPS_52_BITS:
            wide = "LPA"
        elif granule != 16 and cpu.tcr >> _TCR_DS & 1:
            wide = "DS"
        root = ttbr & ((1 << 48) - 2) if not wide else (ttbr & ((1 << 48) - 64)) | (ttbr >> 2 & 0xF) << 48
        start = (_ALL - (1 << input_bits)) if half else 0
        trees.append(
            Tree(
                start=start,
                end=start + (1 << input_bits),
                root=root,
                levels=_aarch64_levels(granule, input_bits),
                entry_bytes=8,
                decode=partial(_decode_aarch64, granule, wide),
            )
        )
    tags = cpu.tcr >> _TCR_TBI[0] & 1, cpu.tcr >> _TCR_TBI[1] & 1
    return PageTables(physical, tuple(trees), f"AArch64, {cpu.regime}", partial(_without_tag, tags))


def _aarch64_levels(granule: int, input_bits: int) -> tuple[Level, ...]:
    """The levels from the one that the size of the addresses starts at; the last is called 3."""
    each = granule - 3
    levels: list[Level] = []
    shift = granule
    while shift < input_bits:
        levels.insert(0, Level(f"level {3 - len(levels)}", shift, min(each, input_bits - shift)))
        shift += each
    return tuple(levels)


def _without_tag(tags: tuple[int, int], address: int) -> int:
    """Bit 55 chooses the half; where its top byte is ignored, that is made plain."""
    half = address >> 55 & 1
    if not tags[half]:
        return address
    return (address & ((1 << 56) - 1)) | (0xFF << 56 if half else 0)


def virtual_memory(cpu: Registers, physical: PhysicalMemory) -> VirtualMemory:
    """Memory as a processor sees it.

    Args:
        cpu: its registers.
        physical: guest-physical memory.

    Raises:
        AddressError: its registers ask for a translation that there is not.
    """
    match cpu:
        case X86Registers():
            return VirtualMemory(_translate_x86(cpu, physical), physical)
        case Aarch64Registers(regime=regime) if regime:
            return VirtualMemory(_translate_aarch64(cpu, physical), physical)
        case Aarch64Registers():
            raise AddressError(
                f"cpu {cpu.number} is in AArch32 state or has a second stage of translation, which is not read"
            )
    raise AddressError(f"how cpu {cpu.number} translates addresses is not read; x86 and AArch64 are")
