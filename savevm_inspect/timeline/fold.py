"""One event applied to a state: what it changes, by its kind and by the keys that it has."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from ..rules.threads import Side
from ..stream.events import Event, EventKind
from ..stream.records import SectionKind
from .state import GuestState, OpenCall, OpenSection, PendingFigures, SideState, State

OPEN_LIMIT: Final = 256
"""Calls, sections and channels of one side that are kept open; older ones are forgotten.

No migration has that many handlers running. Without a limit, a file of events that only ever calls would make
every state longer than the one before it.
"""

Changes = dict[str, Any]


def apply(state: State, event: Event) -> State:
    """The state after an event.

    Args:
        state: the one before it.
        event: what happened.
    """
    before = state.side(event.side)
    changes: Changes = {"time_us": event.time_us}
    for key in _PLAIN:
        value = getattr(event, key)
        if value is not None:
            changes[key] = value
    _follow_lock(before, event, changes)
    _follow_bytes(before, event, changes)
    of_kind = _BY_KIND.get(event.event)
    if of_kind is not None:
        of_kind(before, event, changes, state.index)
    after = replace(before, **changes)
    if event.side is Side.SOURCE:
        return State(index=state.index + 1, source=after, destination=state.destination)
    return State(index=state.index + 1, source=state.source, destination=after)


_PLAIN: Final = ("phase", "dirty_pages", "iteration", "error")
"""Keys of an event that a state takes over as they are."""


def _follow_lock(before: SideState, event: Event, changes: Changes) -> None:
    """Every event says whether its thread has the lock; what another thread holds, it says nothing about."""
    held = _LOCK_NAMES.get(event.name or "") if event.event is EventKind.LOCK else event.bql
    if held and event.thread is not None:
        changes["lock_holder"] = event.thread
    elif held is False and before.lock_holder == event.thread:
        changes["lock_holder"] = None


_LOCK_NAMES: Final = {"bql_lock": True, "bql_unlock": False}


def _follow_bytes(before: SideState, event: Event, changes: Changes) -> None:
    """Keep the furthest offset of each channel that an event names."""
    if event.offset is None or event.length is None:
        return
    channel, end = event.channel or 0, event.offset + event.length
    so_far = dict(before.channel_bytes)
    if end > so_far.get(channel, -1) and (channel in so_far or len(so_far) < OPEN_LIMIT):
        so_far[channel] = end
        changes["channel_bytes"] = tuple(sorted(so_far.items()))


def _call(before: SideState, event: Event, changes: Changes, index: int) -> None:
    call = OpenCall(
        call_id=event.call_id,
        handler=event.handler or "",
        idstr=event.idstr or "",
        instance_id=event.instance_id or 0,
        thread=event.thread,
        index=index,
    )
    changes["calls"] = (*before.calls, call)[-OPEN_LIMIT:]


def _return(before: SideState, event: Event, changes: Changes, _index: int) -> None:
    changes["calls"] = tuple(call for call in before.calls if call.call_id != event.call_id)


def _pending(_before: SideState, event: Event, changes: Changes, _index: int) -> None:
    if event.must_precopy is not None:
        changes["pending"] = PendingFigures(
            must_precopy=event.must_precopy,
            can_postcopy=event.can_postcopy or 0,
            threshold_bytes=event.threshold_bytes,
            bandwidth_bytes_per_s=event.bandwidth_bytes_per_s,
            name=event.name or "",
        )


def _record(before: SideState, event: Event, changes: Changes, _index: int) -> None:
    if event.section_id is None:
        return
    others = tuple(each for each in before.open_sections if each.section_id != event.section_id)
    if event.name == SectionKind.START:
        opened = OpenSection(section_id=event.section_id, idstr=event.idstr or "", instance_id=event.instance_id or 0)
        changes["open_sections"] = (*others, opened)[-OPEN_LIMIT:]
    elif event.name == SectionKind.END:
        changes["open_sections"] = others


def _state(_before: SideState, event: Event, changes: Changes, _index: int) -> None:
    changes["status"] = event.name or ""


def _qmp(_before: SideState, event: Event, changes: Changes, _index: int) -> None:
    if event.name in _GUEST_OF_QMP:
        changes["guest"] = _GUEST_OF_QMP[event.name]


_GUEST_OF_QMP: Final = {"STOP": GuestState.STOPPED, "RESUME": GuestState.RUNNING}

_BY_KIND: Final[Mapping[EventKind, Callable[[SideState, Event, Changes, int], None]]] = {
    EventKind.CALL: _call,
    EventKind.RETURN: _return,
    EventKind.PENDING: _pending,
    EventKind.RECORD: _record,
    EventKind.STATE: _state,
    EventKind.QMP: _qmp,
}
"""What an event changes because of its kind; LOCK, COMMAND, PAGE_REQUEST and LOG change nothing else."""
