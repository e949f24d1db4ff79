"""Page tables of every form, made by a builder that knows nothing of the reader: what was mapped is found."""

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.errors import AddressError, FileError
from savevm_inspect.memory import mmu
from savevm_inspect.memory.address_space import PhysicalMemory
from savevm_inspect.memory.mmu import VirtualMemory
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.memory.paging import virtual_memory
from savevm_inspect.memory.ranges import AddressMap, Range
from savevm_inspect.memory.rebuild import Memory
from savevm_inspect.memory.registers import Aarch64Registers, Registers, Segment, X86Registers
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
RAM_BYTES = 4 * MIB
LOW = (0, 0x4000_0000, 3 * MIB)
HIGH = (3 * MIB, 0x1_0000_0000, MIB)
"""Two pieces of the block: place in it, guest-physical address, length."""
HEAD = SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START)


def physical_memory(ram: bytes) -> PhysicalMemory:
    """Guest-physical memory out of a RAM section that holds it."""
    out = bytearray()
    writer = RamWriter(Writer(out.extend))
    writer.put_block_list([RamBlock("ram", len(ram))])
    for addr in range(0, len(ram), 4096):
        page = ram[addr : addr + 4096]
        if any(page):
            writer.put_page("ram", addr, page)
        else:
            writer.put_zero_page("ram", addr)
    writer.put_eos()
    data = memoryview(bytes(out))
    reader = RamReader(4096)
    reader.consume(Cursor(data), HEAD)
    blocks = Memory({0: data}, PageTable.from_logs([reader.page_log], reader.blocks, 4096))
    pieces = [Range(block="ram", addr=a, gpa=g, length=n, source="test") for a, g, n in (LOW, HIGH)]
    return PhysicalMemory(blocks, AddressMap(pieces))


