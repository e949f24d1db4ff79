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
    before = sys.gettrace()
    if before is not None and not isinstance(before, _Lines):
        return function(*args)
    sys.settrace(_Lines())
    try:
        return function(*args)
    except _TooManyLines:
        raise DeviceError(f"did not return within {LINES} lines") from None
    finally:
        sys.settrace(before)


class _Lines:
    """A trace function that counts the lines of a callback, and none of what it calls of ours.

    Where a callback waits for bytes, all else runs inside of that call.
    """

    def __init__(self) -> None:
        self._left = LINES
        self._calls_of_ours = 0

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if str(frame.f_globals.get("__name__", "")).startswith(_OURS):
            self._calls_of_ours += 1
            frame.f_trace_lines = False
            return self._leave
        return None if self._calls_of_ours else self._line

    def _line(self, _frame: FrameType, event: str, _argument: object) -> Any:
        self._left -= event == "line"
        if self._left < 0:
            raise _TooManyLines
        return self._line

    def _leave(self, _frame: FrameType, event: str, _argument: object) -> Any:
        self._calls_of_ours -= event == "return"  # a generator that yields returns, too
        return self._leave
