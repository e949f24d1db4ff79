"""mapped-ram: a block's pages at their own places in the file, and a bitmap of those that are there.

The bitmap is an array of the source host's longs; it is read as little-endian, which all hosts that QEMU's file
migration was seen on are (migration/ram.c, ram_save_file_bmap).
"""

import numpy as np

from ..errors import BadPayload
from ..stream.cursor import Cursor
from .page_log import PageKind, PageLog
from .ram_blocks import RamBlock


def log_mapped_pages(log: PageLog, cursor: Cursor, number: int, block: RamBlock, page_size: int) -> int:
    """Append a row for each page that a block's bitmap says is there.

    Args:
        log: where to.
        cursor: of the channel; stands behind the block list and is not moved.
        number: index of the block in the block list.
        block: a block with a mapped-ram header.
        page_size: bytes of a page.

    Returns:
        Bytes between the block's header and the end of its pages that are nobody's: alignment, and the places
        of pages that are absent.

    Raises:
        BadPayload: the bitmap has pages behind the block's end.
    """
    assert block.mapped is not None
    mapped = block.mapped
    start = mapped.bitmap_offset - cursor.base
    words = np.frombuffer(cursor.buffer[start : start + mapped.bitmap_bytes], np.uint8)
    present = np.flatnonzero(np.unpackbits(words, bitorder="little"))
    if len(present) and present[-1] >= block.used_bytes // page_size:
        raise BadPayload(
            f"the bitmap of block {block.name!r} has page {present[-1]} of {block.used_bytes // page_size}",
            offset=mapped.bitmap_offset,
            section=cursor.section,
        )
    addrs = present.astype(np.uint64) * np.uint64(page_size)
    log.addr.frombytes(addrs.tobytes())
    log.offset.frombytes((addrs + np.uint64(mapped.pages_offset)).tobytes())
    for column, value in (
        (log.length, page_size),
        (log.block, number),
        (log.kind, PageKind.NORMAL),
        (log.section, 0),
        (log.channel, cursor.channel),
        (log.epoch, 0),
    ):
        column.extend([value] * len(present))
    region = mapped.pages_offset + block.used_bytes - mapped.bitmap_offset
    return region - mapped.bitmap_bytes - len(present) * page_size
