"""A whole run as columns of numbers and one list of texts: what a player needs to draw any of its events.

Numbers that ascend are kept as differences, texts as their position in ``texts``; what only some events have is a
sparse column, the events and the values. So a run compresses to some bytes an event, and a reader finds the state
after any event by looking for the last change before it.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..errors import printable
from ..rules.interfaces import find_callback
from ..rules.threads import Side
from ..stream.events import EventKind
from ..timeline.state import State
from ..timeline.timeline import Timeline
from .arguments import arguments, place_text
from .cards import card_of
from .series import PendingSeries, pending_series
from .space_time import ArrowKind, arrows, call_bars, downtime, guest_runs, lock_bars, thread_rows
from .states import new_texts
from .units import bytes_text

_TEXT_CHARS: Final = 1_000
"""A longer text is cut, so that a hostile name does not fill a page."""

_APART: Final = frozenset(("time",))
"""Rows of a card that a reader makes of the columns."""

_ARROWS: Final = tuple(ArrowKind)

RunColumns = dict[str, Any]
"""Plain lists, texts and numbers: what :func:`json.dumps` takes."""


class Texts:
    """Each text once, by its position."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        number = self._seen.get(text)
        if number is None:
            number = self._seen[text] = self._add(text)
        return number

    def _add(self, text: str) -> int:
        shown = printable(text if len(text) <= _TEXT_CHARS else f"{text[:_TEXT_CHARS]} …")
        return self._number.setdefault(shown, len(self._number))

    def listed(self) -> list[str]:
        """All of them, by position."""
        return list(self._number)


class Sparse:
    """A column that only some events have a value in."""

    def __init__(self) -> None:
        self._at: list[int] = []
        self._values: list[int] = []

    def add(self, index: int, value: int) -> None:
        """Give an event a value; events come in their order."""
        self._at.append(index)
        self._values.append(value)

    def columns(self) -> dict[str, list[int]]:
        """The events as differences, and their values."""
        return {"at": differences(self._at), "values": self._values}


def differences(values: Iterable[int]) -> list[int]:
    """Each value less the one before it, the first less 0."""
    before, found = 0, []
    for value in values:
        found.append(value - before)
        before = value
    return found


def run_columns(timeline: Timeline) -> RunColumns:
    """All that can be drawn of a run.

    Args:
        timeline: the run.
    """
    texts = Texts()
    events = timeline.events
    rows = thread_rows(timeline)
    row_number = {(row.side, row.thread): index for index, row in enumerate(rows)}
    kinds = list(EventKind)
    states = tuple(timeline.states())
    bars, locks, sent = call_bars(timeline, rows), lock_bars(timeline, states, rows), arrows(timeline)
    series, down = pending_series(timeline), downtime(timeline)
    return {
        "count": len(events),
        "time_us": differences(event.time_us for event in events),
        "thread": [row_number[event.side, event.thread] for event in events],
        "kind": [kinds.index(event.event) for event in events],
        "kinds": [kind.value for kind in kinds],
        **_facts(timeline, states, texts),
        "states": _states(timeline, states, texts),
        "handlers": _handlers(timeline),
        "threads": [{"side": row.side.value, "name": row.thread or "not said"} for row in rows],
        "bars": {
            "thread": [bar.row for bar in bars],
            "first": differences(bar.first for bar in bars),
            "length": [bar.last - bar.first for bar in bars],
            "depth": [bar.depth for bar in bars],
        },
        "locks": {
            "thread": [bar.row for bar in locks],
            "first": differences(bar.first for bar in locks),
            "length": [bar.last - bar.first for bar in locks],
        },
        "arrows": {
            "sent": differences(arrow.sent for arrow in sent),
            "length": [arrow.received - arrow.sent for arrow in sent],
            "kind": [_ARROWS.index(arrow.kind) for arrow in sent],
        },
        "arrow_kinds": [kind.value for kind in _ARROWS],
        "phases": [
            {"side": run.side.value, "phase": run.phase.value, "first": run.first, "last": run.last}
            for run in timeline.phases()
        ],
        "guest": [
            {"side": run.side.value, "state": run.state.value, "first": run.first, "last": run.last}
            for run in guest_runs(timeline, states)
        ],
        "downtime": None
        if down is None
        else {"stopped": down.stopped, "resumed": down.resumed, "length_us": down.length_us},
        "pending": {
            "index": list(series.index),
            "must_precopy": list(series.must_precopy),
            "can_postcopy": list(series.can_postcopy),
            "threshold_bytes": list(series.threshold_bytes),
            "exact": [int(each) for each in series.exact],
            **_highest(series),
        },
        "texts": texts.listed(),
    }


def _highest(series: PendingSeries) -> dict[str, Any]:
    """The highest figure, which the curves are scaled by, and its text."""
    both = (must + can for must, can in zip(series.must_precopy, series.can_postcopy, strict=True))
    highest = max((1, *both, *(each for each in series.threshold_bytes if each is not None)))
    return {"highest_bytes": highest, "highest": bytes_text(highest)}


def packed(columns: object) -> bytes:
    """Columns as compressed JSON, which a browser unpacks by itself (zlib, ``deflate`` there)."""
    return zlib.compress(json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def _facts(timeline: Timeline, states: Sequence[State], texts: Texts) -> dict[str, Any]:
    """The cards of all events: headings and subjects, and a sparse column for each label."""
    headings, subjects, phases, failed, spans = Sparse(), Sparse(), Sparse(), [], Sparse()
    rows: dict[str, Sparse] = defaultdict(Sparse)
    for index, event in enumerate(timeline.events):
        card = card_of(event, states[index])
        headings.add(index, texts[card.heading])
        if card.subject:
            subjects.add(index, texts[card.subject])
        if card.phase is not None:
            phases.add(index, texts[card.phase])
        if card.failed:
            failed.append(index)
        if card.span is not None:
            spans.add(index, card.span.length)
        callback = find_callback(event.handler or "")
        more = [("place", place_text(callback, event)), *arguments(callback, event)] if callback is not None else []
        for label, text in (*card.rows, *more):
            if label not in _APART:
                rows[label].add(index, texts[text])
    return {
        "heading": headings.columns()["values"],
        "subject": subjects.columns(),
        "phase": phases.columns(),
        "failed": failed,
        "span": spans.columns(),
        "facts": [{"label": label, **column.columns()} for label, column in rows.items()],
    }


def _states(timeline: Timeline, states: Sequence[State], texts: Texts) -> list[dict[str, Any]]:
    """For each fact of the two sides, when it changed and what it became."""
    found: dict[str, dict[Side, Sparse]] = {}
    shown: dict[tuple[str, Side], str] = {}
    for index, event in enumerate(timeline.events):
        sides: Sequence[Side] = tuple(Side) if index == 0 else (event.side,)
        for side in sides:
            before = states[index].side(side) if index else None
            for label, text in new_texts(before, states[index + 1].side(side)):
                if shown.get((label, side)) != text:
                    shown[label, side] = text
                    found.setdefault(label, {each: Sparse() for each in Side})[side].add(index, texts[text])
    return [
        {"label": label, **{side.value: column.columns() for side, column in sides.items()}}
        for label, sides in found.items()
    ]


def _handlers(timeline: Timeline) -> dict[str, dict[str, Any]]:
    """What register.h declares of each handler that was called."""
    names = dict.fromkeys(event.handler for event in timeline.events if event.handler)
    return {
        name: {
            "signature": str(callback.signature),
            "promise": callback.promise,
            "meanings": {str(each): each.meaning for each in callback.signature.parameters},
        }
        for name in names
        if name is not None and (callback := find_callback(name)) is not None
    }
