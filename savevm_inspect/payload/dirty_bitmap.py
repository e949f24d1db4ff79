"""``dirty-bitmap``: which parts of disks changed since a backup (migration/block-dirty-bitmap.c).

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
from ..stream.writer import Writer
from ..wire import (
    BDRV_SECTOR_SIZE,
    DIRTY_BITMAP_ALIGN,
    DIRTY_BITMAP_CHUNK_SIZE,
    DIRTY_BITMAP_MIG_EXTRA_FLAGS,
    DIRTY_BITMAP_VERSION,
    DirtyBitmapFlag,
    DirtyBitmapStartFlag,
)

IDSTR = "dirty-bitmap"

_LARGEST_BUFFER_BYTES = 10 * DIRTY_BITMAP_CHUNK_SIZE
_KNOWN_FLAGS = sum(DirtyBitmapFlag)
_KNOWN_START_FLAGS = sum(DirtyBitmapStartFlag)


@dataclass(slots=True)
class _Bitmap:
    """What is known of one bitmap."""

    granularity_bytes: int
    complete: bool = False


class DirtyBitmapReader:
    """Reads the sections of all bitmaps in order: starts, chunks of bits and completions (dirty_bitmap_load).

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
            BadPayload: a record of no bitmap that was started, or bits that do not fit that bitmap.
            Unsupported: another version of the format.
        """
        if head.version_id != DIRTY_BITMAP_VERSION:
            raise Unsupported(
                f"{IDSTR} version {head.version_id}, expected {DIRTY_BITMAP_VERSION}", offset=cursor.offset
            )
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
        if granularity < BDRV_SECTOR_SIZE or granularity & (granularity - 1):
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
        if first * BDRV_SECTOR_SIZE % bitmap.granularity_bytes:
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
        bits = -(-count * BDRV_SECTOR_SIZE // bitmap.granularity_bytes)
        needed = -(-bits // 8)
        most = -(-needed // DIRTY_BITMAP_ALIGN) * DIRTY_BITMAP_ALIGN
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


def padded(length: int) -> int:
    """A chunk's length with its padding, in bytes."""
    return -(-length // DIRTY_BITMAP_ALIGN) * DIRTY_BITMAP_ALIGN


class DirtyBitmapWriter:
    """Writes the same (dirty_bitmap_save_setup, _save_iterate, _save_complete).

    One writer serves all sections of a migration: names are left out where the record before had them.
    """

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None

    def put_start(self, f: Writer, node: str, name: str, *, granularity_bytes: int, enabled: bool) -> None:
        """Announce a bitmap (send_bitmap_start).

        Args:
            f: where to.
            node: name or alias of the disk.
            name: name or alias of the bitmap.
            granularity_bytes: what a bit stands for.
            enabled: whether writes go on to set bits.
        """
        self._put_header(f, node, name, DirtyBitmapFlag.START)
        f.put_be32(granularity_bytes)
        f.put_byte(DirtyBitmapStartFlag.ENABLED if enabled else 0)

    def put_bits(self, f: Writer, node: str, name: str, *, sector: int, sectors: int, bits: bytes) -> None:
        """Write a chunk of bits, or that it is all zero (send_bitmap_bits).

        Args:
            f: where to.
            node: name or alias of the disk.
            name: name or alias of the bitmap.
            sector: the first sector that the bits stand for.
            sectors: how many they stand for.
            bits: least significant first.
        """
        zeroes = DirtyBitmapFlag(0) if any(bits) else DirtyBitmapFlag.ZEROES
        self._put_header(f, node, name, DirtyBitmapFlag.BITS | zeroes)
        f.put_be64(sector)
        f.put_be32(sectors)
        if not zeroes:
            f.put_be64(padded(len(bits)))
            f.put_buffer(bits.ljust(padded(len(bits)), b"\0"))

    def put_complete(self, f: Writer, node: str, name: str) -> None:
        """Say that all bits of a bitmap were sent (send_bitmap_complete)."""
        self._put_header(f, node, name, DirtyBitmapFlag.COMPLETE)

    @staticmethod
    def put_eos(f: Writer) -> None:
        """End the section."""
        f.put_byte(DirtyBitmapFlag.EOS)

    def _put_header(self, f: Writer, node: str, name: str, flags: DirtyBitmapFlag) -> None:
        """Write a record's flags, and the names that differ from the last record's (send_bitmap_header)."""
        last, self._last = self._last, (node, name)
        if last is None or last[0] != node:
            flags |= DirtyBitmapFlag.DEVICE_NAME
        if last != self._last:
            flags |= DirtyBitmapFlag.BITMAP_NAME
        f.put_byte(flags)
        if flags & DirtyBitmapFlag.DEVICE_NAME:
            f.put_counted_string(node)
        if flags & DirtyBitmapFlag.BITMAP_NAME:
            f.put_counted_string(name)
