"""What a field can't hold: the sign that a schema is not the one of the bytes it is held against."""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from ..errors import StreamError, Truncated
from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from ..wire import VMS_NULLPTR_MARKER
from .decode import decode_state
from .fields import TIMER_OFF
from .scalars import SCALARS
from .schema import StateSchema

_LAST_EXPIRY_NS = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """The first value in a state that contradicts its schema.

    Attributes:
        offset: where, in bytes on the channel.
        what: the field and what is wrong with it, or what is missing there.
    """

    offset: int
    what: str


def first_misfit(schema: StateSchema, cursor: Cursor) -> Misfit | None:
    """Look for a value that no QEMU writes.

    Args:
        schema: of the state.
        cursor: stands on its first byte.

    Returns:
        The first of them; ``None`` if the state could be what the schema says. The bytes may still be another's.
    """
    base = cursor.base
    try:
        for field in decode_state(schema, cursor):
            why = _impossible(field, cursor.buffer[field.span.offset - base : field.span.end - base])
            if why:
                return Misfit(offset=field.span.offset, what=f"field {field.path!r} of type {field.type!r}: {why}")
    except Truncated:
        return None  # what the bytes still have fits
    except StreamError as error:
        return Misfit(offset=error.offset, what=error.message)
    return None


def _impossible(field: FieldValue, data: memoryview) -> str:
    check = _CHECKS.get(field.type.partition("[")[0])
    return check(bytes(data)) if check else ""


def _check_bool(data: bytes) -> str:
    bad = next((value for value in data if value > 1), None)
    return "" if bad is None else f"byte {bad:#04x}, expected 0 or 1"


def _check_timer(data: bytes) -> str:
    packed = Struct(SCALARS["timer"].format)
    if len(data) % packed.size:
        return f"{len(data)} bytes, expected {packed.size} for each"
    for (value,) in packed.iter_unpack(data):
        if value != TIMER_OFF and not 0 <= value < _LAST_EXPIRY_NS:
            return f"{value} ns, expected {TIMER_OFF} or a time within 146 years"
    return ""


def _check_unused(data: bytes) -> str:
    rest = data.lstrip(b"\0")
    return f"byte {rest[0]:#04x} in the place of a retired field, expected zeros" if rest else ""


def _check_null(data: bytes) -> str:
    return "" if data == bytes((VMS_NULLPTR_MARKER,)) else f"{data.hex(' ')}, expected {VMS_NULLPTR_MARKER:#04x}"


_CHECKS: dict[str, Callable[[bytes], str]] = {
    "bool": _check_bool,
    "powered_off": _check_bool,
    "timer": _check_timer,
    "unused_buffer": _check_unused,
    "nullptr": _check_null,
}
"""By type: what is wrong with the bytes of a field; empty if nothing (migration/vmstate-types.c)."""
