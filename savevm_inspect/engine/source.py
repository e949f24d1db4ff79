"""The source of a precopy migration, from the first question to the last byte (migration/migration.c).

Iterate over :meth:`Source.steps`: each event comes as it happens, and a handler runs only when the event after
its ``call`` is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import EngineError, SavevmError
from ..stream.events import Event, EventKind, Phase, Side, Thread
from .handlers import Pending
from .machine import Machine, MigrationStatus, RunState
from .qemu_file import BUFFER_DELAY_MS, RATE_LIMIT_DISABLED, QEMUFile
from .savevm import SaveVM
from .side import MigrationSide, Steps

_US_PER_MS: Final = 1000
_ROUND_US: Final = 500
"""What a round costs the migration thread besides the link; a round that sends next to nothing takes time, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationParameters:
    """What a user sets (migration/options.c).

    Attributes:
        max_bandwidth_bytes_per_s: rate limit while the VM runs; 0 is no limit.
        downtime_limit_ms: how long the VM may stand still at the switchover.
        avail_switchover_bandwidth_bytes_per_s: what to reckon with at the switchover; 0 is what was measured.
    """

    max_bandwidth_bytes_per_s: int = 128 << 20
    downtime_limit_ms: int = 300
    avail_switchover_bandwidth_bytes_per_s: int = 0


