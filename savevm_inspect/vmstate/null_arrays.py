"""Arrays of pointers of which the description knows the first element alone.

Up to QEMU 9.2, an array of equal elements is described by its first one (migration/vmstate.c,
vmstate_save_state_v). If that is a null pointer, the description makes all others null, too, whatever was written: a
marker of one byte for a null pointer, the whole struct for any other.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from ..stream.cursor import Cursor
from ..wire import VMS_NULLPTR_MARKER
from .schema import NULL_POINTER, FieldSchema, StateSchema


def _state(name: str, *fields: FieldSchema) -> StateSchema:
    length = sum(field.length for field in fields)
    return StateSchema(name=name, version=1, fields=fields, subsections=(), length=length)


def _bytes_of(*names: str) -> tuple[FieldSchema, ...]:
    return tuple(FieldSchema(name=name, type="uint8", size=1, count=1, index=None, states=()) for name in names)


_CHP_INFO = _state("s390_chp_info", *_bytes_of("in_use", "type", "is_virtual"))
_CSS_IMG = _state(
    "s390_css_img",
    FieldSchema(name="chpids", type="struct", size=_CHP_INFO.length, count=256, index=0, states=(_CHP_INFO,)),
)

_ELEMENTS = {("s390_css", "css"): _CSS_IMG}
"""What an element is that is not null, by the names of the device and of the field (hw/s390x/css.c)."""


def as_written(schema: StateSchema, cursor: Cursor) -> StateSchema:
    """Correct a device's schema by its bytes.

    Args:
        schema: as the description has it.
        cursor: stands on the first byte of the device's state; it is not moved.

    Returns:
        The schema with each element as it is there; the same one if no array of it is known to be described wrongly,
        or if the bytes end within it.
    """
    for position, field in enumerate(schema.fields):
        element = _ELEMENTS.get((schema.name, field.name))
        if element is None or field.type != NULL_POINTER:
            continue
        start = cursor.pos + sum(before.length for before in schema.fields[:position])
        present = tuple(_present(cursor, start, field.count, element.length))
        if len(present) < field.count or not any(present):
            return schema
        pieces = tuple(_pieces(field, present, element))
        longer = sum(piece.length for piece in pieces) - field.length
        fields = (*schema.fields[:position], *pieces, *schema.fields[position + 1 :])
        return replace(schema, fields=fields, length=schema.length + longer)
    return schema


def _present(cursor: Cursor, start: int, count: int, size: int) -> Iterator[bool]:
    """Whether each element is there, as far as the bytes go."""
    pos = start
    for _ in range(count):
        if pos >= cursor.end:
            return
        present = cursor.buffer[pos] != VMS_NULLPTR_MARKER
        yield present
        pos += size if present else 1


def _pieces(field: FieldSchema, present: tuple[bool, ...], element: StateSchema) -> Iterator[FieldSchema]:
    """The runs of elements that are null or not, as later QEMUs describe them."""
    for there, run in groupby(enumerate(present), key=lambda each: each[1]):
        indexes = [index for index, _ in run]
        piece = replace(field, index=indexes[0], count=len(indexes))
        yield replace(piece, type="struct", size=element.length, states=(element,)) if there else piece
