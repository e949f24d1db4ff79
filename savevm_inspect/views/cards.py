"""What one event says, as a card: its heading, its rows, and what register.h promises of the handler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ..rules.callbacks import Returns
from ..rules.interfaces import find_callback
from ..rules.phases import Phase
from ..span import Span
from ..stream.events import CALL_KINDS, Event, EventKind
from ..timeline.state import OpenCall, State
from ..timeline.timeline import Timeline
from .units import bytes_text, time_text


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCard:
    """One event, ready to be shown.

    Attributes:
        index: which event of the run.
        heading: the handler, or what else happened.
        subject: the device, if it is about one.
        verb: what kind of thing happened.
        phase: where the migration is; ``None`` if the event does not say.
        rows: label and text of each fact.
        promise: what the handler promises; empty if the event lies in none that register.h has.
        span: the bytes that it wrote or read; ``None`` if it names none.
        failed: whether it reports an error.
    """

    index: int
    heading: str
    subject: str
    verb: str
    phase: Phase | None
    rows: tuple[tuple[str, str], ...]
    promise: str
    span: Span | None
    failed: bool


def event_card(timeline: Timeline, index: int) -> EventCard:
    """The card of an event.

    Args:
        timeline: the run.
        index: of the event.

    Raises:
        NotFound: there is no such event.
    """
    return card_of(timeline.events[index], timeline.at(index))


def card_of(event: Event, before: State) -> EventCard:
    """The card of an event, for who has the state before it.

    Args:
        event: the event.
        before: the state before it.
    """
    own_call = event.event in CALL_KINDS
    handler = event.handler or ""
    callback = find_callback(handler)
    rows = [
        ("side", event.side.value),
        ("thread", event.thread.value if event.thread else _UNSAID),
        ("big QEMU lock", _LOCK[event.bql]),
    ]
    if own_call:
        rows.append(("returned", _returned(event)))
        if callback is not None:
            rows.append(("a return value is", callback.returns.value))
    elif stack := before.side(event.side).stack(event.thread):
        rows.append(("within", _within(stack[-1])))
    rows += _figures(event)
    if event.block:
        rows.append(("RAM block", event.block))
    if event.error:
        rows.append(("error", event.error))
    if event.upstream:
        rows.append(("QEMU says", event.upstream))
    rows.append(("time", time_text(event.time_us)))
    rows.append(("known from", _known_from(event)))
    return EventCard(
        index=before.index,
        heading=handler or _heading(event),
        subject=f"{event.idstr} (instance {event.instance_id or 0})" if event.idstr else "",
        verb=_VERBS[event.event],
        phase=event.phase,
        rows=tuple(rows),
        promise=callback.promise if callback is not None else "",
        span=_span(event),
        failed=bool(event.error),
    )


def headline(event: Event) -> str:
    """An event in a few words, for a list of events."""
    what = event.handler or _heading(event)
    arrow = _ARROWS.get(event.event, "")
    return f"{arrow}{what}{f' · {event.idstr}' if event.idstr else ''}"


_UNSAID: Final = "not said"
_LOCK: Final[Mapping[bool | None, str]] = {True: "held", False: "not held", None: _UNSAID}
_ARROWS: Final = {EventKind.CALL: "→ ", EventKind.RETURN: "← "}
_VERBS: Final[Mapping[EventKind, str]] = {
    EventKind.CALL: "is called",
    EventKind.RETURN: "returns",
    EventKind.RECORD: "record",
    EventKind.COMMAND: "command",
    EventKind.PENDING: "pending figures",
    EventKind.LOCK: "lock",
    EventKind.STATE: "migration status",
    EventKind.PAGE_REQUEST: "page request",
    EventKind.PAGE_PLACED: "page placed",
    EventKind.VCPU_STOPPED: "waits for a page",
    EventKind.VCPU_RUNNING: "goes on",
    EventKind.QMP: "QMP event",
    EventKind.LOG: "note",
}


def _heading(event: Event) -> str:
    return event.name or event.event.value


def _within(call: OpenCall) -> str:
    return f"{call.handler} of {call.idstr or _UNSAID}"


def _returned(event: Event) -> str:
    if event.event is EventKind.CALL:
        return "nothing yet: it runs"
    if event.must_precopy is not None:
        return f"must_precopy {event.must_precopy}, can_postcopy {event.can_postcopy or 0}"
    if event.returned is not None:
        return str(event.returned)
    callback = find_callback(event.handler or "")
    return "nothing: it is void" if callback is not None and callback.returns is Returns.NOTHING else _UNSAID


def _figures(event: Event) -> list[tuple[str, str]]:
    """The numbers of an event, each with its unit; a return's pending figures are what it returned."""
    taken = ("must_precopy", "can_postcopy") if event.event is EventKind.RETURN else ()
    return [
        (label, text(value))
        for key, label, text in _FIGURES
        if key not in taken and (value := getattr(event, key)) is not None
    ]


def _rate(bytes_per_s: int) -> str:
    return f"{bytes_text(bytes_per_s)}/s"


_FIGURES: Final[tuple[tuple[str, str, Callable[[int], str]], ...]] = (
    ("must_precopy", "must_precopy", bytes_text),
    ("can_postcopy", "can_postcopy", bytes_text),
    ("stopcopy_bytes", "of these with the VM stopped", bytes_text),
    ("threshold_bytes", "threshold", bytes_text),
    ("bandwidth_bytes_per_s", "bandwidth", _rate),
    ("dirty_pages", "dirty pages", str),
    ("iteration", "iteration", str),
    ("section_id", "section_id", str),
    ("version_id", "version_id", str),
    ("addr", "address in the block", hex),
    ("vcpu", "virtual CPU", str),
    ("fault_id", "number of the wait", str),
    ("repeats", "came again", str),
    ("length", "bytes", bytes_text),
)


def _known_from(event: Event) -> str:
    if not event.observed:
        return f"{event.origin.value}, derived from the rules of the source code"
    derived = f"; derived from the rules of the source code: {', '.join(event.derived)}" if event.derived else ""
    return f"{event.origin.value}, observed{derived}"


def _span(event: Event) -> Span | None:
    if event.offset is None or event.length is None:
        return None
    return Span(channel=event.channel or 0, offset=event.offset, length=event.length)
