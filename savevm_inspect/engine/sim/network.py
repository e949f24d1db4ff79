"""What lies between the two sides: connections, each of several channels and a way back, that can break."""

from collections.abc import Callable
from typing import Protocol

from . import connection
from .pipe import Pipe, Sink
from .scheduler import Scheduler
from .wire import SOCKET_BUFFER_BYTES, SocketBuffer, Wire


class Watch(Protocol):
    """Says where the copy of a channel's bytes goes."""

    def __call__(self, number: int, *, back: bool, resumed: bool) -> Sink | None:
        """The sink of a channel.

        Args:
            number: in the order in which the source connected, over all connections; 0 is the main channel.
            back: the direction: from the destination to the source.
            resumed: it is the main channel of a connection that was made after another one broke.
        """


class MakeNetwork(Protocol):
    """Makes what lies between two machines."""

    def __call__(
        self,
        scheduler: Scheduler,
        *,
        bandwidth_bytes_per_s: int,
        latency_us: int,
        socket_buffer_bytes: int,
        watch: Watch | None,
    ) -> connection.Network:
        """Args: those of :class:`VirtualNetwork`."""


class Connection:
    """All channels of one attempt to migrate.

    Args:
        network: what it goes over.

    Attributes:
        forward: the channels from source to destination; the first is the main one.
        back: the way back on the main channel.
        resumed: another one broke before it.
        accepts: how many channels the destination takes, the main one among them; ``None`` for any number.
        broken: it is gone.
    """

    def __init__(self, network: "VirtualNetwork") -> None:
        self._network = network
        self.broken = False
        self.accepts: int | None = None
        main, self.back = network.make_main()
        self.resumed = main.channel > 0
        self.forward = [main]

    @property
    def main(self) -> Pipe:
        """The main channel."""
        return self.forward[0]

    def open_channel(self) -> Pipe:
        """Connect a further channel; the destination sees it at once, and hangs up on one that it does not expect."""
        pipe = self._network.make_channel()
        if self.accepts is not None and len(self.forward) >= self.accepts:
            pipe.hang_up()
        if self.broken:
            pipe.shutdown()
        self.forward.append(pipe)
        return pipe

    def fail(self) -> None:
        """Break all channels in both directions; what is on its way is lost."""
        self.broken = True
        for pipe in (*self.forward, self.back):
            pipe.shutdown()


class VirtualNetwork:
    """Makes connections between two machines in one process, in virtual time.

    Args:
        scheduler: the threads that send, and the time that it takes.
        bandwidth_bytes_per_s: of the link in each direction, which all its channels share.
        latency_us: how long a byte is on its way, in microseconds.
        socket_buffer_bytes: how much may wait in the buffer of each channel's sender before it has to.
        watch: says who gets a copy of what.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        bandwidth_bytes_per_s: int,
        latency_us: int = 0,
        socket_buffer_bytes: int = SOCKET_BUFFER_BYTES,
        watch: Watch | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._forward, self._back = (Wire(scheduler.clock, bandwidth_bytes_per_s, latency_us) for _ in range(2))
        self._buffer_bytes = socket_buffer_bytes
        self._watch = watch
        self._channels = 0
        self.connections: list[Connection] = []
        self.on_connect: Callable[[connection.IncomingConnection], object] | None = None
        """Called with each new connection: the destination accepts it."""

    def connect(self) -> Connection:
        """Connect the source with the destination."""
        made = Connection(self)
        self.connections.append(made)
        if self.on_connect is not None:
            self.on_connect(made)
        return made

    def fail(self) -> None:
        """Break the connection there is; another one can be made at once."""
        if self.connections:
            self.connections[-1].fail()

    def make_main(self) -> tuple[Pipe, Pipe]:
        """The two directions of a main channel."""
        number = self._take_number()
        resumed = number > 0
        return self._make(number, back=False, resumed=resumed), self._make(number, back=True, resumed=resumed)

    def make_channel(self) -> Pipe:
        """A further channel."""
        return self._make(self._take_number(), back=False, resumed=False)

    def _take_number(self) -> int:
        self._channels += 1
        return self._channels - 1

    def _make(self, number: int, *, back: bool, resumed: bool) -> Pipe:
        return Pipe(
            SocketBuffer(self._scheduler.clock, self._back if back else self._forward, self._buffer_bytes),
            self._scheduler,
            channel=number,
            sink=self._watch(number, back=back, resumed=resumed) if self._watch is not None else None,
        )
