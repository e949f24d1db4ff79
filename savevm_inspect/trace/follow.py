"""One end's log, followed line by line: each line an observed event, and around it what the rules derive.

A line that is no trace event, or none of the table, becomes a ``log`` event; nothing is dropped, but for lines of a
loop that turns without anything to do, which are counted.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ..rules.threads import Side
from ..stream.events import Event, EventKind
from .building import EventBuilder, ParsedEvent
from .facts import Facts
from .idle import IdleLines, Repeated
from .lines import TraceLine
from .loading import Loading
from .meaning import Meaning, NotAsPrinted
from .rules import CALLED_AT_ONCE, GUEST
from .saving import Saving
from .table import MEANINGS
from .thread_resolver import ThreadResolver

REPEATED: Final = "repeated"
"""Name of the event that counts how often lines came again."""

_NO_ERRORS: Final = ("warning: ", "info: ")


class Follower:
    """Turns the lines of one log into events.

    Args:
        facts: what a first pass over the same lines found.
        start_us: when time begins, in microseconds since 1970; lines from before have time 0.
        guest: whether to derive when the VM was stopped and started; not if QMP said.
    """

    def __init__(self, facts: Facts, start_us: int | None, *, guest: bool = True) -> None:
        self._facts = facts
        self._guest = guest
        self._resolver = ThreadResolver(facts)
        self._builder = EventBuilder(facts, start_us)
        self._saving = Saving(facts, self._builder)
        self._rules = self._saving if facts.side is Side.SOURCE else Loading(self._builder)

    def follow(self, lines: Iterable[TraceLine]) -> Iterator[Event]:
        """The events, in the order of the lines; ``seq`` is 0 in each of them.

        Args:
            lines: of the log, from its beginning.
        """
        idle = IdleLines()
        for line in lines:
            meaning = MEANINGS.get(line.name)
            for each in idle.pass_on(line, idle=meaning is not None and meaning.idle):
                yield from self._events_of(each)
        for each in idle.end():
            yield from self._events_of(each)

    def _events_of(self, said: TraceLine | Repeated) -> Iterator[Event]:
        if isinstance(said, Repeated):
            self._builder.go_to(said.last)
            turn = "; ".join(line.text for line in said.turn)
            yield self._builder.event(EventKind.LOG, said.last, name=REPEATED, repeats=said.times, upstream=turn)
            return
        self._builder.go_to(said)
        parsed = self._parse(said)
        if parsed is None:
            yield self._unknown(said)
            return
        yield from self._rules.close(parsed)
        bql = self._builder.course.follow(said, parsed.meaning, parsed.keys, is_full=self._saving.next_is_full)
        if bql is not None:
            yield from self._builder.lock(parsed, held=bql)
        before, after = self._rules.before.get(said.name), self._rules.after.get(said.name)
        if before is not None:
            yield from before(parsed)
        yield self._builder.observed(parsed)
        if after is not None:
            yield from after(parsed)
        yield from self._call_at_once(parsed)
        yield from self._guest_events(parsed)

    def _parse(self, line: TraceLine) -> ParsedEvent | None:
        """What a line says; ``None`` if it is none of this end's trace events, or not as QEMU prints it."""
        meaning = MEANINGS.get(line.name)
        if meaning is None or self._is_foreign(meaning):
            return None
        try:
            keys = meaning.keys(line.arguments)
        except NotAsPrinted:
            return None
        thread = self._resolver.thread(line, meaning, keys)
        thread_key = line.thread_id if line.thread_id is not None else thread
        return ParsedEvent(line, meaning, thread, thread_key, keys)

    def _is_foreign(self, meaning: Meaning) -> bool:
        """Whether only the other end logs such a thing; then the rules know nothing of it."""
        return meaning.side not in (None, self._facts.side)

    def _unknown(self, line: TraceLine) -> Event:
        error = line.message if line.message and not any(each in line.message for each in _NO_ERRORS) else None
        thread = self._resolver.known(line)
        there = {"phase": self._builder.course.phase, "thread": thread}
        return self._builder.event(
            EventKind.LOG,
            line,
            name=line.name or ("message" if line.message else "line"),
            error=error,
            thread=thread,
            derived=tuple(key for key, value in there.items() if value is not None) or None,
        )

    def _call_at_once(self, parsed: ParsedEvent) -> Iterator[Event]:
        handler = CALLED_AT_ONCE.get(parsed.line.name)
        if handler is not None:
            for who in self._builder.devices(handler):
                call, event = self._builder.call(parsed, handler, who, parsed.thread)
                yield event
                yield self._builder.returned(parsed, call)

    def _guest_events(self, parsed: ParsedEvent) -> Iterator[Event]:
        name = GUEST.get((parsed.line.name, parsed.line.arguments))
        if parsed.line.arguments == "src-downtime-end" and self._facts.snapshot:
            name = "RESUME"
        if name is not None and self._guest:
            yield self._builder.event(EventKind.QMP, parsed.line, observed=False, thread=parsed.thread, name=name)
