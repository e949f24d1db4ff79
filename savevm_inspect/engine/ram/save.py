"""How dirty pages go out: bare, as differences, or over other channels (migration/ram.c)."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ...payload import xbzrle
from ...payload.ram import RamWriter
from ...payload.ram_blocks import RamBlock
from ...rules.compat import Behaviour
from ..machine.guest import GuestBlock
from ..machine.machine import Machine
from ..machine.protocols import MigrationState
from ..machine.qemu_file import QEMUFile
from .state import Pages, RamState
from .xbzrle_cache import XbzrleCache


def _filled(content: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which pages hold something other than zeros; those that open with it are not looked at any further."""
    words = content.view(np.uint64)
    filled: npt.NDArray[np.bool_] = words[:, 0] != 0
    unsure = np.flatnonzero(~filled)
    if len(unsure):
        filled[unsure] = np.any(words[unsure], axis=1)
    return filled


class BarePages:
    """Pages on a main or a preempt channel: each as it is, or as a remark that it is zero.

    Args:
        machine: whose memory.
        f: where to.
    """

    def __init__(self, machine: Machine, f: QEMUFile) -> None:
        self._stats = machine.stats
        self._page_size = machine.kind.page_size
        self.writer = RamWriter(f)

    def save(self, block: GuestBlock, pages: Pages) -> None:
        """Send runs of pages of one kind each (save_zero_page, save_normal_page)."""
        first, last = int(pages[0]), int(pages[-1])
        content = (
            block.page_contents[first : last + 1] if last - first == len(pages) - 1 else block.page_contents[pages]
        )
        addrs = pages.astype(np.uint64) * np.uint64(self._page_size)
        filled = _filled(content)
        if filled.all():
            self._stats.normal_pages += len(pages)
            self.writer.put_pages(block.name, addrs, content)
            return
        edges = (0, *(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(pages))
        for start, end in pairwise(edges):
            if filled[start]:
                self._stats.normal_pages += end - start
                self.writer.put_pages(block.name, addrs[start:end], content[start:end])
            else:
                self._stats.zero_pages += end - start
                self.writer.put_zero_pages(block.name, addrs[start:end])

    def put_block_list(self, blocks: list[RamBlock]) -> None:
        """Write the block list (ram_save_setup)."""
        self.writer.put_block_list(blocks)

    def end_round(self) -> None:
        """Nothing is to be done."""

    def end_section(self) -> None:
        """Nothing is to be done before its EOS."""


class XbzrlePages(BarePages):
    """Pages as the difference to what was sent before, from the second pass over RAM on.

    Args:
        machine: whose memory.
        source: its end of the migration.
        state: says which pass it is.
        f: where to.
    """

    def __init__(self, machine: Machine, source: MigrationState, state: RamState, f: QEMUFile) -> None:
        super().__init__(machine, f)
        self._source = source
        self._state = state
        self._cache = XbzrleCache(source.options.parameters.xbzrle_cache_bytes, self._page_size)
        self._base = dict(
            zip(
                (block.name for block in state.blocks),
                np.cumsum([0, *(block.size_bytes for block in state.blocks)]).tolist(),
                strict=False,
            )
        )
        self.last_stage = False
        """The VM has stopped: what is sent now is never sent again, and not kept."""

    def save(self, block: GuestBlock, pages: Pages) -> None:
        """Send pages, each as cheaply as it can be (ram_save_page, save_xbzrle_page)."""
        if not self._state.rounds or self._source.in_postcopy:
            super().save(block, pages)
            return
        age = self._stats.dirty_sync_count
        for page in pages.tolist():
            addr, content = page * self._page_size, block.page(page)
            global_addr = self._base[block.name] + addr
            if not any(content):
                self._cache.put(global_addr, content, age)
                self._stats.zero_pages += 1
                self.writer.put_zero_page(block.name, addr)
                continue
            before = self._cache.get(global_addr, age)
            if before is None:
                if not self.last_stage:
                    self._cache.put(global_addr, content, age)
            elif self._save_difference(block.name, addr, before, content, global_addr, age):
                continue
            self._stats.normal_pages += 1
            self.writer.put_page(block.name, addr, content)

    def _save_difference(
        self, name: str, addr: int, before: bytes, content: bytes, global_addr: int, age: int
    ) -> bool:
        """Send a difference; False if it would be longer than the page."""
        delta = xbzrle.encode(before, content)
        if delta and not self.last_stage:
            self._cache.put(global_addr, content, age)
        if len(delta) > self._page_size:
            return False
        if delta:  # a page that is as it was is not sent at all
            self._stats.xbzrle_pages += 1
            self.writer.put_xbzrle_page(name, addr, delta)
        return True


class MultifdPages(BarePages):
    """Pages that other channels carry; the main one only says where an epoch ends.

    Args:
        source: whose channels.
        f: the main channel.
        machine: whose memory.
    """

    def __init__(self, machine: Machine, source: MigrationState, f: QEMUFile) -> None:
        super().__init__(machine, f)
        self._source = source
        self._compat = machine.compat
        self._f = f

    def save(self, block: GuestBlock, pages: Pages) -> None:
        """Queue pages (ram_save_multifd_page); in postcopy they go over the main channel after all."""
        multifd = self._source.multifd
        if self._source.in_postcopy or multifd is None:
            super().save(block, pages)
            return
        in_packets = self._compat.has(Behaviour.MULTIFD_ZERO_PAGES)
        for page in pages.tolist():
            addr, content = page * block.page_size, block.page(page)
            zero = not any(content)
            self._stats.zero_pages += zero
            self._stats.normal_pages += not zero
            if zero and not in_packets:
                self.writer.put_zero_page(block.name, addr)
            else:
                multifd.queue_page(block.name, addr, content)

    def end_round(self) -> None:
        """Synchronise all channels, so that the next pass finds this one's pages in place (..._sync_per_round)."""
        if self._compat.has(Behaviour.MULTIFD_FLUSH):
            self.flush_and_sync()

    def end_section(self) -> None:
        """The same at the end of each section, for old machine types (multifd_ram_sync_per_section)."""
        if not self._compat.has(Behaviour.MULTIFD_FLUSH):
            self.flush_and_sync()

    def flush_and_sync(self) -> None:
        """End an epoch on all channels (multifd_ram_flush_and_sync)."""
        multifd = self._source.multifd
        if multifd is not None and not self._source.in_postcopy:
            multifd.sync()
            if self._compat.has(Behaviour.MULTIFD_FLUSH):
                self.writer.put_multifd_flush()
            self._f.fflush()
