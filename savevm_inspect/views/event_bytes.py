"""The bytes of one event as plain lists, as a page asks for them."""

from typing import Any, Final

from .moment import Moment, Playback

_NAME_CHARS: Final = 200


def event_bytes(moment: Moment) -> dict[str, Any]:
    """The first bytes that an event wrote or read, and their names.

    Args:
        moment: the event.

    Returns:
        ``note``; ``rows``, each an offset and cells of a byte and the number of its name, -1 for none; ``names``,
        each a name and what the bytes say.
    """
    return {
        "note": moment.bytes_note,
        "rows": [[row.offset, [[cell.value, cell.run] for cell in row.cells]] for row in moment.hex_rows],
        "names": [[run.name[:_NAME_CHARS], run.meaning[:_NAME_CHARS]] for run in moment.runs],
    }


def inlined_bytes(playback: Playback, *, most: int = 600) -> dict[str, Any]:
    """The bytes of the first events that have any, for a page that can't ask.

    Args:
        playback: the run.
        most: of no more events than this.

    Returns:
        By the event's index as text, what :func:`event_bytes` gives.
    """
    placed = [index for index, event in enumerate(playback.timeline.events) if event.offset is not None]
    return {str(index): event_bytes(playback.moment(index)) for index in placed[:most]}
