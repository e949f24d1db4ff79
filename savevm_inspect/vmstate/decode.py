"""Decoding a device section by its schema."""

from collections.abc import Iterator

from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from .fields import CODECS
from .schema import StateSchema
from .virtio import read_virtio
from .walk import walk

_ALL = {**CODECS, "virtio": read_virtio}


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
    return walk(schema, cursor, _ALL)
