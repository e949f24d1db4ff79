"""The bytes of a stream, laid beside the events of its trace: which section, command or payload is where.

A trace names sections and commands, a stream holds them, both in an order of their own: device state of a
background snapshot is written last and saved first, what lies in a package is sent before it and found after it.
So they are matched by number: the n-th section of a section_id, the n-th command of a name.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ..reader.stream import Stream
from ..rules.threads import Side, Thread
from ..span import Span
from ..stream.events import Event, EventKind
from ..stream.records import (
    KIND_OF_RECORD,
    Command,
    EndOfStream,
    Interrupted,
    Record,
    Section,
    SectionHead,
    SectionKind,
)
from ..wire import MigCmd, VmRecord

_SECTION_KINDS: Final = frozenset(kind.value for kind in SectionKind)
_END: Final = "eof"
_PACKAGE_IS_READ: Final = ("loadvm_handle_cmd_packaged", "loadvm_handle_cmd_packaged_main")


@dataclass(frozen=True, slots=True)
class _Found:
    """A section as the stream has it; one in which the connection broke has no end."""

    head: SectionHead
    span: Span
    payload: Span | None


def _sections(stream: Stream) -> Iterator[_Found]:
    heads: dict[int, SectionHead] = {}
    for record in stream.records:
        if isinstance(record, Section):
            heads[record.section_id] = record.head
            yield _Found(record.head, record.span, record.payload)
        elif isinstance(record, Interrupted):
            mark, section_id = _opened(stream, record)
            head = heads.get(section_id)
            if mark in KIND_OF_RECORD and head is not None:
                yield _Found(replace(head, kind=KIND_OF_RECORD[VmRecord(mark)]), record.span, None)


def _opened(stream: Stream, record: Interrupted) -> tuple[int, int]:
    """Type byte and section_id of what a broken record began as."""
    if record.span.channel != 0:
        return -1, -1
    header = bytes(stream.buffer[record.span.offset : min(record.span.end, record.span.offset + 5)])
    return (header[0], int.from_bytes(header[1:])) if len(header) == 5 else (-1, -1)


def _packages(stream: Stream) -> list[tuple[int, int]]:
    """Where the packages of device state lie on the main channel: their first byte, and the one after them."""
    found = []
    for command in stream.commands:
        argument = command.argument
        if command.command is MigCmd.MIG_CMD_PACKAGED and argument.channel == 0:
            length = int.from_bytes(bytes(stream.buffer[argument.offset : argument.end]))
            found.append((argument.end, argument.end + length))
    return found


class StreamMatch:
    """Puts channel, offset and length to the events of one end.

    Args:
        stream: what this end wrote or read.
        side: which end.

    Attributes:
        problems: what could not be matched, and how far it could; to be read when the events have been.
    """

    def __init__(self, stream: Stream, side: Side) -> None:
        self._side = side
        self._sections: dict[int, deque[_Found]] = {}
        self._in_stream: Counter[int] = Counter()
        self._in_trace: Counter[int] = Counter()
        self._idstr: dict[int, str] = {}
        self._commands: dict[tuple[str, bool], deque[Record]] = {}
        self._current: dict[int, _Found] = {}
        self._in_package = False
        self._lost: set[int] = set()
        for section in _sections(stream):
            section_id = section.head.section_id
            self._sections.setdefault(section_id, deque()).append(section)
            self._in_stream[section_id] += 1
            self._idstr[section_id] = section.head.idstr
        packages = _packages(stream) if side is Side.DESTINATION else []
        for record in stream.records:
            if isinstance(record, Command | EndOfStream):
                # The source sends what is in a package in the stream's order; the destination's threads do not.
                packed = record.span.channel == 0 and any(a <= record.span.offset < b for a, b in packages)
                name = record.command.name if isinstance(record, Command) else _END
                self._commands.setdefault((name, packed), deque()).append(record)
        self.problems: tuple[str, ...] = ()

    def annotate(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events, those that have bytes with their span.

        Args:
            events: of this end, in the order of its log.
        """
        for event in events:
            if event.name in _PACKAGE_IS_READ:
                self._in_package = event.name == _PACKAGE_IS_READ[0]
            if self._begins(event):
                self._take(event)
            yield self._placed(event)
        self.problems = tuple(self._differences())

    def _begins(self, event: Event) -> bool:
        """Whether it is the first event of a section."""
        if event.section_id is None:
            return False
        if self._side is Side.DESTINATION:
            return event.event is EventKind.RECORD
        begins = event.event is EventKind.CALL and event.handler == "save_setup"
        return begins or (event.event is EventKind.LOG and event.name == "savevm_section_start")

    def _take(self, event: Event) -> None:
        section_id = event.section_id
        assert section_id is not None
        self._in_trace[section_id] += 1
        waiting = self._sections.get(section_id)
        self._current.pop(section_id, None)
        if waiting and section_id not in self._lost:
            self._current[section_id] = waiting.popleft()

    def _placed(self, event: Event) -> Event:
        if event.event is EventKind.COMMAND or (event.event is EventKind.RECORD and event.name == _END):
            return self._place_command(event)
        found = self._current.get(event.section_id) if event.section_id is not None else None
        if found is None or (event.idstr is not None and event.idstr != found.head.idstr):
            return event
        if event.event is EventKind.RECORD and event.name in _SECTION_KINDS:
            if event.name != found.head.kind.value:
                self._lost.add(found.head.section_id)
                del self._current[found.head.section_id]
                return event
            return replace(event, **_place(found.span), **_exactly(event, found.head))
        if event.event is EventKind.RETURN and event.handler in _WITH_BYTES and found.payload is not None:
            return replace(event, **_place(found.payload))
        return event

    def _place_command(self, event: Event) -> Event:
        packed = self._in_package
        if packed and event.name == MigCmd.MIG_CMD_PING.name and event.thread is None:
            return event  # two threads read commands here, and nothing shows which of them this is
        packed = packed and event.thread in (None, Thread.MAIN)
        waiting = self._commands.get((event.name or "", packed))
        return replace(event, **_place(waiting.popleft().span)) if waiting else event

    def _differences(self) -> Iterator[str]:
        for section_id in self._in_stream.keys() | self._in_trace.keys():
            in_stream, in_trace = self._in_stream[section_id], self._in_trace[section_id]
            what = f"section {section_id} ({self._idstr.get(section_id, 'not in the stream')})"
            if section_id in self._lost:
                yield f"{what}: its kinds differ between trace and stream, matched as far as they agree"
            elif in_stream != in_trace:
                yield (
                    f"{what}: {in_stream} times in the stream, {in_trace} times in the {self._side}'s trace; "
                    "matched from the beginning"
                )


_WITH_BYTES: Final = frozenset(
    (
        "save_state",
        "save_setup",
        "save_live_iterate",
        "save_complete",
        "save_live_complete_precopy",
        "save_live_complete_postcopy",
        "save_postcopy_prepare",
        "load_state",
    )
)
"""Handlers that write or read the payload of the section that they are called for."""


def _place(span: Span) -> dict[str, Any]:
    return {"channel": span.channel, "offset": span.offset, "length": span.length}


def _exactly(event: Event, section: SectionHead) -> dict[str, Any]:
    """What the stream says of a section, instead of what was derived of it."""
    keys = {
        "idstr": section.idstr,
        "instance_id": section.instance_id,
        "version_id": section.version_id,
        "name": section.kind.value,
    }
    return keys | {"derived": tuple(key for key in event.derived if key not in keys)} if event.derived else keys
