"""A decoded value, with the bytes that it came from."""

from dataclasses import dataclass

from ..span import Span


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
        """The field's own name."""
        return self.parts[-1]
