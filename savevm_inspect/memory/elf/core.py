"""Guest memory as an ELF core, as QEMU's dump-guest-memory writes it without paging (dump/dump.c)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ...container.whole_file import whole_file
from ...errors import AddressError, SavevmError
from ..machines import Family
from ..ranges import AddressMap, Range
from ..rebuild import BlockImage
from ..registers import Registers
from .notes import target_of
from .target import CLASS32, CLASS64, Target

_PT_LOAD, _PT_NOTE = 1, 4
_MOST_SEGMENTS = 0xFFFE
_ALIGNMENT = 4096
_STEP_BYTES = 1 << 20
_LEAST_HOLE_BYTES = 64 << 10
_MOST_BYTES32 = (1 << 32) - (8 << 20)
"""Of memory in a file whose offsets have 32 bits; the rest is for headers and notes."""


def core_target(family: Family | None, cpus: Sequence[Registers], address_map: AddressMap) -> Target:
    """What kind of file a core must be.

    Args:
        family: the family of the machine type; ``None`` if it is not known.
        cpus: the processors, as many as could be read.
        address_map: where memory lies; a core of 32 bits must reach it, and have room for it.

    Raises:
        AddressError: neither the machine type nor a processor shows the architecture.
    """
    if cpus:
        target = target_of(cpus[0])
    elif family is not None and family.target is not None:
        target = family.target
    else:
        raise AddressError("neither the machine type nor a processor shows what architecture the core is of")
    low = not address_map.ranges or address_map.ranges[-1].end <= 1 << 32
    low = low and sum(_aligned(each.length) for each in address_map.ranges) <= _MOST_BYTES32
    return target if low or target.elf_class != CLASS32 else replace(target, elf_class=CLASS64)


def write_core(
    output: Path,
    blocks: Mapping[str, BlockImage],
    address_map: AddressMap,
    target: Target,
    notes: bytes,
    progress: Callable[[int], object],
) -> None:
    """Write a core file; zero pages become holes. It appears under its name when it is whole.

    Args:
        output: the file to make; replaced if it exists.
        blocks: the RAM blocks by name.
        address_map: where they lie; each range becomes a segment.
        target: what kind of file it is.
        notes: what it says of the processors and of the guest; may be empty.
        progress: called with the bytes of memory that each step has come to.

    Raises:
        AddressError: there is no memory, or more ranges than a core can have.
        SavevmError: the file can't be written; nothing is left of it.
    """
    ranges = address_map.ranges
    if not 0 < len(ranges) <= _MOST_SEGMENTS:
        raise AddressError(f"a core of {len(ranges)} ranges of memory is impossible; it has 1 to {_MOST_SEGMENTS}")
    for each in ranges:
        if blocks[each.block].ignored:
            raise AddressError(f"block {each.block!r} is shared memory that x-ignore-shared left out of the stream")
    try:
        with whole_file(output) as draft, draft.open("wb") as file:
            _write(file, blocks, ranges, target, notes, progress)
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
