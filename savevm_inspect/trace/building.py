"""Building events: of a line of the log, and of what follows from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..rules.phases import Phase
from ..rules.threads import Thread
from ..stream.events import Event, EventKind, Origin
from .course import Course
from .facts import Facts
from .lines import TraceLine
from .meaning import Keys, Meaning
from .rules import OPS

KEPT = 4096
"""Devices, threads and open calls of a log that are kept at most; no QEMU has as many."""

_WALKERS = (Thread.MIGRATION, Thread.SNAPSHOT)


@dataclass(slots=True)
class ParsedEvent:
    """A line of the log that was parsed.

    Attributes:
        line: the line.
        meaning: of its trace event.
        thread: that wrote it; ``None`` if unknown.
        thread_key: what identifies its thread, if only by number.
        keys: what it says; rules add to it.
        derived: which of the keys were added by rules.
    """

    line: TraceLine
    meaning: Meaning
    thread: Thread | None
    thread_key: int | Thread | None
    keys: Keys
    derived: list[str] = field(default_factory=lambda: ["phase", "thread"])

    def derive(self, **keys: Any) -> None:
        """Add keys that follow from rules."""
        self.keys |= keys
        self.derived += keys


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """A handler that runs by the rules.

    Attributes:
        call_id: shared by the call and its return.
        handler: the callback of register.h.
        who: keys of its device.
        thread: the thread it runs in.
    """

    call_id: int
    handler: str
    who: Keys
    thread: Thread | None


class EventBuilder:
    """Builds the events of a log, with the time and the phase that it has reached.

    Args:
        facts: of the log.
        start_us: when time begins, in microseconds since 1970; what comes before has time 0.

    Attributes:
        course: the phase.
    """

    def __init__(self, facts: Facts, start_us: int | None) -> None:
        self._facts = facts
        self._start_us = start_us
        self.course = Course(facts)
        self._time_us = 0
        self._held = False
        self._call_ids = 0
        self._instances: dict[str, list[int]] = {}

    def go_to(self, line: TraceLine) -> None:
        """Advance to the time of a line; one without a time has that of the line before."""
        if line.unix_us is not None and self._start_us is not None:
            self._time_us = max(line.unix_us - self._start_us, 0)

    def event(self, kind: EventKind, line: TraceLine, *, observed: bool = True, **keys: Any) -> Event:
        """An event of now; ``seq`` is 0."""
        return Event(
            seq=0,
            time_us=self._time_us,
            side=self._facts.side,
            event=kind,
            origin=Origin.TRACE,
            observed=observed,
            phase=self.course.phase,
            **({"upstream": line.text} | keys),
        )

    def observed(self, parsed: ParsedEvent) -> Event:
        """The event of the line itself."""
        kind, keys = parsed.meaning.kind, dict(parsed.keys)
        if kind is EventKind.LOG:
            keys["name"] = parsed.line.name
        kind = keys.pop("event", kind)
        absent = {"phase"} if self.course.phase is None else set()
        absent |= {"thread"} if parsed.thread is None else set()
        derived = tuple(key for key in parsed.derived if key not in absent)
        return self.event(kind, parsed.line, thread=parsed.thread, derived=derived or None, **keys)

    def derived(self, kind: EventKind, line: TraceLine, thread: Thread | None, **keys: Any) -> Event:
        """An event that follows from a line."""
        return self.event(kind, line, observed=False, thread=thread, bql=self._bql(thread), **keys)

    def call(self, parsed: ParsedEvent, handler: str, who: Keys, thread: Thread | None) -> tuple[HandlerCall, Event]:
        """A handler is called."""
        call = HandlerCall(self._call_ids, handler, who, thread)
        self._call_ids += 1
        event = self.derived(EventKind.CALL, parsed.line, thread, call_id=call.call_id, handler=handler, **who)
        return call, event

    def returned(self, parsed: ParsedEvent, call: HandlerCall, **result: Any) -> Event:
        """It returns."""
        keys = {"call_id": call.call_id, "handler": call.handler, **call.who, **result}
        return self.derived(EventKind.RETURN, parsed.line, call.thread, **keys)

    def lock(self, parsed: ParsedEvent, *, held: bool) -> Iterator[Event]:
        """The main thread has the lock whenever it does anything; the thread that migrates takes it at times."""
        if parsed.thread in _WALKERS and held != self._held:
            self._held = held
            yield self.derived(EventKind.LOCK, parsed.line, parsed.thread, name="bql_lock" if held else "bql_unlock")

    def _bql(self, thread: Thread | None) -> bool | None:
        if thread is None or (thread is Thread.LISTEN and self.course.phase is Phase.CLEANUP):
            return None  # whether the listen thread takes the lock to clean up depends on the version
        return thread is Thread.MAIN or (thread in _WALKERS and self._held)

    def handler(self, job: str) -> str | None:
        """What the log's version calls the callback that does a job; ``None`` if it has none."""
        callback = self._facts.interface.doing(job)
        return callback.name if callback is not None else None

    def devices(self, job: str) -> Iterator[Keys]:
        """The devices that iterate and have a handler for a job that no section gives away."""
        for section_id, idstr in self._facts.iterable.items():
            if job in OPS.get(idstr, frozenset()):
                yield self.who(section_id, idstr)

    def who(self, section_id: int, idstr: str) -> Keys:
        """Keys of a device."""
        return {"idstr": idstr, "instance_id": self.instance_id(section_id, idstr), "section_id": section_id}

    def instance_id(self, section_id: int, idstr: str) -> int:
        """Devices of one name are numbered in the order in which they are registered, and saved."""
        known = self._instances.setdefault(idstr, []) if len(self._instances) < KEPT else []
        if section_id not in known:
            if len(known) >= KEPT:
                return 0
            known.append(section_id)
        return known.index(section_id)
