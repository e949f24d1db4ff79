"""Virtual time, and a link that takes some of it for every byte; nothing here looks at a real clock."""

from collections.abc import Callable
from typing import Protocol

from ...errors import SavevmError

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
    """Microseconds since the migration's start, moved on by whoever uses time up."""

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


class Link:
    """A line of constant bandwidth; the sender waits until it has taken the bytes.

    Args:
        clock: moves on as bytes are taken.
        bandwidth_bytes_per_s: positive.

    Raises:
        SavevmError: the bandwidth is not positive.
    """

    def __init__(self, clock: Clock, bandwidth_bytes_per_s: int) -> None:
        if bandwidth_bytes_per_s <= 0:
            raise SavevmError(f"a link of {bandwidth_bytes_per_s} bytes/s carries nothing")
        self._clock = clock
        self._bandwidth = bandwidth_bytes_per_s
        self._owed = 0  # what earlier bytes left over of a microsecond, in bytes x 10^6

    def carry(self, length: int) -> None:
        """Take bytes, and the time that they need.

        Args:
            length: number of bytes.
        """
        taken_us, self._owed = divmod(length * US_PER_S + self._owed, self._bandwidth)
        self._clock.advance(taken_us)
