"""One direction of a connection: bytes that were sent, are on their way, or wait to be read."""

import errno
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .scheduler import Steps, Wait
from .wire import SocketBuffer

Sink = Callable[[bytes | memoryview], object]
"""Takes a copy of all that is sent, as it goes out."""


class Threads(Protocol):
    """What a sender is known to, to have it wait."""

    def hold(self, wait: Wait) -> None:
        """Have the thread that runs now not go on from its next halt before something has happened."""


class Pipe:
    """A byte stream: a reader gets what has arrived, wherever that ends.

    Args:
        buffer: when its bytes arrive.
        threads: who sends waits here when the buffer is full.
        channel: number of the channel.
        sink: takes a copy of all that goes out.
    """

    def __init__(self, buffer: SocketBuffer, threads: Threads, *, channel: int = 0, sink: Sink | None = None) -> None:
        self.channel = channel
        self.closed = False
        """The sender is done; what it sent can still be read."""
        self.hung_up = False
        """Nobody reads any more."""
        self.broken = False
        """The connection is gone: nothing goes in any more, and what was on its way is lost."""
        self._buffer = buffer
        self._threads = threads
        self._sink = sink
        self._pieces: deque[bytes | memoryview] = deque()
        """What is not read yet."""
        self._taken = 0
        self._room = Wait(what="room in the socket's buffer", ready=lambda: not buffer.full, wake_us=buffer.room_us)

    def write(self, data: bytes | memoryview) -> int:
        """Send bytes; returns 0, or a negative errno. The thread that sends waits at its next halt if it must."""
        if self.broken or self.closed or self.hung_up:
            return -errno.EPIPE
        if self._sink is not None:
            self._sink(data)
        self._pieces.append(data)
        self._buffer.put(len(data))
        if self._buffer.full:
            self._threads.hold(self._room)
        return 0

    def close(self) -> None:
        """Say that nothing more will come (qemu_fclose)."""
        self.closed = True

    def shutdown(self) -> None:
        """Break the connection: what has not arrived by now is lost (qemu_file_shutdown)."""
        if self.broken:
            return
        self.broken = True
        lost = self._buffer.lose()
        while lost:
            piece = self._pieces.pop()
            if len(piece) > lost:
                self._pieces.append(piece[:-lost])
            lost -= min(len(piece), lost)

    def hang_up(self) -> None:
        """The reader goes away: a sender that goes on finds out."""
        if not self.hung_up:
            self.hung_up = True
            self._buffer.drop()

    def wait(self, what: str, least_bytes: int = 1) -> Steps[bool]:
        """Wait for the next bytes; returns whether there are any, which fails only at the end.

        Args:
            what: what for.
            least_bytes: how many are of use to the reader; where a write ends is enough, too.
        """

        def wanted() -> int | None:
            return self._buffer.wanted(self._taken, least_bytes)

        def ready() -> bool:
            offset = wanted()
            return (offset is not None and self._buffer.look() >= offset) or self._ended()

        if not ready():
            yield Wait(what=what, ready=ready, wake_us=lambda: self._buffer.arrival_us(wanted()))
        return self._buffer.look() > self._taken

    def take(self) -> bytes | bytearray | memoryview:
        """All that has arrived."""
        length = self._buffer.look() - self._taken
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
        self._taken = self._buffer.look()
        self._pieces.clear()

    def _ended(self) -> bool:
        """Whether nothing more can arrive."""
        return self.broken or self.hung_up or (self.closed and self._buffer.look() == self._buffer.written)
