"""The source's channels for pages and device state besides the main one (migration/multifd.c)."""

from ...payload.multifd_writer import MultifdSender, MultifdWriter
from ...rules.compat import Behaviour
from ...stream.events import EventKind
from ..machine.qemu_file import QEMUFile
from ..machine.side import MigrationSide
from ..sim.connection import OutgoingConnection
from ..sim.scheduler import CHECKPOINT, Steps


class MultifdSend:
    """The sending end of all channels.

    Upstream each channel has a thread that sends what it is given while others fill the next packet. Here the
    channels are always idle: what is queued is sent at once by whoever queues it, which gives the same bytes.

    Args:
        side: the source.
        connection: to be extended by the channels.
        main: the main channel, which takes the errors of all.
    """

    def __init__(self, side: MigrationSide, connection: OutgoingConnection, main: QEMUFile) -> None:
        parameters = side.options.parameters
        page_size = side.machine.kind.page_size
        self._side = side
        self._main = main
        self._files = [QEMUFile(connection.open_channel(), main.rate) for _ in range(parameters.multifd_channels)]
        self._writers = [
            MultifdWriter(f, page_size=page_size, compression=parameters.multifd_compression.value)
            for f in self._files
        ]
        self._sender = MultifdSender(
            self._writers,
            page_size=page_size,
            zero_page_detection=side.machine.compat.has(Behaviour.MULTIFD_ZERO_PAGES),
        )
        self._turn = 0
        self._emitted = {f.channel: 0 for f in self._files}

    def start(self) -> None:
        """Introduce each channel (multifd_send_setup, multifd_send_initial_packet)."""
        for number, writer in enumerate(self._writers):
            writer.put_initial_packet(number, self._side.machine.channel_uuid)
        self._flush("initial packet")

    def queue_page(self, block: str, addr: int, content: bytes) -> None:
        """Queue a page (multifd_queue_page)."""
        self._sender.queue_page(block, addr, content)
        self._flush("pages")

    def sync(self) -> None:
        """Send what is queued, and end the epoch on each channel (multifd_send_sync_main)."""
        self._sender.send()
        self._flush("pages")
        self._sender.send_sync_main()
        self._flush("sync")

    def queue_device_state(self, idstr: str, instance_id: int, state: bytes) -> bool:
        """Send a piece of a device's state (multifd_queue_device_state); False if the channel is gone."""
        self._turn = (self._turn + 1) % len(self._writers)
        self._writers[self._turn].put_device_state(idstr, instance_id, state)
        self._flush("device state")
        return not self._files[self._turn].get_error()

    def shutdown(self) -> Steps[None]:
        """Close all channels (multifd_send_shutdown)."""
        self._flush("pages")
        yield CHECKPOINT

    def _flush(self, name: str) -> None:
        """Send what is whole, and emit its events; each file holds whole packets only."""
        for f in self._files:
            start = self._emitted[f.channel]
            if f.transferred == start:
                continue
            f.fflush()
            self._emitted[f.channel] = f.transferred
            self._side.emit(
                EventKind.RECORD,
                name=f"multifd {name}",
                channel=f.channel,
                offset=start,
                length=f.transferred - start,
            )
        if any(f.get_error() for f in self._files):
            self._main.set_error(next(f.get_error() for f in self._files if f.get_error()))
