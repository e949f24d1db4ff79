"""mapped-ram: a fixed offset in the file for each page of a block, and a bitmap of those that are there.

Reader and writer together.

The bitmap is an array of the source host's longs; it is read as little-endian, which all hosts that QEMU's file
migration was seen on are (migration/ram.c, ram_save_file_bmap).
"""

from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np

from ..errors import BadPayload
from ..stream.cursor import Cursor
from ..stream.writer import SeekableWriter
from ..wire import MAPPED_RAM_FILE_OFFSET_ALIGNMENT, MAPPED_RAM_HDR_VERSION
from .page_log import PageKind, PageLog
from .ram_blocks import MappedRam, RamBlock, bitmap_bytes_of, put_block, put_total_size

_HEADER_BYTES = 4 + 3 * 8
_STEP_BYTES = 1 << 16


def log_mapped_pages(log: PageLog, cursor: Cursor, number: int, block: RamBlock, page_size: int) -> int:
    """Append a row for each page that a block's bitmap says is there.

    Args:
        log: where to.
        cursor: of the channel; stands after the block list and is not moved.
        number: index of the block in the block list.
        block: a block with a mapped-ram header.
        page_size: bytes of a page.

    Returns:
        Bytes between the block's header and the end of its pages that are nobody's: alignment, and the places
        of pages that are absent.

    Raises:
        BadPayload: the bitmap has pages after the block's end.
    """
    assert block.mapped is not None
    mapped = block.mapped
    start = mapped.bitmap_offset - cursor.base
    words = np.frombuffer(cursor.buffer[start : start + mapped.bitmap_bytes], np.uint8)
    logged = 0
    for first in range(0, len(words), _STEP_BYTES):
        bits = np.unpackbits(words[first : first + _STEP_BYTES], bitorder="little")
        present = np.flatnonzero(bits).astype(np.uint64) + np.uint64(8 * first)
        if len(present) and present[-1] >= block.used_bytes // page_size:
            raise BadPayload(
                f"the bitmap of block {block.name!r} has page {present[-1]} of {block.used_bytes // page_size}",
                offset=mapped.bitmap_offset,
                section=cursor.section,
            )
        rows = log.reserve(len(present))
        np.multiply(present, np.uint64(page_size), out=rows["addr"])
        np.add(rows["addr"], np.uint64(mapped.pages_offset), out=rows["offset"])
        for name, value in (
            ("length", page_size),
            ("block", number),
            ("kind", PageKind.NORMAL),
            ("section", 0),
            ("channel", cursor.channel),
            ("epoch", 0),
        ):
            rows[name] = value
        del rows  # so that the log can grow in place
        log.commit(len(present))
        logged += len(present)
    region = mapped.pages_offset + block.used_bytes - mapped.bitmap_offset
    return region - mapped.bitmap_bytes - logged * page_size


class MappedRamWriter:
    """Writes blocks and pages of mapped-ram; words and marks of the section are the ``RamWriter``'s.

    Args:
        f: where to; a file.
        page_size: bytes of a page.
    """

    def __init__(self, f: SeekableWriter, page_size: int) -> None:
        self._f = f
        self._page_size = page_size
        self._blocks: dict[str, MappedRam] = {}
        self._bitmaps: dict[str, bytearray] = {}

    def put_block_list(self, blocks: Sequence[RamBlock], *, ignored: Container[str] = ()) -> list[RamBlock]:
        """Write the block list, and leave room after each block for its bitmap and pages (ram_save_setup).

        Args:
            blocks: the blocks.
            ignored: names of those that x-ignore-shared leaves out.

        Returns:
            The blocks with their offsets in the file.
        """
        put_total_size(self._f, blocks)
        return [replace(block, mapped=self._put_block(block, ignored=block.name in ignored)) for block in blocks]

    def _put_block(self, block: RamBlock, *, ignored: bool) -> MappedRam | None:
        """Write a block with its header (mapped_ram_setup_ramblock)."""
        f = self._f
        put_block(f, block)
        mapped = None if ignored else self._place(block, f.get_offset() + _HEADER_BYTES)
        f.put_be32(MAPPED_RAM_HDR_VERSION)
        f.put_be64(self._page_size)
        f.put_be64(mapped.bitmap_offset if mapped else 0)
        f.put_be64(mapped.pages_offset if mapped else 0)
        if mapped:
            self._blocks[block.name] = mapped
            self._bitmaps[block.name] = bytearray(mapped.bitmap_bytes)
            f.set_offset(mapped.pages_offset + block.used_bytes)
        return mapped

    def _place(self, block: RamBlock, bitmap_offset: int) -> MappedRam:
        bitmap_bytes = bitmap_bytes_of(block.used_bytes // self._page_size)
        alignment = MAPPED_RAM_FILE_OFFSET_ALIGNMENT
        pages_offset = -(-(bitmap_offset + bitmap_bytes) // alignment) * alignment
        return MappedRam(bitmap_offset=bitmap_offset, bitmap_bytes=bitmap_bytes, pages_offset=pages_offset)

    def put_page(self, block: str, addr: int, content: bytes) -> None:
        """Write a page at its offset and mark it as there (save_normal_page)."""
        self._f.put_buffer_at(content, self._blocks[block].pages_offset + addr)
        byte, bit = divmod(addr // self._page_size, 8)
        self._bitmaps[block][byte] |= 1 << bit

    def put_zero_page(self, block: str, addr: int) -> None:
        """Mark a page as absent; what was written there before stays (save_zero_page)."""
        byte, bit = divmod(addr // self._page_size, 8)
        self._bitmaps[block][byte] &= ~(1 << bit)

    def put_file_bmap(self) -> None:
        """Write the bitmaps at their offsets; before the end mark of the last section (ram_save_file_bmap)."""
        for name, bitmap in self._bitmaps.items():
            self._f.put_buffer_at(bytes(bitmap), self._blocks[name].bitmap_offset)
