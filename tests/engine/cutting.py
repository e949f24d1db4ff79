"""A second network: its readers get a stream in pieces that are cut anywhere, and never learn where a record ends."""

import errno
from collections.abc import Callable
from random import Random

from savevm_inspect.engine.sim.connection import IncomingConnection
from savevm_inspect.engine.sim.network import Watch
from savevm_inspect.engine.sim.pipe import Sink
from savevm_inspect.engine.sim.scheduler import Scheduler, Steps, Wait
from savevm_inspect.engine.sim.wire import SocketBuffer, Wire


class CutChannel:
    """One direction of one channel.

    Args:
        number: of the channel.
        network: what it goes over.
        wire: takes the time of what is sent.
        sink: takes a copy of it.
    """

    def __init__(self, number: int, network: "CutNetwork", wire: Wire, sink: Sink | None) -> None:
        self.channel = number
        self.closed = self.hung_up = self.broken = False
        self._network, self._sink = network, sink
        self._buffer = buffer = SocketBuffer(network.scheduler.clock, wire, network.buffer_bytes)
        self._room = Wait(what="room", ready=lambda: not buffer.full, wake_us=buffer.room_us)
        self._data = bytearray()
        self._taken = 0

    def write(self, data: bytes | memoryview) -> int:
        if self.broken or self.closed or self.hung_up:
            return -errno.EPIPE
        if self._sink is not None:
            self._sink(data)
        self._data += data
        self._buffer.put(len(data))
        if self._buffer.full:
            self._network.scheduler.hold(self._room)
        return 0

    def close(self) -> None:
        self.closed = True

    def hang_up(self) -> None:
        if not self.hung_up:
            self.hung_up = True
            self._buffer.drop()

    def shutdown(self) -> None:
        if not self.broken:
            self.broken = True
            self._buffer.lose()
            del self._data[self._buffer.arrived :]

    def wait(self, what: str, least_bytes: int) -> Steps[bool]:
        def wanted() -> int | None:
            return self._buffer.wanted(self._taken, least_bytes)

        def ready() -> bool:
            offset, ended = wanted(), self.broken or self.hung_up
            ended = ended or (self.closed and self._buffer.look() == len(self._data))
            return ended or (offset is not None and self._buffer.look() >= offset)

        # What it was woken for it hands out in pieces.
        if self._woken <= self._taken and not ready():
            yield Wait(what=what, ready=ready, wake_us=lambda: self._buffer.arrival_us(wanted()))
        if self._woken <= self._taken:
            self._woken = self._buffer.look()
        return self._woken > self._taken

    _woken = 0

    def take(self) -> bytes:
        length = min(self._woken - self._taken, self._network.cut())
        self._taken += length
        return bytes(self._data[self._taken - length : self._taken])


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
        scheduler: who sends, and the time that it takes.
        bandwidth_bytes_per_s: of the link.
        latency_us: how long a byte is on its way.
        socket_buffer_bytes: how much may wait in a sender's buffer.
        watch: says who gets a copy of what.
        most: length of a piece at most.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        bandwidth_bytes_per_s: int,
        latency_us: int,
        socket_buffer_bytes: int,
        watch: Watch | None,
        most: int,
    ) -> None:
        self.scheduler, self.buffer_bytes = scheduler, socket_buffer_bytes
        self._forward, self._back = (Wire(scheduler.clock, bandwidth_bytes_per_s, latency_us) for _ in range(2))
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
