"""RAM: the device that makes a migration live (migration/ram.c).

Here are its handlers. Which pages are dirty is :mod:`.state`'s, how they go out :mod:`.save`'s, how they
come in :mod:`.load`'s.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from ...payload.ram import IDSTR
from ...payload.ram_blocks import RamBlock
from ...rules.compat import Version
from ...rules.options import Capability
from ...wire import RAM_SAVE_VERSION
from ..machine.guest import GuestBlock
from ..machine.handlers import DeviceError, Pending, SaveVMHandlers
from ..machine.machine import Machine
from ..machine.protocols import MigrationState
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..sim.scheduler import CHECKPOINT, Steps
from .load import RamLoad
from .mapped import MappedPages
from .save import BarePages, MultifdPages, XbzrlePages
from .state import Pages, RamState

MAX_WAIT_MS: Final = 50
"""How long one turn may take before others get theirs (migration/ram.c)."""

_BATCH_PAGES: Final = 32
"""Pages that go out at once: as many as fit into one writev (migration/qemu-file.c, MAX_IOV_SIZE)."""

_URGENT_BATCH_PAGES: Final = 8
"""The same in postcopy, where the destination may ask for a page at any time."""

_COUNTS_AT_FLUSH: Final = Version(8, 1)
"""From this version of QEMU on the rate limit counts what has gone out, before that each page as it is queued."""

_MAX_DISCARDS_PER_COMMAND: Final = 12
"""Ranges that fit into one command (migration/postcopy-ram.c)."""


class RamDevice:
    """Guest memory on either side.

    Args:
        machine: whose memory.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._page_size = machine.kind.page_size
        self._state: RamState | None = None
        self._saver: BarePages | XbzrlePages | MultifdPages | MappedPages | None = None
        self._preempt: BarePages | None = None
        self._bitmaps_wanted: set[str] = set()
        self._last_request = ""
        self._guarded = False
        self._synced_last = False
        self._load = RamLoad(machine)

    @classmethod
    def attach(cls, machine: Machine) -> "RamDevice":
        """Build it into a machine and register it (ram_mig_init)."""
        device = cls(machine)
        machine.ram = device
        machine.registry.register_savevm_live(IDSTR, 0, RAM_SAVE_VERSION, SaveVMHandlers.of(cls), device)
        return device

    # The source's handlers.

    def save_setup(self, f: QEMUFile) -> Steps[int]:
        """Mark all pages dirty, collect the log once, write the block list (ram_save_setup)."""
        bql = self._machine.bql
        locked = bql.held
        if not locked:  # as 7.2 calls it: RAM takes the lock by itself, for its bitmap (ram_init_bitmaps)
            yield from bql.lock()
        self._state = RamState(self._machine, self._blocks())
        self._state.sync()
        self._synced_last = False
        self._saver = self._make_saver(f, self._state)
        self._saver.put_block_list([self._listed(block) for block in self._machine.guest.blocks])
        # The channels are brought into line, for which the lock is given up for a moment.
        bql.unlock()
        yield CHECKPOINT
        if isinstance(self._saver, MultifdPages):
            self._saver.flush_and_sync()
        if locked:
            yield from bql.lock()
        self._saver.writer.put_eos()
        return f.fflush()

    def save_live_iterate(self, f: QEMUFile) -> Steps[int]:
        """Send dirty pages until the rate limit, the clock or the end of them says stop (ram_save_iterate)."""
        state, saver = self._started()
        clock = self._machine.clock
        began_us, done = clock.now_us, 0
        while not f.rate_exceeded() or state.requests:
            if f.get_error():
                break
            if not self._find_and_save(self._room_pages(f)):
                done = 1
                break
            if clock.now_us - began_us > MAX_WAIT_MS * 1000:
                break
            yield from self._let_others()
        saver.end_section()
        saver.writer.put_eos()
        error = f.fflush()
        return error if error < 0 else done

    def save_postcopy_prepare(self, f: QEMUFile) -> bool:
        """Have all that other channels carry arrive before postcopy begins (ram_save_postcopy_prepare)."""
        _, saver = self._started()
        if isinstance(saver, MultifdPages):
            saver.flush_and_sync()
        saver.writer.put_eos()
        return not f.get_error()

    def save_complete(self, f: QEMUFile) -> Steps[int]:
        """Collect the log for the last time and send all that is dirty (ram_save_complete)."""
        state, saver = self._started()
        if isinstance(saver, XbzrlePages):
            saver.last_stage = True
        if not self._source.in_postcopy:
            self._sync_last(state)
        while not f.get_error() and self._find_and_save(_BATCH_PAGES):
            yield from self._let_others()
        if isinstance(saver, MappedPages):
            saver.put_bitmaps()
        saver.end_section()
        saver.writer.put_eos()
        return f.fflush()

    def save_cleanup(self) -> None:
        """Give up the bitmap (ram_save_cleanup)."""
        self._state = self._saver = self._preempt = None

    def has_postcopy(self) -> bool:
        """Whether pages may follow late (ram_has_postcopy)."""
        return self._source.options.has(Capability.POSTCOPY_RAM)

    def state_pending_estimate(self) -> Pending:
        """What the bitmap says, whatever the guest did since (ram_state_pending_estimate)."""
        left = self._machine.stats.dirty_pages * self._page_size
        return Pending(can_postcopy=left) if self.has_postcopy() else Pending(must_precopy=left)

    def state_pending_exact(self) -> Steps[Pending]:
        """What the bitmap says after collecting the log, for which the lock is taken (ram_state_pending_exact).

        A query with the VM stopped holds the lock already, and is the last one (from 11.1 on).
        """
        state, _ = self._started()
        if self._machine.bql.held:
            self._sync_last(state)
        elif not self._source.in_postcopy:
            yield from self._machine.bql.lock()
            state.sync()
            self._machine.bql.unlock()
        return self.state_pending_estimate()

    def _sync_last(self, state: RamState) -> None:
        """Collect the log for the last time, once (migration_bitmap_sync_precopy with last_stage)."""
        if not self._synced_last:
            state.sync(last_stage=True)
            self._synced_last = True

    def resume_prepare(self, s: MigrationState) -> Steps[int]:
        """Ask what the destination has received; the rest is to be sent (ram_resume_prepare)."""
        state, _ = self._started()
        self._bitmaps_wanted = {block.name for block in state.blocks}
        for block in state.blocks:
            s.send_recv_bitmap(block.name)
        yield from s.rp_wait(lambda: not self._bitmaps_wanted, "bitmaps of received pages")
        if self._bitmaps_wanted:
            return -1
        state.recount()
        self._saver, self._preempt = BarePages(self._machine, s.to_dst_file), None
        return 0

    # What other parts of the source ask of it.

    @property
    def has_request(self) -> bool:
        """Whether the destination waits for a page (postcopy_has_request)."""
        return self._state is not None and bool(self._state.requests)

    def dirty_pages(self) -> dict[str, npt.NDArray[np.bool_]]:
        """For each block what is to be sent, shape (pages,); nothing while nothing is being saved."""
        if self._state is None:
            return {}
        return {block.name: bmap for block, bmap in zip(self._state.blocks, self._state.bmap, strict=True)}

    def discards(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """What the destination must forget, a command each (ram_postcopy_send_discard_bitmap).

        Returns:
            Name of a block; start and length of each range in bytes.
        """
        state, _ = self._started()
        self._sync_last(state)
        state.restart()
        step = _MAX_DISCARDS_PER_COMMAND
        return [
            (block.name, ranges[first : first + step])
            for block, ranges in state.dirty_ranges()
            for first in range(0, len(ranges), step)
        ]

    def queue_pages(self, name: str | None, start: int, length: int) -> None:
        """The destination waits for pages (ram_save_queue_pages).

        Args:
            name: of the block; ``None`` for that of the last request.
            start: address of the first, in bytes.
            length: of all of them.

        Raises:
            DeviceError: there is no such block, or they are not in it.
        """
        state, _ = self._started()
        name = self._last_request if name is None else name
        number = next((index for index, block in enumerate(state.blocks) if block.name == name), None)
        if number is None:
            raise DeviceError(f"pages of block {name!r} are asked for, which this side lacks")
        self._last_request = name
        block = state.blocks[number]
        if start % self._page_size or length % self._page_size or start + length > block.size_bytes:
            raise DeviceError(
                f"{length} bytes at {start:#x} of block {name!r} are asked for, of {block.size_bytes:#x}"
            )
        first = start // self._page_size
        pages = range(first, first + length // self._page_size)
        if self._source.preempt is not None:
            self._save_urgent(self._source.preempt, state, number, pages)
        else:
            state.requests.extend((number, page) for page in pages)

    def reload_dirty_bitmap(self, name: str, received: bytes) -> None:
        """Take what the destination says it has of a block (ram_dirty_bitmap_reload).

        Args:
            name: of the block.
            received: a bit for each page, least significant first.

        Raises:
            DeviceError: nobody asked, or it is too short.
        """
        state, _ = self._started()
        if name not in self._bitmaps_wanted:
            raise DeviceError(f"received pages of block {name!r}, which nobody asked for")
        number = next(index for index, block in enumerate(state.blocks) if block.name == name)
        bits = np.unpackbits(np.frombuffer(received, np.uint8), bitorder="little")
        if len(bits) < state.blocks[number].num_pages:
            raise DeviceError(f"{len(bits)} bits for block {name!r} of {state.blocks[number].num_pages} pages")
        state.set_received(number, bits[: state.blocks[number].num_pages].astype(np.bool_))
        self._bitmaps_wanted.discard(name)

    def guard(self, *, on: bool) -> None:
        """In a background snapshot, have the guest wait before it writes to a page that has not gone out yet.

        Upstream the kernel does it (ram_write_tracking_start, ram_write_tracking_stop).
        """
        state, _ = self._started()
        names = [block.name for block in state.blocks]
        guest = self._machine.guest
        self._guarded = on
        guest.expect((lambda block: state.bmap[names.index(block.name)]) if on else None)

    # The destination's handlers, and what is asked of it there.

    def load_setup(self, _f: QEMUFileInput) -> int:
        """Nothing has been received (ram_load_setup)."""
        self._load.setup()
        return 0

    def load_cleanup(self) -> int:
        """Nothing is kept (ram_load_cleanup)."""
        self._load.cleanup()
        return 0

    def load_state(self, f: QEMUFileInput, version_id: int) -> Steps[int]:
        """Read one section: records until the one that ends it (ram_load)."""
        if version_id != RAM_SAVE_VERSION:
            raise DeviceError(f"version {version_id}, expected {RAM_SAVE_VERSION}")
        yield from self._load.section(f)
        return 0

    def read_preempt(self, f: QEMUFileInput) -> Steps[None]:
        """Read the channel for requested pages to its end."""
        yield from self._load.preempt(f)

    def discard(self, name: str, start: int, length: int, offset: int) -> None:
        """Forget pages (ram_discard_range)."""
        self._load.discard(name, start, length, offset)

    def received_bitmap(self, name: str) -> bytes:
        """What was received of a block, a bit a page, least significant first (ramblock_recv_bitmap_send)."""
        return self._load.received_bitmap(name)

    def received_pages(self) -> dict[str, npt.NDArray[np.bool_]]:
        """For each block what was received, shape (pages,); nothing while nothing is being loaded."""
        return self._load.received

    def receive_page(self, name: str, addr: int, content: bytes | None) -> None:
        """Write a page that came over another channel; ``None`` for one of zeros."""
        self._load.receive_page(name, addr, content)

    def expect_faults(self) -> None:
        """From here on the guest waits for pages that are not there (postcopy_ram_incoming_setup)."""
        self._load.expect_faults()

    def expect_no_faults(self) -> None:
        """All pages are there (postcopy_ram_incoming_cleanup)."""
        self._machine.guest.expect(None)

    # Within.

    @property
    def _source(self) -> MigrationState:
        source = self._machine.source
        if source is None:
            raise DeviceError("this machine is not the source of a migration")
        return source

    def _blocks(self) -> list[GuestBlock]:
        """The blocks that are sent."""
        ignore = self._source.options.has(Capability.X_IGNORE_SHARED)
        return [block for block in self._machine.guest.blocks if not (ignore and block.shared)]

    def _listed(self, block: GuestBlock) -> RamBlock:
        gpa = 0 if self._source.options.has(Capability.X_IGNORE_SHARED) else None
        return RamBlock(block.name, block.size_bytes, gpa=gpa)

    def _make_saver(self, f: QEMUFile, state: RamState) -> BarePages | XbzrlePages | MultifdPages | MappedPages:
        source = self._source
        if source.options.has(Capability.MAPPED_RAM):
            return MappedPages(self._machine, f)
        if source.options.has(Capability.MULTIFD):
            return MultifdPages(self._machine, source, f)
        if source.options.has(Capability.XBZRLE):
            return XbzrlePages(self._machine, source, state, f)
        return BarePages(self._machine, f)

    def _started(self) -> tuple[RamState, BarePages | XbzrlePages | MultifdPages | MappedPages]:
        if self._state is None or self._saver is None:
            raise DeviceError("save_setup has not run")
        return self._state, self._saver

    def _room_pages(self, f: QEMUFile) -> int:
        """How many pages may go out before the rate limit, or the destination's wishes, have to be asked again."""
        most = _URGENT_BATCH_PAGES if self._source.in_postcopy else _BATCH_PAGES
        room = f.rate.room_bytes() if self._machine.qemu < _COUNTS_AT_FLUSH else None
        return most if room is None else max(1, min(most, room // self._page_size))

    def _let_others(self) -> Steps[None]:
        """Let the time pass that pages take; in postcopy, let the thread that hears of requests have its turn."""
        if self._source.in_postcopy:
            yield CHECKPOINT
        else:
            yield from self._machine.scheduler.settle()

    def _find_and_save(self, limit: int) -> int:
        """Find the next dirty pages and send them; returns how many (ram_find_and_save_block)."""
        state, saver = self._started()
        taken = state.take_request() or self._take_guarded(state) or state.take(limit)
        if taken is None:
            saver.end_round()
            state.begin_round()
            taken = state.take(limit)
        if taken is None:
            return 0
        number, pages = taken
        saver.save(state.blocks[number], pages)
        self._machine.scheduler.spend(len(pages) * self._machine.costs.page_ns)
        if self._guarded:
            for page in pages.tolist():
                self._machine.guest.arrived(state.blocks[number].name, page * self._page_size)
        return len(pages)

    def _take_guarded(self, state: RamState) -> tuple[int, Pages] | None:
        """In a background snapshot: the page that the guest waits to write to (poll_fault_page)."""
        fault = self._machine.guest.fault
        if not self._guarded or fault is None:
            return None
        number = next(index for index, block in enumerate(state.blocks) if block.name == fault[0])
        state.requests.append((number, fault[1] // self._page_size))
        return state.take_request()

    def _save_urgent(self, f: QEMUFile, state: RamState, number: int, pages: range) -> None:
        """Send pages at once on the channel for them, in the thread that heard of it (ram_save_host_page_urgent)."""
        if self._preempt is None:
            self._preempt = BarePages(self._machine, f)
        for page in pages:
            state.requests.append((number, page))
            taken = state.take_request()
            if taken is not None:
                self._preempt.save(state.blocks[number], taken[1])
        f.fflush()
