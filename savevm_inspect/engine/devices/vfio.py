"""``.../vfio``: a device that is passed through to the guest, migrated by its own hardware (hw/vfio/migration.c).

Nearly every callback does something here: initial data that the destination must have before it agrees to the
switchover, data while the VM runs, the rest when it has stopped, the PCI configuration as an old-style section.
With multifd, what is left goes over other channels instead; see :mod:`.vfio_multifd`.
"""

from typing import Any, Final

from ...errors import BadPayload
from ...payload.vfio import put_data, put_flag
from ...rules.options import Capability
from ...wire import VFIO_VERSION, VMSTATE_INSTANCE_ID_ANY, VfioMigFlag
from ..machine.handlers import DeviceError, Pending, SaveVMHandlers
from ..machine.machine import Machine, RunState
from ..machine.protocols import SaveCompletePrecopyThreadData
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..sim.scheduler import Steps
from .vfio_card import Card, CardState
from .vfio_multifd import VfioMultifd, save_device_state, vfio_multifd_transfer_supported
from .vfio_pci import VfioPciDevice, require_end

_WORD_BYTES: Final = 8
VFIO_MIG_DEFAULT_DATA_BUFFER_SIZE: Final = 1 << 20
"""Upstream's largest piece, in bytes; a card as small as ours is read in smaller ones."""


