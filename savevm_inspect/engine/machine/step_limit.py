"""A limit on what somebody else's callback may do, so that one which never ends is an error and no standstill.

No thread could watch over it: the callback runs under a trace function that counts its lines. What loops within one
call of a function that is written in C is not seen.
"""

import sys
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, Final

from ..sim.scheduler import Steps
from .handlers import DeviceError

LINES: Final = 2_000_000
"""How many lines of Python one call may run, from one checkpoint to the next."""
STEPS: Final = 100_000
"""How many checkpoints one call may come to."""

_OURS: Final = "savevm_inspect."


class _TooManyLines(BaseException):
    """Raised within the callback; no ``except Exception`` of its own stops it."""


def limited(function: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that ends, or raises.

    Args:
        function: a handler or hook; those of this package are given back as they are.

    Returns:
        The same, which raises a :class:`~.handlers.DeviceError` where it would never return.
    """
    if str(getattr(function, "__module__", "")).startswith(_OURS):
        return function

    def call(*args: Any) -> Any:
        returned = _counted(function, *args)
        return _limited_steps(returned) if isinstance(returned, Generator) else returned

    return call


def _limited_steps(steps: Steps[Any]) -> Steps[Any]:
    for _ in range(STEPS):
        try:
            wait = _counted(next, steps)
        except StopIteration as end:
            return end.value
        yield wait
    steps.close()
    raise DeviceError(f"did not end within {STEPS} checkpoints")


def _counted(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function; a debugger that watches already goes on watching, and nothing is counted."""
    if sys.gettrace() is not None:
        return function(*args)
    left = LINES

    def count(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if str(frame.f_globals.get("__name__", "")).startswith(_OURS):
            return None
        left -= event == "line"
        if left < 0:
            raise _TooManyLines
        return count

    sys.settrace(count)
    try:
        return function(*args)
    except _TooManyLines:
        raise DeviceError(f"did not return within {LINES} lines") from None
    finally:
        sys.settrace(None)
