"""A decoded value, with the bytes that it came from."""

from dataclasses import dataclass
from typing import Final

from ..errors import printable
from ..span import Span

_LIMIT_BYTES: Final = 32
_LIMIT_NUMBERS: Final = 16


@dataclass(frozen=True, slots=True)
class Undecoded:
    """Stands for a value whose bytes nothing explains; absence is a reason, never ``None``.

    Attributes:
        why: the reason.
        data: the bytes as they are.
    """

    why: str
    data: bytes

    def __str__(self) -> str:
        return f"undecoded, {self.why}"


Value = int | bool | str | bytes | tuple[int, ...] | tuple[bool, ...] | Undecoded
"""What a field can hold: one number, a run of numbers, text, bytes that are bytes by nature, or a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValue:
    """One leaf of a device's state.

    Attributes:
        parts: the names from the device down to this field; elements of arrays end in ``[index]``.
        type: QEMU's name of the type, with ``[count]`` after it for a run of numbers.
        value: what it holds.
        span: its bytes.
        meaning: what a number says, where its bits have names; empty otherwise.
    """

    parts: tuple[str, ...]
    type: str
    value: Value
    span: Span
    meaning: str = ""

    @property
    def path(self) -> str:
        """The names joined with ``/``, as QEMU writes paths of subsections."""
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """The field's own name; empty if the description gives it none."""
        return self.parts[-1] if self.parts else ""

    def text(self, *, whole: bool = False) -> str:
        """The value as text that is safe to show: on one line, with nothing that a terminal would obey.

        Args:
            whole: spell out long buffers and arrays; otherwise they end in an ellipsis and their length.
        """
        text = _text(self.value, whole=whole)
        return printable(f"{text}  ({self.meaning})" if self.meaning else text)

    def __repr__(self) -> str:
        return printable(f"<FieldValue {self.path} ({self.type}) = {self.text()} at {self.span}>")


def _text(value: Value, *, whole: bool) -> str:
    if isinstance(value, Undecoded):
        return str(value)
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
