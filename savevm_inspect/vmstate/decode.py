"""Decoding a device section by its schema."""

from collections.abc import Iterator

from ..errors import StreamError
from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from .decoder import Decoder
from .schema import StateSchema
from .walk import walk

_LEAST_EMPTY = 1 << 10
"""As many values of no bytes are always allowed; beyond, as many as there are bytes and described fields."""


def _count_fields(schema: StateSchema) -> int:
    nested = (state for field in schema.fields for state in field.states)
    return len(schema.fields) + sum(map(_count_fields, (*nested, *schema.subsections)))


def decode_state(schema: StateSchema, cursor: Cursor) -> Iterator[FieldValue]:
    """Read a device's fields.

    Args:
        schema: of its section.
        cursor: stands on the payload's first byte.

    Yields:
        The leaves in stream order.

    Raises:
        Truncated: the bytes end early.
        BadPayload: the bytes contradict the schema.
    """
    decoder = Decoder(cursor)
    decoder.limit_empty(_LEAST_EMPTY + cursor.remaining + _count_fields(schema))
    try:
        for _ in walk(schema, decoder):
            yield from decoder.drain()
    except StreamError:
        yield from decoder.drain()
        raise
