"""What a device may ask of the migration that it is part of, and what a migration may ask of RAM.

Upstream a device finds its migration by ``migrate_get_current()`` and ``migration_incoming_get_current()``, and RAM
answers to the functions of ``migration/ram.h``. Here both are Protocols: a machine names them, and knows nothing of
the wings above it that implement them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...rules.options import Options
from ..sim.scheduler import Steps
from .qemu_file import QEMUFile, QEMUFileInput, RateLimit


class MultifdSendState(Protocol):
    """The channels for pages and device state, on the source (migration/multifd.h)."""

    def queue_page(self, block: str, addr: int, content: bytes) -> None:
        """Queue a page (multifd_queue_page)."""

    def sync(self) -> None:
        """Send what is queued, and end the epoch on each channel (multifd_send_sync_main)."""

    def queue_device_state(self, idstr: str, instance_id: int, state: bytes) -> bool:
        """Send a piece of a device's state (multifd_queue_device_state); False if the channel is gone."""


class MultifdRecvState(Protocol):
    """The same channels on the destination."""

    def sync_main(self) -> Steps[None]:
        """Wait until all channels have come to the end of an epoch (multifd_recv_sync_main)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveCompletePrecopyThreadData:
    """What a save_complete_precopy_thread gets besides its opaque (include/migration/misc.h).

    Attributes:
        idstr: its device's name.
        instance_id: which of the devices of that name.
        handler_opaque: the device: upstream's threads get it here, and nothing else.
        multifd: takes the device's state, by ``queue_device_state``.
        should_exit: whether another thread has failed, and this one is to end (..._threads_should_exit).
    """

    idstr: str
    instance_id: int
    handler_opaque: Any
    multifd: MultifdSendState
    should_exit: Callable[[], bool]


class MigrationEnd(Protocol):
    """What both ends of a migration offer a device."""

    @property
    def options(self) -> Options:
        """What the user of this end set (migrate_*, migration/options.h)."""

    @property
    def in_postcopy(self) -> bool:
        """Whether the destination has been ordered to run (migration_in_postcopy)."""

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for this end any more: it failed or was cancelled, or the other end has gone."""


class MigrationState(MigrationEnd, Protocol):
    """A migration as the devices of its source see it (migrate_get_current)."""

    @property
    def to_dst_file(self) -> QEMUFile:
        """The main channel."""

    @property
    def rate(self) -> RateLimit:
        """The rate limit, over all channels."""

    @property
    def multifd(self) -> MultifdSendState | None:
        """The channels for pages and device state; ``None`` without the capability."""

    @property
    def preempt(self) -> QEMUFile | None:
        """The channel for requested pages; ``None`` without the capability or before the switchover."""

    def note(self, name: str) -> None:
        """Emit an event for what is worth knowing and changes nothing."""

    def send_recv_bitmap(self, block: str) -> None:
        """Ask the destination which pages of a block it has (qemu_savevm_send_recv_bitmap)."""

    def rp_wait(self, ready: Callable[[], bool], what: str) -> Steps[None]:
        """Wait for what the destination answers, or for a failure (migration_rp_wait).

        Args:
            ready: whether it has come.
            what: what is waited for.
        """


class MigrationIncomingState(MigrationEnd, Protocol):
    """A migration as the devices of its destination see it (migration_incoming_get_current)."""

    @property
    def multifd(self) -> MultifdRecvState | None:
        """The channels for pages and device state; ``None`` without the capability."""

    @property
    def load_threads_abort(self) -> bool:
        """Whether threads that load device state are to end (thread_pool's should_quit)."""

    def need(self, f: QEMUFileInput, what: str) -> Steps[None]:
        """Wait until there is something to read; the main thread gives up its lock meanwhile.

        Args:
            f: the channel.
            what: what is expected there.

        Raises:
            Truncated: nothing more will come.
        """

    def page_placed(self, block: str, addr: int) -> None:
        """A page has come in postcopy, whoever asked for it (postcopy_place_page)."""

    def approve_switchover(self) -> None:
        """A device agrees to the switchover (qemu_loadvm_approve_switchover).

        Raises:
            EngineError: nobody waits for it.
        """

    def start_load_thread(self, function: Callable[[], Steps[None]]) -> None:
        """Begin a thread that loads what came over multifd channels (qemu_loadvm_start_load_thread)."""


class RamOutgoing(Protocol):
    """RAM as the source's machinery uses it (migration/ram.h)."""

    @property
    def has_request(self) -> bool:
        """Whether the destination waits for a page (postcopy_has_request)."""

    def dirty_pages(self) -> dict[str, npt.NDArray[np.bool_]]:
        """For each block what is to be sent, shape (pages,); nothing while nothing is being saved."""

    def discards(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """What the destination must forget, a command each (ram_postcopy_send_discard_bitmap).

        Returns:
            Name of a block; start and length of each range in bytes.
        """

    def queue_pages(self, name: str | None, start: int, length: int) -> None:
        """The destination waits for pages (ram_save_queue_pages).

        Args:
            name: of the block; ``None`` for that of the last request.
            start: address of the first in it, in bytes.
            length: of all of them.

        Raises:
            DeviceError: there is no such block, or they are not in it.
        """

    def reload_dirty_bitmap(self, name: str, received: bytes) -> None:
        """Take what the destination says it has of a block (ram_dirty_bitmap_reload).

        Args:
            name: of the block.
            received: a bit for each page, least significant first.

        Raises:
            DeviceError: nobody asked, or it is too short.
        """

    def guard(self, *, on: bool) -> None:
        """Have each page go out before it is written to (ram_write_tracking_start, ram_write_tracking_stop)."""


class RamIncoming(Protocol):
    """RAM as the destination's machinery uses it (migration/ram.h)."""

    def received_pages(self) -> dict[str, npt.NDArray[np.bool_]]:
        """For each block what was received, shape (pages,); nothing while nothing is being loaded."""

    def received_bitmap(self, name: str) -> bytes:
        """What was received of a block, a bit a page, least significant first (ramblock_recv_bitmap_send)."""

    def read_preempt(self, f: QEMUFileInput) -> Steps[None]:
        """Read the channel for requested pages to its end."""

    def receive_page(self, name: str, addr: int, content: bytes | None) -> None:
        """Write a page that came over another channel; ``None`` for one of zeros."""

    def discard(self, name: str, start: int, length: int, offset: int) -> None:
        """Forget pages (ram_discard_range)."""

    def expect_faults(self) -> None:
        """From here on the guest waits for pages that are not there (postcopy_ram_incoming_setup)."""

    def expect_no_faults(self) -> None:
        """All pages are there (postcopy_ram_incoming_cleanup)."""


class Ram(RamOutgoing, RamIncoming, Protocol):
    """RAM on either end."""


class DirtyBitmapMigration(Protocol):
    """The migration of disks' dirty bitmaps, as the destination's machinery uses it."""

    def cancel_incoming(self) -> None:
        """Forget bitmaps that did not come whole (dirty_bitmap_mig_cancel_incoming)."""
