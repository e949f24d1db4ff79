"""What follows from the lines of a source: which handlers wrote its sections, gave its figures, set it up."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ..rules.phases import Phase
from ..rules.threads import Thread
from ..stream.events import Event, EventKind
from ..stream.records import SectionKind
from .building import EventBuilder, HandlerCall, ParsedEvent
from .facts import Facts

_ESTIMATE: Final = "state_pending_estimate"
_EXACT: Final = "state_pending_exact"
_QUERY: Final = "save_query_pending"
_COMPLETE_PRECOPY: Final = "save_live_complete_precopy"
_COMPLETE_POSTCOPY: Final = "save_live_complete_postcopy"
_FIGURES: Final = ("must_precopy", "can_postcopy", "stopcopy_bytes")
_BLOCK_BEFORE: Final = "(null)"
_AFTER_SETUP: Final = frozenset(
    ("migrate_set_state", "migration_thread_setup_complete", "savevm_state_iterate", "savevm_section_start")
)
_AFTER_RESUME: Final = frozenset(("savevm_send_postcopy_resume", "migrate_set_state"))
_WITHIN_EXACT: Final = frozenset(
    (
        "migration_bitmap_sync_start",
        "migration_bitmap_sync_end",
        "migrate_pending",
        "migrate_pending_exact",
        "qemu_savevm_query_pending",
    )
)

Rule = Callable[[ParsedEvent], Iterator[Event]]


class Saving:
    """The source's rules.

    Args:
        facts: of the log.
        builder: makes the events.

    Attributes:
        before: trace event -> what follows before it is emitted: calls that are over, keys that earlier lines give.
        after: trace event -> what follows once it is emitted: calls that begin.
    """

    def __init__(self, facts: Facts, builder: EventBuilder) -> None:
        self._facts = facts
        self._builder = builder
        self._begun = 0
        self._section: tuple[int, SectionKind, HandlerCall | None] | None = None
        self._completing = False
        self._turn = False
        self._setting_up: HandlerCall | None = None
        self._resuming: list[HandlerCall] = []
        self._exact: HandlerCall | None = None
        self._synchronised = False
        self._iteration = 0
        self._block = ""
        self.before: Mapping[str, Rule] = {
            "savevm_section_end": self._section_end,
            "savevm_section_skip": self._skip,
            "migrate_set_state": self._state,
            "migrate_pending": self._pending,
            "migrate_pending_estimate": self._pending,
            "migrate_pending_exact": self._pending,
            "qemu_savevm_query_pending": self._pending,
            "migration_bitmap_sync_start": self._sync,
            "migrate_handle_rp_req_pages": self._request,
        }
        self.after: Mapping[str, Rule] = {
            "savevm_state_setup": self._begin_setup,
            "savevm_section_start": self._section_start,
            "savevm_state_iterate": self._take_turn,
            "migration_completion_postcopy_end": self._complete,
            "savevm_state_resume_prepare": self._resume,
        }

    @property
    def next_is_full(self) -> bool:
        """Whether the section that begins next is a FULL one."""
        return self._begun < len(self._facts.full) and self._facts.full[self._begun] > 0

    def close(self, parsed: ParsedEvent) -> Iterator[Event]:
        """Return from calls that must be over when a line is logged."""
        if self._setting_up is not None and parsed.line.name in _AFTER_SETUP:
            yield from self._end_setup(parsed, self._setting_up)
        exact = self._exact
        if exact is not None and parsed.thread is exact.thread and parsed.line.name not in _WITHIN_EXACT:
            yield self._builder.returned(parsed, exact)
            self._exact = None
        if self._resuming and parsed.line.name in _AFTER_RESUME:
            for call in self._resuming:
                yield self._builder.returned(parsed, call)
            self._resuming = []

    # Setup and resume --------------------------------------------------------------------------------------------

    def _begin_setup(self, parsed: ParsedEvent) -> Iterator[Event]:
        """START sections are never traced: whoever iterates was set up here, one after the other."""
        for section_id, idstr in self._facts.iterable.items():
            who = self._builder.who(section_id, idstr)
            self._setting_up, event = self._builder.call(parsed, "save_setup", who, parsed.thread)
            yield event
            return  # all that is known is that the others' turn came before the setup's end

    def _end_setup(self, parsed: ParsedEvent, first: HandlerCall) -> Iterator[Event]:
        self._setting_up = None
        yield from self._set_up(parsed, first)
        for section_id, idstr in self._facts.iterable.items():
            if section_id != first.who["section_id"]:
                who = self._builder.who(section_id, idstr)
                call, event = self._builder.call(parsed, "save_setup", who, first.thread)
                yield event
                yield from self._set_up(parsed, call)

    def _set_up(self, parsed: ParsedEvent, call: HandlerCall) -> Iterator[Event]:
        yield self._builder.returned(parsed, call, returned=0)
        start = SectionKind.START.value
        yield self._builder.derived(EventKind.RECORD, parsed.line, call.thread, name=start, **call.who)

    def _resume(self, parsed: ParsedEvent) -> Iterator[Event]:
        for who in self._builder.devices("resume_prepare"):
            call, event = self._builder.call(parsed, "resume_prepare", who, parsed.thread)
            self._resuming.append(call)
            yield event

    # Sections ----------------------------------------------------------------------------------------------------

    def _state(self, _heard: ParsedEvent) -> Iterator[Event]:
        self._completing = False
        return iter(())

    def _take_turn(self, _heard: ParsedEvent) -> Iterator[Event]:
        self._turn = True
        return iter(())

    def _complete(self, _heard: ParsedEvent) -> Iterator[Event]:
        self._completing = True
        return iter(())

    def _section_start(self, parsed: ParsedEvent) -> Iterator[Event]:
        kind, handler = self._section_kind()
        self._begun += 1
        call = None
        if handler is not None:
            who = self._builder.who(parsed.keys["section_id"], parsed.keys["idstr"])
            call, event = self._builder.call(parsed, handler, who, parsed.thread)
            yield event
        self._section = (parsed.keys["section_id"], kind, call)

    def _section_kind(self) -> tuple[SectionKind, str | None]:
        """Which walk writes the section that begins, and so which handler is called for it."""
        if self.next_is_full:
            return SectionKind.FULL, "save_state" if self._facts.full[self._begun] == 2 else None
        if self._completing or self._builder.course.phase in (Phase.SWITCHOVER, Phase.COMPLETE):
            return SectionKind.END, self._builder.handler(
                _COMPLETE_POSTCOPY if self._completing else _COMPLETE_PRECOPY
            )
        return SectionKind.PART, self._builder.handler("save_live_iterate" if self._turn else "save_postcopy_prepare")

    def _section_end(self, parsed: ParsedEvent) -> Iterator[Event]:
        section_id, kind, call = self._section or (None, None, None)
        self._section = None
        yield from self._skip(parsed)
        returned = parsed.keys["returned"]
        if returned < 0:
            parsed.keys["error"] = f"returned {returned}"
        if kind is not None and section_id == parsed.keys["section_id"]:
            parsed.derive(name=kind.value)
        if call is not None:
            yield self._builder.returned(parsed, call, returned=returned, error=parsed.keys.get("error"))

    def _skip(self, parsed: ParsedEvent) -> Iterator[Event]:
        parsed.derive(instance_id=self._builder.instance_id(parsed.keys["section_id"], parsed.keys["idstr"]))
        return iter(())

    # Figures and requests ----------------------------------------------------------------------------------------

    def _pending(self, parsed: ParsedEvent) -> Iterator[Event]:
        if "name" not in parsed.keys:
            parsed.derive(name="exact" if self._synchronised else "estimate")
        self._synchronised = self._turn = False
        if self._iteration:
            parsed.derive(iteration=self._iteration)
        job = _ESTIMATE if parsed.keys["name"] == "estimate" else _EXACT
        handler = self._builder.handler(job)
        if handler is None:
            return
        devices = list(self._builder.devices(job))
        alone = {key: parsed.keys[key] for key in _FIGURES if key in parsed.keys} if len(devices) == 1 else {}
        for who in devices:
            if self._exact is not None and self._exact.who == who:
                call, self._exact = self._exact, None
            else:
                call, event = self._builder.call(parsed, handler, who, parsed.thread)
                yield event
            yield self._builder.returned(parsed, call, **alone)

    def _sync(self, parsed: ParsedEvent) -> Iterator[Event]:
        """RAM synchronises to know exactly what is left, unless it does so within another handler."""
        self._iteration += 1
        parsed.derive(iteration=self._iteration)
        is_alone = self._section is None and self._setting_up is None and self._exact is None
        handler = self._builder.handler(_EXACT)
        asked = self._builder.course.phase is Phase.ITERATE or (
            self._builder.course.phase is Phase.COMPLETE and handler == _QUERY  # which is made once more there
        )
        if handler is not None and asked and parsed.thread is Thread.MIGRATION and is_alone:
            self._synchronised = True
            for who in self._builder.devices(_EXACT):
                if who["idstr"] == "ram":
                    self._exact, event = self._builder.call(parsed, handler, who, parsed.thread)
                    yield event
                    return

    def _request(self, parsed: ParsedEvent) -> Iterator[Event]:
        """A request that names no block is about the block of the one before (ram.c, ram_save_queue_pages)."""
        if parsed.keys["name"] == _BLOCK_BEFORE and self._block:
            parsed.derive(name=self._block)
        self._block = parsed.keys["name"]
        return iter(())