class Source(MigrationSide):
    """The sending end.

    Args:
        machine: the VM that moves.
        f: the main channel.
        parameters: what the user set.
        numbers: gives each event its number.
    """

    def __init__(
        self,
        machine: Machine,
        f: QEMUFile,
        parameters: MigrationParameters,
        numbers: Iterator[int] | None = None,
    ) -> None:
        super().__init__(Side.SOURCE, machine, numbers)
        self.f = f
        self.parameters = parameters
        self.threshold_bytes = 0
        """What may be pending at the switchover; 0 until the first window of 100 ms has been measured."""
        self.bandwidth_bytes_per_s = 0
        self._savevm = SaveVM(self, f)
        self._window_start_ms = 0
        self._window_start_bytes = 0
        self._old_runstate = machine.runstate

    def steps(self) -> Steps[None]:
        """Run the migration.

        Raises:
            EngineError: it failed. A failed save_prepare leaves no trace; after any other failure everyone
                has had their save_cleanup and the VM goes on as before.
        """
        self.go_on(Thread.MAIN, bql=True)
        yield from self._savevm.prepare()
        self.enter(Phase.SETUP)
        self.set_state(MigrationStatus.SETUP)
        yield from self.drain()
        self.f.rate_set(self.parameters.max_bandwidth_bytes_per_s)
        failure: EngineError | None = None
        try:
            yield from self._migration_thread()
        except SavevmError as error:
            failure = error if isinstance(error, EngineError) else self.fail(str(error), cause=error)
            self.set_state(MigrationStatus.FAILED)
            self.tell(EventKind.LOG, name="error", error=str(failure))
        yield from self._finish()
        self.enter(Phase.CLEANUP)
        self.go_on(Thread.MAIN, bql=True)
        try:
            yield from self._savevm.cleanup()
        except EngineError as error:
            failure = failure or error
        self.f.fflush()
        if failure is not None:
            raise failure

    def _migration_thread(self) -> Steps[None]:
        """Setup, iterations, switchover and completion (migration_thread)."""
        self.go_on(Thread.MIGRATION, bql=False)
        self._begin_window()
        with self.machine.bql:
            yield from self._savevm.header()
        failure: EngineError | None = None
        with self.machine.bql:
            try:
                yield from self._savevm.setup()
            except EngineError as error:
                failure = error
        self.set_state(MigrationStatus.ACTIVE)
        yield from self.drain()
        if failure is not None:  # upstream, too, is active for a moment before it says that the setup failed
            raise failure
        self.enter(Phase.ITERATE)
        while True:
            if not self.f.rate_exceeded() and (yield from self._iteration_run()):
                return
            self._detect_error()
            yield from self._rate_limit()

    def _iteration_run(self) -> Steps[bool]:
        """Switch over if little enough is left, else send some more (migration_iteration_run).

        Returns:
            True if the migration is over.
        """
        pending = yield from self._savevm.pending("state_pending_estimate")
        yield from self._tell_pending("estimate", pending)
        if pending.total < self.threshold_bytes:
            pending = yield from self._savevm.pending("state_pending_exact")
            yield from self._tell_pending("exact", pending)
        if pending.total <= self.threshold_bytes:
            yield from self._completion()
            return True
        yield from self._savevm.iterate()
        self.machine.clock.advance(_ROUND_US)
        return False

    def _completion(self) -> Steps[None]:
        """Stop the VM and send all that is left (migration_completion)."""
        self.enter(Phase.SWITCHOVER)
        with self.machine.bql:
            self._old_runstate = self.machine.runstate
            self.machine.vm_stop(RunState.FINISH_MIGRATE)
            self.tell(EventKind.QMP, name="STOP")
            self.set_state(MigrationStatus.DEVICE)
            yield from self.drain()
            self.f.rate_set(RATE_LIMIT_DISABLED)
            yield from self._savevm.switchover_start()
            self.enter(Phase.COMPLETE)
            yield from self._savevm.complete_iterable()
            yield from self._savevm.complete_non_iterable()
        self._detect_error()
        with self.machine.bql:
            self.set_state(MigrationStatus.COMPLETED)
        yield from self.drain()

    def _finish(self) -> Steps[None]:
        """Leave the VM stopped for good, or let it go on (migration_iteration_finish)."""
        self.machine.bql.held = False  # whatever a handler that failed left behind
        with self.machine.bql:
            if self.status is MigrationStatus.COMPLETED:
                self.machine.runstate = RunState.POSTMIGRATE
            elif self.machine.runstate is RunState.FINISH_MIGRATE:
                if self._old_runstate is RunState.RUNNING:
                    self.machine.vm_start()
                    self.tell(EventKind.QMP, name="RESUME")
                else:
                    self.machine.runstate = self._old_runstate
        yield from self.drain()

    def _detect_error(self) -> None:
        """Give up if the channel broke (migration_detect_error)."""
        error = self.f.get_error()
        if error:
            raise self.fail(f"the channel failed with {error}")

    def _rate_limit(self) -> Steps[None]:
        """Close a window that is over; wait for its end if its share is used up (migration_rate_limit)."""
        self._update_counters()
        if self.f.rate_exceeded():
            wait_ms = self._window_start_ms + BUFFER_DELAY_MS - self._now_ms()
            if wait_ms > 0:
                self.tell(EventKind.LOG, name="rate limit")
                yield from self.drain()
                self.machine.clock.advance(wait_ms * _US_PER_MS)

    def _update_counters(self) -> None:
        """After 100 ms, reckon anew what can be sent within the downtime limit (migration_update_counters)."""
        spent_ms = self._now_ms() - self._window_start_ms
        if spent_ms < BUFFER_DELAY_MS:
            return
        measured = (self.f.sent - self._window_start_bytes) * 1000 // spent_ms
        self.bandwidth_bytes_per_s = self.parameters.avail_switchover_bandwidth_bytes_per_s or measured
        self.threshold_bytes = self.bandwidth_bytes_per_s * self.parameters.downtime_limit_ms // 1000
        self.f.rate_reset()
        self._begin_window()

    def _begin_window(self) -> None:
        self._window_start_ms = self._now_ms()
        self._window_start_bytes = self.f.sent

    def _now_ms(self) -> int:
        return self.machine.clock.now_us // _US_PER_MS

    def _tell_pending(self, name: str, pending: Pending) -> Iterator[Event]:
        self.tell(
            EventKind.PENDING,
            name=name,
            must_precopy=pending.must_precopy,
            can_postcopy=pending.can_postcopy,
            threshold_bytes=self.threshold_bytes,
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            dirty_pages=self.machine.stats.dirty_pages,
            iteration=self.machine.stats.dirty_sync_count,
        )
        return self.drain()
