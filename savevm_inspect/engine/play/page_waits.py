"""How long a guest waited for its pages, off the events of a run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ...rules.threads import Side
from ...stream.events import Event, EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWait:
    """A virtual CPU that waited for a page: the chain of its events.

    Attributes:
        stopped: it touched the page.
        request: the destination asked for it; ``None`` if it came before that, and in a background snapshot.
        placed: it came, and was put into its place; ``None`` if it never did, and in a background snapshot.
        running: the virtual CPU went on; ``None`` if it never did.
    """

    stopped: Event
    request: Event | None = None
    placed: Event | None = None
    running: Event | None = None

    @property
    def wait_us(self) -> int | None:
        """How long it was, in microseconds; ``None`` if it has not ended."""
        return None if self.running is None else self.running.time_us - self.stopped.time_us


_ATTRIBUTES: Final = {
    EventKind.PAGE_REQUEST: "request",
    EventKind.PAGE_PLACED: "placed",
    EventKind.VCPU_RUNNING: "running",
}


def page_waits(events: Iterable[Event]) -> tuple[PageWait, ...]:
    """All waits, in the order in which they began.

    Args:
        events: of a run.
    """
    found: dict[tuple[Side, int], PageWait] = {}
    for event in events:
        if event.fault_id is None:
            continue
        key = event.side, event.fault_id
        if event.event is EventKind.VCPU_STOPPED:
            found[key] = PageWait(stopped=event)
        else:
            found[key] = replace(found[key], **{_ATTRIBUTES[event.event]: event})
    return tuple(found.values())
