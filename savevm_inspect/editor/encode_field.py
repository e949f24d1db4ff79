"""The bytes of one field with another value."""

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from ..errors import EncodeError, StreamError
from ..payload import field_payload
from ..stream.cursor import Cursor
from ..stream.records import Section
from ..stream.values import FieldValue, Undecoded, Value
from ..vmstate.coder import FORMATS
from ..vmstate.decode import decode_state
from ..vmstate.encode import encode_state
from ..vmstate.schema import StateSchema


def encode_field(
    schema: StateSchema | None,
    fields: Sequence[FieldValue],
    index: int,
    value: Value,
    section: Section,
    payload: memoryview,
    earlier: Sequence[tuple[Section, memoryview]],
) -> bytes:
    """Encode a field of a section.

    Args:
        schema: of the section; ``None`` where it has a format of its own.
        fields: all of the section.
        index: of the field among them.
        value: what it holds afterwards.
        section: where it is.
        payload: the section's bytes.
        earlier: the device's sections before it, with their bytes.

    Returns:
        As many bytes as before.

    Raises:
        EncodeError: the value is none of the field's, or needs another number of bytes.
    """
    field = fields[index]
    start = field.span.offset - section.payload.offset
    end = start + field.span.length
    if isinstance(field.value, Undecoded):
        return _as_many(field, value)
    if schema is None:
        made = _as_many(field, value) if isinstance(value, bytes) else _number(field, value)
        read = _by_its_format(section, earlier, bytes(payload[:start]) + made + bytes(payload[end:]))
        expected = [*(each.value for each in fields[:index]), value, *(each.value for each in fields[index + 1 :])]
        if read != expected:
            raise EncodeError(f"{value!r}: others hang on this field, which can't change alone", path=field.path)
        return made
    changed = [*fields[:index], replace(field, value=value), *fields[index + 1 :]]
    data = encode_state(schema, changed)
    if len(data) != len(payload) or data[:start] != payload[:start] or data[end:] != payload[end:]:
        raise EncodeError(f"{value!r} changes more than the {field.span.length} bytes of the field", path=field.path)
    back = tuple(decode_state(schema, Cursor(memoryview(data))))[index].value
    if back != value:
        raise EncodeError(f"{value!r} reads back as {back!r}, it is no {field.type}", path=field.path)
    return data[start:end]


def _as_many(field: FieldValue, value: Value) -> bytes:
    """Bytes in the place of as many."""
    if not isinstance(value, bytes) or len(value) != field.span.length:
        raise EncodeError(f"{value!r}, expected {field.span.length} bytes", path=field.path)
    return value


def _by_its_format(
    section: Section, earlier: Sequence[tuple[Section, memoryview]], payload: bytes
) -> list[Value] | StreamError:
    """The values of a section that has a format of its own, or why it can't be read."""
    make_reader = field_payload(section.idstr)
    assert make_reader is not None
    reader = make_reader()
    try:
        for before, data in earlier:
            deque(reader.read(Cursor(data), before.head), maxlen=0)
        cursor = Cursor(memoryview(payload))
        values = [each.value for each in reader.read(cursor, section.head)]
        return values if not cursor.remaining else [*values, cursor.remaining]
    except StreamError as error:
        return error


def _number(field: FieldValue, value: Value) -> bytes:
    """A number of a section that has a format of its own."""
    if not isinstance(value, int) or field.type not in FORMATS:
        raise EncodeError(f"{value!r}: a field of type {field.type!r} takes bytes here", path=field.path)
    try:
        data = struct.pack(FORMATS[field.type], value)
    except struct.error as error:
        raise EncodeError(f"{value!r} is no {field.type} ({error})", path=field.path) from error
    if len(data) != field.span.length:
        raise EncodeError(f"{value!r}: a field of type {field.type!r} takes bytes here", path=field.path)
    return data
