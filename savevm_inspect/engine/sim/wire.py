"""What takes a byte its time: a socket's buffer, then the wire that all channels of one direction share.

A channel's bytes wait in its own buffer; the wire takes a slice of each buffer in turn, so that a page on a channel
of its own passes those that wait on the main one. Whoever waits for room or for bytes asks when there may be some.
"""

from collections import deque
from typing import Final

from ...errors import SavevmError
from .clock import US_PER_S, Clock

SOCKET_BUFFER_BYTES: Final = 212_992
"""Linux's default for what may wait in a socket (net.core.wmem_default)."""

_SLICE_US: Final = 500
_LEAST_SLICE_BYTES: Final = 4096


class Wire:
    """One direction of a link of constant bandwidth.

    Args:
        clock: the time.
        bandwidth_bytes_per_s: positive.
        latency_us: how long a byte is on its way after it was sent, in microseconds.

    Attributes:
        latency_us: how long a byte is on its way.
        slice_bytes: how much of one channel goes at once while others wait.

    Raises:
        SavevmError: the bandwidth is not positive.
    """

    def __init__(self, clock: Clock, bandwidth_bytes_per_s: int, latency_us: int = 0) -> None:
        if bandwidth_bytes_per_s <= 0:
            raise SavevmError(f"a link of {bandwidth_bytes_per_s} bytes/s carries nothing")
        self.latency_us = latency_us
        self._clock = clock
        self._bandwidth = bandwidth_bytes_per_s
        self.slice_bytes = max(bandwidth_bytes_per_s * _SLICE_US // US_PER_S, _LEAST_SLICE_BYTES)
        # Times are multiples of a microsecond's share of a byte, so that nothing is rounded on the way.
        self._free = 0
        self._waiting: deque[SocketBuffer] = deque()
        self._current: tuple[SocketBuffer, int, int] | None = None
        """Whose slice is on the wire, its length and the time of its end."""

    def run(self) -> None:
        """Note what has been sent by now."""
        now = self._clock.now_us * self._bandwidth
        while self._current is not None and self._current[2] <= now:
            buffer, length, end = self._current
            self._current, self._free = None, end
            buffer.note_sent(length, self._us(end) + self.latency_us)
            if buffer.queued:
                self._waiting.append(buffer)
            self._begin(end)

    def add(self, buffer: "SocketBuffer") -> None:
        """A buffer that was empty has bytes."""
        self._waiting.append(buffer)
        if self._current is None:
            self._begin(max(self._free, self._clock.now_us * self._bandwidth))

    def remove(self, buffer: "SocketBuffer") -> None:
        """What waits in a buffer is not sent any more."""
        if buffer in self._waiting:
            self._waiting.remove(buffer)
        if self._current is not None and self._current[0] is buffer:
            self._current = None
            self._begin(self._clock.now_us * self._bandwidth)

    def sent_us(self, buffer: "SocketBuffer", length: int) -> int:
        """When so many bytes more of a buffer will have been sent, in microseconds, if nobody else sends."""
        if self._current is None:
            return self._clock.now_us
        current, slice_bytes, end = self._current
        return self._us(end + max(length - (slice_bytes if current is buffer else 0), 0) * US_PER_S)

    def _begin(self, at: int) -> None:
        if self._waiting:
            buffer = self._waiting.popleft()
            length = min(buffer.queued, self.slice_bytes)
            self._current = (buffer, length, at + length * US_PER_S)

    def _us(self, time: int) -> int:
        return -(-time // self._bandwidth)


class SocketBuffer:
    """What one channel has sent: how far it was written, has left the buffer, and has arrived.

    Args:
        clock: the time.
        wire: what takes it.
        size_bytes: how much may wait before a sender has to.

    Attributes:
        written: bytes that were put in, from the beginning on.
        arrived: bytes that the other end can read, or has read.
    """

    def __init__(self, clock: Clock, wire: Wire, size_bytes: int = SOCKET_BUFFER_BYTES) -> None:
        self._clock = clock
        self._wire = wire
        self._size = size_bytes
        self.written = 0
        self.arrived = 0
        self._sent = 0
        self._on_the_way: deque[tuple[int, int]] = deque()
        """Time of arrival, and offset after what arrives then."""
        self._ends: deque[int] = deque()
        """Offsets where what was written at once ends: there a reader is woken (TCP's PSH)."""

    @property
    def queued(self) -> int:
        """Bytes that have not been sent yet."""
        return self.written - self._sent

    @property
    def full(self) -> bool:
        """Whether its sender must wait."""
        if self.queued > self._size:
            self._wire.run()
        return self.queued > self._size

    def room_us(self) -> int:
        """When it may be full no more, in microseconds, if it is."""
        return self._wire.sent_us(self, self.queued - self._size)

    def put(self, length: int) -> None:
        """Take bytes, as many as there are; whoever finds it full then waits."""
        if not length:
            return
        self._wire.run()
        idle = not self.queued
        self.written += length
        self._ends.append(self.written)
        if idle:
            self._wire.add(self)

    def note_sent(self, length: int, arrives_us: int) -> None:
        """The wire has taken bytes."""
        self._sent += length
        self._on_the_way.append((arrives_us, self._sent))

    def look(self) -> int:
        """Offset after the last byte that has arrived."""
        self._wire.run()
        while self._on_the_way and self._on_the_way[0][0] <= self._clock.now_us:
            self.arrived = self._on_the_way.popleft()[1]
        return self.arrived

    def wanted(self, taken: int, least_bytes: int) -> int | None:
        """Up to where bytes must arrive for a reader to be woken: enough of them, or the end of a write.

        Args:
            taken: how many it has read.
            least_bytes: how many more are of use; 1 for whatever was written at once.
        """
        while self._ends and self._ends[0] <= taken:
            self._ends.popleft()
        if not self._ends:
            return None
        return min(self._ends[0], taken + least_bytes) if least_bytes > 1 else self._ends[0]

    def arrival_us(self, offset: int | None) -> int | None:
        """When all up to an offset may have arrived, in microseconds; ``None`` if nobody can say."""
        if offset is None:
            return None
        if offset <= self._sent:
            return next((time for time, end in self._on_the_way if end >= offset), None)
        return self._wire.sent_us(self, offset - self._sent) + self._wire.latency_us

    def lose(self) -> int:
        """Nothing arrives any more; returns how many bytes are lost."""
        lost = self.written - self.look()
        self.written = self._sent = self.arrived
        self._on_the_way.clear()
        self._wire.remove(self)
        return lost

    def drop(self) -> None:
        """Nobody reads any more: what waits goes away, so that no sender waits for it."""
        self._wire.run()
        self._sent = self.written
        self._wire.remove(self)