@dataclass
class Builder:
    """Guest memory in which page tables are put together.

    Attributes:
        ram: the memory.
        free: where the next table goes; tables fill memory from its start.
    """

    ram: bytearray = field(default_factory=lambda: bytearray(RAM_BYTES))
    free: int = LOW[1]
    tables: dict[tuple[int, ...], int] = field(default_factory=dict)

    def place(self, gpa: int) -> int:
        return gpa - LOW[1] if gpa < HIGH[1] else gpa - HIGH[1] + HIGH[0]

    def put(self, gpa: int, value: int, size: int) -> None:
        struct.pack_into("<Q" if size == 8 else "<I", self.ram, self.place(gpa), value)

    def new_table(self, size: int) -> int:
        gpa = -(-self.free // size) * size
        self.free = gpa + size
        return gpa


@dataclass(frozen=True)
class Form:
    """A form of page tables, as the manuals have it.

    Attributes:
        shifts: the lowest bit of the index of each level, the last one's last.
        index_bits: bits of the index of each level.
        entry_bytes: size of an entry.
        table: makes the entry that leads to a table, of its address and whether it is in the first level.
        page: makes the entry of a page, of its address and the bit number that its size is.
        sizes: which pages there are, as bit numbers.
        windows: virtual addresses that can be mapped: first, and one after the last.
        registers: makes the processor, of the address of the first table of each window.
    """

    shifts: tuple[int, ...]
    index_bits: tuple[int, ...]
    entry_bytes: int
    table: Callable[[int, bool], int]
    page: Callable[[int, int], int]
    sizes: tuple[int, ...]
    windows: tuple[tuple[int, int], ...]
    registers: Callable[[list[int]], Registers]
    shared_root: bool = True
    address_bits: int = 48

    def map(self, builder: Builder, root: int, address: int, gpa: int, size: int) -> None:
        table, path = root, (root,)
        for number, (shift, bits) in enumerate(zip(self.shifts, self.index_bits, strict=True)):
            index = (address >> shift) % (1 << bits)
            path = (*path, index)
            entry = table + index * self.entry_bytes
            if shift == size:
                builder.put(entry, self.page(gpa, size), self.entry_bytes)
                return
            if path not in builder.tables:
                builder.tables[path] = builder.new_table(self.entry_bytes << self.index_bits[number + 1])
                builder.put(entry, self.table(builder.tables[path], number == 0), self.entry_bytes)
            table = builder.tables[path]


NOTHING = Segment(selector=0, base=0, limit=0, flags=0)
TOP = 1 << 64


def x86(**registers: int) -> X86Registers:
    return X86Registers(
        **{"number": 0, "rip": 0, "rflags": 2, "cr2": 0, "cr0": 0x8000_0011, **registers},
        regs=(0,) * 16,
        segments=(NOTHING,) * 6,
        ldt=NOTHING,
        tr=NOTHING,
        gdt=NOTHING,
        idt=NOTHING,
    )


def x86_long(levels: int) -> Form:
    half = 1 << (12 + 9 * levels - 1)
    cr4 = 0x20 | (0x1000 if levels == 5 else 0)
    return Form(
        shifts=(48, 39, 30, 21, 12)[-levels:],
        index_bits=(9,) * levels,
        entry_bytes=8,
        table=lambda gpa, _: gpa | 0x67,
        page=lambda gpa, size: gpa | 0x8000_0000_0000_0063 | (0x80 if size > 12 else 0),
        sizes=(12, 21, 30),
        windows=((0, half), (TOP - half, TOP)),
        registers=lambda roots: x86(cr3=roots[0] | 0x18, cr4=cr4, efer=0xD01),
    )


def aarch64(granule: int, input_bits: tuple[int, int], wide: str = "") -> Form:
    """Both halves have tables of equal size here; each has its own first table."""
    bits = input_bits[0]
    shifts = []
    shift = granule
    while shift < bits:
        shifts.insert(0, shift)
        shift += granule - 3
    index = [granule - 3] * len(shifts)
    index[0] = bits - shifts[0]
    code = {12: (0, 2), 14: (2, 1), 16: (1, 3)}[granule]
    size = 64 - bits
    tcr = size | code[0] << 14 | size << 16 | code[1] << 30
    tcr |= {"": 0, "DS": 1 << 59, "LPA": 6 << 32}[wide]

    def split(gpa: int) -> int:
        if wide == "DS":
            return gpa & 0x3_FFFF_FFFF_FFFF | gpa >> 50 << 8
        return gpa & 0xFFFF_FFFF_FFFF | gpa >> 48 << 12

    def root(gpa: int) -> int:
        return gpa | (0x1234 << 48) | 1  # an ASID, and CnP

    return Form(
        shifts=tuple(shifts),
        index_bits=tuple(index),
        entry_bytes=8,
        table=lambda gpa, _: split(gpa) | 3 | 1 << 59,
        page=lambda gpa, size: (
            split(gpa) | (0x60_0000_0000_0400 if wide != "DS" else 0) | (3 if size == granule else 1)
        ),
        sizes=tuple(shift for shift in (granule, 2 * granule - 3, 30 if granule == 12 else granule)),
        windows=((0, 1 << bits), (TOP - (1 << bits), TOP)),
        registers=lambda roots: arm(tcr, root(roots[0]), root(roots[1])),
        shared_root=False,
        address_bits=52 if wide else 48,
    )


def arm(tcr: int, ttbr0: int, ttbr1: int, sctlr: int = 1) -> Aarch64Registers:
    return Aarch64Registers(
        number=0,
        xregs=(0,) * 31,
        sp=0,
        pc=0,
        pstate=5,
        vregs=(0,) * 64,
        fpsr=0,
        fpcr=0,
        regime="EL1&0",
        sctlr=sctlr,
        tcr=tcr,
        ttbr0=ttbr0,
        ttbr1=ttbr1,
    )


FORMS = {
    "x86 32-bit": Form(
        shifts=(22, 12),
        index_bits=(10, 10),
        entry_bytes=4,
        table=lambda gpa, _: gpa | 0x67,
        page=lambda gpa, size: (gpa & 0xFFFF_FFFF) | (gpa >> 32) << 13 | 0x63 | (0x80 if size > 12 else 0),
        sizes=(12, 22),
        windows=((0, 1 << 32),),
        registers=lambda roots: x86(cr3=roots[0], cr4=0x10),
        address_bits=32,
    ),
    "x86 PAE": Form(
        shifts=(30, 21, 12),
        index_bits=(2, 9, 9),
        entry_bytes=8,
        table=lambda gpa, first: gpa | (1 if first else 0x67),
        page=lambda gpa, size: gpa | 0x8000_0000_0000_0063 | (0x80 if size > 12 else 0),
        sizes=(12, 21),
        windows=((0, 1 << 32),),
        registers=lambda roots: x86(cr3=roots[0], cr4=0x20),
    ),
    "x86 4-level": x86_long(4),
    "x86 5-level": x86_long(5),
    "AArch64 4K, 48 bits": aarch64(12, (48, 48)),
    "AArch64 4K, 39 bits": aarch64(12, (39, 39)),
    "AArch64 4K, 33 bits": aarch64(12, (33, 33)),
    "AArch64 4K, 52 bits": aarch64(12, (52, 52), "DS"),
    "AArch64 16K, 47 bits": aarch64(14, (47, 47)),
    "AArch64 16K, 36 bits": aarch64(14, (36, 36)),
    "AArch64 64K, 48 bits": aarch64(16, (48, 48)),
    "AArch64 64K, 42 bits": aarch64(16, (42, 42)),
    "AArch64 64K, 52 bits": aarch64(16, (52, 52), "LPA"),
}


@dataclass
class Space:
    """A virtual address space.

    Attributes:
        memory: as it is read.
        pages: by virtual address: guest-physical address and size in bytes.
        ram: what memory holds.
    """

    memory: VirtualMemory
    pages: dict[int, tuple[int, int]]
    builder: Builder


def build(form: Form, seed: int, count: int) -> Space:
    """Map pages at random; large ones anywhere, also where no memory is, the smallest ones into memory."""
    chance = random.Random(seed)
    builder = Builder()
    first = form.entry_bytes << form.index_bits[0]
    builder.free += 1  # first tables are aligned to their own size, and to no more
    roots = [builder.new_table(first)]
    roots.append(roots[0] if form.shared_root else builder.new_table(first))
    reach = LOW[2] if form.address_bits == 32 else RAM_BYTES  # 32-bit tables reach no small page above 4 GiB
    places = range(LOW[2] - 256 * KIB, min(LOW[2] + 256 * KIB, reach), 1 << form.sizes[0])
    builder.ram[places[0] : places[-1]] = chance.randbytes(places[-1] - places[0])
    pages: dict[int, tuple[int, int]] = {}
    for _ in range(count):
        size = chance.choice(form.sizes)
        window = chance.choice(range(len(form.windows)))
        start, end = form.windows[window]
        near = chance.choice([0, *(address + length for address, (_, length) in pages.items())])
        address = near if start <= near < end else chance.randrange(start, end)
        address = address >> size << size
        if any(address < other + length and other < address + (1 << size) for other, (_, length) in pages.items()):
            continue
        if builder.free > LOW[1] + 2 * MIB:
            break
        in_block = chance.choice(places)
        gpa = LOW[1] + in_block if in_block < HIGH[0] else HIGH[1] + in_block - HIGH[0]
        if size != form.sizes[0]:
            gpa = chance.randrange(1 << (form.address_bits if form.entry_bytes == 8 else 40))
        gpa = gpa >> size << size
        form.map(builder, roots[window], address, gpa, size)
        pages[address] = (gpa, 1 << size)
    return Space(virtual_memory(form.registers(roots), physical_memory(bytes(builder.ram))), pages, builder)


seeds = st.integers(0, 1 << 30)


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=6)
@given(seeds, st.integers(1, 25), st.data())
def test_what_was_mapped_is_found_and_nothing_else(name: str, seed: int, count: int, data: st.DataObject) -> None:
    space = build(FORMS[name], seed, count)
    tables = space.memory.tables
    assert tables is not None
    for address, (gpa, length) in space.pages.items():
        inside = data.draw(st.integers(0, length - 1))
        assert space.memory.translate(address + inside) == gpa + inside
        after = address + length
        if after < TOP and after not in space.pages:
            with pytest.raises(AddressError):
                tables.translate(after)
    found = {each.address: (each.gpa, each.length) for each in tables.mappings(0, TOP)}
    assert found == space.pages
    assert list(found) == sorted(found)


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=4)
@given(seeds)
def test_pages_that_are_neighbours_are_read_and_searched_as_one(name: str, seed: int) -> None:
    space = build(FORMS[name], seed, 25)
    smallest = min(length for _, length in space.pages.values())
    held = {a: g for a, (g, n) in space.pages.items() if n == smallest and space.memory.tables.physical.holds(g)}  # type: ignore[union-attr]
    for address, gpa in held.items():
        place = space.builder.place(gpa)
        content = bytes(space.builder.ram[place : place + smallest])
        space.memory.seek(address)
        assert space.memory.read(smallest) == content
        assert space.memory.tell() == address + smallest
        if address + smallest in held:
            after = space.builder.place(held[address + smallest])
            across = content[-7:] + bytes(space.builder.ram[after : after + 9])
            assert space.memory.read_bytes(address + smallest - 7, 16) == across
            assert address + smallest - 7 in space.memory.search(across, address, address + 2 * smallest)


