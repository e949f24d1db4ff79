"""``dirty-bitmap``: which parts of disks changed since a backup (migration/block-dirty-bitmap.c, dirty_bitmap_load).

A section is a run of records, each opened by its flags. The names of the disk and of the bitmap are sent only
where they change, so what a record belongs to may have been said several sections before it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..errors import BadPayload, UnknownRecord, Unsupported
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from ..wire import DIRTY_BITMAP_MIG_EXTRA_FLAGS, DirtyBitmapFlag, DirtyBitmapStartFlag

IDSTR = "dirty-bitmap"

_VERSION = 1
_SECTOR_BYTES = 512
_CHUNK_BYTES = 1 << 10
_LARGEST_BUFFER_BYTES = 10 * _CHUNK_BYTES
_ALIGN_BYTES = 4 * 8
_KNOWN_FLAGS = sum(DirtyBitmapFlag)
_KNOWN_START_FLAGS = sum(DirtyBitmapStartFlag)


@dataclass(slots=True)
class _Bitmap:
    """What is known of one bitmap."""

    granularity_bytes: int
    complete: bool = False


class DirtyBitmapReader:
    """Reads the sections of all bitmaps in order: starts, chunks of bits and completions.

    Attributes:
        node: name or alias of the disk that the last record belongs to; empty before the first.
        name: name or alias of the bitmap that it belongs to; empty before the first.
    """

    def __init__(self) -> None:
        self.node = ""
        self.name = ""
        self._bitmaps: dict[tuple[str, str], _Bitmap] = {}

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload, up to the record that ends it.

        Raises:
            Truncated: it ends early.
            UnknownRecord: flags that the format does not have.
            BadPayload: a record of no bitmap that was started, or bits that can't be that bitmap's.
            Unsupported: another version of the format.
        """
        if head.version_id != _VERSION:
            raise Unsupported(f"{IDSTR} version {head.version_id}, expected {_VERSION}", offset=cursor.offset)
        reader = FieldReader(cursor)
        number = 0
        while True:
            record = f"record[{number}]"
            offset = cursor.offset
            field, flags = _read_flags(reader, record)
            yield field
            yield from self._read_names(reader, record, flags)
            body = next((read for flag, read in _BODIES.items() if flags & flag), None)
            if body is not None:
                yield from body(self, reader, record, flags, offset)
            if flags & DirtyBitmapFlag.EOS:
                return
            number += 1

    def _read_names(self, reader: FieldReader, record: str, flags: DirtyBitmapFlag) -> Iterator[FieldValue]:
        if flags & DirtyBitmapFlag.DEVICE_NAME:
            field, self.node = reader.counted_text(record, "device")
            yield field
        if flags & DirtyBitmapFlag.BITMAP_NAME:
            field, self.name = reader.counted_text(record, "bitmap")
            yield field

    def _read_start(
        self, reader: FieldReader, record: str, _flags: DirtyBitmapFlag, offset: int
    ) -> Iterator[FieldValue]:
        """Read what announces a bitmap (dirty_bitmap_load_start); the granularity is 32 bits, whatever is written."""
        field, granularity = reader.be32(record, "granularity")
        yield field
        mark = reader.cursor.offset
        field, start_flags = reader.u8(record, "bitmap_flags")
        if start_flags & ~_KNOWN_START_FLAGS:
            raise _bad(reader, f"bitmap flags {start_flags:#x}, reserved ones among them", mark)
        yield replace(field, meaning=_names(DirtyBitmapStartFlag(start_flags)))
        if granularity < _SECTOR_BYTES or granularity & (granularity - 1):
            raise _bad(reader, f"granularity of {granularity} bytes", offset)
        if not self.node or not self.name:
            raise _bad(reader, "a bitmap without a name is started", offset)
        if (self.node, self.name) in self._bitmaps:
            raise _bad(reader, f"{self._who()} is started again", offset)
        self._bitmaps[self.node, self.name] = _Bitmap(granularity)

    def _read_bits(
        self, reader: FieldReader, record: str, flags: DirtyBitmapFlag, offset: int
    ) -> Iterator[FieldValue]:
        """Read a chunk of bits (dirty_bitmap_load_bits)."""
        bitmap = self._open_bitmap(reader, "bits", offset)
        field, first = reader.be64(record, "first_sector")
        yield field
        field, count = reader.be32(record, "nr_sectors")
        yield field
        if first * _SECTOR_BYTES % bitmap.granularity_bytes:
            raise _bad(
                reader,
                f"bits from sector {first}, one stands for {bitmap.granularity_bytes} bytes",
                offset,
            )
        if flags & DirtyBitmapFlag.ZEROES:
            return
        mark = reader.cursor.offset
        field, size = reader.be64(record, "buffer_size")
        yield field
        bits = -(-count * _SECTOR_BYTES // bitmap.granularity_bytes)
        needed = -(-bits // 8)
        most = -(-needed // _ALIGN_BYTES) * _ALIGN_BYTES
        if not needed <= size <= most or size > _LARGEST_BUFFER_BYTES:
            raise _bad(
                reader,
                f"buffer of {size} bytes for {bits} bits, expected {needed} to {most} and at most "
                f"{_LARGEST_BUFFER_BYTES}",
                mark,
            )
        yield reader.buffer(size, record, "bits")

    def _read_complete(
        self, reader: FieldReader, _record: str, _flags: DirtyBitmapFlag, offset: int
    ) -> Iterator[FieldValue]:
        """Note that all bits of a bitmap were sent (dirty_bitmap_load_complete); there are no bytes to it."""
        self._open_bitmap(reader, "the end", offset).complete = True
        return iter(())

    def _open_bitmap(self, reader: FieldReader, what: str, offset: int) -> _Bitmap:
        bitmap = self._bitmaps.get((self.node, self.name))
        if bitmap is None:
            raise _bad(reader, f"{what} of {self._who()}, which was never started", offset)
        if bitmap.complete:
            raise _bad(reader, f"{what} of {self._who()}, which was completed before", offset)
        return bitmap

    def _who(self) -> str:
        return f"bitmap {self.name!r} of disk {self.node!r}"


_Body = Callable[[DirtyBitmapReader, FieldReader, str, DirtyBitmapFlag, int], Iterator[FieldValue]]

_BODIES: dict[DirtyBitmapFlag, _Body] = {
    DirtyBitmapFlag.START: DirtyBitmapReader._read_start,
    DirtyBitmapFlag.COMPLETE: DirtyBitmapReader._read_complete,
    DirtyBitmapFlag.BITS: DirtyBitmapReader._read_bits,
}
"""What follows the names; of several flags in one record upstream heeds the first in this order."""


def _read_flags(reader: FieldReader, record: str) -> tuple[FieldValue, DirtyBitmapFlag]:
    """Read flags in one byte, two or four (qemu_get_bitmap_flags).

    The top bit of the first byte says that a second follows, the top bit of that one that two more do. The
    flags proper are in the last byte; no version writes any in the others.
    """
    cursor = reader.cursor
    offset = cursor.offset
    long = [bool(byte & DIRTY_BITMAP_MIG_EXTRA_FLAGS) for byte in bytes(cursor.peek(2))]
    if long[:1] != [True]:
        read, marks = reader.u8, 0
    elif long[1:] != [True]:
        read, marks = reader.be16, DIRTY_BITMAP_MIG_EXTRA_FLAGS << 8
    else:
        read, marks = reader.be32, DIRTY_BITMAP_MIG_EXTRA_FLAGS << 24 | DIRTY_BITMAP_MIG_EXTRA_FLAGS << 16
    field, value = read(record, "flags")
    if (value & ~marks) & ~_KNOWN_FLAGS:
        raise UnknownRecord(f"dirty bitmap flags {value & ~marks:#x}", offset=offset, section=cursor.section)
    flags = DirtyBitmapFlag(value & ~marks)
    return replace(field, meaning=_names(flags)), flags


def _names(flags: DirtyBitmapFlag | DirtyBitmapStartFlag) -> str:
    return " ".join(flag.name or "" for flag in flags) or "none"


def _bad(reader: FieldReader, message: str, offset: int) -> BadPayload:
    return BadPayload(message, offset=offset, section=reader.cursor.section)
