"""One direction of a connection: bytes that were sent, are on their way, or wait to be read."""

import errno
from collections import deque
from collections.abc import Callable
from typing import Final

from .clock import Clock, Link
from .scheduler import Steps, Wait

Sink = Callable[[bytes | memoryview], object]
"""Takes a copy of all that is sent, as it goes out."""


class Pipe:
    """A byte stream: a reader gets what has arrived, wherever that ends.

    Args:
        clock: decides what has arrived.
        link: what the bytes go over; the sender waits for it.
        channel: number of the channel.
        sink: takes a copy of all that goes out.
        latency_us: how long a byte is on its way, in microseconds.
    """

    def __init__(
        self, clock: Clock, link: Link, *, channel: int = 0, sink: Sink | None = None, latency_us: int = 0
    ) -> None:
        self.channel = channel
        self.sent = 0
        """Bytes that went out."""
        self.closed = False
        """The sender is done; what it sent can still be read."""
        self.hung_up = False
        """Nobody reads any more."""
        self.broken = False
        """The connection is gone: nothing goes in any more, and what was on its way is lost."""
        self._clock = clock
        self._link = link
        self._sink = sink
        self._latency_us = latency_us
        self._pieces: deque[bytes | memoryview] = deque()
        """What is not read yet."""
        self._flight: deque[tuple[int, int]] = deque()
        """What has not arrived: the time at which it will, and its length."""
        self._arrived = 0
        self._taken = 0

    def write(self, data: bytes | memoryview) -> int:
        """Send bytes, which takes as long as the link needs; returns 0, or a negative errno."""
        if self.broken or self.closed or self.hung_up:
            return -errno.EPIPE
        if self._sink is not None:
            self._sink(data)
        self.sent += len(data)
        self._link.carry(len(data))
        self._pieces.append(data)
        self._flight.append((self._clock.now_us + self._latency_us, len(data)))
        return 0

    def close(self) -> None:
        """Say that nothing more will come (qemu_fclose)."""
        self.closed = True

    def shutdown(self) -> None:
        """Break the connection: what has not arrived by now is lost (qemu_file_shutdown)."""
        if self.broken:
            return
        self.broken = True
        lost = self.sent - self._look()
        while lost:
            piece = self._pieces.pop()
            if len(piece) > lost:
                self._pieces.append(piece[:-lost])
            lost -= min(len(piece), lost)
        self._flight.clear()

    def hang_up(self) -> None:
        """The reader goes away: a sender that goes on finds out."""
        self.hung_up = True

    def readable(self) -> bool:
        """Whether there is something to take, or the end has come."""
        return self._look() > self._taken or self._ended()

    def wait(self, what: str, least_bytes: int = 1) -> Steps[bool]:
        """Wait for the next bytes; returns whether there are any, which fails only at the end.

        Args:
            what: what for.
            least_bytes: the reader is woken by any.
        """
        del least_bytes
        if not self.readable():
            yield Wait(what=what, ready=self.readable, wake_us=self._next_arrival)
        return self._look() > self._taken

    def take(self) -> bytes | bytearray | memoryview:
        """All that has arrived."""
        length = self._look() - self._taken
        self._taken += length
        if self._pieces and len(self._pieces[0]) == length:
            return self._pieces.popleft()
        whole, pos = bytearray(length), 0
        while pos < length:  # piece by piece, so that not all of it is there twice
            piece = self._pieces.popleft()
            if len(piece) > length - pos:
                self._pieces.appendleft(piece[length - pos :])
                piece = piece[: length - pos]
            whole[pos : pos + len(piece)] = piece
            pos += len(piece)
        return whole

    def skip(self) -> None:
        """Take all that has arrived, and throw it away."""
        self._taken = self._look()
        self._pieces.clear()

    def _look(self) -> int:
        """Offset after the last byte that has arrived."""
        while self._flight and self._flight[0][0] <= self._clock.now_us:
            self._arrived += self._flight.popleft()[1]
        return self._arrived

    def _ended(self) -> bool:
        """Whether nothing more can arrive."""
        return self.broken or self.hung_up or (self.closed and self._look() == self.sent)

    def _next_arrival(self) -> int | None:
        return self._flight[0][0] if self._flight else None


NO_LINK: Final = 1 << 50
"""A bandwidth, in bytes a second, that takes no time for any amount that is sent here."""