class Vfio:
    """One device.

    Args:
        machine: that it is passed through to; it works whenever the guest writes.
        name: its address on the PCI bus, as QEMU writes it.
        memory_bytes: of its own memory, which holds the beginning of the guest's at first.
        initial_bytes: how much of that the destination should have early.
        data_buffer_bytes: how much is read from it at once.
        precopy: whether its hardware can give state while it runs (VFIO_MIGRATION_PRE_COPY).
        multifd_transfer: whether the rest goes over multifd channels; ``None`` for whenever that is possible.
        load_config_after_iter: with multifd, load the configuration only when the main channel says so (Arm's way).

    Attributes:
        name: its address on the bus.
        pci: the device, with the card that is its hardware.
        card: that card.
        precopy_init_size: initial bytes to be read, as known last.
        precopy_dirty_size: other bytes to be read, as known last.
        multifd: what gathers the pieces on a destination; ``None`` before load_setup and without multifd.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        name: str = "0000:00:05.0",
        memory_bytes: int = 1 << 16,
        initial_bytes: int = 1 << 14,
        data_buffer_bytes: int = 1 << 12,
        precopy: bool = True,
        multifd_transfer: bool | None = None,
        load_config_after_iter: bool = False,
    ) -> None:
        self._machine = machine
        self.name = name
        self._precopy = precopy
        self._wants_multifd = multifd_transfer
        self._load_config_after_iter = load_config_after_iter
        self._data_buffer_bytes = min(data_buffer_bytes, VFIO_MIG_DEFAULT_DATA_BUFFER_SIZE)
        content = bytes(machine.guest.blocks[0].memory[:memory_bytes]) if machine.guest.blocks else b""
        self.card = Card(content.ljust(memory_bytes, b"\0"), initial_bytes)
        self.pci = VfioPciDevice(self.card)
        self.precopy_init_size = 0
        self.precopy_dirty_size = 0
        self.multifd_transfer = False
        self.multifd: VfioMultifd | None = None
        self._initial_data_sent = False
        machine.guest.on_write.append(lambda _page: self.pci.work())
        machine.before_stop(self._stopped)
        machine.before_start(lambda: self.card.set_state(CardState.RUNNING))

    @classmethod
    def attach(cls, machine: Machine, **options: Any) -> "Vfio":
        """Build it into a machine and register it, its path being part of the name (vfio_migration_init).

        Args:
            machine: that it is passed through to.
            **options: those of the class.
        """
        device = cls(machine, **options)
        machine.registry.register_savevm_live(
            f"{device.name}/vfio", VMSTATE_INSTANCE_ID_ANY, VFIO_VERSION, SaveVMHandlers.of(cls), device
        )
        return device

    def _stopped(self) -> None:
        """The VM stops, and the card with it (vfio_vmstate_change)."""
        self.card.set_state(CardState.STOP_COPY if self.card.state is CardState.PRE_COPY else CardState.STOP)

    # The source's handlers.

    def save_prepare(self) -> int:
        """Refuse what the hardware can't do; a snapshot of a VM that stands still it can (vfio_save_prepare)."""
        if self._machine.runstate is RunState.SAVE_VM:
            return 0
        for capability in (Capability.POSTCOPY_RAM, Capability.BACKGROUND_SNAPSHOT):
            if self._has(capability):
                raise DeviceError(f"a VFIO device can't be migrated with {capability}")
        return 0

    def save_setup(self, f: QEMUFile) -> int:
        """Let the card note what changes from here on (vfio_save_setup)."""
        self._multifd_setup()
        put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_DEV_SETUP_STATE)
        self._initial_data_sent = False
        if self._precopy and self.card.state is CardState.RUNNING:
            self.card.set_state(CardState.PRE_COPY)
            self.precopy_init_size, self.precopy_dirty_size = self.card.precopy_sizes
        put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE)
        return f.get_error()

    def is_active_iterate(self) -> bool:
        """Only if the card gives state while it runs, and does so now (vfio_is_active_iterate)."""
        return self.card.state is CardState.PRE_COPY

    def state_pending_estimate(self) -> Pending:
        """What was known last, less what has been read since (vfio_state_pending_estimate)."""
        if self.card.state is not CardState.PRE_COPY:
            return Pending()
        return Pending(must_precopy=self.precopy_init_size + self.precopy_dirty_size)

    def state_pending_exact(self) -> Pending:
        """What the card would give if it stopped now (vfio_state_pending_exact)."""
        if self.card.state is CardState.PRE_COPY:
            self.precopy_init_size, self.precopy_dirty_size = self.card.precopy_sizes
        left = self.card.stop_copy_bytes
        return Pending(
            must_precopy=left, stopcopy_bytes=max(left - self.precopy_init_size - self.precopy_dirty_size, 0)
        )

    def save_live_iterate(self, f: QEMUFile) -> int:
        """Send a piece; the first one after all initial data says so, if anybody waits (vfio_save_iterate)."""
        length = self._save_block(f)
        self._update_estimate(length)
        asked = self._has(Capability.SWITCHOVER_ACK)
        if asked and not self.precopy_init_size and not self._initial_data_sent:
            put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_DEV_INIT_DATA_SENT)
            self._initial_data_sent = True
        else:
            put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE)
        return f.get_error() or int(not self.precopy_init_size and not self.precopy_dirty_size)

    def save_complete(self, f: QEMUFile) -> int:
        """Send all that is left, unless threads do it (vfio_save_complete_precopy)."""
        if not self.multifd_transfer:
            self.card.stop_copy()
            while self._save_block(f):
                pass
        put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE)
        return f.get_error()

    def save_complete_precopy_thread(self, data: SaveCompletePrecopyThreadData) -> Steps[bool]:
        """Send all that is left over multifd channels (vfio_multifd_save_complete_precopy_thread)."""
        if self.multifd_transfer:
            yield from save_device_state(self.pci, self._data_buffer_bytes, data)
        return True

    def save_state(self, f: QEMUFile) -> None:
        """Write the configuration, unless a thread has sent it (vfio_save_state)."""
        if not self.multifd_transfer:
            self.pci.save_config(f)
        elif self._load_config_after_iter:
            put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY)
        else:
            put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE)

    def save_cleanup(self) -> None:
        """Have the card give up its notes (vfio_save_cleanup, vfio_migration_state_notifier)."""
        if self.card.state is CardState.STOP_COPY:
            self.card.set_state(CardState.STOP)
        elif self.card.state is CardState.PRE_COPY:
            self.card.set_state(CardState.RUNNING)
        self.precopy_init_size = self.precopy_dirty_size = 0
        self._initial_data_sent = False

    def _save_block(self, f: QEMUFile) -> int:
        """Send one piece; returns its length (vfio_save_block)."""
        data = self.card.read(self._data_buffer_bytes)
        if data:
            put_data(f, data)
        return len(data)

    def _update_estimate(self, length: int) -> None:
        """Estimate without asking the card (vfio_update_estimated_pending_data)."""
        if not length:
            self.precopy_init_size = self.precopy_dirty_size = 0
            return
        initial = min(self.precopy_init_size, length)
        self.precopy_init_size -= initial
        self.precopy_dirty_size -= min(self.precopy_dirty_size, length - initial)

    # The destination's handlers.

    def load_setup(self, _f: QEMUFileInput) -> int:
        """Have the card wait for another one's state (vfio_load_setup)."""
        self._multifd_setup()
        if self.multifd_transfer and self._machine.destination is not None:
            entry = self._machine.registry.entry_of(self)
            self.multifd = VfioMultifd(
                self.pci,
                self._machine.destination,
                self._machine.bql,
                section=str(entry),
                load_config_after_iter=self._load_config_after_iter,
            )
        self.card.set_state(CardState.RESUMING)
        return 0

    def load_cleanup(self) -> Steps[int]:
        """End the thread that loads, if it still runs (vfio_load_cleanup)."""
        if self.multifd is not None:
            yield from self.multifd.cleanup()
        return 0

    def switchover_ack_needed(self) -> bool:
        """Only if there is initial data to wait for (vfio_switchover_ack_needed)."""
        return self._precopy

    def switchover_start(self) -> Steps[int]:
        """Begin to load what comes over multifd channels (vfio_switchover_start)."""
        if self.multifd is not None:
            yield from self.multifd.switchover_start()
        return 0

    def load_state_buffer(self, buffer: bytes) -> bool:
        """Keep a piece until it is its turn (vfio_multifd_load_state_buffer)."""
        if self.multifd is None:
            raise DeviceError("a piece of state over multifd, which is not used for it")
        self.multifd.load_state_buffer(buffer)
        return True

    def load_state(self, f: QEMUFileInput, _version_id: int) -> Steps[int]:
        """Read one section: records until one that ends it (vfio_load_state)."""
        while True:
            offset = f.offset
            yield from f.fill(_WORD_BYTES)
            flag = f.get_be64()
            if flag == VfioMigFlag.VFIO_MIG_FLAG_DEV_DATA_STATE:
                yield from f.fill(_WORD_BYTES)
                length = f.get_be64()
                yield from f.fill(length)
                self.card.write(f.get_buffer(length))
            elif flag == VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_STATE and self.multifd is None:
                yield from self.pci.load_config(f)
                return 0
            elif flag == VfioMigFlag.VFIO_MIG_FLAG_DEV_INIT_DATA_SENT and self._precopy:
                self._approve_switchover()
                return 0
            elif flag == VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY and self.multifd is not None:
                yield from self.multifd.config_load_ready()
                return 0
            elif flag == VfioMigFlag.VFIO_MIG_FLAG_DEV_SETUP_STATE:
                yield from require_end(f)
                return 0
            elif flag == VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE:
                return 0
            else:
                raise BadPayload(f"flag {flag:#x}, which can't be here", offset=offset, section=f.section)

    def _approve_switchover(self) -> None:
        """The initial data is here: the source may stop the VM (qemu_loadvm_approve_switchover)."""
        if not self._has(Capability.SWITCHOVER_ACK) or self._machine.destination is None:
            raise DeviceError("the end of the initial data, and switchover-ack is not used")
        self._machine.destination.approve_switchover()

    # Both.

    def _multifd_setup(self) -> None:
        """Find out whether threads will carry the rest (vfio_multifd_setup)."""
        side = self._machine.migration
        supported = side is not None and vfio_multifd_transfer_supported(self._machine.compat, side.options)
        self.multifd_transfer = supported if self._wants_multifd is None else self._wants_multifd
        if self.multifd_transfer and not supported:
            raise DeviceError("its state is to go over multifd channels, and these can't carry it here")

    def _has(self, capability: Capability) -> bool:
        side = self._machine.migration
        return side is not None and side.options.has(capability)
