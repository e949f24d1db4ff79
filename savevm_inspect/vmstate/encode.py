"""Encoding a device section by its schema: the counterpart of :mod:`.decode`."""

from collections.abc import Iterable

from ..errors import EncodeError
from ..stream.values import FieldValue
from .encoder import Encoder, Values
from .schema import StateSchema
from .walk import walk


def encode_state(schema: StateSchema, fields: Iterable[FieldValue]) -> bytes:
    """Write a device's fields.

    Args:
        schema: of its section.
        fields: as :func:`~.decode.decode_state` gives them; their spans and meanings do not matter.

    Returns:
        The payload.

    Raises:
        EncodeError: a value is missing, is none of its field, or belongs to no field.
    """
    values = Values(fields)
    encoder = Encoder(values)
    for _ in walk(schema, encoder):
        pass
    if values.left(()):
        raise EncodeError(f"{values.left(())} values more than the schema has", path=schema.name)
    return bytes(encoder.data)
