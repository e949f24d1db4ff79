"""How fast the source may send, and from when on little enough is left (migration_update_counters)."""

from typing import Final

from ...stream.events import EventKind
from ..machine.qemu_file import BUFFER_DELAY_MS, QEMUFile, RateLimit
from ..machine.side import MigrationSide
from ..sim.scheduler import CHECKPOINT, Steps, Wait

_US_PER_MS: Final = 1000


class Pace:
    """Measures windows of 100 ms.

    Args:
        side: the source.
        rate: counts what it sends.

    Attributes:
        threshold_bytes: what may be pending at the switchover; 0 until the first window has been measured.
        bandwidth_bytes_per_s: what the threshold was computed from.
    """

    def __init__(self, side: MigrationSide, rate: RateLimit) -> None:
        self._side = side
        self._machine = side.machine
        self._rate = rate
        self.threshold_bytes = 0
        self.bandwidth_bytes_per_s = 0
        self._start_ms = 0
        self._start_bytes = 0

    def begin(self) -> None:
        """Begin a window (update_iteration_initial_status)."""
        self._start_ms = self._now_ms()
        self._start_bytes = self._rate.transferred

    def update(self) -> None:
        """After 100 ms, compute anew what can be sent within the downtime limit (migration_update_counters)."""
        spent_ms = self._now_ms() - self._start_ms
        if spent_ms < BUFFER_DELAY_MS:
            return
        parameters = self._side.options.parameters
        measured = (self._rate.transferred - self._start_bytes) * 1000 // spent_ms
        self.bandwidth_bytes_per_s = parameters.avail_switchover_bandwidth_bytes_per_s or measured
        self.threshold_bytes = self.bandwidth_bytes_per_s * parameters.downtime_limit_ms // 1000
        self._rate.reset()
        self.begin()

    def rate_limit(self, f: QEMUFile) -> Steps[bool]:
        """Close a window that is over; wait for its end if its share is used up (migration_rate_limit).

        Args:
            f: the main channel.

        Returns:
            Whether the wait ended early, because somebody asked for a page.
        """
        self.update()
        if not f.rate_exceeded() or f.get_error():
            yield CHECKPOINT
            return False
        end_us = (self._start_ms + BUFFER_DELAY_MS) * _US_PER_MS
        self._side.emit(EventKind.LOG, name="rate limit")
        yield Wait(
            what="the end of the rate limit's window",
            ready=lambda: self._machine.clock.now_us >= end_us or self._urgent(),
            wake_us=lambda: end_us,
        )
        return self._urgent()

    def _urgent(self) -> bool:
        return self._machine.ram is not None and self._machine.ram.has_request

    def _now_ms(self) -> int:
        return self._machine.clock.now_us // _US_PER_MS