@cache
def example(name: str) -> Space:
    return build(FORMS[name], 7, 20)


@pytest.mark.parametrize("name", FORMS)
def test_an_address_that_is_not_mapped_names_the_level(name: str) -> None:
    tables = example(name).memory.tables
    assert tables is not None
    form = FORMS[name]
    used = {address >> form.shifts[0] for address in example(name).pages}
    free = next(n for n in range(1 << form.index_bits[0] - 1) if n not in used) << form.shifts[0]
    level = tables.trees[0].levels[0].name
    with pytest.raises(
        AddressError, match=rf"^{free:#x} is not mapped: the {level} entry at gpa 0x[0-9a-f]+ is 0x0$"
    ):
        tables.translate(free)


def test_addresses_that_no_table_is_for() -> None:
    tables = example("x86 4-level").memory.tables
    assert tables is not None
    with pytest.raises(AddressError, match="0x800000000000 is no address that x86 4-level paging translates"):
        tables.translate(1 << 47)
    with pytest.raises(AddressError, match="do not lie within"):
        example("x86 PAE").memory.read_bytes(TOP - 1, 2)


def test_without_paging_addresses_are_physical() -> None:
    ram = bytes(range(256)) * (RAM_BYTES // 256)
    for cpu in (x86(cr0=0x11, cr3=0, cr4=0), arm(0, 0, 0, sctlr=0)):
        memory = virtual_memory(cpu, physical_memory(ram))
        assert "MMU is off" in memory.translation
        assert memory.read_bytes(LOW[1] + 5, 300) == ram[5:305]
        assert memory.read_bytes(HIGH[1], 4) == ram[HIGH[0] : HIGH[0] + 4]
        with pytest.raises(AddressError, match="there is no memory at gpa 0x0"):
            memory.read_bytes(0, 1)
        with pytest.raises(AddressError, match="there is no memory at gpa 0x40300000"):
            memory.read_bytes(LOW[1] + LOW[2] - 1, 2)


def test_a_tag_in_the_top_byte_counts_only_where_tcr_says() -> None:
    space = example("AArch64 4K, 39 bits")
    address = next(iter(space.pages))
    physical = space.memory.tables.physical  # type: ignore[union-attr]
    form = FORMS["AArch64 4K, 39 bits"]
    roots = [tree.root for tree in space.memory.tables.trees]  # type: ignore[union-attr]
    plain = form.registers(roots)
    assert isinstance(plain, Aarch64Registers)
    tagged = (address & ((1 << 56) - 1)) | 0x5A << 56
    with pytest.raises(AddressError, match="no address that AArch64"):
        virtual_memory(plain, physical).translate(tagged)
    ignoring = arm(plain.tcr | 3 << 37, plain.ttbr0, plain.ttbr1)
    assert virtual_memory(ignoring, physical).translate(tagged) == space.pages[address][0]


def test_a_half_that_is_switched_off_is_not_walked() -> None:
    plain = FORMS["AArch64 4K, 39 bits"].registers([LOW[1], LOW[1] + 4096])
    assert isinstance(plain, Aarch64Registers)
    memory = virtual_memory(arm(plain.tcr | 1 << 7, plain.ttbr0, plain.ttbr1), physical_memory(bytes(RAM_BYTES)))
    with pytest.raises(AddressError, match="no address"):
        memory.translate(0)
    with pytest.raises(AddressError, match="level 1 entry"):
        memory.translate(TOP - 4096)


@pytest.mark.parametrize("name", ["AArch64 4K, 52 bits", "AArch64 64K, 52 bits"])
def test_a_first_table_above_256_tib_has_the_top_of_its_address_in_low_bits(name: str) -> None:
    plain = FORMS[name].registers([LOW[1], LOW[1]])
    assert isinstance(plain, Aarch64Registers)
    memory = virtual_memory(arm(plain.tcr, LOW[1] | 0xA << 2 | 1, 0), physical_memory(bytes(RAM_BYTES)))
    with pytest.raises(AddressError, match="table at gpa 0xa000040000000 is not in RAM"):
        memory.translate(0)


# Hostile tables -------------------------------------------------------------------------------------------------


def test_tables_that_lead_to_themselves_are_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ram = bytearray(RAM_BYTES)
    ram[:4096] = struct.pack("<Q", LOW[1] | 3) * 512
    memory = virtual_memory(x86(cr3=LOW[1], cr4=0x20, efer=0xD01), physical_memory(bytes(ram)))
    assert memory.translate(0x1234) == LOW[1] + 0x234
    monkeypatch.setattr(mmu, "_MOST_STEPS", 5000)
    with pytest.raises(AddressError, match="more than 5000 pages and page tables; they may loop"):
        list(memory.search(b"nowhere"))


def test_a_table_outside_of_memory_is_one_error_and_is_passed_over() -> None:
    ram = bytearray(RAM_BYTES)
    struct.pack_into("<QQ", ram, 0, (LOW[1] + 4096) | 3, 0xDEAD_BEEF_F000 | 3)
    memory = virtual_memory(x86(cr3=LOW[1], cr4=0x20, efer=0xD01), physical_memory(bytes(ram)))
    with pytest.raises(
        AddressError, match=r"^0x8000000000 is not mapped: its PDPT table at gpa 0xdeadbeeff000 is not "
    ):
        memory.translate(1 << 39)
    assert list(memory.extents(0, TOP)) == []
    nowhere = virtual_memory(x86(cr3=0xFFFF_F000, cr4=0x20, efer=0xD01), physical_memory(bytes(ram)))
    with pytest.raises(AddressError, match="its PML4 table at gpa 0xfffff000 is not in RAM"):
        nowhere.read_bytes(0, 1)


def test_a_page_outside_of_memory_is_one_error() -> None:
    ram = bytearray(RAM_BYTES)
    struct.pack_into("<I", ram, 0, 0x83)
    memory = virtual_memory(x86(cr3=LOW[1], cr4=0x10), physical_memory(bytes(ram)))
    with pytest.raises(AddressError, match=r"^0x20 leads to gpa 0x20: there is no memory at gpa 0x20$"):
        memory.read_bytes(0x20, 4)


RESERVED = {
    "a large page of 512 GiB": (0, 0x83),
    "a page that is not present": (0, 0x80),
}


@pytest.mark.parametrize("name", RESERVED)
def test_an_entry_that_can_not_be_maps_nothing(name: str) -> None:
    place, entry = RESERVED[name]
    ram = bytearray(RAM_BYTES)
    struct.pack_into("<Q", ram, place, LOW[1] | entry)
    memory = virtual_memory(x86(cr3=LOW[1], cr4=0x20, efer=0xD01), physical_memory(bytes(ram)))
    with pytest.raises(AddressError, match=f"the PML4 entry at gpa {LOW[1]:#x} is {LOW[1] | entry:#x}"):
        memory.translate(0)


@settings(max_examples=60)
@given(st.integers(0, TOP - 1), st.integers(0, TOP - 1), st.integers(0, TOP - 1))
def test_any_registers_are_translated_or_refused(tcr: int, ttbr: int, address: int) -> None:
    physical = physical_memory(b"\xff" * MIB + bytes(RAM_BYTES - MIB))
    for make in (lambda: arm(tcr, ttbr, ttbr), lambda: x86(cr3=ttbr, cr4=tcr, efer=tcr)):
        with suppress(AddressError):
            assert 0 <= virtual_memory(make(), physical).translate(address) < 1 << 53


def test_a_search_needs_something_to_look_for() -> None:
    with pytest.raises(Exception, match="at least one byte"):
        list(physical_memory(b"x" * 8192 + bytes(RAM_BYTES - 8192)).search(b""))


def test_physical_memory_is_searched_across_what_is_no_hole() -> None:
    ram = bytearray(RAM_BYTES)
    ram[HIGH[0] - 3 : HIGH[0] + 3] = b"abcdef"
    ram[100:106] = b"abcdef"
    ram[4094:4100] = b"abcdef"
    memory = physical_memory(bytes(ram))
    assert list(memory.search(b"abcdef")) == [LOW[1] + 100, LOW[1] + 4094]
    assert list(memory.search(b"abc")) == [LOW[1] + 100, LOW[1] + 4094, LOW[1] + LOW[2] - 3]
    with pytest.raises(FileError, match="say how many bytes"):
        memory.read()
