"""Events for Perfetto and chrome://tracing: the Trace Event Format's JSON.

Each end is a process. Each thread is a track, on which calls and sections are slices (``B`` and ``E``, nested), all
else instants; further tracks show the phase and who holds the big QEMU lock. Pending figures are counters, and an
arrow (``s``, ``f``) leads from where a section is sent to where it is loaded.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..container.whole_file import whole_file
from ..rules.threads import Side, Thread
from ..stream.events import Event, EventKind
from ..stream.records import SectionKind

JsonEvent = dict[str, Any]
"""One entry of ``traceEvents``."""

PIDS: Final = {Side.SOURCE: 1, Side.DESTINATION: 2}
_TIDS: Final[dict[Thread | None, int]] = {None: 1} | {thread: number for number, thread in enumerate(Thread, 2)}
_PHASE_TID: Final = 90
_LOCK_TID: Final = 91
_SECTION_BEGINS: Final = "savevm_section_start"
_SECTION_KINDS: Final = frozenset(kind.value for kind in SectionKind)
_ARGUMENTS: Final = (
    "idstr",
    "instance_id",
    "section_id",
    "version_id",
    "bql",
    "returned",
    "error",
    "iteration",
    "addr",
    "channel",
    "offset",
    "length",
    "repeats",
    "upstream",
)
_FIGURES: Final = {"must_precopy": "must_precopy", "can_postcopy": "can_postcopy"}


def write_perfetto(events: Sequence[Event], output: Path) -> None:
    """Write events to a file that ui.perfetto.dev opens.

    Args:
        events: in their order.
        output: the file to make; replaced if it exists. It appears when it is whole.

    Raises:
        SavevmError: it can't be written.
    """
    with whole_file(output) as draft, draft.open("w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit":"ms","traceEvents":[')
        for number, entry in enumerate(perfetto_events(events)):
            file.write((",\n" if number else "\n") + json.dumps(entry, separators=(",", ":")))
        file.write("\n]}\n")


def perfetto_events(events: Sequence[Event]) -> Iterator[JsonEvent]:
    """The entries of ``traceEvents``, names of processes and tracks first.

    Args:
        events: in their order.
    """
    arrows = _arrows(events)
    tracks = _Tracks()
    entries = [entry for event in events for entry in _Entries(tracks, arrows).of(event)]
    yield from tracks.names()
    yield from entries
    yield from tracks.close_all()


@dataclass(slots=True)
class _Track:
    """One line of slices: what is open on it, and the time it has come to."""

    pid: int
    tid: int
    name: str
    open: list[object] = field(default_factory=list)
    counts: Counter[object] = field(default_factory=Counter)
    time_us: int = 0

    def entry(self, phase: str, event_us: int, **more: Any) -> JsonEvent:
        self.time_us = max(self.time_us, event_us)
        return {"ph": phase, "ts": self.time_us, "pid": self.pid, "tid": self.tid, **more}

    def begin(self, key: object, event_us: int, name: str, **more: Any) -> JsonEvent:
        self.open.append(key)
        self.counts[key] += 1
        return self.entry("B", event_us, name=name, **more)

    def end(self, key: object, event_us: int, arguments: dict[str, Any]) -> Iterator[JsonEvent]:
        """End a slice, and with it those that began within it; nothing if it is not open."""
        while self.counts[key]:
            ended = self.open.pop()
            self.counts[ended] -= 1
            yield self.entry("E", event_us, **({"args": arguments} if ended == key and arguments else {}))
            if ended == key:
                return


class _Tracks:
    """Every track that an event was drawn on."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[int, int], _Track] = {}

    def of(self, side: Side, tid: int, name: str) -> _Track:
        pid = PIDS[side]
        return self._tracks.setdefault((pid, tid), _Track(pid, tid, name))

    def names(self) -> Iterator[JsonEvent]:
        for side, pid in PIDS.items():
            mine = [track for track in self._tracks.values() if track.pid == pid]
            if mine:
                yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": side.value}}
            for track in mine:
                yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": track.tid, "args": {"name": track.name}}

    def close_all(self) -> Iterator[JsonEvent]:
        for track in self._tracks.values():
            while track.open:
                yield from track.end(track.open[-1], track.time_us, {})


