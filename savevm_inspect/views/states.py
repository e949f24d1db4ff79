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
        for label, _, text in _FACTS
    ]


def new_texts(before: SideState | None, after: SideState) -> list[tuple[str, str]]:
    """What an event made new of one side, as label and text; some may read as before.

    Args:
        before: the side before it; ``None`` for all that is known after it.
        after: the side after it.
    """
    return [
        (label, text(after))
        for label, attribute, text in _FACTS
        if before is None or getattr(before, attribute) is not getattr(after, attribute)
    ]


def _stack(side: SideState) -> str:
    return " > ".join(f"{call.handler}({call.idstr})" for call in side.calls) or _NOTHING


def _pending(side: SideState) -> str:
    if side.pending is None:
        return _NOTHING
    figures = side.pending
    measured = figures.threshold_bytes is not None and figures.bandwidth_bytes_per_s != 0
    fits = f"; {bytes_text(figures.threshold_bytes or 0)} would fit" if measured else ""
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


_FACTS: Final[tuple[tuple[str, str, Callable[[SideState], str]], ...]] = (
    ("phase", "phase", lambda side: side.phase.value if side.phase else _NOTHING),
    ("status", "status", lambda side: side.status or _NOTHING),
    ("guest", "guest", lambda side: side.guest.value),
    ("running handlers", "calls", _stack),
    ("lock held by", "lock_holder", lambda side: side.lock_holder.value if side.lock_holder else _NOTHING),
    ("pending", "pending", _pending),
    ("dirty pages", "dirty_pages", lambda side: _number(side.dirty_pages)),
    ("iteration", "iteration", lambda side: _number(side.iteration)),
    ("bytes so far", "channel_bytes", _sent),
    ("open sections", "open_sections", _sections),
)
"""Label, the attribute of a side that it is about, and its text."""
