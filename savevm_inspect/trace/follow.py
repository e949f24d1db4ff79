"""One end's log, followed line by line: each line an observed event, and around it what the rules derive.

A line that is no trace event, or none of the table, becomes a ``log`` event; nothing is dropped, but for lines of a
loop that turns without anything to do, which are counted.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ..rules.threads import Side
from ..stream.events import Event, EventKind
from .facts import Facts
from .idle import IdleLines, Repeated
from .lines import TraceLine
from .loading import Loading
from .meaning import Meaning, NotAsPrinted
from .rules import CALLED_AT_ONCE, GUEST
from .saving import Saving
from .table import MEANINGS
from .telling import Heard, Teller
from .whose import WhoseLine

REPEATED: Final = "repeated"
"""Name of the event that tells how often lines came again."""

_NO_ERRORS: Final = ("warning: ", "info: ")


class Follower:
    """Turns the lines of one log into events.

    Args:
        facts: what a first look at the same lines found.
        start_us: when time begins, in microseconds since 1970; lines from before have time 0.
        guest: whether to derive when the VM was stopped and started; not if QMP told.
    """

    def __init__(self, facts: Facts, start_us: int | None, *, guest: bool = True) -> None:
        self._facts = facts
        self._guest = guest
        self._whose = WhoseLine(facts)
        self._teller = Teller(facts, start_us)
        self._saving = Saving(facts, self._teller)
        self._rules = self._saving if facts.side is Side.SOURCE else Loading(self._teller)

    def follow(self, lines: Iterable[TraceLine]) -> Iterator[Event]:
        """The events, in the order of the lines; ``seq`` is 0 in each of them.

        Args:
            lines: of the log, from its beginning.
        """
        idle = IdleLines()
        for line in lines:
            meaning = MEANINGS.get(line.name)
            for each in idle.pass_on(line, idle=meaning is not None and meaning.idle):
                yield from self._tell(each)
        for each in idle.end():
            yield from self._tell(each)

    def _tell(self, said: TraceLine | Repeated) -> Iterator[Event]:
        if isinstance(said, Repeated):
            self._teller.go_to(said.last)
            turn = "; ".join(line.text for line in said.turn)
            yield self._teller.event(EventKind.LOG, said.last, name=REPEATED, repeats=said.times, upstream=turn)
            return
        self._teller.go_to(said)
        heard = self._hear(said)
        if heard is None:
            yield self._unknown(said)
            return
        yield from self._rules.close(heard)
        bql = self._teller.course.follow(said, heard.meaning, heard.keys, is_full=self._saving.next_is_full)
        if bql is not None:
            yield from self._teller.lock(heard, held=bql)
        before, after = self._rules.before.get(said.name), self._rules.after.get(said.name)
        if before is not None:
            yield from before(heard)
        yield self._teller.observed(heard)
        if after is not None:
            yield from after(heard)
        yield from self._call_at_once(heard)
        yield from self._tell_guest(heard)

    def _hear(self, line: TraceLine) -> Heard | None:
        """What a line says; ``None`` if it is none of this end's trace events, or not as QEMU prints it."""
        meaning = MEANINGS.get(line.name)
        if meaning is None or self._is_foreign(meaning):
            return None
        try:
            keys = meaning.keys(line.arguments)
        except NotAsPrinted:
            return None
        thread = self._whose.thread(line, meaning, keys)
        lane = line.thread_id if line.thread_id is not None else thread
        return Heard(line, meaning, thread, lane, keys)

    def _is_foreign(self, meaning: Meaning) -> bool:
        """Whether only the other end logs such a thing; then the rules know nothing of it."""
        return meaning.side not in (None, self._facts.side)

    def _unknown(self, line: TraceLine) -> Event:
        error = line.message if line.message and not any(each in line.message for each in _NO_ERRORS) else None
        thread = self._whose.known(line)
        there = {"phase": self._teller.course.phase, "thread": thread}
        return self._teller.event(
            EventKind.LOG,
            line,
            name=line.name or ("message" if line.message else "line"),
            error=error,
            thread=thread,
            derived=tuple(key for key, value in there.items() if value is not None) or None,
        )

    def _call_at_once(self, heard: Heard) -> Iterator[Event]:
        handler = CALLED_AT_ONCE.get(heard.line.name)
        if handler is not None:
            for who in self._teller.devices(handler):
                call, event = self._teller.call(heard, handler, who, heard.thread)
                yield event
                yield self._teller.returned(heard, call)

    def _tell_guest(self, heard: Heard) -> Iterator[Event]:
        name = GUEST.get((heard.line.name, heard.line.arguments))
        if heard.line.arguments == "src-downtime-end" and self._facts.snapshot:
            name = "RESUME"
        if name is not None and self._guest:
            yield self._teller.event(EventKind.QMP, heard.line, observed=False, thread=heard.thread, name=name)