@dataclass(frozen=True, slots=True)
class _Entries:
    """What one event becomes."""

    tracks: _Tracks
    arrows: dict[int, tuple[str, int]]

    def of(self, event: Event) -> Iterator[JsonEvent]:
        track = self.tracks.of(event.side, _TIDS[event.thread], event.thread.value if event.thread else "not said")
        yield from self._phase(event)
        match event.event:
            case EventKind.CALL:
                yield track.begin(
                    event.call_id, event.time_us, event.handler or "call", cat="handler", args=_arguments(event)
                )
            case EventKind.RETURN:
                yield from track.end(event.call_id, event.time_us, _arguments(event))
            case EventKind.LOCK:
                yield from self._lock(event)
            case EventKind.RECORD if event.name in _SECTION_KINDS and event.section_id is not None:
                yield from self._section_record(event, track)
            case EventKind.LOG if event.name == _SECTION_BEGINS and event.section_id is not None:
                yield self._section_begins(event, track)
                yield from self._arrow(event, track)
            case _:
                yield from self._instant(event, track)

    def _phase(self, event: Event) -> Iterator[JsonEvent]:
        if event.phase is None:
            return
        track = self.tracks.of(event.side, _PHASE_TID, "phase")
        if track.open != [event.phase]:
            if track.open:
                yield from track.end(track.open[-1], event.time_us, {})
            yield track.begin(event.phase, event.time_us, event.phase.value, cat="phase")

    def _lock(self, event: Event) -> Iterator[JsonEvent]:
        track = self.tracks.of(event.side, _LOCK_TID, "big QEMU lock")
        if track.open:
            yield from track.end(track.open[-1], event.time_us, {})
        if event.name == "bql_lock":
            holder = event.thread.value if event.thread else "held"
            yield track.begin("bql", event.time_us, holder, cat="lock")

    def _section_begins(self, event: Event, track: _Track) -> JsonEvent:
        key = ("section", event.section_id)
        name = f"section {event.idstr or event.section_id}"
        return track.begin(key, event.time_us, name, cat="section", args=_arguments(event))

    def _section_record(self, event: Event, track: _Track) -> Iterator[JsonEvent]:
        """The end of a section that was seen to begin; else a slice without duration."""
        key = ("section", event.section_id)
        if not track.counts[key]:
            yield self._section_begins(event, track)
            yield from self._arrow(event, track)
        yield from track.end(key, event.time_us, _arguments(event) | {"kind": event.name})

    def _arrow(self, event: Event, track: _Track) -> Iterator[JsonEvent]:
        arrow = self.arrows.get(event.seq)
        if arrow is not None:
            ph, number = arrow
            binding = {"bp": "e"} if ph == "f" else {}
            yield track.entry(ph, event.time_us, id=number, name="section", cat="section", **binding)

    def _instant(self, event: Event, track: _Track) -> Iterator[JsonEvent]:
        figures = {name: value for key, name in _FIGURES.items() if (value := getattr(event, key)) is not None}
        if event.event is EventKind.PENDING and figures:
            yield track.entry("C", event.time_us, name="pending bytes", args=figures)
            if event.threshold_bytes is not None:
                threshold = {"threshold_bytes": event.threshold_bytes}
                yield track.entry("C", event.time_us, name="threshold bytes", args=threshold)
        if event.dirty_pages is not None:
            yield track.entry("C", event.time_us, name="dirty pages", args={"dirty_pages": event.dirty_pages})
        yield track.entry(
            "i",
            event.time_us,
            name=event.name or event.event.value,
            cat=event.event.value,
            s="p" if event.event is EventKind.STATE else "t",
            args=_arguments(event),
        )


def _arguments(event: Event) -> dict[str, Any]:
    arguments = {key: value for key in _ARGUMENTS if (value := getattr(event, key)) is not None}
    return arguments if event.observed else arguments | {"observed": False}


def _arrows(events: Sequence[Event]) -> dict[int, tuple[str, int]]:
    """For the events at which a section is sent and loaded, by their ``seq``: the arrow's end and number.

    The n-th section of a section_id that is sent is the n-th that is loaded. An arrow that would lead back in
    time is none: the ends have clocks of their own, or the section was loaded while it was written.
    """
    sent: dict[tuple[int, int], Event] = {}
    loaded: dict[tuple[int, int], Event] = {}
    counts: Counter[tuple[Side, int]] = Counter()
    begun: dict[int, Event] = {}
    for event in events:
        section_id = event.section_id
        if section_id is None:
            continue
        if event.event is EventKind.LOG and event.name == _SECTION_BEGINS:
            begun[section_id] = event
        elif event.event is EventKind.RECORD and event.name in _SECTION_KINDS:
            number = counts[event.side, section_id]
            counts[event.side, section_id] += 1
            if event.side is Side.SOURCE:
                sent[section_id, number] = begun.pop(section_id, event)
            else:
                loaded[section_id, number] = event
    arrows: dict[int, tuple[str, int]] = {}
    for number, (key, start) in enumerate(sent.items()):
        end = loaded.get(key)
        if end is not None and end.time_us >= start.time_us:
            arrows[start.seq] = ("s", number)
            arrows[end.seq] = ("f", number)
    return arrows
