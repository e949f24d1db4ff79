"""The destination's channels for pages and device state besides the main one (migration/multifd.c)."""

from collections.abc import Sequence
from uuid import UUID

from ...errors import BadPayload, SavevmError
from ...payload.multifd import MultifdReader
from ...payload.page_log import PageKind, PageLog
from ...payload.ram_blocks import RamBlock
from ...rules.threads import Thread
from ...stream.events import EventKind
from ...stream.records import MultifdPacket
from ...wire import MultifdFlag
from ..machine.qemu_file import ChannelInput, QEMUFileInput
from ..machine.side import MigrationSide
from ..sim.connection import IncomingChannel, IncomingConnection
from ..sim.scheduler import CHECKPOINT, Steps, Task, Wait, end_of

_SYNC = MultifdFlag.MULTIFD_FLAG_SYNC
_UNPACKED_CHANNEL = 0x80


class _Unpacked:
    """What came out of one compressed packet."""

    def __init__(self) -> None:
        self.data = b""
        self.length = 0

    def write(self, data: bytes) -> None:
        """Keep the pages of the packet that is being read."""
        self.data = data


class MultifdRecv:
    """The receiving end of all channels.

    Args:
        side: the destination.
        connection: that the channels belong to.
        first: number of the first of them on it.
    """

    def __init__(self, side: MigrationSide, connection: IncomingConnection, first: int) -> None:
        self._side = side
        self._connection = connection
        self._first = first
        self._count = side.options.parameters.multifd_channels
        self._tasks: list[Task] = []
        self._at_sync: set[int] = set()
        self._exiting = False

    @property
    def complete(self) -> bool:
        """Whether all channels are connected (multifd_recv_all_channels_created)."""
        return len(self._pipes) >= self._count

    @property
    def _pipes(self) -> Sequence[IncomingChannel]:
        return self._connection.forward[self._first : self._first + self._count]

    def start(self) -> None:
        """Begin to read all channels (multifd_recv_new_channel)."""
        self._tasks = [self._side.scheduler.start(Thread.MULTIFD_RECV, self._channel(pipe)) for pipe in self._pipes]

    def sync_main(self) -> Steps[None]:
        """Wait until all channels have come to the end of an epoch, then let them go on (multifd_recv_sync_main).

        After a failure of one nobody waits any more.

        Raises:
            EngineError: a channel has ended before; upstream waits for ever.
        """
        side = self._side

        def synced() -> bool:
            return len(self._at_sync) == len(self._tasks) or side.error is not None

        def ready() -> bool:
            return synced() or any(task.done for task in self._tasks)

        yield from side.poll(Wait(what="the end of an epoch on all channels", ready=ready))
        if not synced():
            raise side.fail("a multifd channel ended before the end of an epoch")
        self._at_sync.clear()

    def _channel(self, pipe: IncomingChannel) -> Steps[None]:
        """Read one channel (multifd_recv_thread)."""
        side, f = self._side, ChannelInput(pipe)
        unpacked, log = _Unpacked(), PageLog()
        blocks = [RamBlock(block.name, block.size_bytes) for block in side.machine.guest.blocks]
        reader = MultifdReader(
            f,
            blocks=blocks,
            page_size=side.machine.kind.page_size,
            log=log,
            sink=unpacked,
            sink_channel=f.channel + _UNPACKED_CHANNEL,
        )
        try:
            if not (yield from f.fill(1)):
                return
            yield from self._initial(reader, f)
            while not self._exiting and (yield from f.fill(1)):
                start = f.offset
                packet = yield from f.record(reader.read_packet)
                if packet.idstr:
                    yield from self._device_state(packet, f)
                else:
                    self._place_pages(log, blocks, f, unpacked)
                self._emit("sync" if packet.flags & _SYNC else "packet", start, f)
                if packet.flags & _SYNC:
                    self._at_sync.add(f.channel)
                    yield self._others(f.channel)
                else:
                    yield CHECKPOINT
        except SavevmError as error:
            if not self._exiting:  # nobody waits for this thread; the main one finds the error at its end
                side.propagate(error)
                self.hang_up()

    def _initial(self, reader: MultifdReader, f: QEMUFileInput) -> Steps[None]:
        """Read what opens a channel (multifd_recv_initial_packet).

        Raises:
            BadPayload: it belongs to another VM, whatever validate-uuid says.
        """
        initial, ours = (yield from f.record(reader.read_initial)), self._side.machine.channel_uuid
        if initial.uuid != ours:
            raise BadPayload(
                f"a channel of the VM with UUID {UUID(bytes=initial.uuid)}, this side has {UUID(bytes=ours)}",
                offset=initial.span.offset,
            )
        self._emit("initial packet", initial.span.offset, f)

    def _others(self, channel: int) -> Wait:
        """What waits until all channels are in line."""
        return Wait(what="the other channels", ready=lambda: self._exiting or channel not in self._at_sync)

    def _place_pages(self, log: PageLog, blocks: list[RamBlock], f: QEMUFileInput, unpacked: _Unpacked) -> None:
        """Put a packet's pages in their places (multifd_nocomp_recv, multifd_recv_zero_page_process)."""
        ram = self._side.machine.ram
        assert ram is not None
        for row in log.rows:
            offset, length = int(row["offset"]), int(row["length"])
            if row["kind"] == PageKind.ZERO:
                content = None
            elif row["channel"] == f.channel:
                content = bytes(f.buffer[offset - f.base : offset - f.base + length])
            else:
                content = unpacked.data[offset : offset + length]
            ram.receive_page(blocks[int(row["block"])].name, int(row["addr"]), content)
        log.clear()

    def _device_state(self, packet: MultifdPacket, f: QEMUFileInput) -> Steps[None]:
        """Hand a piece of state to its device (multifd_device_state_recv, qemu_loadvm_load_state_buffer)."""
        entry = self._side.machine.registry.find_se(packet.idstr, packet.instance_id)
        if entry is None or not self._side.has(entry, "load_state_buffer"):
            raise BadPayload(
                f"state of {packet.idstr!r}, instance {packet.instance_id}, which can't take it here",
                offset=packet.span.offset,
            )
        start = packet.data.offset - f.base
        content = bytes(f.buffer[start : start + packet.data.length])
        yield from self._side.call(entry, "load_state_buffer", content)

    def _emit(self, name: str, start: int, f: QEMUFileInput) -> None:
        self._side.emit(
            EventKind.RECORD, name=f"multifd {name}", channel=f.channel, offset=start, length=f.offset - start
        )

    def hang_up(self) -> None:
        """Read no more: the source finds out when it goes on writing (multifd_recv_terminate_threads)."""
        self._exiting = True
        for pipe in self._pipes:
            pipe.hang_up()

    def cleanup(self) -> Steps[None]:
        """End all threads (multifd_recv_cleanup)."""
        self.hang_up()
        for task in self._tasks:
            yield from self._side.poll(end_of(task))
