"""A run that can be walked to and fro, with all there is to see of both sides at each event.

A thread in the middle of its work can't be copied. So what is seen is kept, in the form in which it is looked at: a
view shares with the one before it whatever has not changed, and going back is looking at an earlier one.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...errors import NotFound
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...rules.threads import Side, Thread
from ...stream.events import Event
from ..machine.machine import RunState
from ..machine.protocols import Ram
from ..machine.side import Figures, MigrationSide
from ..sim.scheduler import Choose, fair
from .migration import Migration
from .scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """One side at one moment.

    Attributes:
        phase: where in the migration it is.
        status: what the migration reports to be doing.
        runstate: what the VM does.
        lock_holder: the thread that has the big QEMU lock; ``None`` if nobody has.
        writes: how many words the guest has written.
        fault: the page that the guest waits for, as block and address in bytes; ``None`` if for none.
        dirty: for each block the pages that are to be sent, a bit each, least significant first; empty on a
            destination, and while nothing is being saved.
        received: for each block the pages that have come, in the same way; empty on a source.
        pending: what was left to send when it was asked for last, and the threshold; ``None`` before anybody asked,
            and on a destination.
        open_sections: idstr and instance_id of each device whose START section was written, or read, and no END
            section yet, in the order of their beginnings.
    """

    phase: Phase
    status: MigrationStatus
    runstate: RunState
    lock_holder: Thread | None
    writes: int
    fault: tuple[str, int] | None
    dirty: tuple[tuple[str, bytes], ...]
    received: tuple[tuple[str, bytes], ...]
    pending: Figures | None
    open_sections: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Both sides at one moment.

    Attributes:
        event: what has just happened; ``None`` before the first event.
        source: the sending end.
        destination: the receiving end.
        threads: each thread that has not ended, with what it waits for; empty if it can go on.
    """

    event: Event | None
    source: SideView
    destination: SideView
    threads: tuple[tuple[Thread, str], ...]


class Stepper:
    """Walks a scenario's run, event by event, forward and back.

    Args:
        scenario: what to run.
        choose: which thread is next, as for a :class:`~.migration.Migration`.

    Attributes:
        migration: the run itself, at the furthest event that was reached.
        position: how many events have happened where one looks now.
    """

    def __init__(self, scenario: Scenario, *, choose: Choose = fair) -> None:
        self.migration = Migration(scenario, choose=choose)
        self.position = 0
        self._steps = self.migration.steps()
        self._last: View | None = None
        self._views = [self._look(None)]
        self._seen: deque[View] = deque()  # looked at when the event was emitted; it has not gone out yet
        self._whole = False
        self.migration.scheduler.listen(lambda event: self._seen.append(self._look(event)))

    @property
    def view(self) -> View:
        """What there is to see here."""
        return self._views[self.position]

    def forward(self) -> View:
        """Go to the next event.

        Raises:
            NotFound: there is none.
        """
        return self.go_to(self.position + 1)

    def back(self) -> View:
        """Go to the event before.

        Raises:
            NotFound: there is none.
        """
        return self.go_to(self.position - 1)

    def go_to(self, position: int) -> View:
        """Go to where a number of events have happened; what was seen before costs nothing.

        Args:
            position: how many, from 0.

        Raises:
            NotFound: the run has fewer events.
            EngineError: the scenario's time is over before.
        """
        while position >= len(self._views) and not self._whole:
            event = next(self._steps, None)
            if event is None:
                self._whole = True
            else:
                self._views.append(replace(self._seen.popleft(), event=event))
        if not 0 <= position < len(self._views):
            raise NotFound(f"no state {position} in a run of {len(self._views) - 1} events")
        self.position = position
        return self.view

    def __iter__(self) -> Iterator[View]:
        """All that is to come from here, walked."""
        while True:
            try:
                yield self.forward()
            except NotFound:
                return

    def _look(self, event: Event | None) -> View:
        migration, before = self.migration, self._last
        current = migration.scheduler.current
        threads = tuple(
            (task.thread, task.wait.what if task.wait is not None and task is not current else "")
            for task in migration.scheduler
        )
        self._last = View(
            event=event,
            source=_side(migration.source, before.source if before else None),
            destination=_side(migration.destination, before.destination if before else None),
            threads=before.threads if before is not None and before.threads == threads else threads,
        )
        return self._last


def _side(side: MigrationSide, before: SideView | None) -> SideView:
    machine = side.machine
    ram = machine.ram
    owner = machine.bql.owner
    made = SideView(
        phase=side.phase,
        status=side.status,
        runstate=machine.runstate,
        lock_holder=owner.thread if owner is not None else None,
        writes=machine.guest.writes,
        fault=machine.guest.fault,
        dirty=_shared(_dirty(side.side, ram), before.dirty if before else ()),
        received=_shared(_received(side.side, ram), before.received if before else ()),
        pending=side.figures,
        open_sections=tuple((entry.idstr, entry.instance_id) for entry in side.open_sections.values()),
    )
    return before if before == made and before is not None else made


def _dirty(side: Side, ram: Ram | None) -> dict[str, npt.NDArray[np.bool_]]:
    return ram.dirty_pages() if ram is not None and side is Side.SOURCE else {}


def _received(side: Side, ram: Ram | None) -> dict[str, npt.NDArray[np.bool_]]:
    return ram.received_pages() if ram is not None and side is Side.DESTINATION else {}


def _shared(
    maps: dict[str, npt.NDArray[np.bool_]], before: tuple[tuple[str, bytes], ...]
) -> tuple[tuple[str, bytes], ...]:
    """Bitmaps as bytes; those that are as they were are the same objects."""
    packed = tuple((name, np.packbits(bits, bitorder="little").tobytes()) for name, bits in maps.items())
    return before if packed == before else packed
