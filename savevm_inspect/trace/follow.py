"""One end's log, followed line by line: each line an observed event, and around it what the rules derive.

A line that is no trace event, or none of the table, becomes a ``log`` event; nothing is dropped, but for lines of a
loop that turns without anything to do, which are counted.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ..stream.events import Event, EventKind, Origin, Phase, Side, Thread
from ..stream.records import SectionKind
from .course import Course
from .facts import Facts
from .idle import IdleLines, Repeated
from .lines import TraceLine
from .meaning import Meaning, NotAsPrinted
from .rules import CALLED_AT_ONCE, GUEST, OPS
from .table import MEANINGS
from .whose import WhoseLine

REPEATED: Final = "repeated"
"""Name of the event that tells how often lines came again."""

_KEPT: Final = 4096
_KINDS: Final = {"1": SectionKind.START, "2": SectionKind.PART, "3": SectionKind.END, "4": SectionKind.FULL}
_BLOCK_BEFORE: Final = "(null)"
_NO_ERRORS: Final = ("warning: ", "info: ")


@dataclass(frozen=True, slots=True)
class _Call:
    """A handler that runs by the rules."""

    call_id: int
    handler: str
    who: dict[str, Any]
    thread: Thread | None


class Follower:
    """Turns the lines of one log into events.

    Args:
        facts: what a first look at the same lines found.
        start_us: when time begins, in microseconds since 1970; lines from before have time 0.
        guest: whether to derive when the VM was stopped and started; not if QMP told.
    """

    def __init__(self, facts: Facts, start_us: int | None, *, guest: bool = True) -> None:
        self._facts = facts
        self._start_us = start_us
        self._guest = guest
        self._side = facts.side
        self._whose = WhoseLine(facts)
        self._course = Course(facts)
        self._time_us = 0
        self._held = False
        self._call_ids = 0
        self._sections_begun = 0
        self._section: tuple[SectionKind, _Call | None] | None = None
        self._completing = False
        self._turn = False
        self._setting_up: list[_Call] = []
        self._resuming: list[_Call] = []
        self._exact: _Call | None = None
        self._synchronised = False
        self._iteration = 0
        self._block = ""
        self._types: dict[int | Thread | None, SectionKind] = {}
        self._loading: dict[int | Thread | None, _Call] = {}
        self._loaded: dict[int, tuple[str, int | None]] = {}
        self._current: dict[int | Thread | None, dict[str, Any]] = {}
        self._instances: dict[str, list[int]] = {}

    def follow(self, lines: Iterable[TraceLine]) -> Iterator[Event]:
        """The events, in the order of the lines; ``seq`` is 0 in each of them.

        Args:
            lines: of the log, from its beginning.
        """
        idle = IdleLines()
        for line in lines:
            meaning = MEANINGS.get(line.name)
            for each in idle.pass_on(line, idle=meaning is not None and meaning.idle):
                yield from self._repeated(each) if isinstance(each, Repeated) else self._one(each)
        for repeated in idle.end():
            yield from self._repeated(repeated) if isinstance(repeated, Repeated) else self._one(repeated)

    # One line ----------------------------------------------------------------------------------------------------

    def _one(self, line: TraceLine) -> Iterator[Event]:
        self._go_to(line)
        meaning = MEANINGS.get(line.name)
        try:
            keys = None if meaning is None or self._is_foreign(meaning) else meaning.keys(line.arguments)
        except NotAsPrinted:
            keys = None
        if meaning is None or keys is None:
            yield self._unknown(line)
            return
        thread = self._whose.thread(line, meaning, keys)
        derived = ["phase", "thread"]
        yield from self._close_what_ended(line, thread)
        bql = self._course.follow(line, meaning, keys, is_full=self._is_full())
        if meaning.kind is EventKind.STATE:
            self._completing = False
        if bql is not None:
            yield from self._lock(line, thread, held=bql)
        before, after = _BEFORE.get(line.name), _AFTER.get(line.name)
        if before is not None:
            yield from before(self, line, keys, derived, thread)
        yield self._observed(line, meaning.kind, keys, derived, thread)
        if after is not None:
            yield from after(self, line, keys, thread)
        yield from self._call_at_once(line, thread)
        yield from self._tell_guest(line, thread)

    def _is_foreign(self, meaning: Meaning) -> bool:
        """Whether only the other end logs such a thing; then the rules know nothing of it."""
        return meaning.side not in (None, self._side)

    def _go_to(self, line: TraceLine) -> None:
        if line.unix_us is not None and self._start_us is not None:
            self._time_us = max(line.unix_us - self._start_us, 0)

    def _unknown(self, line: TraceLine) -> Event:
        error = line.message if line.message and not any(each in line.message for each in _NO_ERRORS) else None
        return self._event(
            EventKind.LOG,
            line,
            name=line.name or ("message" if line.message else "line"),
            error=error,
            thread=self._whose.known(line),
            derived=("phase",) if self._course.phase is not None else None,
        )

    def _observed(
        self, line: TraceLine, kind: EventKind, keys: dict[str, Any], derived: list[str], thread: Thread | None
    ) -> Event:
        keys = keys | {"name": line.name} if kind is EventKind.LOG else dict(keys)
        kind = keys.pop("event", kind)
        present = ("phase", self._course.phase is not None), ("thread", thread is not None)
        absent = {key for key, there in present if not there}
        return self._event(
            kind, line, thread=thread, derived=tuple(key for key in derived if key not in absent) or None, **keys
        )

    def _event(self, kind: EventKind, line: TraceLine, *, observed: bool = True, **keys: Any) -> Event:
        return Event(
            seq=0,
            time_us=self._time_us,
            side=self._side,
            event=kind,
            origin=Origin.TRACE,
            observed=observed,
            phase=self._course.phase,
            upstream=line.text,
            **keys,
        )

    def _derive(self, kind: EventKind, line: TraceLine, thread: Thread | None, **keys: Any) -> Event:
        return self._event(kind, line, observed=False, thread=thread, bql=self._bql(thread), **keys)

    def _repeated(self, repeated: Repeated) -> Iterator[Event]:
        self._go_to(repeated.last)
        turn = "; ".join(line.text for line in repeated.turn)
        told = self._event(EventKind.LOG, repeated.last, name=REPEATED, repeats=repeated.times)
        yield replace(told, upstream=turn)

    def _lock(self, line: TraceLine, thread: Thread | None, *, held: bool) -> Iterator[Event]:
        """The main thread has the lock whenever it does anything; the thread that migrates takes it at times."""
        if thread in (Thread.MIGRATION, Thread.SNAPSHOT) and held != self._held:
            self._held = held
            name = "bql_lock" if held else "bql_unlock"
            yield self._event(EventKind.LOCK, line, observed=False, thread=thread, bql=held, name=name)

    def _bql(self, thread: Thread | None) -> bool | None:
        if thread is None or (thread is Thread.LISTEN and self._course.phase is Phase.CLEANUP):
            return None  # whether the listen thread takes the lock to clean up depends on the version
        return thread is Thread.MAIN or (thread in (Thread.MIGRATION, Thread.SNAPSHOT) and self._held)

    # Calls -------------------------------------------------------------------------------------------------------

    def _call(self, line: TraceLine, handler: str, who: dict[str, Any], thread: Thread | None) -> tuple[_Call, Event]:
        call = _Call(self._call_ids, handler, who, thread)
        self._call_ids += 1
        return call, self._derive(EventKind.CALL, line, thread, call_id=call.call_id, handler=handler, **who)

    def _return(self, line: TraceLine, call: _Call, **told: Any) -> Event:
        return self._derive(
            EventKind.RETURN, line, call.thread, call_id=call.call_id, handler=call.handler, **call.who, **told
        )

    def _devices(self, handler: str) -> Iterator[dict[str, Any]]:
        """The devices that iterate and have a handler that no section gives away."""
        for section_id, idstr in self._facts.iterable.items():
            if handler in OPS.get(idstr, frozenset()):
                yield self._who(section_id, idstr)

    def _who(self, section_id: int, idstr: str) -> dict[str, Any]:
        return {"idstr": idstr, "instance_id": self._instance_id(section_id, idstr), "section_id": section_id}

    def _instance_id(self, section_id: int, idstr: str) -> int:
        """Devices of one name are numbered in the order in which they are registered, and saved."""
        if self._side is Side.DESTINATION and section_id in self._loaded:
            return self._loaded[section_id][1] or 0
        known = self._instances.setdefault(idstr, []) if len(self._instances) < _KEPT else []
        if section_id not in known:
            if len(known) >= _KEPT:
                return 0
            known.append(section_id)
        return known.index(section_id)

    def _close_what_ended(self, line: TraceLine, thread: Thread | None) -> Iterator[Event]:
        """Return from calls that must be over when this line is logged."""
        if self._setting_up and line.name in _AFTER_SETUP:
            yield from self._end_setup(line)
        if self._exact is not None and thread is self._exact.thread and line.name not in _WITHIN_EXACT:
            yield self._return(line, self._exact)
            self._exact = None
        if self._resuming and line.name in _AFTER_RESUME:
            for call in self._resuming:
                yield self._return(line, call)
            self._resuming = []
        lane = self._whose.lane(line, thread)
        if line.name in _AFTER_LOAD and lane in self._loading:
            yield self._return(line, self._loading.pop(lane))

    def _call_at_once(self, line: TraceLine, thread: Thread | None) -> Iterator[Event]:
        handler = CALLED_AT_ONCE.get(line.name)
        if handler is not None:
            for who in self._devices(handler):
                call, event = self._call(line, handler, who, thread)
                yield event
                yield self._return(line, call)

    def _tell_guest(self, line: TraceLine, thread: Thread | None) -> Iterator[Event]:
        name = GUEST.get((line.name, line.arguments))
        if line.arguments == "src-downtime-end" and self._facts.snapshot:
            name = "RESUME"
        if name is not None and self._guest:
            yield self._event(EventKind.QMP, line, observed=False, thread=thread, name=name)

    # The source --------------------------------------------------------------------------------------------------

    def _begin_setup(self, line: TraceLine, _keys: dict[str, Any], thread: Thread | None) -> Iterator[Event]:
        """START sections are never traced: whoever iterates was set up here, one after the other."""
        for section_id, idstr in list(self._facts.iterable.items())[:1]:
            call, event = self._call(line, "save_setup", self._who(section_id, idstr), thread)
            self._setting_up.append(call)
            yield event

    def _end_setup(self, line: TraceLine) -> Iterator[Event]:
        first = self._setting_up.pop()
        yield from self._set_up(line, first)
        for section_id, idstr in list(self._facts.iterable.items())[1:]:
            call, event = self._call(line, "save_setup", self._who(section_id, idstr), first.thread)
            yield event
            yield from self._set_up(line, call)

    def _set_up(self, line: TraceLine, call: _Call) -> Iterator[Event]:
        yield self._return(line, call, returned=0)
        yield self._derive(EventKind.RECORD, line, call.thread, name=SectionKind.START.value, **call.who)

    def _is_full(self) -> bool:
        return self._sections_begun < len(self._facts.full) and self._facts.full[self._sections_begun] > 0

    def _section_start(self, line: TraceLine, keys: dict[str, Any], thread: Thread | None) -> Iterator[Event]:
        kind, handler = self._section_kind()
        self._sections_begun += 1
        call = None
        if handler is not None:
            call, event = self._call(line, handler, self._who(keys["section_id"], keys["idstr"]), thread)
            yield event
        self._section = (kind, call)

    def _section_kind(self) -> tuple[SectionKind, str | None]:
        """Which walk writes the section that begins, and so which handler is called for it."""
        if self._is_full():
            old_style = self._facts.full[self._sections_begun] == 2
            return SectionKind.FULL, "save_state" if old_style else None
        if self._completing or self._course.phase in (Phase.SWITCHOVER, Phase.COMPLETE):
            return SectionKind.END, "save_complete"
        return SectionKind.PART, "save_live_iterate" if self._turn else "save_postcopy_prepare"

    def _section_end(
        self, line: TraceLine, keys: dict[str, Any], derived: list[str], _thread: Thread | None
    ) -> Iterator[Event]:
        kind, call = self._section or (None, None)
        self._section = None
        keys["instance_id"] = self._instance_id(keys["section_id"], keys["idstr"])
        derived.append("instance_id")
        if keys["returned"] < 0:
            keys["error"] = f"returned {keys['returned']}"
        if kind is not None:
            keys["name"] = kind.value
            derived.append("name")
        if call is not None:
            yield self._return(line, call, returned=keys["returned"], error=keys.get("error"))

    def _skip(
        self, _line: TraceLine, keys: dict[str, Any], derived: list[str], _thread: Thread | None
    ) -> Iterator[Event]:
        keys["instance_id"] = self._instance_id(keys["section_id"], keys["idstr"])
        derived.append("instance_id")
        return iter(())

    def _take_turn(self, _line: TraceLine, _keys: dict[str, Any], _thread: Thread | None) -> Iterator[Event]:
        self._turn = True
        return iter(())

    def _complete(self, _line: TraceLine, _keys: dict[str, Any], _thread: Thread | None) -> Iterator[Event]:
        self._completing = True
        return iter(())

    def _pending(
        self, line: TraceLine, keys: dict[str, Any], derived: list[str], thread: Thread | None
    ) -> Iterator[Event]:
        if "name" not in keys:
            keys["name"] = "exact" if self._synchronised else "estimate"
            derived.append("name")
        self._synchronised = self._turn = False
        if self._iteration:
            keys["iteration"] = self._iteration
            derived.append("iteration")
        handler = f"state_pending_{keys['name']}"
        devices = list(self._devices(handler))
        alone = {"must_precopy": keys["must_precopy"], "can_postcopy": keys["can_postcopy"]}
        for who in devices:
            if self._exact is not None and self._exact.who == who:
                call, self._exact = self._exact, None
            else:
                call, event = self._call(line, handler, who, thread)
                yield event
            yield self._return(line, call, **(alone if len(devices) == 1 else {}))

    def _sync(
        self, line: TraceLine, keys: dict[str, Any], derived: list[str], thread: Thread | None
    ) -> Iterator[Event]:
        """RAM synchronises to know exactly what is left, unless it does so within another handler."""
        self._iteration += 1
        self._synchronised = True
        keys["iteration"] = self._iteration
        derived.append("iteration")
        mine = thread is None or thread is Thread.MIGRATION
        if self._course.phase is Phase.ITERATE and mine and self._section is None and not self._setting_up:
            for who in self._devices("state_pending_exact"):
                if who["idstr"] == "ram":
                    self._exact, event = self._call(line, "state_pending_exact", who, Thread.MIGRATION)
                    yield event

    def _resume(self, line: TraceLine, _keys: dict[str, Any], thread: Thread | None) -> Iterator[Event]:
        for who in self._devices("resume_prepare"):
            call, event = self._call(line, "resume_prepare", who, thread)
            self._resuming.append(call)
            yield event

    def _request(
        self, _line: TraceLine, keys: dict[str, Any], derived: list[str], _thread: Thread | None
    ) -> Iterator[Event]:
        """A request that names no block is about the block of the one before (ram.c, ram_save_queue_pages)."""
        if keys["name"] == _BLOCK_BEFORE:
            keys["name"] = self._block or _BLOCK_BEFORE
            derived.append("name")
        self._block = keys["name"]
        return iter(())

    # The destination ---------------------------------------------------------------------------------------------

    def _record_type(
        self, line: TraceLine, keys: dict[str, Any], _derived: list[str], thread: Thread | None
    ) -> Iterator[Event]:
        kind = _KINDS.get(keys["name"])
        lane = self._whose.lane(line, thread)
        self._types.pop(lane, None)
        if kind is not None and len(self._types) < _KEPT:
            self._types[lane] = kind
        return iter(())

    def _end_of_stream(self, line: TraceLine, _keys: dict[str, Any], thread: Thread | None) -> Iterator[Event]:
        if line.arguments == "0":
            yield self._derive(EventKind.RECORD, line, thread, name="eof")

    def _startfull(
        self, line: TraceLine, keys: dict[str, Any], derived: list[str], thread: Thread | None
    ) -> Iterator[Event]:
        kind = self._types.get(self._whose.lane(line, thread), SectionKind.FULL)
        if len(self._loaded) < _KEPT or keys["section_id"] in self._loaded:
            self._loaded[keys["section_id"]] = (keys["idstr"], keys["instance_id"])
        return self._loads(line, keys, derived, thread, kind)

    def _partend(
        self, line: TraceLine, keys: dict[str, Any], derived: list[str], thread: Thread | None
    ) -> Iterator[Event]:
        kind = self._types.get(self._whose.lane(line, thread), SectionKind.PART)
        idstr, instance_id = self._loaded.get(keys["section_id"], (None, None))
        if idstr is not None:
            keys |= {"idstr": idstr, "instance_id": instance_id}
            derived += ["idstr", "instance_id"]
        return self._loads(line, keys, derived, thread, kind)

    def _loads(
        self,
        line: TraceLine,
        keys: dict[str, Any],
        derived: list[str],
        thread: Thread | None,
        kind: SectionKind,
    ) -> Iterator[Event]:
        keys["name"] = kind.value
        derived.append("name")
        lane = self._whose.lane(line, thread)
        if len(self._current) < _KEPT or lane in self._current:
            self._current[lane] = {key: keys.get(key) for key in ("idstr", "instance_id", "section_id")}
        return iter(())

    def _vmstate_load(self, line: TraceLine, keys: dict[str, Any], thread: Thread | None) -> Iterator[Event]:
        """A device with handlers loads each section of whatever kind by its load_state."""
        lane = self._whose.lane(line, thread)
        who = self._current.get(lane)
        if line.arguments.endswith("(old)") and len(self._loading) < _KEPT:
            who = who if who is not None and who["idstr"] == keys["idstr"] else {"idstr": keys["idstr"]}
            self._loading[lane], event = self._call(line, "load_state", who, thread)
            yield event

    def _ram_loaded(self, line: TraceLine, keys: dict[str, Any], thread: Thread | None) -> Iterator[Event]:
        call = self._loading.pop(self._whose.lane(line, thread), None)
        if call is not None:
            yield self._return(line, call, returned=keys["returned"], error=keys.get("error"))


Before = Callable[[Follower, TraceLine, dict[str, Any], list[str], Thread | None], Iterator[Event]]
After = Callable[[Follower, TraceLine, dict[str, Any], Thread | None], Iterator[Event]]

_BEFORE: Final[dict[str, Before]] = {
    "savevm_section_end": Follower._section_end,
    "savevm_section_skip": Follower._skip,
    "migrate_pending": Follower._pending,
    "migrate_pending_estimate": Follower._pending,
    "migrate_pending_exact": Follower._pending,
    "qemu_savevm_query_pending": Follower._pending,
    "migration_bitmap_sync_start": Follower._sync,
    "migrate_handle_rp_req_pages": Follower._request,
    "qemu_loadvm_state_section": Follower._record_type,
    "qemu_loadvm_state_section_startfull": Follower._startfull,
    "qemu_loadvm_state_section_partend": Follower._partend,
}
"""Trace event -> what it means before it is told: keys that follow from the lines before, calls that are over."""

_AFTER: Final[dict[str, After]] = {
    "savevm_state_setup": Follower._begin_setup,
    "savevm_section_start": Follower._section_start,
    "savevm_state_iterate": Follower._take_turn,
    "migration_completion_postcopy_end": Follower._complete,
    "savevm_state_resume_prepare": Follower._resume,
    "qemu_loadvm_state_section": Follower._end_of_stream,
    "vmstate_load": Follower._vmstate_load,
    "ram_load_complete": Follower._ram_loaded,
}
"""Trace event -> what it means once it is told: calls that begin with it."""

_AFTER_SETUP: Final = frozenset(
    ("migrate_set_state", "migration_thread_setup_complete", "savevm_state_iterate", "savevm_section_start")
)
_WITHIN_EXACT: Final = frozenset(
    (
        "migration_bitmap_sync_start",
        "migration_bitmap_sync_end",
        "migrate_pending",
        "migrate_pending_exact",
        "qemu_savevm_query_pending",
    )
)
_AFTER_RESUME: Final = frozenset(("savevm_send_postcopy_resume", "migrate_set_state"))
_AFTER_LOAD: Final = frozenset(
    (
        "qemu_loadvm_state_section",
        "vmstate_downtime_load",
        "qemu_loadvm_state_post_main",
        "postcopy_ram_listen_thread_exit",
        "loadvm_state_cleanup",
    )
)
