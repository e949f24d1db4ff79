"""What follows from the lines of a destination: which sections they are of, and when load_state runs."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..rules.threads import Thread
from ..stream.events import Event, EventKind
from ..stream.records import SectionKind
from .facts import OLD_STYLE
from .meaning import Keys
from .saving import Rule
from .telling import KEPT, Call, Heard, Teller

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

Lane = int | Thread | None


class Loading:
    """The destination's rules.

    Args:
        teller: makes the events.

    Attributes:
        before: as of :class:`~savevm_inspect.trace.saving.Saving`.
        after: likewise.
    """

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._types: dict[Lane, SectionKind] = {}
        self._current: dict[Lane, Keys] = {}
        self._loading: dict[Lane, Call] = {}
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

    def close(self, heard: Heard) -> Iterator[Event]:
        """Return from a call that must be over when a line is logged."""
        if heard.line.name in _AFTER_LOAD and heard.lane in self._loading:
            yield self._teller.returned(heard, self._loading.pop(heard.lane))

    def _record_type(self, heard: Heard) -> Iterator[Event]:
        kind = _KINDS.get(heard.keys["name"])
        self._types.pop(heard.lane, None)
        if kind is not None and len(self._types) < KEPT:
            self._types[heard.lane] = kind
        return iter(())

    def _end_of_stream(self, heard: Heard) -> Iterator[Event]:
        if heard.line.arguments == _END_MARK:
            yield self._teller.derived(EventKind.RECORD, heard.line, heard.thread, name="eof")

    def _startfull(self, heard: Heard) -> Iterator[Event]:
        who = {key: heard.keys[key] for key in ("idstr", "instance_id", "section_id")}
        if len(self._loaded) < KEPT or who["section_id"] in self._loaded:
            self._loaded[who["section_id"]] = who
        return self._section(heard, who, SectionKind.FULL)

    def _partend(self, heard: Heard) -> Iterator[Event]:
        who = self._loaded.get(heard.keys["section_id"], {"section_id": heard.keys["section_id"]})
        heard.derive(**{key: value for key, value in who.items() if key != "section_id"})
        return self._section(heard, who, SectionKind.PART)

    def _section(self, heard: Heard, who: Keys, otherwise: SectionKind) -> Iterator[Event]:
        """A section begins, of the kind that the line before said."""
        heard.derive(name=self._types.get(heard.lane, otherwise).value)
        if len(self._current) < KEPT or heard.lane in self._current:
            self._current[heard.lane] = who
        return iter(())

    def _vmstate_load(self, heard: Heard) -> Iterator[Event]:
        """A device with handlers loads each section of whatever kind by its load_state."""
        if heard.line.arguments.endswith(OLD_STYLE) and len(self._loading) < KEPT:
            idstr = heard.keys["idstr"]
            who = self._current.get(heard.lane, {})
            who = who if who.get("idstr") == idstr else {"idstr": idstr}
            self._loading[heard.lane], event = self._teller.call(heard, "load_state", who, heard.thread)
            yield event

    def _ram_loaded(self, heard: Heard) -> Iterator[Event]:
        call = self._loading.pop(heard.lane, None)
        if call is not None:
            told = {"returned": heard.keys["returned"], "error": heard.keys.get("error")}
            yield self._teller.returned(heard, call, **told)
