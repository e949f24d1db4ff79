"""The source's channels for pages and device state besides the main one (migration/multifd.c)."""

from collections import deque

from ...payload.multifd_writer import MultifdSender, MultifdWriter
from ...rules.compat import Behaviour
from ...rules.threads import Thread
from ...stream.events import EventKind
from ...stream.writer import Writer
from ..machine.qemu_file import QEMUFile
from ..machine.side import MigrationSide
from ..sim.connection import OutgoingConnection
from ..sim.scheduler import Steps, Task, Wait, end_of


class _Channel:
    """A channel, and the packets that its thread has still to send.

    Args:
        f: where they go.
        page_size: bytes of a page.
        compression: of pages.
    """

    def __init__(self, f: QEMUFile, *, page_size: int, compression: str) -> None:
        self.f = f
        self._packets = bytearray()
        self.writer = MultifdWriter(
            Writer(self._packets.extend, channel=f.channel), page_size=page_size, compression=compression
        )
        self.jobs: deque[tuple[str, bytes]] = deque()
        """What each is, and its bytes; the first one is being sent."""

    def give(self, name: str) -> None:
        """Hand what was written to the thread, if anything was (multifd_send, qemu_sem_post)."""
        if self._packets:
            self.jobs.append((name, bytes(self._packets)))
            self._packets.clear()


class MultifdSend:
    """The sending end of all channels: each has a thread that sends what it is given, one packet after the other.

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
        self._channels = [
            _Channel(
                QEMUFile(connection.open_channel(), main.rate),
                page_size=page_size,
                compression=parameters.multifd_compression.value,
            )
            for _ in range(parameters.multifd_channels)
        ]
        self._sender = MultifdSender(
            [channel.writer for channel in self._channels],
            page_size=page_size,
            zero_page_detection=side.machine.compat.has(Behaviour.MULTIFD_ZERO_PAGES),
            next_idle=self._next_idle,
        )
        self._turn = 0
        self._exiting = False
        self._tasks: list[Task] = []
        self._one_idle = Wait(
            what="an idle multifd channel", ready=lambda: any(not each.jobs for each in self._channels)
        )
        self._all_idle = Wait(
            what="all multifd channels", ready=lambda: not any(each.jobs for each in self._channels)
        )

    def start(self) -> None:
        """Begin the threads, which introduce their channels (multifd_send_setup, multifd_send_initial_packet)."""
        for number, channel in enumerate(self._channels):
            channel.writer.put_initial_packet(number, self._side.machine.channel_uuid)
            self._tasks.append(self._side.scheduler.start(Thread.MULTIFD_SEND, self._run(channel), daemon=True))
        self._give("initial packet")

    def queue_page(self, block: str, addr: int, content: bytes) -> None:
        """Queue a page (multifd_queue_page); who does waits at its next halt until a channel is idle."""
        self._sender.queue_page(block, addr, content)
        self._give("pages")

    def sync(self) -> None:
        """Send what is queued, and end the epoch on each channel (multifd_send_sync_main)."""
        self._sender.send()
        self._give("pages")
        self._sender.send_sync_main()
        self._give("sync")
        self._side.scheduler.hold(self._all_idle)

    def queue_device_state(self, idstr: str, instance_id: int, state: bytes) -> bool:
        """Send a piece of a device's state (multifd_queue_device_state); False if the channel is gone."""
        self._turn = self._next_idle((self._turn + 1) % len(self._channels))
        channel = self._channels[self._turn]
        channel.writer.put_device_state(idstr, instance_id, state)
        self._give("device state")
        return not channel.f.get_error()

    def shutdown(self) -> Steps[None]:
        """Close all channels, and wait for their threads (multifd_send_shutdown)."""
        yield self._all_idle
        self._exiting = True
        for task in self._tasks:
            yield end_of(task)

    def _next_idle(self, first: int) -> int:
        """The next channel with nothing to send, from one on; that one if there is none."""
        count = len(self._channels)
        order = ((first + step) % count for step in range(count))
        return next((number for number in order if not self._channels[number].jobs), first)

    def _give(self, name: str) -> None:
        for channel in self._channels:
            channel.give(name)
        if not self._one_idle.ready():
            self._side.scheduler.hold(self._one_idle)

    def _run(self, channel: _Channel) -> Steps[None]:
        """Send one packet after the other (multifd_send_thread)."""
        side, f = self._side, channel.f
        work = Wait(what="a packet to send", ready=lambda: self._exiting or bool(channel.jobs), waits_for_user=True)
        while True:
            yield work
            if not channel.jobs:
                return
            name, packet = channel.jobs[0]
            side.scheduler.spend(len(packet) * side.machine.costs.multifd_byte_ps // 1000)
            yield from side.scheduler.settle()
            start = f.transferred
            f.put_buffer(packet)
            f.fflush()
            side.emit(EventKind.RECORD, name=f"multifd {name}", channel=f.channel, offset=start, length=len(packet))
            if f.get_error():
                self._main.set_error(f.get_error())
            yield from side.scheduler.settle()
            channel.jobs.popleft()
