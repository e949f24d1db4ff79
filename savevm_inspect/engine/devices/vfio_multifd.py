"""A VFIO device's state over multifd channels: pieces with numbers, in any order (hw/vfio/migration-multifd.c)."""

from collections.abc import Callable
from struct import Struct
from typing import Final

from ...rules.compat import Behaviour, Compat
from ...rules.options import Options
from ...rules.threads import Side
from ...wire import VfioMigFlag
from ..machine.bql import Bql
from ..machine.handlers import DeviceError
from ..machine.protocols import MigrationIncomingState, SaveCompletePrecopyThreadData
from ..machine.qemu_file import BufferFile, QEMUFileInput
from ..sim.scheduler import CHECKPOINT, Steps, Wait
from .vfio_pci import VfioPciDevice

VFIO_DEVICE_STATE_CONFIG_STATE: Final = 1
"""The flag of the last piece, which is the configuration."""

VFIO_DEVICE_STATE_PACKET_VER_CURRENT: Final = 0

VFIO_DEVICE_STATE_PACKET: Final = Struct(">III")
"""What opens a piece: version, number, flags (VFIODeviceStatePacket)."""

_NO_INDEX: Final = 0xFFFFFFFF


def vfio_multifd_transfer_supported(compat: Compat, options: Options) -> bool:
    """Whether multifd can carry device state, and the destination learns when it begins (function of that name)."""
    return options.multifd_device_state and compat.has(Behaviour.SEND_SWITCHOVER_START)


def save_device_state(device: VfioPciDevice, piece_bytes: int, data: SaveCompletePrecopyThreadData) -> Steps[None]:
    """Send all of a stopped card's state, piece by piece (vfio_multifd_save_complete_precopy_thread).

    Args:
        device: whose.
        piece_bytes: length of a piece at most.
        data: what the thread was given.

    Raises:
        DeviceError: the channels are gone, or another thread has failed.
    """
    device.card.stop_copy()
    index = 0
    while True:
        if data.should_exit():
            raise DeviceError("another thread has failed")
        content = device.card.read(piece_bytes)
        if not content:
            break
        _send(data, index, 0, content)
        index += 1
        yield CHECKPOINT
    f = BufferFile()
    device.save_config(f)
    _send(data, index, VFIO_DEVICE_STATE_CONFIG_STATE, f.content())


def _send(data: SaveCompletePrecopyThreadData, index: int, flags: int, content: bytes) -> None:
    head = VFIO_DEVICE_STATE_PACKET.pack(VFIO_DEVICE_STATE_PACKET_VER_CURRENT, index, flags)
    if not data.multifd.queue_device_state(data.idstr, data.instance_id, head + content):
        raise DeviceError(f"piece {index} can't be sent: the channel is gone")


class VfioMultifd:
    """The receiving end: pieces are kept until a thread of its own loads them in the order of their numbers.

    Args:
        device: whose.
        destination: the migration that it is loaded by.
        bql: its machine's lock.
        section: what it is registered as, as ``idstr (instance N)``.
        load_config_after_iter: load the configuration only when the main channel says so.

    Attributes:
        running: the thread has not ended.
    """

    def __init__(
        self,
        device: VfioPciDevice,
        destination: MigrationIncomingState,
        bql: Bql,
        *,
        section: str,
        load_config_after_iter: bool,
    ) -> None:
        self._device = device
        self._destination = destination
        self._bql = bql
        self._section = section
        self._load_config_after_iter = load_config_after_iter
        self._pieces: dict[int, bytes] = {}
        self._next = 0
        self._last: int | None = None
        self._iter_done = False
        self._want_exit = False
        self.running = False

    def load_state_buffer(self, buffer: bytes) -> None:
        """Keep a piece.

        Raises:
            DeviceError: it is too short, of another version, or has a number that can't be or was there before.
        """
        if len(buffer) < VFIO_DEVICE_STATE_PACKET.size:
            raise DeviceError(f"a piece of {len(buffer)} bytes, at least {VFIO_DEVICE_STATE_PACKET.size} are needed")
        version, index, flags = VFIO_DEVICE_STATE_PACKET.unpack_from(buffer)
        if version != VFIO_DEVICE_STATE_PACKET_VER_CURRENT:
            raise DeviceError(f"a piece of version {version}, expected {VFIO_DEVICE_STATE_PACKET_VER_CURRENT}")
        if index == _NO_INDEX:
            raise DeviceError(f"a piece of number {index:#x}, which means none")
        if index in self._pieces or index < self._next:
            raise DeviceError(f"piece {index} for the second time")
        if flags & VFIO_DEVICE_STATE_CONFIG_STATE:
            self._last = index
        self._pieces[index] = buffer[VFIO_DEVICE_STATE_PACKET.size :]

    def switchover_start(self) -> Steps[None]:
        """Begin the thread, without the lock for a moment (vfio_multifd_switchover_start)."""
        bql = self._bql
        bql.unlock()
        yield CHECKPOINT
        self.running = True
        yield from bql.lock()
        self._destination.start_load_thread(self._load_thread)

    def config_load_ready(self) -> Steps[None]:
        """All iterables are loaded: the configuration may follow (vfio_load_state_config_load_ready).

        Raises:
            DeviceError: it comes for the second time, or should not come at all.
        """
        if not self._load_config_after_iter:
            raise DeviceError("the configuration may be loaded, and nobody waits for it")
        bql = self._bql
        bql.unlock()
        yield CHECKPOINT
        again, self._iter_done = self._iter_done, True
        yield from bql.lock()
        if again:
            raise DeviceError("the configuration may be loaded, for the second time")

    def cleanup(self) -> Steps[None]:
        """Have the thread end, without the lock meanwhile (vfio_load_cleanup_load_bufs_thread)."""
        bql = self._bql
        bql.unlock()
        self._want_exit = self.running
        yield Wait(what="the end of the thread that loads", ready=lambda: not self.running)
        yield from bql.lock()

    def _load_thread(self) -> Steps[None]:
        """Load piece after piece, the configuration last (vfio_load_bufs_thread)."""
        try:
            while True:
                yield from self._wait(f"piece {self._next}", lambda: self._next in self._pieces)
                if self._next == self._last:
                    break
                self._device.card.write(self._pieces.pop(self._next))
                self._next += 1
                yield CHECKPOINT
            if self._load_config_after_iter:
                yield from self._wait("the end of all iterables", lambda: self._iter_done)
            yield from self._load_config(self._pieces.pop(self._next))
        finally:
            self.running = False

    def _wait(self, what: str, ready: Callable[[], bool]) -> Steps[None]:
        destination = self._destination

        def over() -> bool:
            return self._want_exit or destination.load_threads_abort

        yield Wait(
            what=what,
            ready=lambda: ready() or over(),
            side=Side.DESTINATION,
            handler="load_state_buffer",
            section=self._section,
        )
        if over():
            raise DeviceError(f"the loading was given up while it waited for {what}")

    def _load_config(self, content: bytes) -> Steps[None]:
        """Load the configuration, under the lock (vfio_load_bufs_thread_load_config)."""
        f = QEMUFileInput(memoryview(content))
        flag = f.get_be64()
        if flag != VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_STATE:
            raise DeviceError(f"flag {flag:#x} in the last piece, expected the configuration")
        bql = self._bql
        yield from bql.lock()
        try:
            yield from self._device.load_config(f)
        finally:
            bql.unlock()
