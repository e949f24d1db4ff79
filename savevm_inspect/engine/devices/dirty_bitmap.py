"""``dirty-bitmap``: which parts of a disk changed since the last backup (migration/block-dirty-bitmap.c).

It takes part without iterating: ``is_active`` says yes, ``is_active_iterate`` says no while the VM runs, so that
precopy carries all of it in the END section, and postcopy in its rounds. Without bitmaps, or without the capability,
it is absent.
"""

from dataclasses import dataclass, field
from typing import Final

from ...errors import BadPayload
from ...payload.dirty_bitmap import IDSTR, DirtyBitmapWriter, padded
from ...rules.options import Capability
from ...wire import (
    BDRV_SECTOR_SIZE,
    DIRTY_BITMAP_CHUNK_SIZE,
    DIRTY_BITMAP_VERSION,
    DirtyBitmapFlag,
    DirtyBitmapStartFlag,
)
from ..machine.handlers import DeviceError, Pending, SaveVMHandlers
from ..machine.machine import Machine, RunState
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..sim.scheduler import Steps

_START_FLAGS: Final = sum(DirtyBitmapStartFlag)


@dataclass(slots=True, kw_only=True)
class DirtyBitmap:
    """One bitmap of one disk.

    Attributes:
        node: name of the disk.
        name: of the bitmap.
        disk_bytes: length of the disk, a multiple of the sector size.
        granularity_bytes: what one bit stands for.
        enabled: whether writes go on to set bits.
        bits: the bitmap, least significant bit first.
    """

    node: str
    name: str
    disk_bytes: int
    granularity_bytes: int = 1 << 16
    enabled: bool = True
    bits: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.bits = self.bits.ljust(-(-self.disk_bytes // (8 * self.granularity_bytes)), b"\0")

    @property
    def total_sectors(self) -> int:
        """Length of the disk in sectors."""
        return self.disk_bytes // BDRV_SECTOR_SIZE

    @property
    def sectors_per_chunk(self) -> int:
        """How much of the disk one chunk of the bitmap covers, in sectors."""
        return DIRTY_BITMAP_CHUNK_SIZE * 8 * (self.granularity_bytes // BDRV_SECTOR_SIZE)

    def chunk(self, sector: int, sectors: int) -> tuple[int, int]:
        """Where the bits of a part of the disk lie: index and length in bytes of ``bits``."""
        start = sector * BDRV_SECTOR_SIZE // self.granularity_bytes // 8
        return start, -(-sectors * BDRV_SECTOR_SIZE // (8 * self.granularity_bytes))


class DirtyBitmaps:
    """All bitmaps of a machine.

    Args:
        machine: whose disks.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.bitmaps: list[DirtyBitmap] = []
        """Those there are; on a destination they come out of the stream."""
        self._left: list[tuple[DirtyBitmap, int]] = []
        self._writer = DirtyBitmapWriter()
        self._node = ""
        self._current: DirtyBitmap | None = None
        self._unfinished: list[DirtyBitmap] = []

    @classmethod
    def attach(cls, machine: Machine) -> "DirtyBitmaps":
        """Build it into a machine and register it (dirty_bitmap_mig_init)."""
        device = machine.dirty_bitmaps = cls(machine)
        machine.registry.register_savevm_live(IDSTR, 0, DIRTY_BITMAP_VERSION, SaveVMHandlers.of(cls), device)
        return device

    def is_active(self) -> bool:
        """Only with the capability, and if there is a bitmap (dirty_bitmap_is_active)."""
        source = self._machine.source
        return bool(self.bitmaps) and source is not None and source.options.has(Capability.DIRTY_BITMAPS)

    def is_active_iterate(self) -> bool:
        """Not while the VM runs: the bits would be stale at once (dirty_bitmap_is_active_iterate)."""
        return self.is_active() and self._machine.runstate is not RunState.RUNNING

    def has_postcopy(self) -> bool:
        """The guest can do without its disks' bitmaps for a while (dirty_bitmap_has_postcopy)."""
        return True

    def save_setup(self, f: QEMUFile) -> int:
        """Announce each bitmap (dirty_bitmap_save_setup)."""
        self._writer = writer = DirtyBitmapWriter()
        self._left = [(bitmap, 0) for bitmap in self.bitmaps]
        for bitmap in self.bitmaps:
            writer.put_start(
                f, bitmap.node, bitmap.name, granularity_bytes=bitmap.granularity_bytes, enabled=bitmap.enabled
            )
        writer.put_eos(f)
        return 0

    def save_live_iterate(self, f: QEMUFile) -> int:
        """Send bits once the destination runs, and nothing before (dirty_bitmap_save_iterate)."""
        source = self._machine.source
        if source is not None and source.in_postcopy:
            self._bulk_phase(f, limit=True)
        self._writer.put_eos(f)
        return int(not self._left)

    def save_complete(self, f: QEMUFile) -> int:
        """Send all bits that are left (dirty_bitmap_save_complete)."""
        self._bulk_phase(f, limit=False)
        for bitmap in self.bitmaps:
            self._writer.put_complete(f, bitmap.node, bitmap.name)
        self._writer.put_eos(f)
        return 0

    def save_cleanup(self) -> None:
        """Forget what is left (dirty_bitmap_save_cleanup)."""
        self._left = []

    def _bulk_phase(self, f: QEMUFile, *, limit: bool) -> None:
        """Send chunk after chunk, one bitmap after the other (bulk_phase)."""
        while self._left:
            bitmap, sector = self._left[0]
            if sector >= bitmap.total_sectors:
                del self._left[0]
                continue
            self._put_bits(f, bitmap, sector)
            self._left[0] = (bitmap, sector + bitmap.sectors_per_chunk)
            if limit and f.rate_exceeded():
                return

    def state_pending_estimate(self) -> Steps[Pending]:
        """One byte for each bit, as upstream counts (dirty_bitmap_state_pending).

        The last query of 11.1 holds the lock already.
        """
        bql = self._machine.bql
        locked = bql.held
        if not locked:
            yield from bql.lock()
        left = sum(
            -(-max(bitmap.total_sectors - sector, 0) * BDRV_SECTOR_SIZE // bitmap.granularity_bytes)
            for bitmap, sector in self._left
        )
        if not locked:
            bql.unlock()
        return Pending(can_postcopy=left)

    def state_pending_exact(self) -> Steps[Pending]:
        """The same function serves both (dirty_bitmap_state_pending)."""
        return self.state_pending_estimate()

    def load_state(self, f: QEMUFileInput, version_id: int) -> Steps[int]:
        """Read one section: records until the one that ends it (dirty_bitmap_load)."""
        if version_id != DIRTY_BITMAP_VERSION:
            raise DeviceError(f"version {version_id}, expected {DIRTY_BITMAP_VERSION}")
        while True:
            yield from f.fill(1)
            offset = f.offset
            flags = DirtyBitmapFlag(f.get_byte())
            if flags & DirtyBitmapFlag.DEVICE_NAME:
                yield from f.fill_counted()
                self._node = f.get_counted_string()
            if flags & DirtyBitmapFlag.BITMAP_NAME:
                yield from f.fill_counted()
                name = f.get_counted_string()
                self._current = self._find(name)
                if flags & DirtyBitmapFlag.START:
                    yield from f.fill(4 + 1)
                    self._load_start(f, name)
            if flags & DirtyBitmapFlag.BITS:
                if self._current is None:
                    raise BadPayload("bits of no known bitmap", offset=offset, section=f.section)
                yield from self._load_bits(f, self._current, zeroes=bool(flags & DirtyBitmapFlag.ZEROES))
            if flags & DirtyBitmapFlag.COMPLETE and self._current is not None:
                self._unfinished = [each for each in self._unfinished if each is not self._current]
            if flags & DirtyBitmapFlag.EOS:
                return 0

    def cancel_incoming(self) -> None:
        """Forget bitmaps that did not come whole (dirty_bitmap_mig_cancel_incoming)."""
        self.bitmaps = [bitmap for bitmap in self.bitmaps if all(bitmap is not each for each in self._unfinished)]
        self._unfinished, self._current = [], None

    def _load_start(self, f: QEMUFileInput, name: str) -> None:
        """Make a bitmap that was announced (dirty_bitmap_load_start)."""
        offset = f.offset
        granularity, flags = f.get_be32(), f.get_byte()
        disk_bytes = dict(self._machine.disks).get(self._node)
        if disk_bytes is None:
            raise BadPayload(
                f"bitmap {name!r} of disk {self._node!r}, which this side lacks", offset=offset, section=f.section
            )
        if self._current is not None:
            raise BadPayload(f"bitmap {name!r} is there already", offset=offset, section=f.section)
        if granularity < BDRV_SECTOR_SIZE or granularity & (granularity - 1) or flags & ~_START_FLAGS:
            raise BadPayload(
                f"bitmap of granularity {granularity}, flags {flags:#x}", offset=offset, section=f.section
            )
        self._current = DirtyBitmap(
            node=self._node,
            name=name,
            disk_bytes=disk_bytes,
            granularity_bytes=granularity,
            enabled=bool(flags & DirtyBitmapStartFlag.ENABLED),
        )
        self.bitmaps.append(self._current)
        self._unfinished.append(self._current)

    def _load_bits(self, f: QEMUFileInput, bitmap: DirtyBitmap, *, zeroes: bool) -> Steps[None]:
        """Read a chunk of bits (dirty_bitmap_load_bits)."""
        yield from f.fill(8 + 4)
        offset = f.offset
        sector, sectors = f.get_be64(), f.get_be32()
        if sector % bitmap.sectors_per_chunk or sector + sectors > bitmap.total_sectors:
            raise BadPayload(
                f"{sectors} sectors at {sector} of {bitmap.total_sectors}", offset=offset, section=f.section
            )
        start, length = bitmap.chunk(sector, sectors)
        if zeroes:
            bitmap.bits[start : start + length] = bytes(length)
            return
        yield from f.fill(8)
        size = f.get_be64()
        if size != padded(length):
            raise BadPayload(f"{size} bytes of bits, expected {padded(length)}", offset=offset, section=f.section)
        yield from f.fill(size)
        bitmap.bits[start : start + length] = f.get_buffer(size)[:length]

    def _find(self, name: str) -> DirtyBitmap | None:
        return next((bitmap for bitmap in self.bitmaps if (bitmap.node, bitmap.name) == (self._node, name)), None)

    def _put_bits(self, f: QEMUFile, bitmap: DirtyBitmap, sector: int) -> None:
        """Write a chunk of bits; one that is all zero is sent at once (send_bitmap_bits)."""
        sectors = min(bitmap.total_sectors - sector, bitmap.sectors_per_chunk)
        start, length = bitmap.chunk(sector, sectors)
        bits = bytes(bitmap.bits[start : start + length])
        self._writer.put_bits(f, bitmap.node, bitmap.name, sector=sector, sectors=sectors, bits=bits)
        if not any(bits):
            f.fflush()
