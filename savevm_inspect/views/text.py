"""Values of a stream as text that is safe to show: on one line, with nothing that a terminal would obey."""

from typing import Any

from ..errors import printable
from ..stream.values import FieldValue, Undecoded, Value

_LIMIT_BYTES = 32
_LIMIT_NUMBERS = 16


def value_text(field: FieldValue, *, whole: bool = False) -> str:
    """A field's value as text.

    Args:
        field: the field.
        whole: spell out long buffers and arrays; otherwise they end in an ellipsis and their length.
    """
    text = _text(field.value, whole=whole)
    return printable(f"{text}  ({field.meaning})" if field.meaning else text)


def _text(value: Value, *, whole: bool) -> str:
    if isinstance(value, Undecoded):
        return f"undecoded, {value.why}"
    if isinstance(value, bytes):
        shown = value if whole else value[:_LIMIT_BYTES]
        return f"{shown.hex(' ')}{_rest(len(value), len(shown), 'bytes')}" if value else "(empty)"
    if isinstance(value, tuple):
        numbers = value if whole else value[:_LIMIT_NUMBERS]
        return f"{' '.join(map(_number, numbers))}{_rest(len(value), len(numbers), 'elements')}"
    return value if isinstance(value, str) else _number(value)


def _number(value: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if -10 < value < 10 else f"{value:#x}"


def _rest(count: int, shown: int, unit: str) -> str:
    return f" … {count} {unit}" if count > shown else ""


def json_value(value: Value) -> Any:
    """A value for JSON: numbers and lists as they are, bytes as hex text, what is undecoded as an object."""
    if isinstance(value, Undecoded):
        return {"undecoded": value.why, "hex": value.data.hex()}
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
