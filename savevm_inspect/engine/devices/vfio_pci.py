"""What QEMU itself keeps of a VFIO device: its PCI configuration, as far as it emulates it (hw/vfio/pci.c)."""

from typing import Final

from ...errors import BadPayload
from ...payload.vfio import put_flag
from ...stream.writer import Writer
from ...wire import VfioMigFlag
from ..machine.qemu_file import QEMUFileInput
from ..machine.vmsd import STRUCT, VMStateDescription, VMStateField
from ..machine.vmstate import vmstate_load_state, vmstate_save_state
from ..sim.scheduler import Steps
from .vfio_card import Card

_CONFIG_BYTES: Final = 256
_PCI_COMMAND: Final = 4
_BUS_MASTER: Final = 0x06
_NUM_PINS: Final = 4

VMSTATE_PCI_DEVICE: Final = VMStateDescription(
    name="PCIDevice",
    version_id=2,
    minimum_version_id=1,
    fields=(
        VMStateField(name="version_id", type="int32"),
        VMStateField(name="config", type="buffer", size_bytes=_CONFIG_BYTES),
        VMStateField(name="irq_state", type="int32", num=_NUM_PINS, version_id=2),
    ),
)
"""What every PCI device has (hw/pci/pci.c)."""

VMSTATE_VFIO_PCI_CONFIG: Final = VMStateDescription(
    name="VFIOPCIDevice",
    version_id=1,
    minimum_version_id=1,
    fields=(VMStateField(name="parent_obj", type=STRUCT, vmsd=VMSTATE_PCI_DEVICE),),
)
"""What QEMU keeps of the device by itself; it is not registered, but written by save_state."""


class PciDevice:
    """The configuration space, as far as QEMU emulates it."""

    version_id = 2

    def __init__(self) -> None:
        self.config = bytes(_CONFIG_BYTES)
        self.irq_state = [0] * _NUM_PINS


class VfioPciDevice:
    """A card with its PCI side.

    Args:
        card: the hardware.

    Attributes:
        parent_obj: the PCI side.
    """

    def __init__(self, card: Card) -> None:
        self.card = card
        self.parent_obj = PciDevice()

    def work(self) -> None:
        """Let the guest's driver use the card, for which it has switched bus mastering on."""
        self.card.work()
        config = bytearray(self.parent_obj.config)
        config[_PCI_COMMAND] = _BUS_MASTER
        self.parent_obj.config = bytes(config)
        self.parent_obj.irq_state[0] = self.card.register & 1

    def save_config(self, f: Writer) -> None:
        """Write the configuration (vfio_save_device_config_state)."""
        put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_STATE)
        vmstate_save_state(f, VMSTATE_VFIO_PCI_CONFIG, self)
        put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE)

    def load_config(self, f: QEMUFileInput) -> Steps[None]:
        """Read the configuration after its flag, the last thing there is (vfio_load_device_config_state)."""
        self.card.require_whole()
        yield from vmstate_load_state(f, VMSTATE_VFIO_PCI_CONFIG, self, VMSTATE_VFIO_PCI_CONFIG.version_id)
        yield from require_end(f)


def require_end(f: QEMUFileInput) -> Steps[None]:
    """Read the flag that ends a section or a piece.

    Raises:
        BadPayload: it is another one.
    """
    yield from f.fill(8)
    offset, flag = f.offset, f.get_be64()
    if flag != VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE:
        raise BadPayload(f"flag {flag:#x}, expected the end of the state", offset=offset, section=f.section)
