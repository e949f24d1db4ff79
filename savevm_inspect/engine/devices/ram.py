"""RAM: the device that makes a migration live (migration/ram.c)."""

from typing import Final

from ...errors import BadPayload, UnknownRecord
from ...payload.ram import IDSTR, RamWriter
from ...payload.ram_blocks import RamBlock
from ...wire import RAM_SAVE_VERSION, RamSaveFlag
from ..guest import GuestBlock
from ..handlers import Pending, Refused, SaveVMHandlers
from ..machine import Machine
from ..qemu_file import QEMUFile, QEMUFileInput

MAX_WAIT_MS: Final = 50
"""How long one turn may take before others get theirs (migration/ram.c)."""

_DIRTY: Final = b"\x01"
_PAGES_BETWEEN_LOOKS_AT_THE_CLOCK: Final = 64


class _Position:
    """Where the search for dirty pages stands; it goes round and round (upstream: last_seen_block, last_page)."""

    __slots__ = ("block", "page")

    def __init__(self) -> None:
        self.block = 0
        self.page = 0


class RamDevice:
    """Guest memory on either side.

    The source keeps a bitmap of the pages it has to send. Collecting the dirty log of the guest into it is a
    synchronisation, and begins another pass over RAM; sending a page clears its bit before the page is read,
    so that a later write makes it dirty again.

    Args:
        machine: whose memory.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._blocks = machine.guest.blocks
        self._page_size = machine.kind.page_size
        self._bmap: list[bytearray] = []
        self._position = _Position()
        self._writer: RamWriter | None = None
        self._received: GuestBlock | None = None

    @classmethod
    def attach(cls, machine: Machine) -> "RamDevice":
        """Build it into a machine and register it (ram_mig_init)."""
        device = cls(machine)
        machine.registry.register_savevm_live(IDSTR, 0, RAM_SAVE_VERSION, SaveVMHandlers.of(cls), device)
        return device

    def save_setup(self, f: QEMUFile) -> int:
        """Mark all pages dirty, collect the log once, write the block list (ram_save_setup)."""
        stats = self._machine.stats
        self._bmap = [bytearray(_DIRTY * block.num_pages) for block in self._blocks]
        stats.dirty_pages = sum(len(bmap) for bmap in self._bmap)
        self._position = _Position()
        self._sync()
        self._writer = RamWriter(f)
        self._writer.put_block_list([RamBlock(block.name, len(block.memory)) for block in self._blocks])
        # Here the multifd channels are synchronised, for which the lock is given up for a moment.
        self._machine.bql.unlock()
        self._machine.bql.lock()
        self._writer.put_eos()
        return f.fflush()

    def save_live_iterate(self, f: QEMUFile) -> int:
        """Send dirty pages until the rate limit, the clock or the end of them says stop (ram_save_iterate)."""
        writer = self._started()
        began_us = self._machine.clock.now_us
        done, sent = 0, 0
        while not f.rate_exceeded():
            if not self._save_next(writer):
                done = 1
                break
            look = sent % _PAGES_BETWEEN_LOOKS_AT_THE_CLOCK == 0
            if look and self._machine.clock.now_us - began_us > MAX_WAIT_MS * 1000:
                break
            sent += 1
        writer.put_eos()
        error = f.fflush()
        return error if error < 0 else done

    def save_complete(self, f: QEMUFile) -> int:
        """Collect the log for the last time and send all that is dirty (ram_save_complete)."""
        writer = self._started()
        self._sync()
        while self._save_next(writer):
            pass
        writer.put_eos()
        return f.fflush()

    def save_cleanup(self) -> None:
        """Give up the bitmap (ram_save_cleanup)."""
        self._bmap = []
        self._writer = None

    def state_pending_estimate(self) -> Pending:
        """What the bitmap says, whatever the guest did since (ram_state_pending_estimate)."""
        return Pending(must_precopy=self._machine.stats.dirty_pages * self._page_size)

    def state_pending_exact(self) -> Pending:
        """What the bitmap says after collecting the log, for which the lock is taken (ram_state_pending_exact)."""
        with self._machine.bql:
            self._sync()
        return self.state_pending_estimate()

    def load_setup(self, _f: QEMUFileInput) -> int:
        """Forget which block the last page was in (ram_load_setup)."""
        self._received = None
        return 0

    def load_cleanup(self) -> int:
        """Nothing is kept (ram_load_cleanup)."""
        self._received = None
        return 0

    def load_state(self, f: QEMUFileInput, version_id: int) -> int:
        """Read one section: words until the one that ends it (ram_load_precopy)."""
        if version_id != RAM_SAVE_VERSION:
            raise Refused(f"version {version_id}, expected {RAM_SAVE_VERSION}")
        while True:
            place = f.place
            word = f.get_be64()
            addr, flags = word & -self._page_size, RamSaveFlag(word & (self._page_size - 1))
            match flags & ~RamSaveFlag.RAM_SAVE_FLAG_CONTINUE:
                case RamSaveFlag.RAM_SAVE_FLAG_MEM_SIZE:
                    self._load_block_list(f, addr)
                case RamSaveFlag.RAM_SAVE_FLAG_ZERO:
                    self._load_page(f, addr, flags, zero=True)
                case RamSaveFlag.RAM_SAVE_FLAG_PAGE:
                    self._load_page(f, addr, flags, zero=False)
                case RamSaveFlag.RAM_SAVE_FLAG_EOS:
                    return 0
                case _:
                    raise UnknownRecord(f"RAM flags {int(flags):#x}", offset=place, section=f.section)

    def _load_block_list(self, f: QEMUFileInput, total: int) -> None:
        """Compare the source's blocks with ours (parse_ramblocks)."""
        while total:
            place = f.place
            name, used = f.get_counted_string(), f.get_be64()
            block = self._find(f, name, place)
            if used != len(block.memory) or used > total:
                raise BadPayload(
                    f"block {name!r} of {used} bytes, this side has {len(block.memory)}",
                    offset=place,
                    section=f.section,
                )
            total -= used

    def _load_page(self, f: QEMUFileInput, addr: int, flags: RamSaveFlag, *, zero: bool) -> None:
        place = f.place
        if not flags & RamSaveFlag.RAM_SAVE_FLAG_CONTINUE:
            self._received = self._find(f, f.get_counted_string(), place)
        block = self._received
        if block is None or addr >= len(block.memory):
            name = f"block {block.name!r}" if block is not None else "no block"
            raise BadPayload(f"page at {addr:#x} in {name}", offset=place, section=f.section)
        if zero:
            fill = f.get_byte()
            if fill:
                raise BadPayload(f"a zero page of value {fill}", offset=place, section=f.section)
        content = bytes(self._page_size) if zero else f.get_buffer(self._page_size)
        block.memory[addr : addr + self._page_size] = content

    def _find(self, f: QEMUFileInput, name: str, place: int) -> GuestBlock:
        for block in self._blocks:
            if block.name == name:
                return block
        raise BadPayload(f"block {name!r}, which this side lacks", offset=place, section=f.section)

    def _started(self) -> RamWriter:
        if self._writer is None:
            raise Refused("save_setup has not run")
        return self._writer

    def _sync(self) -> None:
        """Collect the guest's dirty log into the bitmap (migration_bitmap_sync)."""
        stats = self._machine.stats
        stats.dirty_sync_count += 1
        for block, bmap in zip(self._blocks, self._bmap, strict=True):
            for page in block.collect_dirty():
                stats.dirty_pages += not bmap[page]
                bmap[page] = 1

    def _save_next(self, writer: RamWriter) -> bool:
        """Find the next dirty page and send it; False if there is none (ram_find_and_save_block)."""
        position = self._position
        if not self._blocks:
            return False
        for _ in range(len(self._blocks) + 1):  # once around, and the first part of the first block again
            block, bmap = self._blocks[position.block], self._bmap[position.block]
            page = bmap.find(_DIRTY, position.page)
            if page >= 0:
                position.page = page + 1
                self._save_page(writer, block, bmap, page)
                return True
            position.block, position.page = (position.block + 1) % len(self._blocks), 0
        return False

    def _save_page(self, writer: RamWriter, block: GuestBlock, bmap: bytearray, page: int) -> None:
        """Clear the page's bit, then send it (ram_save_target_page)."""
        stats = self._machine.stats
        bmap[page] = 0
        stats.dirty_pages -= 1
        content = block.page(page)
        addr = page * self._page_size
        if any(content):
            stats.normal_pages += 1
            writer.put_page(block.name, addr, content)
        else:
            stats.zero_pages += 1
            writer.put_zero_page(block.name, addr)
