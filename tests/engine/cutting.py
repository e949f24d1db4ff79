"""A second network: its readers get a stream in pieces that are cut anywhere, and never learn where a record ends."""

import errno
from collections import deque
from collections.abc import Callable
from random import Random

from savevm_inspect.engine.sim.clock import Clock, Link
from savevm_inspect.engine.sim.connection import IncomingConnection
from savevm_inspect.engine.sim.network import NO_LINK, Watch
from savevm_inspect.engine.sim.pipe import Sink
from savevm_inspect.engine.sim.scheduler import Steps, Wait


class CutChannel:
    """One direction of one channel.

    Args:
        number: of the channel.
        network: what it goes over.
        link: takes the time of what is sent.
        sink: takes a copy of it.
    """

    def __init__(self, number: int, network: "CutNetwork", link: Link, sink: Sink | None) -> None:
        self.channel = number
        self.closed = self.hung_up = self.broken = False
        self._network, self._link, self._sink = network, link, sink
        self._data = bytearray()
        self._sent: deque[tuple[int, int]] = deque()
        """Time of arrival, and the length of the stream then."""
        self._arrived = self._taken = 0

    def write(self, data: bytes | memoryview) -> int:
        if self.broken or self.closed or self.hung_up:
            return -errno.EPIPE
        if self._sink is not None:
            self._sink(data)
        self._link.carry(len(data))
        self._data += data
        self._sent.append((self._network.clock.now_us + self._network.latency_us, len(self._data)))
        return 0

    def close(self) -> None:
        self.closed = True

    def hang_up(self) -> None:
        self.hung_up = True

    def shutdown(self) -> None:
        if not self.broken:
            self.broken = True
            del self._data[self._look() :]
            self._sent.clear()

    def wait(self, what: str, _least_bytes: int) -> Steps[bool]:
        if not self._ready():
            yield Wait(what=what, ready=self._ready, wake_us=lambda: self._sent[0][0] if self._sent else None)
        return self._look() > self._taken

    def take(self) -> bytes:
        here = self._look() - self._taken
        length = min(here, self._network.cut())
        self._taken += length
        return bytes(self._data[self._taken - length : self._taken])

    def _look(self) -> int:
        while self._sent and self._sent[0][0] <= self._network.clock.now_us:
            self._arrived = self._sent.popleft()[1]
        return self._arrived

    def _ready(self) -> bool:
        ended = self.broken or self.hung_up or (self.closed and self._look() == len(self._data))
        return self._look() > self._taken or ended


class CutConnection:
    """All channels of one attempt to migrate."""

    def __init__(self, network: "CutNetwork") -> None:
        self._network = network
        self.broken = False
        self.accepts: int | None = None
        self.resumed = network.channels > 0
        number = network.channels
        self.back = network.make(number, back=True, resumed=self.resumed)
        self.forward = [network.make(number, back=False, resumed=self.resumed)]
        network.channels += 1

    @property
    def main(self) -> CutChannel:
        return self.forward[0]

    def open_channel(self) -> CutChannel:
        channel = self._network.make(self._network.channels, back=False, resumed=False)
        self._network.channels += 1
        if self.accepts is not None and len(self.forward) >= self.accepts:
            channel.hang_up()
        if self.broken:
            channel.shutdown()
        self.forward.append(channel)
        return channel

    def fail(self) -> None:
        self.broken = True
        for channel in (*self.forward, self.back):
            channel.shutdown()


class CutNetwork:
    """Makes connections.

    Args:
        clock: the time that bytes take.
        bandwidth_bytes_per_s: of the link.
        latency_us: how long a byte is on its way.
        watch: says who gets a copy of what.
        most: length of a piece at most.
    """

    def __init__(
        self, clock: Clock, *, bandwidth_bytes_per_s: int, latency_us: int, watch: Watch | None, most: int
    ) -> None:
        self.clock, self.latency_us = clock, latency_us
        self._forward, self._back = Link(clock, bandwidth_bytes_per_s), Link(clock, NO_LINK)
        self._watch, self._most, self._random = watch, most, Random(most)
        self.channels = 0
        self.connections: list[CutConnection] = []
        self.on_connect: Callable[[IncomingConnection], object] | None = None

    def connect(self) -> CutConnection:
        connection = CutConnection(self)
        self.connections.append(connection)
        if self.on_connect is not None:
            self.on_connect(connection)
        return connection

    def fail(self) -> None:
        if self.connections:
            self.connections[-1].fail()

    def make(self, number: int, *, back: bool, resumed: bool) -> CutChannel:
        sink = self._watch(number, back=back, resumed=resumed) if self._watch is not None else None
        return CutChannel(number, self, self._back if back else self._forward, sink)

    def cut(self) -> int:
        """Length of the next piece."""
        return self._random.randint(1, self._most)
