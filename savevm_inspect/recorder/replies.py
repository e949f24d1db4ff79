"""Members of what QEMU says over QMP, each of the type that its schema gives it: whatever answers may be anything."""

from collections.abc import Mapping
from typing import Any, Final

from ..errors import RecordError, printable

_LARGEST: Final = (1 << 63) - 1
_LARGEST_RATE: Final = 1e12
_SHOWN: Final = 60


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """An object.

    Args:
        value: what QEMU said.
        what: whose it is, for the message; so it is in the others.

    Raises:
        RecordError: it is of another type; so it is in the others.
    """
    if isinstance(value, dict):
        return value
    raise _refusal(value, what, "an object")


def text(value: object, what: str) -> str:
    """A string; JSON can spell halves of characters, which no file can hold."""
    if isinstance(value, str) and value == value.encode(errors="replace").decode():
        return value
    raise _refusal(value, what, "a string")


def flag(value: object, what: str) -> bool:
    """A boolean."""
    if isinstance(value, bool):
        return value
    raise _refusal(value, what, "true or false")


def count(value: object, what: str) -> int:
    """A number of things or bytes, as an event can hold it."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    raise _refusal(value, what, "a count")


def rate(value: object, what: str) -> float:
    """A number of megabits a second, which need not be whole."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST_RATE:
        return value
    raise _refusal(value, what, "a rate")


def _refusal(value: object, what: str, expected: str) -> RecordError:
    return RecordError(f"{what}: QEMU said {printable(repr(value)[:_SHOWN])}, expected {expected}")
