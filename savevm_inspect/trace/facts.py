"""What must be known of a whole log before its first line can be understood: a first look at all lines."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ..rules.interfaces import INTERFACES, PLAYED, Interface
from ..rules.options import Capability
from ..rules.threads import Side, Thread
from ..stream.events import EventKind
from .lines import TraceLine
from .meaning import Meaning, NotAsPrinted
from .table import MEANINGS

OLD_STYLE: Final = "(old)"
"""What QEMU prints for the description of a device that has none, but handlers (savevm.c, vmstate_save)."""

_DEVICES_LIMIT: Final = 4096
_THREADS_LIMIT: Final = 4096
_REQUEST: Final = ("3:", "4:")
_START_OF: Final = {Side.SOURCE: ("new state setup",), Side.DESTINATION: ("new state active", "new state setup")}


@dataclass(slots=True, kw_only=True)
class Facts:
    """What a first pass over a log found.

    Attributes:
        side: the end that wrote it.
        start_us: when its migration began, in microseconds since 1970; ``None`` if no line has a time.
        last_us: the time of the last line that has one.
        threads: names of the threads, by the operating system's numbers; empty if the log has none.
        snapshot: it is a background snapshot: devices are saved before RAM is.
        internal: it is savevm's internal snapshot, which runs in the main thread.
        full: for each section that begins, in order, 0 if it iterates, 1 if a description saves it at once,
            2 if a ``save_state`` does.
        iterable: devices that iterate, idstr by section_id, in the order of their first section.
        interface: of the version that the lines are of: it names the callbacks.
        capabilities: those that the lines give away.
        understood: how many lines are trace events of the table.
    """

    side: Side
    start_us: int | None = None
    last_us: int | None = None
    threads: dict[int, Thread] = field(default_factory=dict)
    snapshot: bool = False
    internal: bool = False
    full: bytearray = field(default_factory=bytearray)
    iterable: dict[int, str] = field(default_factory=dict)
    interface: Interface = INTERFACES[PLAYED]
    capabilities: tuple[Capability, ...] = ()
    understood: int = 0


def scan_log(lines: Iterable[TraceLine], side: Side | None = None) -> Facts:
    """Go once over a log.

    Args:
        lines: of the log.
        side: the end that wrote it; shown by its lines if ``None``.
    """
    look = _Look()
    for line in lines:
        meaning = MEANINGS.get(line.name)
        if meaning is not None:
            look.at(line, meaning)
        elif line.unix_us is not None:
            look.first_us = line.unix_us if look.first_us is None else look.first_us
            look.last_us = line.unix_us
    return look.facts(side)


class _Look:
    def __init__(self) -> None:
        self.first_us: int | None = None
        self.last_us: int | None = None
        self._first_event_us: int | None = None
        self._starts: dict[str, int] = {}
        self._sides: Counter[Side] = Counter()
        self._votes: dict[int, Counter[Thread]] = {}
        self._asks: set[int] = set()
        self._full = bytearray()
        self._begun: dict[int, int] = {}
        self._iterable: dict[int, str] = {}
        self._loaded: dict[int, str] = {}
        self._type = ""
        self._seen: Counter[str] = Counter()
        self._given_away: dict[str, None] = {}
        self._devices_first: bool | None = None

    def at(self, line: TraceLine, meaning: Meaning) -> None:
        self._seen[line.name] += 1
        if line.unix_us is not None:
            self._first_event_us = line.unix_us if self._first_event_us is None else self._first_event_us
            self.last_us = line.unix_us
        if meaning.idle:
            self._devices_first = bool(self._devices_first)
            self._sides[Side.SOURCE] += 1
            return
        if meaning.side is not None:
            self._sides[meaning.side] += 1
        if line.name == "migrate_set_state" and line.unix_us is not None and line.arguments.startswith("new state "):
            self._starts.setdefault(line.arguments, line.unix_us)
        self._vote(line, meaning)
        capability = _GIVEN_AWAY.get(line.name) or _GIVEN_AWAY.get(f"{line.name} {line.arguments}")
        if capability is not None:
            self._given_away[capability] = None
        look = _LOOKS.get(line.name)
        if look is not None:
            try:
                look(self, line, meaning)
            except NotAsPrinted:
                return  # it will be a log event, and says nothing about sections

    def _vote(self, line: TraceLine, meaning: Meaning) -> None:
        if line.thread_id is None or (line.thread_id not in self._votes and len(self._votes) >= _THREADS_LIMIT):
            return
        votes = self._votes.setdefault(line.thread_id, Counter())
        if meaning.thread is not None:
            votes[meaning.thread] += 1
        elif line.name == "migrate_set_state" and line.arguments in ("new state setup", "new state active"):
            self._vote_by_state(line, votes)
        elif line.name == "migrate_send_rp_message" and line.arguments.startswith(_REQUEST):
            self._asks.add(line.thread_id)

    def _vote_by_state(self, line: TraceLine, votes: Counter[Thread]) -> None:
        """The main thread sets the source up, and is the only one that a destination has before postcopy."""
        if line.arguments == "new state setup" or not self._sides[Side.SOURCE]:
            votes[Thread.MAIN] += 1

    def _section_start(self, line: TraceLine, meaning: Meaning) -> None:
        section_id = meaning.keys(line.arguments)["section_id"]
        if len(self._begun) < _DEVICES_LIMIT or section_id in self._begun:
            self._begun[section_id] = len(self._full)
        self._full.append(0)

    def _saved(self, line: TraceLine, _meaning: Meaning) -> None:
        """A device is saved at once: the section that began last is a FULL one."""
        if self._full:
            self._full[-1] = 2 if line.arguments.endswith(OLD_STYLE) else 1
        if self._devices_first is None:
            self._devices_first = True

    def _section_end(self, line: TraceLine, meaning: Meaning) -> None:
        keys = meaning.keys(line.arguments)
        begun = self._begun.get(keys["section_id"])
        if begun is not None and not self._full[begun] and len(self._iterable) < _DEVICES_LIMIT:
            self._iterable.setdefault(keys["section_id"], keys["idstr"])

    def _record_type(self, line: TraceLine, _meaning: Meaning) -> None:
        self._type = line.arguments

    def _loads(self, line: TraceLine, meaning: Meaning) -> None:
        keys = meaning.keys(line.arguments)
        if self._type == "1" and len(self._loaded) < _DEVICES_LIMIT:
            self._loaded.setdefault(keys["section_id"], keys["idstr"])

    def facts(self, side: Side | None) -> Facts:
        if side is None:
            more = self._sides[Side.DESTINATION] > self._sides[Side.SOURCE]
            side = Side.DESTINATION if more else Side.SOURCE
        starts = (self._starts[each] for each in _START_OF[side] if each in self._starts)
        start = next(starts, self._first_event_us if self._first_event_us is not None else self.first_us)
        iterated = self._seen["savevm_state_iterate"] > 0
        internal = iterated and not self._seen["migration_thread_setup_complete"]
        snapshot = iterated and bool(self._devices_first) and not internal and not self._pending_seen()
        given_away = (*self._given_away, *((Capability.BACKGROUND_SNAPSHOT,) if snapshot else ()))
        return Facts(
            side=side,
            start_us=start,
            last_us=self.last_us,
            threads=self._threads(side),
            snapshot=snapshot,
            internal=internal,
            full=self._full,
            iterable=self._iterable if side is Side.SOURCE else self._loaded,
            interface=INTERFACES[self._version()],
            capabilities=given_away,
            understood=self._seen.total(),
        )

    def _version(self) -> str:
        """The version that the log looks like: by an event of it alone, or by the style of its lines."""
        known = next((version for name, version in _VERSION_OF.items() if self._seen[name]), "")
        return known or (_NUMBERS_THREADS if self._votes or self._asks else PLAYED)

    def _pending_seen(self) -> bool:
        return any(MEANINGS[name].kind is EventKind.PENDING for name in self._seen)

    def _threads(self, side: Side) -> dict[int, Thread]:
        """Each thread is what most of its lines say; one that does nothing but ask for pages is the fault thread."""
        named = {thread_id: votes.most_common(1)[0][0] for thread_id, votes in self._votes.items() if votes}
        if side is Side.DESTINATION:
            for thread_id in self._asks - named.keys():
                named[thread_id] = Thread.FAULT
        return named


_VERSION_OF: Final = {
    "migrate_pending": "7.2",
    "qemu_savevm_query_pending": "11.1",
    "migration_call_notifiers": "11.1",
}
"""A trace event -> the only version that is known here to have it."""

_NUMBERS_THREADS: Final = "10.0"
"""The newest version here whose lines begin with the number of the thread."""

_LOOKS: Final = {
    "savevm_section_start": _Look._section_start,
    "savevm_section_end": _Look._section_end,
    "vmstate_save": _Look._saved,
    "qemu_loadvm_state_section": _Look._record_type,
    "qemu_loadvm_state_section_startfull": _Look._loads,
}

_GIVEN_AWAY: Final = {
    "savevm_send_open_return_path": Capability.RETURN_PATH,
    "loadvm_process_command com=OPEN_RETURN_PATH len=0": Capability.RETURN_PATH,
    "savevm_command_send com=0x3 len=16": Capability.POSTCOPY_RAM,
    "loadvm_process_command com=POSTCOPY_ADVISE len=16": Capability.POSTCOPY_RAM,
    "multifd_send_sync_main_signal": Capability.MULTIFD,
    "multifd_recv_sync_main_signal": Capability.MULTIFD,
    "multifd_send_thread_start": Capability.MULTIFD,
    "multifd_recv_thread_start": Capability.MULTIFD,
    "postcopy_preempt_thread_entry": Capability.POSTCOPY_PREEMPT,
    "loadvm_state_switchover_ack_needed": Capability.SWITCHOVER_ACK,
    "source_return_path_thread_switchover_acked": Capability.SWITCHOVER_ACK,
    "migrate_set_state new state pre-switchover": Capability.PAUSE_BEFORE_SWITCHOVER,
}
"""A line's event, or event and arguments -> the capability that must be on for QEMU to log it."""
