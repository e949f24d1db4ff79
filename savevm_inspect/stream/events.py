"""What happens in a migration, as a line each: the event model of engine, recorder and player.

The keys of :class:`Event` are a contract (``events.jsonl`` of a capture folder): keys may be added, none
renamed, and those that do not apply to an event are left out of its line.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from ..errors import SavevmError, printable
from ..rules.phases import Phase
from ..rules.threads import Side, Thread


class EventKind(StrEnum):
    """What an event reports."""

    CALL = "call"
    RETURN = "return"
    RECORD = "record"
    COMMAND = "command"
    PENDING = "pending"
    LOCK = "lock"
    STATE = "state"
    PAGE_REQUEST = "page_request"
    PAGE_PLACED = "page_placed"
    VCPU_STOPPED = "vcpu_stopped"
    VCPU_RUNNING = "vcpu_running"
    QMP = "qmp"
    LOG = "log"


CALL_KINDS = (EventKind.CALL, EventKind.RETURN)
"""The two events of a call, which share its call_id."""


class Origin(StrEnum):
    """Who says so."""

    ENGINE = "engine"
    TRACE = "trace"
    STREAM = "stream"
    QMP = "qmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        seq: number of the event in its capture, from 0, without gaps.
        time_us: microseconds since the migration's start on that side's clock.
        side: which end.
        event: what it reports.
        origin: who says so.
        observed: seen, as opposed to derived from the source code's rules.
        phase: where the migration is.
        thread: the thread it ran in.
        bql: whether that thread held the big QEMU lock.
        call_id: shared by a call and its return.
        handler: the callback of register.h.
        idstr: device that it belongs to.
        instance_id: which of the devices of that idstr.
        section_id: number of its section.
        channel: channel of the bytes that it wrote or read.
        offset: their first byte on that channel.
        length: number of bytes.
        iteration: number of the pass over RAM, from 1.
        must_precopy: pending bytes that must be sent while the source is stopped or running.
        can_postcopy: pending bytes that may be sent after the destination started.
        stopcopy_bytes: how many of ``must_precopy`` can be sent only once the source has stopped, where QEMU tells
            them apart (from 11.1 on).
        threshold_bytes: pending bytes that fit into the downtime limit.
        bandwidth_bytes_per_s: what the threshold was computed from.
        dirty_pages: pages that are dirty.
        returned: what the handler returned.
        error: what went wrong.
        upstream: QEMU's own name of the event, with its arguments.
        name: what a record, command, state or QMP event is called; the RAM block of a page request.
        version_id: version of the format of the device's section.
        addr: what is asked for, in bytes in the RAM block.
        repeats: how often the events before it came again, unchanged.
        derived: keys of an observed event that nobody said: they follow from the source code's rules.
        vcpu: number of the virtual CPU.
        fault_id: number of the wait of a virtual CPU for a page, from 0; request, page and going on share it.
        block: the RAM block of the page that is waited for.
    """

    seq: int
    time_us: int
    side: Side
    event: EventKind
    origin: Origin = Origin.ENGINE
    observed: bool = True
    phase: Phase | None = None
    thread: Thread | None = None
    bql: bool | None = None
    call_id: int | None = None
    handler: str | None = None
    idstr: str | None = None
    instance_id: int | None = None
    section_id: int | None = None
    channel: int | None = None
    offset: int | None = None
    length: int | None = None
    iteration: int | None = None
    must_precopy: int | None = None
    can_postcopy: int | None = None
    threshold_bytes: int | None = None
    bandwidth_bytes_per_s: int | None = None
    dirty_pages: int | None = None
    returned: int | bool | None = None
    error: str | None = None
    upstream: str | None = None
    name: str | None = None
    version_id: int | None = None
    addr: int | None = None
    repeats: int | None = None
    derived: tuple[str, ...] | None = None
    stopcopy_bytes: int | None = None
    vcpu: int | None = None
    fault_id: int | None = None
    block: str | None = None

    def to_json(self) -> str:
        """The event as one line of ``events.jsonl``, without the newline."""
        present = {field: value for field in _FIELDS if (value := getattr(self, field)) is not None}
        return json.dumps(present, ensure_ascii=False, separators=(",", ":"))

    def __repr__(self) -> str:
        return printable(f"<Event {self.to_json()}>")

    @classmethod
    def from_json(cls, line: str) -> "Event":
        """Read one line of ``events.jsonl``; keys that this version does not know are passed over.

        Raises:
            SavevmError: the line is no event.
        """
        try:
            raw = json.loads(line)
            known: dict[str, Any] = {key: value for key, value in raw.items() if key in _FIELDS}
            for key, value in known.items():
                if key in _ENUMS:
                    known[key] = _ENUMS[key](value)
                elif key == "derived":
                    known[key] = _names(value)
                else:
                    _check(key, value)
            return cls(**known)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise SavevmError(f"not an event: {line[:80]!r} ({error})") from error


_FIELDS = tuple(field.name for field in fields(Event))
_ENUMS: dict[str, type[StrEnum]] = {
    "side": Side,
    "event": EventKind,
    "origin": Origin,
    "phase": Phase,
    "thread": Thread,
}


_FLAGS = ("observed", "bql")
_TEXTS = ("handler", "idstr", "error", "upstream", "name", "block")
_LARGEST = (1 << 63) - 1


def _check(key: str, value: object) -> None:
    """Make sure that a value is of its key's type; the file may be anybody's."""
    if key in _FLAGS:
        sound = isinstance(value, bool)
    elif key in _TEXTS:
        sound = isinstance(value, str)
    elif key == "returned":
        sound = isinstance(value, int) and -_LARGEST <= value <= _LARGEST
    else:
        sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST
    if not sound:
        raise ValueError(f"{key} is invalid: {str(value)[:40]!r}")


def _names(value: object) -> tuple[str, ...]:
    """The keys that an event derived."""
    if not isinstance(value, list) or not all(name in _FIELDS for name in value):
        raise ValueError(f"derived is invalid: {str(value)[:40]!r}")
    return tuple(value)


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Read the lines of an ``events.jsonl``.

    Args:
        lines: one event each; blank ones are passed over.

    Raises:
        SavevmError: a line is no event, or not one that can follow those before it, with its number.
    """
    order = _Order()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                event = Event.from_json(line)
                order.check(event)
            except SavevmError as error:
                raise SavevmError(f"events.jsonl line {number}: {error}") from error
            yield event


class _Order:
    """What makes an event's numbers its own: others refer to it by them, so none is given twice."""

    def __init__(self) -> None:
        self._seq = -1
        self._calls: set[tuple[Side, EventKind, int]] = set()

    def check(self, event: Event) -> None:
        if event.seq <= self._seq:
            raise SavevmError(f"seq {event.seq} after seq {self._seq}")
        self._seq = event.seq
        if event.call_id is not None and event.event in CALL_KINDS:
            key = (event.side, event.event, event.call_id)
            if key in self._calls:
                raise SavevmError(f"a second {event.event} of the {event.side} with call_id {event.call_id}")
            self._calls.add(key)
