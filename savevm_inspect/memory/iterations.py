"""In which iteration a page was sent: between which two synchronisations of the dirty bitmap.

A synchronisation (migration_bitmap_sync) writes nothing to the stream. What is known of it:

- It lies between two RAM sections, or at the start of the END section of precopy (ram_save_complete), or where
  postcopy begins (ram_postcopy_send_discard_bitmap); so all pages of a section belong to one iteration.
- Between two of them a page is sent at most once, since sending it clears its bit, which only they set.

So if a capture's events state the iterations, they are taken from there. Otherwise they are inferred: a new one
begins with the section that holds a page which this iteration had already, with END in precopy, and with postcopy.
That is the smallest number of synchronisations that the stream can have had, each as late as it can have been: none
is made up, but one may have been some sections earlier, and those may be missing between which different pages were
sent. Where each sent a part of what a guest dirtied again and again, half of them were missed (447 of 872 found).

With multifd since QEMU 8.0, a packet does not name its section: there the rounds over RAM, which MULTIFD_FLUSH and
SYNC part, stand for sections. The pages of mapped-ram say nothing, since only the last sending of each is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ..errors import SavevmError
from ..payload.ram import IDSTR
from ..rules.threads import Side
from ..stream.events import Event, EventKind
from ..stream.records import Command, Interrupted, PageRun, Record, Section, SectionKind
from ..wire import MigCmd

Numbers = npt.NDArray[np.uint32]


_MOST_ITERATIONS = 1 << 31
_COMPLETES = ("save_complete", "save_live_complete_precopy")
"""Names of the handler that writes the END section of precopy, in QEMU 10.2 and before."""


class IterationsFrom(StrEnum):
    """Who says which iteration a page belongs to."""

    EVENTS = "events"
    INFERRED = "inferred"
    UNKNOWN = "unknown"


def iterations_of_events(events: Iterable[Event], sections: Sequence[Section]) -> dict[int, int]:
    """What a capture's events say: the iteration of each RAM section.

    Args:
        events: of the capture, in their order.
        sections: the RAM sections, in stream order.

    Returns:
        The iteration by the running number of the section; empty unless all but the START section have one. It is
        what the source stated last before it announced the section.

    Raises:
        SavevmError: an iteration is a number that none has.
    """
    numbers = {(each.span.channel, each.span.offset): number for number, each in enumerate(sections)}
    stated: int | None = None
    found: dict[int, int] = {}
    for event in events:
        if event.side is not Side.SOURCE:
            continue
        if event.iteration is not None:
            stated = event.iteration
            if stated > _MOST_ITERATIONS:
                raise SavevmError(f"event {event.seq} states iteration {stated}, more than any migration has")
        elif stated is not None and event.event is EventKind.CALL and event.handler in _COMPLETES:
            stated += event.idstr == IDSTR  # it synchronises, and nobody asks for its figures after that
        if event.event is EventKind.RECORD and event.offset is not None and stated is not None:
            number = numbers.get((event.channel or 0, event.offset))
            if number is not None:
                found[number] = stated
    return found if found.keys() >= set(range(1, len(sections))) else {}


def units_of(rows: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """What can't hold two iterations: the section of each page, or with multifd its round over RAM.

    Args:
        rows: shape (pages,), dtype ``PAGE_DTYPE``.

    Returns:
        Shape (pages,), ascending numbers in the order of the stream.
    """
    column = "epoch" if rows["epoch"].any() else "section"
    units: npt.NDArray[np.int64] = rows[column].astype(np.int64)
    return units


def is_postcopy(rows: npt.NDArray[np.void], records: Iterable[Record]) -> npt.NDArray[np.bool_]:
    """Which pages were sent after the guest ran on at the destination.

    Args:
        rows: shape (pages,), dtype ``PAGE_DTYPE``.
        records: of all channels.

    Returns:
        Shape (pages,): those after MIG_CMD_POSTCOPY_RUN on the main channel, and all on channels that resumed it
        or that are postcopy-preempt's.
    """
    late = np.zeros(len(rows), np.bool_)
    runs = (
        record.span.offset
        for record in records
        if isinstance(record, Command) and record.command is MigCmd.MIG_CMD_POSTCOPY_RUN and not record.span.channel
    )
    first = next(runs, None)
    if first is not None:
        late |= (rows["channel"] == 0) & (rows["offset"] > first)
    others = {
        record.span.channel for record in records if isinstance(record, Section | Command | Interrupted | PageRun)
    }
    late |= np.isin(rows["channel"], list(others - {0}))
    return late


def infer_iterations(
    units: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    postcopy: npt.NDArray[np.bool_],
    last_section: int | None,
    stated: Mapping[int, int],
) -> Numbers:
    """Number the iterations, from 1.

    Args:
        units: shape (pages,), of :func:`units_of`.
        before: shape (pages,), the index of the page's sending before; -1 if it is the first.
        postcopy: shape (pages,), of :func:`is_postcopy`.
        last_section: the unit that is the END section of precopy, if there is one.
        stated: the iterations by unit that are known; if any is, all units with pages are.

    Returns:
        Shape (pages,).
    """
    if not len(units):
        return np.zeros(0, np.uint32)
    count = int(units.max()) + 1
    latest = np.full(count, -1, np.int64)
    again = np.flatnonzero((before >= 0) & ~postcopy)
    again = again[units[before[again]] < units[again]]
    np.maximum.at(latest, units[again], units[before[again]])
    of_unit = np.zeros(count, np.uint32)
    number, start = 1, 0
    for unit, repeated in enumerate(latest.tolist()):
        if repeated >= start or (unit == last_section and unit > 0):
            number, start = number + 1, unit
        of_unit[unit] = stated.get(unit, number)
    found = of_unit[units]
    found[postcopy] = 0
    found[postcopy] = found.max() + 1
    return found


def last_section_of(sections: Sequence[Section], units_are_sections: bool) -> int | None:
    """The unit that is the END section, where that begins an iteration."""
    if units_are_sections and sections and sections[-1].kind is SectionKind.END:
        return len(sections) - 1
    return None
