"""When no VM ran: from the source's last STOP to the RESUME of whichever side."""

from collections.abc import Sequence

from ..rules.threads import Side
from ..stream.events import Event, EventKind


def source_stop(events: Sequence[Event]) -> int | None:
    """Index of the event at which the source's VM was stopped last; ``None`` if nothing says that it was."""
    stops = (index for index in range(len(events) - 1, -1, -1) if _is_qmp(events[index], "STOP"))
    return next((index for index in stops if events[index].side is Side.SOURCE), None)


def next_resume(events: Sequence[Event], stopped: int) -> int | None:
    """Index of the next event at which the VM of either side runs again.

    Args:
        events: the run's.
        stopped: index of the event at which it was stopped.

    Returns:
        The index; ``None`` if none ran again.
    """
    return next((index for index in range(stopped + 1, len(events)) if _is_qmp(events[index], "RESUME")), None)


def _is_qmp(event: Event, name: str) -> bool:
    return event.event is EventKind.QMP and event.name == name
