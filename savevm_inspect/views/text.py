"""Values of a stream for JSON."""

from typing import Any

from ..stream.values import Undecoded, Value


def json_value(value: Value) -> Any:
    """A value for JSON: numbers and lists as they are, bytes as hex text, what is undecoded as an object."""
    if isinstance(value, Undecoded):
        return {"undecoded": value.why, "hex": value.data.hex()}
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
