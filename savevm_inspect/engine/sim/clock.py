"""Virtual time; nothing here looks at a real clock."""

from collections.abc import Callable
from typing import Protocol

US_PER_S = 1_000_000


class Clock(Protocol):
    """The time that both machines live in."""

    @property
    def now_us(self) -> int:
        """Microseconds since the migration's start."""

    def listen(self, listener: Callable[[int], None]) -> None:
        """Have a function called with the new time, in microseconds, whenever it moves on."""

    def advance(self, by_us: int) -> None:
        """Let time pass.

        Args:
            by_us: how much, in microseconds, not negative.
        """


class VirtualClock:
    """Microseconds since the migration's start, moved on by the scheduler, to when the next thing happens."""

    def __init__(self) -> None:
        self.now_us = 0
        self._listeners: list[Callable[[int], None]] = []

    def listen(self, listener: Callable[[int], None]) -> None:
        """Have a function called with the new time, in microseconds, whenever it moves on."""
        self._listeners.append(listener)

    def advance(self, by_us: int) -> None:
        """Let time pass.

        Args:
            by_us: how much, not negative.
        """
        if by_us:
            self.now_us += by_us
            for listener in self._listeners:
                listener(self.now_us)
