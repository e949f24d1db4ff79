"""What an answer must look like before it is tried, and the sentence that asks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from operator import index
from typing import Any, Final

from ..errors import listed, printable

_SHOWN: Final = 60
"""Characters of an answer that a sentence repeats."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer must look like.

    Attributes:
        asked: what is asked for, as in "asked for is a whole number from 1 to 10".
        taken: the answer as it is tried; raises ``ValueError``, with the reason, for one of another shape.
    """

    asked: str
    taken: Callable[[Any], Any]

    def objection(self, given: object) -> str:
        """What is wrong with an answer's shape, as a sentence; empty if nothing is."""
        if given is None:
            return f"There is no answer yet: put yours in place of None. Asked for is {self.asked}."
        try:
            self.taken(given)
        except ValueError as error:
            return f"{shown(given)} {error}; asked for is {self.asked}."
        return ""


def shown(given: object) -> str:
    """An answer as a sentence repeats it: short, on one line, whatever its ``repr`` does."""
    try:
        text = printable(repr(given))
    except Exception:  # noqa: BLE001 - the repr is the answer's own
        text = f"<{type(given).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def whole(least: int, most: int) -> Shape:
    """A whole number.

    Args:
        least: the smallest that is tried.
        most: the largest; a bound on what trying it costs.
    """

    def taken(given: Any) -> int:
        if isinstance(given, bool) or not hasattr(type(given), "__index__"):
            raise ValueError("is no whole number")
        number = index(given)
        if not least <= number <= most:
            raise ValueError("is too small" if number < least else "is too large")
        return number

    return Shape(f"a whole number from {least} to {most}", taken)


def choice(*options: object) -> Shape:
    """One of several.

    Args:
        options: what there is to choose from.
    """

    def taken(given: Any) -> object:
        for option in options:
            if type(given) is type(option) and given == option:
                return option
        raise ValueError("is none of these")

    return Shape(f"one of {listed(map(repr, options))}", taken)


def several(each: Shape, least: int, most: int) -> Shape:
    """A list of answers of one shape.

    Args:
        each: the shape of one.
        least: how many there are at least.
        most: how many there are at most.
    """

    def taken(given: Any) -> list[Any]:
        if isinstance(given, str | bytes | dict) or not isinstance(given, Sequence):
            raise ValueError("is no list")
        if not least <= len(given) <= most:
            raise ValueError(f"has {len(given)} of them")
        found = []
        for number, one in enumerate(given):
            try:
                found.append(each.taken(one))
            except ValueError as error:
                raise ValueError(f"has {shown(one)} at [{number}], which {error}") from None
        return found

    count = f"{least}" if least == most else f"{least} to {most}"
    return Shape(f"a list of {count}, each {each.asked}", taken)


def function(*arguments: str) -> Shape:
    """A function.

    Args:
        arguments: what it is called with, by position.
    """

    def taken(given: Any) -> Callable[..., Any]:
        if not callable(given):
            raise ValueError("is no function")
        try:
            signature(given).bind(*arguments)
        except (TypeError, ValueError):
            raise ValueError(f"does not take {len(arguments)} arguments") from None
        return given  # type: ignore[no-any-return] # whatever it returns

    return Shape(f"a function of ({', '.join(arguments)})", taken)


def device_class(idstr: str) -> Shape:
    """A class that :func:`savevm_inspect.device` made a device.

    Args:
        idstr: the name that it must have.
    """

    def taken(given: Any) -> type:
        if not isinstance(given, type):
            raise ValueError("is no class")
        if getattr(given, "idstr", None) != idstr or not hasattr(given, "attach"):
            raise ValueError("is not decorated as one")
        return given

    return Shape(f"a class that @si.device({idstr!r}, ...) has made a device", taken)
