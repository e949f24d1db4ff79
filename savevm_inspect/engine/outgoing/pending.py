"""Asking all devices what is left to send, by the callbacks that the played version of QEMU has for it.

Up to 7.2 one callback guesses, and synchronises by itself if it guesses less than the threshold; then there are two
for that; from 11.1 on one query that says which of both is wanted, and that is made once more when the VM has
stopped (migration/savevm.c, qemu_savevm_state_pending, ..._pending_estimate and _exact, qemu_savevm_query_pending).
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, Protocol

from ...rules.options import Capability
from ..machine.handlers import Pending
from ..machine.registry import SaveStateEntry
from ..machine.side import Figures, MigrationSide
from ..machine.step_limit import limited
from ..sim.scheduler import CHECKPOINT, Steps
from .pace import Pace

_ESTIMATE: Final = "state_pending_estimate"
_EXACT: Final = "state_pending_exact"


class _Adapter(Protocol):
    """What a device is called with, if not with its own callback of the name."""

    def __call__(self, entry: SaveStateEntry) -> Callable[..., Any] | None:
        """Returns the function."""


class PendingQuery:
    """What is left to send, looked at in each round.

    Args:
        side: the source.
        pace: knows the threshold.

    Attributes:
        acks_wanted: how many devices have said that the switchover must wait for them, where they say it here.
    """

    def __init__(self, side: MigrationSide, pace: Pace) -> None:
        self._side = side
        self._pace = pace
        self._asked: set[int] = set()
        self.acks_wanted = 0

    @property
    def _name(self) -> str:
        callback = self._side.machine.interface.doing(_EXACT)
        assert callback is not None
        return callback.name

    @property
    def counts_acks(self) -> bool:
        """Whether devices say on the source that the switchover must wait for them; else the destination counts."""
        return self._side.machine.interface.doing("switchover_ack_needed") is None

    def look(self) -> Steps[Pending]:
        """Find out as exactly as this round needs it; each figure is an event."""
        return (yield from _LOOKS[self._name](self))

    def final(self) -> Steps[None]:
        """The last query, with the VM stopped and the lock held, where there is one."""
        if self._name == "save_query_pending":
            yield from self._ask(_EXACT, "final", self._query(_EXACT))

    def _two_callbacks(self) -> Steps[Pending]:
        pending = yield from self._ask(_ESTIMATE, "estimate")
        if not self._side.in_postcopy and pending.total < self._pace.threshold_bytes:
            pending = yield from self._ask(_EXACT, "exact")
        return pending

    def _one_query(self) -> Steps[Pending]:
        """Exact as well when precopy has nothing more to do, so that data for the stopped VM can't hide the rest."""
        pending = yield from self._ask(_ESTIMATE, "estimate", self._query(_ESTIMATE))
        precopy = pending.must_precopy - pending.stopcopy_bytes
        if not self._side.in_postcopy and (pending.total < self._pace.threshold_bytes or not precopy):
            pending = yield from self._ask(_EXACT, "exact", self._query(_EXACT))
        return pending

    def _by_threshold(self) -> Steps[Pending]:
        """One callback: a device that has less than the threshold synchronises before it answers."""
        synchronised = False

        def function(entry: SaveStateEntry) -> Callable[..., Any]:
            def save_live_pending(opaque: object) -> Steps[Pending]:
                nonlocal synchronised
                pending = yield from self._answer(entry, _ESTIMATE, opaque)
                if not self._side.in_postcopy and pending.total < self._pace.threshold_bytes:
                    synchronised = True
                    pending = yield from self._answer(entry, _EXACT, opaque)
                return pending

            return save_live_pending

        pending = yield from self._add_up(_ESTIMATE, function)
        yield from self._emit("exact" if synchronised else "estimate", pending)
        return pending

    def _query(self, job: str) -> _Adapter:
        def function(entry: SaveStateEntry) -> Callable[..., Any]:
            def save_query_pending(opaque: object) -> Steps[Pending]:
                self._count_ack(entry, opaque)
                return (yield from self._answer(entry, job, opaque))

            return save_query_pending

        return function

    def _count_ack(self, entry: SaveStateEntry, opaque: object) -> None:
        """Have a device say once whether the switchover must wait for it."""
        assert entry.ops is not None
        needed = entry.ops.switchover_ack_needed
        if self._side.options.has(Capability.SWITCHOVER_ACK) and needed and entry.section_id not in self._asked:
            self._asked.add(entry.section_id)
            self.acks_wanted += needed(opaque)

    def _answer(self, entry: SaveStateEntry, job: str, opaque: object) -> Steps[Pending]:
        """What one of the device's own callbacks says; one that it lacks adds nothing."""
        function = getattr(entry.ops, job)
        returned = limited(function)(opaque) if function is not None else Pending()
        if isinstance(returned, Generator):
            returned = yield from returned
        answer: Pending = returned
        return answer

    def _ask(self, job: str, name: str, function: _Adapter | None = None) -> Steps[Pending]:
        pending = yield from self._add_up(job, function)
        yield from self._emit(name, pending)
        return pending

    def _add_up(self, job: str, function: _Adapter | None) -> Steps[Pending]:
        total, side = Pending(), self._side
        for entry in side.machine.registry:
            if side.has(entry, job) and (yield from side.is_active(entry)):
                call = function(entry) if function is not None else None
                total += yield from side.call(entry, job, function=call)
        return total

    def _emit(self, name: str, pending: Pending) -> Steps[None]:
        pace = self._pace
        self._side.tell_pending(
            Figures(
                name=name,
                pending=pending,
                threshold_bytes=pace.threshold_bytes,
                bandwidth_bytes_per_s=pace.bandwidth_bytes_per_s,
            )
        )
        yield CHECKPOINT


_LOOKS: Final[Mapping[str, Callable[[PendingQuery], Steps[Pending]]]] = {
    "state_pending_exact": PendingQuery._two_callbacks,
    "save_live_pending": PendingQuery._by_threshold,
    "save_query_pending": PendingQuery._one_query,
}
"""How a round finds out, by the callback that does it exactly."""
