"""What a handler was given in one call: every parameter of its C signature with the value that the events tell."""

from collections.abc import Callable, Mapping
from typing import Final

from ..rules.callbacks import Callback
from ..stream.events import Event
from .units import bytes_text

_UNSAID: Final = "not said"


def arguments(callback: Callback, event: Event) -> list[tuple[str, str]]:
    """The parameters of a handler, each with its value in one call.

    Args:
        callback: the handler.
        event: its call or its return.

    Returns:
        The declaration of each parameter and its value as text, in the order of the signature.
    """
    return [
        (str(parameter), _VALUES[parameter.name](event) if parameter.name in _VALUES else _UNSAID)
        for parameter in callback.signature.parameters
    ]


def place_text(callback: Callback, event: Event) -> str:
    """Whether the table of callbacks has this call: in this phase, thread and lock.

    Args:
        callback: the handler.
        event: its call or its return.
    """
    if event.phase is None or event.thread is None or event.bql is None:
        return _UNSAID
    where = f"{event.phase} in {event.thread}, lock {'held' if event.bql else 'not held'}"
    known = any(
        (place.side, place.phase, place.thread, place.bql) == (event.side, event.phase, event.thread, event.bql)
        for place in callback.places
    )
    return f"{where}: {'a place that QEMU 10.2 calls it at' if known else 'no place of the table'}"


def _file(event: Event) -> str:
    if event.offset is None:
        return f"channel {event.channel}" if event.channel is not None else _UNSAID
    return f"channel {event.channel or 0} at {event.offset:#x}"


def _device(event: Event) -> str:
    return f"{event.idstr} (instance {event.instance_id or 0})" if event.idstr else _UNSAID


def _number(key: str, text: Callable[[int], str] = str) -> Callable[[Event], str]:
    def value(event: Event) -> str:
        found = getattr(event, key)
        return _UNSAID if found is None else text(found)

    return value


_VALUES: Final[Mapping[str, Callable[[Event], str]]] = {
    "f": _file,
    "opaque": _device,
    "d": _device,
    "errp": lambda event: event.error or "not set",
    "version_id": _number("version_id"),
    "len": _number("length", bytes_text),
    "buf": _file,
    "must_precopy": _number("must_precopy", bytes_text),
    "can_postcopy": _number("can_postcopy", bytes_text),
}
