"""Where blocks lie by the rules, by what the stream states, and by hand; what is inconsistent is one error."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import AddressError
from savevm_inspect.memory.address_map import build_map
from savevm_inspect.memory.families import FAMILIES
from savevm_inspect.memory.machines import Evidence, Family
from savevm_inspect.memory.ranges import AddressMap, Range
from savevm_inspect.payload.ram_blocks import RamBlock

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
DOCS = Path(__file__).parents[2] / "docs" / "memory.md"
ROW = "| {name} | `{machine}` | `{ram}` at {places} | {others} | `{upstream}` |"


def piece(block: str, gpa: int, length: int, addr: int = 0, source: str = "given") -> Range:
    return Range(block=block, addr=addr, gpa=gpa, length=length, source=source)


def evidence(machine: str, *blocks: RamBlock, devices: tuple[str, ...] = (), **facts: object) -> Evidence:
    return Evidence(machine=machine, blocks=blocks, devices=frozenset(devices), **facts)  # type: ignore[arg-type]


def places(address_map: AddressMap) -> list[tuple[str, int, int, int]]:
    return [(each.block, each.addr, each.gpa, each.length) for each in address_map.ranges]


# The law of a map ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=8), st.integers(0, 80))
def test_an_address_is_found_where_it_lies_or_the_map_is_refused(spans: list[tuple[int, int]], asked: int) -> None:
    ranges = [piece(f"block{number}", gpa, length) for number, (gpa, length) in enumerate(spans)]
    holding = [each for each in ranges if each.gpa <= asked < each.end]
    overlap = any(a < b + m and b < a + n for i, (a, n) in enumerate(spans) for b, m in spans[:i])
    if overlap:
        with pytest.raises(AddressError, match=r"^block 'block\d' up to gpa 0x\w+ \(given\) overlaps block"):
            AddressMap(ranges)
        return
    assert AddressMap(ranges).find(asked) == (holding[0] if holding else None)


def test_a_range_must_end_within_64_bits() -> None:
    AddressMap([piece("a", (1 << 64) - 4096, 4096)])
    with pytest.raises(AddressError, match="block 'a' from gpa 0xfffffffffffff000 on does not end within 64 bits"):
        AddressMap([piece("a", (1 << 64) - 4096, 4097)])


def test_a_range_that_would_begin_below_0_is_one_error() -> None:
    blocks = RamBlock("microvm.ram", MIB), RamBlock("isa-bios", 2 * MIB)
    with pytest.raises(AddressError, match="block 'isa-bios' of 2097152 bytes is too long to end at 0x100000"):
        build_map(evidence("microvm", *blocks))


def test_a_range_without_a_byte_hides_nothing() -> None:
    ranges = piece("a", 0, 4096), piece("b", 0, 0)
    assert AddressMap(ranges).ranges == AddressMap(ranges[::-1]).ranges == ranges[:1]


def test_neighbours_that_continue_each_other_are_one() -> None:
    joined = AddressMap([piece("a", 4096, 4096, addr=4096), piece("a", 0, 4096), piece("b", 8192, 4096)])
    assert places(joined) == [("a", 0, 0, 8192), ("b", 0, 8192, 4096)]
    assert len(AddressMap([piece("a", 0, 4096), piece("a", 4096, 4096, addr=8192)]).ranges) == 2


# Rules --------------------------------------------------------------------------------------------------------

SPLITS = {
    ("pc-i440fx-9.2", "pc.ram"): (0xE000_0000, 3 * GIB),
    ("pc-q35-9.2", "pc.ram"): (0xB000_0000, 2 * GIB),
    ("microvm", "microvm.ram"): (3 * GIB, 3 * GIB),
}
"""By machine type and RAM block: the size from which RAM is divided, and how much then lies below 4 GiB."""


@pytest.mark.parametrize(("machine", "ram"), SPLITS)
def test_ram_of_any_size_is_wholly_mapped_and_split_where_the_machine_splits(machine: str, ram: str) -> None:
    limit, low = SPLITS[machine, ram]
    for size in (64 * MIB, limit - MIB, limit, limit + MIB, 5 * GIB, 900 * GIB):
        ranges = build_map(evidence(machine, RamBlock(ram, size))).ranges
        assert sum(each.length for each in ranges) == size
        above = [each for each in ranges if each.gpa >= 4 * GIB]
        if size <= limit - MIB or size == low:
            assert not above
            continue
        assert [(each.addr, each.gpa, each.length) for each in above] == [(low, 4 * GIB, size - low)]
        assert "machine type" in above[0].source
        assert above[0].source.endswith(".c)")


def test_cmos_goes_before_the_machine_type_unless_it_does_not_add_up() -> None:
    block = RamBlock("pc.ram", 5 * GIB)
    stated = build_map(evidence("pc-q35-9.2", block, cmos=(GIB, 4 * GIB))).ranges[-1]
    assert (stated.addr, stated.gpa, stated.source[:4]) == (GIB, 4 * GIB, "CMOS")
    wrong = build_map(evidence("pc-q35-9.2", block, cmos=(GIB, 5 * GIB))).ranges[-1]
    assert (wrong.addr, wrong.source[:7]) == (2 * GIB, "machine")


def test_ram_that_an_amd_guest_would_have_above_1_tib_is_not_guessed() -> None:
    with pytest.raises(AddressError, match="at 4 GiB or, for an AMD guest, at 1 TiB"):
        build_map(evidence("pc-q35-9.2", RamBlock("pc.ram", 2 * TIB)))
    by_hand = [piece("pc.ram", 0, 2 * GIB), piece("pc.ram", TIB, 2 * TIB - 2 * GIB, addr=2 * GIB)]
    assert len(build_map(evidence("pc-q35-9.2", RamBlock("pc.ram", 2 * TIB)), by_hand).ranges) == 2


OTHERS = {
    "virt-10.0": (RamBlock("mach-virt.ram", GIB), GIB),
    "virt": (RamBlock("riscv_virt_board.ram", GIB), 2 * GIB),
    "pseries-10.0": (RamBlock("ppc_spapr.ram", GIB), 0),
    "s390-ccw-virtio-10.0": (RamBlock("s390.ram", GIB), 0),
}


@pytest.mark.parametrize("machine", OTHERS)
def test_other_machines_have_ram_in_one_piece(machine: str) -> None:
    block, gpa = OTHERS[machine]
    assert places(build_map(evidence(machine, block))) == [(block.name, 0, gpa, GIB)]


def test_virt_of_several_targets_is_told_apart_by_its_devices() -> None:
    blocks = (RamBlock("mem0", GIB), RamBlock("virt.flash0", 32 * MIB))
    arm = build_map(evidence("virt-10.0", *blocks, devices=("arm_gicv3",)))
    riscv = build_map(evidence("virt-10.0", *blocks, devices=("riscv_aplic",)))
    assert places(arm) == [("virt.flash0", 0, 0, 32 * MIB), ("mem0", 0, GIB, GIB)]
    assert places(riscv) == [("virt.flash0", 0, 0x2000_0000, 32 * MIB), ("mem0", 0, 2 * GIB, GIB)]
    with pytest.raises(AddressError, match=r"where machine type 'virt-10\.0' has its memory is not known"):
        build_map(evidence("virt-10.0", *blocks))


def test_nodes_of_numa_lie_end_to_end_by_their_numbers() -> None:
    nodes = [RamBlock(f"/objects/ram-node{number}", (number + 1) * GIB) for number in (2, 0, 1)]
    found = build_map(evidence("pc-i440fx-9.2", *nodes)).ranges
    assert [(each.block[-1], each.addr, each.gpa, each.length) for each in found[-2:]] == [
        ("1", 0, GIB, 2 * GIB),
        ("2", 0, 4 * GIB, 3 * GIB),
    ]
    assert sum(each.length for each in found) == 6 * GIB


def test_which_backend_is_ram_is_not_guessed() -> None:
    one = evidence("pc-q35-9.2", RamBlock("mem0", GIB), RamBlock("0000:00:01.0/vga.rom", MIB))
    assert build_map(one).ranges[0].block == "mem0"
    several = evidence("pc-q35-9.2", RamBlock("mem0", GIB), RamBlock("dimm0", GIB))
    with pytest.raises(AddressError, match="and which of 'mem0', 'dimm0' is RAM is not known"):
        build_map(several)
    by_hand = build_map(several, [piece("mem0", 0, GIB), piece("dimm0", 4 * GIB, GIB)])
    assert len(by_hand.ranges) == 2


def test_firmware_in_flash_lies_below_4_gib() -> None:
    flash = [RamBlock("system.flash0", 3 * MIB + 512 * KIB), RamBlock("system.flash1", 512 * KIB)]
    found = {
        each.block: each.gpa for each in build_map(evidence("pc-q35-9.2", RamBlock("pc.ram", GIB), *flash)).ranges
    }
    assert found["system.flash0"] == 4 * GIB - flash[0].used_bytes
    assert found["system.flash1"] == 4 * GIB - 4 * MIB


# What the host bridge shows -----------------------------------------------------------------------------------


@given(st.binary(min_size=7, max_size=7), st.booleans())
def test_pam_shows_ram_or_rom_segment_by_segment(pam: bytes, isa_copy: bool) -> None:
    blocks = [RamBlock("pc.ram", 16 * MIB), RamBlock("pc.bios", 256 * KIB), RamBlock("pc.rom", 128 * KIB)]
    if isa_copy:
        blocks.append(RamBlock("isa-bios", 128 * KIB))
    found = build_map(evidence("pc-i440fx-9.2", *blocks, pam=pam))
    # i440FX data sheet: PAM0 is about 960 KiB to 1 MiB, the others about 16 KiB each, the lower one in the low bits.
    shown = {0xF_0000: pam[0] >> 4 & 3}
    for number in range(12):
        shown[0xC_0000 + number * 0x4000] = pam[1 + number // 2] >> (number % 2 * 4) & 3
    for start, attribute in shown.items():
        each = found.find(start)
        assert each is not None
        bios = "isa-bios" if isa_copy else "pc.bios"
        rom = "pc.rom" if start < 0xE_0000 else bios
        assert each.block == ("pc.ram" if attribute else rom)
        place = each.addr + start - each.gpa
        assert place == {"pc.ram": start, "pc.rom": start - 0xC_0000, "isa-bios": start - 0xE_0000}.get(
            each.block, start - 0xE_0000 + 128 * KIB
        )
    assert [each.block for each in found.ranges if each.gpa < 0xC_0000] == ["pc.ram"]


def test_video_memory_hides_what_is_behind_it() -> None:
    blocks = (RamBlock("pc.ram", 16 * MIB), RamBlock("0000:00:02.0/vga.vram", 16 * MIB))
    assert build_map(evidence("pc-i440fx-9.2", *blocks)).find(0xA_0000) is None
    assert build_map(evidence("pc-i440fx-9.2", blocks[0])).find(0xA_0000) is not None


# What the stream states, and what is given --------------------------------------------------------------------


def test_a_stated_address_goes_before_the_rule_but_0_says_nothing() -> None:
    stated = (
        RamBlock("mach-virt.ram", GIB, gpa=GIB),
        RamBlock("/rom@etc/acpi/tables", 4096, gpa=0),
        RamBlock("0000:00:02.0/vga.vram", MIB, gpa=0x1000_0000),
    )
    found = build_map(evidence("virt-10.0", *stated))
    assert {each.block: each.source for each in found.ranges} == {
        "mach-virt.ram": "the block list, x-ignore-shared",
        "0000:00:02.0/vga.vram": "the block list, x-ignore-shared",
    }


def test_blocks_that_are_stated_to_overlap_are_one_error() -> None:
    blocks = (RamBlock("a", MIB, gpa=GIB + 4096), RamBlock("mach-virt.ram", GIB))
    with pytest.raises(AddressError, match=r"'mach-virt.ram' up to .*hw/arm/virt.c\)\) overlaps block 'a' .*ignore"):
        build_map(evidence("virt-10.0", *blocks))


def test_an_unknown_machine_says_which_are_known_and_takes_a_map() -> None:
    unknown = evidence("x-remote", RamBlock("pc.ram", MIB))
    names = ", ".join(family.name for family in FAMILIES)
    with pytest.raises(AddressError, match=rf"machine type 'x-remote' .* \(known: {names}\); give the map by hand$"):
        build_map(unknown)
    assert places(build_map(unknown, [piece("pc.ram", 0, MIB)])) == [("pc.ram", 0, 0, MIB)]


GIVEN = {
    "a block that is not there": (piece("nope", 0, 1), "no RAM block 'nope' to map; the stream has: pc.ram"),
    "more than the block": (piece("pc.ram", 0, MIB, addr=1), "1048576 bytes from 0x1 on can't be mapped of block"),
    "nothing": (piece("pc.ram", 0, 0), "0 bytes from 0x0 on can't be mapped"),
    "past the end": (piece("pc.ram", (1 << 64) - 4096, MIB), "does not end within 64 bits"),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_map_by_hand_that_can_not_be_is_one_error(name: str) -> None:
    given_piece, message = GIVEN[name]
    with pytest.raises(AddressError, match=re.escape(message)):
        build_map(evidence("isapc", RamBlock("pc.ram", MIB)), [given_piece])


def test_what_is_given_takes_the_place_of_what_is_known_of_that_block_only() -> None:
    known = evidence("pc-i440fx-9.2", RamBlock("pc.ram", 16 * MIB), RamBlock("pc.bios", 256 * KIB))
    found = build_map(known, [piece("pc.ram", 4 * GIB, 16 * MIB)])
    assert places(found) == [("pc.bios", 0, 4 * GIB - 256 * KIB, 256 * KIB), ("pc.ram", 0, 4 * GIB, 16 * MIB)]
    moved = build_map(known, [piece("pc.bios", 8 * GIB, 256 * KIB)])
    assert {each.block for each in moved.ranges if each.gpa < 4 * GIB} == {"pc.ram"}


def row_of(family: Family) -> str:
    """What the documentation says of a family."""
    split = family.split
    others = [f"`{name}` at {', '.join(map(str, pieces))}" for name, pieces in family.fixed.items()]
    if len(others) > 4:
        others[2:-1] = ["..."]
    if family.top:
        others.append("below 4 GiB: " + ", ".join(f"`{name}`" for name in family.top))
    places = ", ".join(map(str, family.pieces))
    if split:
        places = f"0x0; from {split.from_bytes:#x} bytes on {split.low_bytes:#x} there and the rest at 4 GiB"
    return ROW.format(
        name=family.name,
        machine=family.machine.replace("|", "\\|"),
        ram=family.ram,
        places=places,
        others="; ".join(others) or "none",
        upstream=family.upstream,
    )


def test_the_documentation_has_the_table_of_the_code() -> None:
    rows = [row_of(family) for family in FAMILIES]
    start = DOCS.read_text().index(rows[0])
    assert DOCS.read_text()[start:].startswith("\n".join(rows) + "\n\n")


@pytest.mark.parametrize(
    ("device", "ram", "upstream"),
    [
        ("0000:00:00.0/I440FX", "pc.ram", "hw/i386/pc_piix.c"),
        ("0000:00:00.0/mch", "pc.ram", "hw/i386/pc_q35.c"),
        ("spapr", "ppc_spapr.ram", "hw/ppc/spapr.c"),
    ],
)
def test_a_machine_type_that_is_not_named_is_known_by_its_own_device(device: str, ram: str, upstream: str) -> None:
    """Up to 2.2 none is named."""
    block = RamBlock(ram, 64 * MIB)
    (found, *_) = build_map(evidence("", block, devices=(device,))).ranges
    assert (found.block, upstream in found.source) == (ram, True)
    with pytest.raises(AddressError, match="'not stated'"):
        build_map(evidence("", block))
