"""``block``: disk contents sent with the machine, by QEMU 9.0 and before (migration/block.c, block_load)."""

from collections.abc import Iterator

from ..errors import UnknownRecord
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from ..wire import BDRV_SECTOR_BITS, BLK_MIG_BLOCK_SIZE, BlkMigFlag

IDSTR = "block"

_CHUNKS = {
    BlkMigFlag.BLK_MIG_FLAG_DEVICE_BLOCK: BLK_MIG_BLOCK_SIZE,
    BlkMigFlag.BLK_MIG_FLAG_DEVICE_BLOCK | BlkMigFlag.BLK_MIG_FLAG_ZERO_BLOCK: 0,
}
"""Bytes of content after a chunk's name, by its flags."""


class BlockReader:
    """Reads the sections of block migration; each stands alone."""

    def read(self, cursor: Cursor, _head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload up to its end mark.

        Raises:
            Truncated: it ends early.
            UnknownRecord: flags that the format does not have.
        """
        reader = FieldReader(cursor)
        flags, number = BlkMigFlag(0), 0
        while flags != BlkMigFlag.BLK_MIG_FLAG_EOS:
            record = f"record[{number}]"
            offset = cursor.offset
            ahead = int.from_bytes(bytes(cursor.peek(8)))
            flags = BlkMigFlag(ahead & ((1 << BDRV_SECTOR_BITS) - 1))
            meaning = flags.name or hex(flags)
            if flags & BlkMigFlag.BLK_MIG_FLAG_DEVICE_BLOCK:
                meaning = f"{meaning} at sector {ahead >> BDRV_SECTOR_BITS}"
            elif flags == BlkMigFlag.BLK_MIG_FLAG_PROGRESS:
                meaning = f"{meaning} {ahead >> BDRV_SECTOR_BITS} %"
            field, _ = reader.be64(record, "addr_and_flags", meaning=meaning)
            yield field
            if flags in _CHUNKS:
                name, _ = reader.counted_text(record, "device")
                yield name
                if _CHUNKS[flags]:
                    yield reader.buffer(_CHUNKS[flags], record, "content")
            elif flags not in (BlkMigFlag.BLK_MIG_FLAG_EOS, BlkMigFlag.BLK_MIG_FLAG_PROGRESS):
                raise UnknownRecord(f"block migration flags {flags:#x}", offset=offset, section=cursor.section)
            number += 1
