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
    """A byte stream whose sender says where a reader may pause.

    A reader that is a plain function can't wait in the middle of a section. So the sender marks each offset after
    a whole record, and a reader gets bytes up to the last mark that has arrived. What comes after it is only
    read when the connection is gone, as a cut record.

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
        self._marks: deque[int] = deque()

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

    def mark(self, offset: int) -> None:
        """Say that a record ends at an offset, in bytes from the start of the channel."""
        if not self._marks or offset > self._marks[-1]:
            self._marks.append(offset)

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
        return self._whole() > 0 or self._ended()

    def wait(self, what: str) -> Steps[bool]:
        """Wait for the next bytes; returns whether there are any, which fails only at the end.

        Args:
            what: what for.
        """
        if not self.readable():
            yield Wait(what=what, ready=self.readable, wake_us=self._next_arrival)
        return self._whole() > 0 or self._look() > self._taken

    def take(self) -> bytes | bytearray | memoryview:
        """All that may be read now, up to a mark; at the end of the connection, what is left."""
        length = self._whole() or (self._look() - self._taken if self._ended() else 0)
        self._taken += length
        while self._marks and self._marks[0] <= self._taken:
            self._marks.popleft()
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
        """Take all that may be read now, and throw it away."""
        self._taken = self._look()
        self._pieces.clear()
        self._marks.clear()

    def _whole(self) -> int:
        """How many bytes there are up to the last mark that has arrived."""
        if not self._marks or self._marks[0] > self._look():
            return 0
        return max(mark for mark in self._marks if mark <= self._arrived) - self._taken

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
