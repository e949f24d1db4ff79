"""Guest memory as an ELF core, as QEMU's dump-guest-memory writes it without paging (dump/dump.c)."""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..container.whole_file import whole_file
from ..errors import AddressError, SavevmError
from .elf_notes import EM_386, EM_AARCH64, EM_X86_64, cpu_notes, machine_of
from .ranges import AddressMap, Range
from .rebuild import BlockImage
from .registers import Registers

_ET_CORE, _EV_CURRENT, _PT_LOAD, _PT_NOTE = 4, 1, 1, 4
_MOST_SEGMENTS = 0xFFFE
_ALIGNMENT = 4096
_STEP_BYTES = 1 << 20
_LEAST_HOLE_BYTES = 64 << 10
_CLASS32, _CLASS64 = 1, 2
_MOST_BYTES32 = (1 << 32) - (8 << 20)
"""Of memory in a file whose offsets have 32 bits; the rest is for headers and notes."""

_LSB, _MSB = 1, 2


@dataclass(frozen=True, slots=True)
class Target:
    """What kind of ELF file a core is.

    Attributes:
        machine: its e_machine.
        elf_class: 1 for 32 bits, 2 for 64.
        data: 1 for little-endian, 2 for big-endian.
    """

    machine: int
    elf_class: int = _CLASS64
    data: int = _LSB

    @property
    def _order(self) -> str:
        return "<" if self.data == _LSB else ">"

    @property
    def header_bytes(self) -> int:
        """Size of the file's header."""
        return 64 if self.elf_class == _CLASS64 else 52

    @property
    def segment_bytes(self) -> int:
        """Size of a program header."""
        return 56 if self.elf_class == _CLASS64 else 32

    def header(self, segments: int) -> bytes:
        """The file's header."""
        word = "Q" if self.elf_class == _CLASS64 else "I"
        return struct.pack(
            f"{self._order}16sHHI3{word}IHHHHHH",
            b"\x7fELF" + bytes((self.elf_class, self.data, _EV_CURRENT)),
            *(_ET_CORE, self.machine, _EV_CURRENT, 0, self.header_bytes, 0),
            *(0, self.header_bytes, self.segment_bytes, segments, 0, 0, 0),
        )

    def segment(self, kind: int, offset: int, gpa: int, length: int) -> bytes:
        """A program header; as with QEMU the virtual address is the physical one."""
        if self.elf_class == _CLASS64:
            return struct.pack(f"{self._order}II6Q", kind, 0, offset, gpa, gpa, length, length, 0)
        return struct.pack(f"{self._order}8I", kind, offset, gpa, gpa, length, length, 0, 0)


_EM_RISCV, _EM_PPC64, _EM_S390 = 243, 21, 22
TARGETS = {
    "x86 pc": Target(EM_X86_64),
    "x86 q35": Target(EM_X86_64),
    "x86 microvm": Target(EM_X86_64),
    "arm virt": Target(EM_AARCH64),
    "riscv virt": Target(_EM_RISCV),
    "ppc pseries": Target(_EM_PPC64, data=_MSB),
    "s390x": Target(_EM_S390, data=_MSB),
}
"""By family of machine types, where no processor tells."""


def core_target(family: str, cpus: Sequence[Registers], address_map: AddressMap) -> Target:
    """What kind of file a core must be.

    Args:
        family: the family of the machine type; empty if it is not known.
        cpus: the processors, as many as could be read.
        address_map: where memory lies; a core of 32 bits must reach it, and have room for it.

    Raises:
        AddressError: neither the machine type nor a processor tells the architecture.
    """
    if cpus:
        machine = machine_of(cpus)
        low = not address_map.ranges or address_map.ranges[-1].end <= 1 << 32
        low = low and sum(_aligned(each.length) for each in address_map.ranges) <= _MOST_BYTES32
        return Target(machine, _CLASS32 if machine == EM_386 and low else _CLASS64)
    if family not in TARGETS:
        raise AddressError("neither the machine type nor a processor tells what architecture the core is of")
    return TARGETS[family]


def write_core(
    output: Path,
    blocks: Mapping[str, BlockImage],
    address_map: AddressMap,
    target: Target,
    cpus: Sequence[Registers],
    progress: Callable[[int], object],
) -> None:
    """Write a core file; zero pages become holes. It appears under its name when it is whole.

    Args:
        output: the file to make; replaced if it exists.
        blocks: the RAM blocks by name.
        address_map: where they lie; each range becomes a segment.
        target: what kind of file it is.
        cpus: the processors; without any, the core has no notes.
        progress: called with the bytes of memory that each step has come to.

    Raises:
        AddressError: there is no memory, or more ranges than a core can have.
        SavevmError: the file can't be written; nothing is left of it.
    """
    ranges = address_map.ranges
    if not 0 < len(ranges) <= _MOST_SEGMENTS:
        raise AddressError(f"a core of {len(ranges)} ranges of memory can't be; it has 1 to {_MOST_SEGMENTS}")
    for each in ranges:
        if blocks[each.block].ignored:
            raise AddressError(f"block {each.block!r} is shared memory that x-ignore-shared left out of the stream")
    try:
        with whole_file(output) as draft, draft.open("wb") as file:
            _write(file, blocks, ranges, target, b"".join(cpu_notes(cpus)) if cpus else b"", progress)
    except OverflowError as error:
        raise SavevmError(f"{output}: no file can have {sum(each.length for each in ranges)} bytes") from error


def _write(
    file: BinaryIO,
    blocks: Mapping[str, BlockImage],
    ranges: Sequence[Range],
    target: Target,
    notes: bytes,
    progress: Callable[[int], object],
) -> None:
    count = len(ranges) + bool(notes)
    notes_offset = target.header_bytes + count * target.segment_bytes
    offset = _aligned(notes_offset + len(notes))
    head = target.header(count)
    if notes:
        head += target.segment(_PT_NOTE, notes_offset, 0, len(notes))
    offsets = []
    for each in ranges:
        head += target.segment(_PT_LOAD, offset, each.gpa, each.length)
        offsets.append(offset)
        offset = _aligned(offset + each.length)
    file.truncate(offsets[-1] + ranges[-1].length)
    file.write(head + notes)
    done = 0
    for each, range_offset in zip(ranges, offsets, strict=True):
        for start, content in _pieces(blocks[each.block], each):
            file.seek(range_offset + start)
            file.write(content)
            progress(done + start)
        done += each.length
        progress(done)


def _pieces(image: BlockImage, wanted: Range) -> Iterator[tuple[int, memoryview]]:
    """What of a range is not zero, in steps: its offset in the range, and its bytes."""
    piece = memoryview(bytearray(_STEP_BYTES))
    for start, end in image.filled(_LEAST_HOLE_BYTES // image.page_size):
        first, stop = max(start, wanted.addr), min(end, wanted.addr + wanted.length)
        for addr in range(first, stop, _STEP_BYTES):
            view = piece[: min(_STEP_BYTES, stop - addr)]
            image.read_at(addr, view)
            yield addr - wanted.addr, view


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
