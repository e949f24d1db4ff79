"""Both sides of a migration at one moment, as rows; what an event changed is marked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..timeline.state import SideState, State
from .units import bytes_text

_NOTHING: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """One fact of both sides.

    Attributes:
        label: what it is.
        source: how it is on the source.
        destination: how it is on the destination.
        source_changed: whether the event changed it there.
        destination_changed: likewise.
    """

    label: str
    source: str
    destination: str
    source_changed: bool
    destination_changed: bool


def state_rows(before: State, after: State) -> list[StateRow]:
    """What is known after an event, and what is new of it.

    Args:
        before: the state before the event.
        after: the state after it.
    """
    return [
        StateRow(
            label=label,
            source=text(after.source),
            destination=text(after.destination),
            source_changed=text(after.source) != text(before.source),
            destination_changed=text(after.destination) != text(before.destination),
        )
        for label, text in _FACTS
    ]


def _stack(side: SideState) -> str:
    return " > ".join(f"{call.handler}({call.idstr})" for call in side.calls) or _NOTHING


def _pending(side: SideState) -> str:
    if side.pending is None:
        return _NOTHING
    figures = side.pending
    fits = "" if figures.threshold_bytes is None else f"; {bytes_text(figures.threshold_bytes)} would fit"
    return f"{bytes_text(figures.must_precopy + figures.can_postcopy)}{fits}"


def _sections(side: SideState) -> str:
    return ", ".join(f"{each.section_id} {each.idstr}" for each in side.open_sections) or _NOTHING


def _sent(side: SideState) -> str:
    several = len(side.channel_bytes) > 1
    texts = (
        f"{f'channel {number}: ' if several else ''}{bytes_text(so_far)}" for number, so_far in side.channel_bytes
    )
    return ", ".join(texts) or _NOTHING


def _number(value: int | None) -> str:
    return _NOTHING if value is None else str(value)


_FACTS: Final[tuple[tuple[str, Callable[[SideState], str]], ...]] = (
    ("phase", lambda side: side.phase.value if side.phase else _NOTHING),
    ("status", lambda side: side.status or _NOTHING),
    ("guest", lambda side: side.guest.value),
    ("running handlers", _stack),
    ("lock held by", lambda side: side.lock_holder.value if side.lock_holder else _NOTHING),
    ("pending", _pending),
    ("dirty pages", lambda side: _number(side.dirty_pages)),
    ("iteration", lambda side: _number(side.iteration)),
    ("bytes so far", _sent),
    ("open sections", _sections),
)
