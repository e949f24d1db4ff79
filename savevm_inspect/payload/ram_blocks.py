"""The block list that opens RAM, with what capabilities add to each block (migration/ram.c, parse_ramblocks)."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadPayload, Unsupported
from ..rules.options import Capability
from ..stream.cursor import Cursor
from ..stream.writer import Writer
from ..wire import MAPPED_RAM_HDR_VERSION, RamSaveFlag

_MEM_SIZE = int(RamSaveFlag.RAM_SAVE_FLAG_MEM_SIZE)
_BITS_OF_A_LONG = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRam:
    """Where mapped-ram keeps a block in the file (migration/ram.c, MappedRamHeader).

    Attributes:
        bitmap_offset: offset of the bitmap of pages that are there, in bytes from the start of the file.
        bitmap_bytes: its length, whole 64-bit words.
        pages_offset: offset of the block's first page, in bytes from the start of the file.
    """

    bitmap_offset: int
    bitmap_bytes: int
    pages_offset: int


@dataclass(frozen=True, slots=True)
class RamBlock:
    """One block of guest memory, as the block list states it.

    Attributes:
        name: its idstr; a path (``/rom@etc/acpi/tables``) that is data, never a file name.
        used_bytes: its length.
        page_size_bytes: size of the host's pages that back it, where postcopy states one.
        gpa: its guest-physical address, where x-ignore-shared states one.
        mapped: where mapped-ram keeps its pages.
    """

    name: str
    used_bytes: int
    page_size_bytes: int | None = None
    gpa: int | None = None
    mapped: MappedRam | None = None


def read_block_list(cursor: Cursor, page_size: int, capabilities: tuple[str, ...]) -> list[RamBlock]:
    """Read the first word and the list after it; with mapped-ram, through the last block's pages.

    Args:
        cursor: stands on the first word of the START section.
        page_size: bytes of a page.
        capabilities: those that the stream states.

    Raises:
        Truncated: it ends early.
        BadPayload: the sizes do not add up, or a block is inconsistent.
        Unsupported: a mapped-ram header of another version.
    """
    offset = cursor.offset
    word = cursor.be64("the total size of RAM")
    if word & (page_size - 1) != _MEM_SIZE:
        raise BadPayload(
            f"word {word:#x} where RAM_SAVE_FLAG_MEM_SIZE must open the block list",
            offset=offset,
            section=cursor.section,
        )
    left = word - _MEM_SIZE
    blocks: dict[str, RamBlock] = {}
    while left:
        offset = cursor.offset
        name = cursor.counted_text("a RAM block's name")
        used = cursor.be64("a RAM block's length")
        if used == 0 or used > left:
            raise BadPayload(
                f"block {name!r} of {used} bytes in a list with {left} bytes to go",
                offset=offset,
                section=cursor.section,
            )
        if name in blocks:
            raise BadPayload(f"block {name!r} is listed twice", offset=offset, section=cursor.section)
        if "\0" in name:
            raise BadPayload(
                f"block {name!r}, whose name ends before its length", offset=offset, section=cursor.section
            )
        shared = Capability.X_IGNORE_SHARED in capabilities
        gpa = cursor.be64("a RAM block's address") if shared else None
        mapped = None
        if Capability.MAPPED_RAM in capabilities:
            mapped = _read_mapped(cursor, used, page_size, may_be_left_out=shared)
        blocks[name] = RamBlock(name, used, gpa=gpa, mapped=mapped)
        left -= used
    return list(blocks.values())


def _read_mapped(cursor: Cursor, used: int, page_size: int, *, may_be_left_out: bool) -> MappedRam | None:
    """Read the header of a block in mapped-ram and step past its pages (parse_ramblock_mapped_ram)."""
    offset = cursor.offset
    version = cursor.be32("a mapped-ram header's version")
    stated = cursor.be64("a mapped-ram header's page size")
    bitmap_offset = cursor.be64("the offset of a bitmap")
    pages_offset = cursor.be64("the offset of a block's pages")
    if version != MAPPED_RAM_HDR_VERSION:
        raise Unsupported(
            f"mapped-ram version {version}, expected {MAPPED_RAM_HDR_VERSION}", offset=offset, section=cursor.section
        )
    if stated != page_size:
        raise BadPayload(
            f"mapped-ram pages of {stated} bytes, the stream's have {page_size}",
            offset=offset,
            section=cursor.section,
        )
    if may_be_left_out and not (bitmap_offset or pages_offset):
        return None  # x-ignore-shared did
    bitmap_bytes = bitmap_bytes_of(used // page_size)
    if not cursor.offset <= bitmap_offset <= bitmap_offset + bitmap_bytes <= pages_offset:
        raise BadPayload(
            f"a bitmap of {bitmap_bytes} bytes at {bitmap_offset:#x} and pages at {pages_offset:#x} overlap or lie "
            f"before the header's end",
            offset=offset,
            section=cursor.section,
        )
    cursor.require(pages_offset + used - cursor.offset, "a block's pages")
    return MappedRam(bitmap_offset=bitmap_offset, bitmap_bytes=bitmap_bytes, pages_offset=pages_offset)


def bitmap_bytes_of(pages: int) -> int:
    """The length in bytes of a bitmap of pages: whole longs of a 64-bit host (BITS_TO_LONGS)."""
    return -(-pages // _BITS_OF_A_LONG) * _BITS_OF_A_LONG // 8


def put_block_list(f: Writer, blocks: Sequence[RamBlock]) -> None:
    """Write the total size and the list of blocks (ram_save_setup)."""
    put_total_size(f, blocks)
    for block in blocks:
        put_block(f, block)


def put_total_size(f: Writer, blocks: Sequence[RamBlock]) -> None:
    """Write the word that opens the list (ram_save_setup)."""
    f.put_be64(sum(block.used_bytes for block in blocks) | _MEM_SIZE)


def put_block(f: Writer, block: RamBlock) -> None:
    """Write one block of the list, with its host page size and address where it states them (ram_save_setup)."""
    f.put_counted_string(block.name)
    f.put_be64(block.used_bytes)
    if block.page_size_bytes is not None:
        f.put_be64(block.page_size_bytes)
    if block.gpa is not None:
        f.put_be64(block.gpa)
