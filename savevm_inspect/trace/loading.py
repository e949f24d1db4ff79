"""What follows from the lines of a destination: which sections they are of, and when load_state runs."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..rules.threads import Thread
from ..stream.events import Event, EventKind
from ..stream.records import SectionKind
from .building import KEPT, EventBuilder, HandlerCall, ParsedEvent
from .facts import OLD_STYLE
from .meaning import Keys
from .saving import Rule

_KINDS: Final = {"1": SectionKind.START, "2": SectionKind.PART, "3": SectionKind.END, "4": SectionKind.FULL}
_END_MARK: Final = "0"
_AFTER_LOAD: Final = frozenset(
    (
        "qemu_loadvm_state_section",
        "vmstate_downtime_load",
        "qemu_loadvm_state_post_main",
        "postcopy_ram_listen_thread_exit",
        "loadvm_state_cleanup",
    )
)

ThreadKey = int | Thread | None


class Loading:
    """The destination's rules.

    Args:
        builder: makes the events.

    Attributes:
        before: as of :class:`~savevm_inspect.trace.saving.Saving`.
        after: likewise.
    """

    def __init__(self, builder: EventBuilder) -> None:
        self._builder = builder
        self._types: dict[ThreadKey, SectionKind] = {}
        self._current: dict[ThreadKey, Keys] = {}
        self._loading: dict[ThreadKey, HandlerCall] = {}
        self._loaded: dict[int, Keys] = {}
        self.before: Mapping[str, Rule] = {
            "qemu_loadvm_state_section": self._record_type,
            "qemu_loadvm_state_section_startfull": self._startfull,
            "qemu_loadvm_state_section_partend": self._partend,
        }
        self.after: Mapping[str, Rule] = {
            "qemu_loadvm_state_section": self._end_of_stream,
            "vmstate_load": self._vmstate_load,
            "ram_load_complete": self._ram_loaded,
        }

    def close(self, parsed: ParsedEvent) -> Iterator[Event]:
        """Return from a call that must be over when a line is logged."""
        if parsed.line.name in _AFTER_LOAD and parsed.thread_key in self._loading:
            yield self._builder.returned(parsed, self._loading.pop(parsed.thread_key))

    def _record_type(self, parsed: ParsedEvent) -> Iterator[Event]:
        kind = _KINDS.get(parsed.keys["name"])
        self._types.pop(parsed.thread_key, None)
        if kind is not None and len(self._types) < KEPT:
            self._types[parsed.thread_key] = kind
        return iter(())

    def _end_of_stream(self, parsed: ParsedEvent) -> Iterator[Event]:
        if parsed.line.arguments == _END_MARK:
            yield self._builder.derived(EventKind.RECORD, parsed.line, parsed.thread, name="eof")

    def _startfull(self, parsed: ParsedEvent) -> Iterator[Event]:
        who = {key: parsed.keys[key] for key in ("idstr", "instance_id", "section_id")}
        if len(self._loaded) < KEPT or who["section_id"] in self._loaded:
            self._loaded[who["section_id"]] = who
        return self._section(parsed, who, SectionKind.FULL)

    def _partend(self, parsed: ParsedEvent) -> Iterator[Event]:
        who = self._loaded.get(parsed.keys["section_id"], {"section_id": parsed.keys["section_id"]})
        parsed.derive(**{key: value for key, value in who.items() if key != "section_id"})
        return self._section(parsed, who, SectionKind.PART)

    def _section(self, parsed: ParsedEvent, who: Keys, otherwise: SectionKind) -> Iterator[Event]:
        """A section begins, of the kind that the line before said."""
        parsed.derive(name=self._types.get(parsed.thread_key, otherwise).value)
        if len(self._current) < KEPT or parsed.thread_key in self._current:
            self._current[parsed.thread_key] = who
        return iter(())

    def _vmstate_load(self, parsed: ParsedEvent) -> Iterator[Event]:
        """A device with handlers loads each section of whatever kind by its load_state."""
        if parsed.line.arguments.endswith(OLD_STYLE) and len(self._loading) < KEPT:
            idstr = parsed.keys["idstr"]
            who = self._current.get(parsed.thread_key, {})
            who = who if who.get("idstr") == idstr else {"idstr": idstr}
            self._loading[parsed.thread_key], event = self._builder.call(parsed, "load_state", who, parsed.thread)
            yield event

    def _ram_loaded(self, parsed: ParsedEvent) -> Iterator[Event]:
        call = self._loading.pop(parsed.thread_key, None)
        if call is not None:
            result = {"returned": parsed.keys["returned"], "error": parsed.keys.get("error")}
            yield self._builder.returned(parsed, call, **result)
