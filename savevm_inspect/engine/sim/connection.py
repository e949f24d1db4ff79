"""What a migration asks of its connection: the two directions of a channel, and both ends of all channels together.

Source and destination know these Protocols only. What carries the bytes is :mod:`.network`'s here, and could as well
be sockets.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from .scheduler import Steps


class ByteSink(Protocol):
    """Takes bytes."""

    channel: int

    def write(self, data: bytes | memoryview) -> int:
        """Send bytes; returns 0 or a negative errno."""


class OutgoingChannel(ByteSink, Protocol):
    """The direction of a channel that is written to."""

    def close(self) -> None:
        """Say that nothing more will come (qemu_fclose)."""


class OpenedChannel(OutgoingChannel, Protocol):
    """A further channel, which the destination may refuse."""

    @property
    def hung_up(self) -> bool:
        """Whether the destination reads it no more, or never did."""


class IncomingChannel(Protocol):
    """The direction of a channel that is read."""

    channel: int

    @property
    def closed(self) -> bool:
        """The sender is done; what it sent can still be read."""

    @property
    def broken(self) -> bool:
        """The connection is gone."""

    def wait(self, what: str, least_bytes: int) -> Steps[bool]:
        """Wait for the next bytes; returns whether there are any, which fails only at the end.

        Args:
            what: what for.
            least_bytes: how many are of use to the reader; where what was sent at once ends is enough, too. There may
                be fewer when the wait is over: it only spares the reader from being woken in vain.
        """

    def take(self) -> bytes | bytearray | memoryview:
        """The next of the bytes that have arrived, wherever that cuts a record; at least one if there are any."""

    def hang_up(self) -> None:
        """Read no more: a sender that goes on finds out."""

    def shutdown(self) -> None:
        """Break the channel (qemu_file_shutdown)."""


class OutgoingConnection(Protocol):
    """All channels of one attempt to migrate, as the source holds them."""

    @property
    def main(self) -> OutgoingChannel:
        """The main channel."""

    @property
    def forward(self) -> Sequence[OutgoingChannel]:
        """All channels to the destination; the first is the main one."""

    @property
    def back(self) -> IncomingChannel:
        """The way back on the main channel."""

    def open_channel(self) -> OpenedChannel:
        """Connect a further channel; the destination hangs up on one that it does not expect."""

    def fail(self) -> None:
        """Break all channels in both directions."""


class IncomingConnection(Protocol):
    """All channels of one attempt to migrate, as the destination holds them."""

    accepts: int | None
    """How many channels the destination takes, the main one among them; ``None`` for any number."""

    @property
    def resumed(self) -> bool:
        """Another one broke before it."""

    @property
    def broken(self) -> bool:
        """It is gone."""

    @property
    def main(self) -> IncomingChannel:
        """The main channel."""

    @property
    def forward(self) -> Sequence[IncomingChannel]:
        """All channels that the source has opened by now; the first is the main one."""

    @property
    def back(self) -> OutgoingChannel:
        """The way back on the main channel."""

    def fail(self) -> None:
        """Break all channels in both directions."""


class Connector(Protocol):
    """What the source connects with."""

    def connect(self) -> OutgoingConnection:
        """Connect the source with the destination."""


class Network(Connector, Protocol):
    """What lies between the two sides."""

    on_connect: Callable[[IncomingConnection], object] | None
    """Called with each new connection: the destination accepts it."""

    def fail(self) -> None:
        """Break the connection there is; another one can be made at once."""
