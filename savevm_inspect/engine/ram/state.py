"""Which pages the source has still to send, and which is next (migration/ram.c, RAMState)."""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from ...rules.options import Capability
from ..machine.guest import GuestBlock
from ..machine.machine import Machine

_WINDOW_PAGES: Final = 1 << 8
"""Pages that are looked at together at first; more each time that none of them was dirty."""
_PERIOD_US: Final = 1_000_000
"""How often at most the guest's pace is judged (migration_bitmap_sync)."""
_HIGH_RATE_LIMIT: Final = 2
"""How many periods in a row it may be too fast (migration_trigger_throttle)."""

Pages = npt.NDArray[np.intp]


class RamState:
    """The bitmap of dirty pages, and where the search in it stands.

    Args:
        machine: whose memory.
        blocks: those that are sent.

    Attributes:
        bmap: for each block, shape (pages,), bool: what has to be sent.
        rounds: how often the search has come to the end of the last block and begun anew.
        requests: pages that the destination waits for, as block and page.
    """

    def __init__(self, machine: Machine, blocks: list[GuestBlock]) -> None:
        self._machine = machine
        self.blocks = blocks
        self.bmap = [np.ones(block.num_pages, np.bool_) for block in blocks]
        self.rounds = 0
        self.requests: deque[tuple[int, int]] = deque()
        self._block = 0
        self._page = 0
        self._period_start_us = machine.clock.now_us
        self._period_dirty_pages = 0
        self._sent_before = 0
        self._too_fast = 0
        machine.stats.dirty_pages = sum(map(len, self.bmap))

    def sync(self, *, last_stage: bool = False) -> None:
        """Collect the guest's dirty log into the bitmap (migration_bitmap_sync).

        Args:
            last_stage: the VM has stopped, so that there is nobody to be slowed down.
        """
        stats = self._machine.stats
        stats.dirty_sync_count += 1
        for block, bmap in zip(self.blocks, self.bmap, strict=True):
            dirty = block.collect_dirty()
            fresh = int(np.count_nonzero(~bmap[dirty]))
            bmap[dirty] = True
            stats.dirty_pages += fresh
            self._period_dirty_pages += fresh
        now_us = self._machine.clock.now_us
        if now_us > self._period_start_us + _PERIOD_US:
            if not last_stage:
                self._trigger_throttle()
            self._period_start_us, self._period_dirty_pages = now_us, 0

    def _trigger_throttle(self) -> None:
        """Take time from a guest that dirties faster than can be sent (migration_trigger_throttle)."""
        source, guest = self._machine.source, self._machine.guest
        assert source is not None
        parameters = source.options.parameters
        sent = source.rate.transferred - self._sent_before
        self._sent_before = source.rate.transferred
        dirtied = self._period_dirty_pages * self._machine.kind.page_size
        if dirtied <= sent * parameters.throttle_trigger_threshold // 100:
            return
        self._too_fast += 1
        if self._too_fast < _HIGH_RATE_LIMIT or not source.options.has(Capability.AUTO_CONVERGE):
            return
        self._too_fast = 0
        wanted = guest.throttle_percent + parameters.cpu_throttle_increment
        if not guest.throttle_percent:
            wanted = parameters.cpu_throttle_initial
        guest.throttle_percent = min(wanted, parameters.max_cpu_throttle)
        source.note(f"the guest is slowed down by {guest.throttle_percent} %")

    def restart(self) -> None:
        """Search from the beginning (ram_state_reset)."""
        self._block = self._page = 0

    def take_request(self) -> tuple[int, Pages] | None:
        """The next page that the destination waits for, unless it was sent meanwhile (get_queued_page)."""
        while self.requests:
            number, page = self.requests.popleft()
            if self.bmap[number][page]:
                # The guest is likely to want its neighbours, too: the search goes on from there.
                self._block, self._page = number, page + 1
                return self._clear(number, np.array([page]))
        return None

    def take(self, limit: int) -> tuple[int, Pages] | None:
        """The next dirty pages of one block, which are clean from then on (find_dirty_block).

        Args:
            limit: how many at most.

        Returns:
            The block's number and the pages'; ``None`` after the last block, see :meth:`begin_round`.
        """
        window = _WINDOW_PAGES
        while self._block < len(self.blocks):
            bmap = self.bmap[self._block]
            found = np.flatnonzero(bmap[self._page : self._page + window])[:limit]
            if len(found):
                pages = found + self._page
                self._page = int(pages[-1]) + 1
                return self._clear(self._block, pages)
            self._page += window
            window *= 2
            if self._page >= len(bmap):
                self._block, self._page = self._block + 1, 0
        return None

    def begin_round(self) -> None:
        """Go on with the first block again."""
        self.rounds += 1
        self.restart()

    def _clear(self, number: int, pages: Pages) -> tuple[int, Pages]:
        """A page's bit goes before the page is read, so that a later write makes it dirty again."""
        self.bmap[number][pages] = False
        self._machine.stats.dirty_pages -= len(pages)
        return number, pages

    def dirty_ranges(self) -> list[tuple[GuestBlock, list[tuple[int, int]]]]:
        """For each block that has any, start and length in bytes of each run of dirty pages."""
        size = self._machine.kind.page_size
        found = []
        for block, bmap in zip(self.blocks, self.bmap, strict=True):
            edges = np.flatnonzero(np.diff(bmap, prepend=False, append=False)).reshape(-1, 2)
            if len(edges):
                found.append((block, [(int(first) * size, int(end - first) * size) for first, end in edges]))
        return found

    def set_received(self, number: int, received: npt.NDArray[np.bool_]) -> None:
        """What the destination has not received is dirty (ram_dirty_bitmap_reload)."""
        np.logical_not(received, out=self.bmap[number])

    def recount(self) -> None:
        """After bitmaps came from the destination, count anew (ram_state_resume_prepare)."""
        self._machine.stats.dirty_pages = sum(int(np.count_nonzero(bmap)) for bmap in self.bmap)
        self.requests.clear()
        self.restart()
