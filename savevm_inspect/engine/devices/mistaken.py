"""Devices with a mistake that a migration may not notice: each loads, and something is lost or exchanged."""

from functools import partial
from typing import Final

from ..machine.handlers import SaveVMHandlers
from ..machine.machine import Attach, Machine
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..machine.vmsd import VMStateDescription, VMStateField


class Lamp:
    """A lamp that the guest dims; its description differs from QEMU to QEMU.

    Args:
        machine: whose guest sets the brightness with each page that it writes to.
    """

    def __init__(self, machine: Machine) -> None:
        self.colour = 1
        self.brightness = 200
        self.warmth = 40
        machine.guest.on_write.append(self._dim)

    def _dim(self, page: int) -> None:
        self.brightness = 100 + page % 100


def lamp(*fields: str) -> Attach:
    """Builds in a lamp whose description has some fields, of a byte each and all of version 1."""
    described = VMStateDescription(
        name="lamp",
        version_id=1,
        minimum_version_id=1,
        fields=tuple(VMStateField(name=name, type="uint8") for name in fields),
    )
    return partial(_attach_lamp, described=described)


def _attach_lamp(machine: Machine, *, described: VMStateDescription) -> Lamp:
    device = Lamp(machine)
    machine.registry.register_vmstate(described, device, instance_id=0)
    return device


class Journal:
    """Every page that the guest wrote to, sent in rounds; what comes after the last round nobody sends.

    Args:
        machine: whose guest writes.
    """

    IDSTR: Final = "journal"

    def __init__(self, machine: Machine) -> None:
        self.entries: list[int] = []
        self._sent = 0
        machine.guest.on_write.append(self.entries.append)

    @classmethod
    def attach(cls, machine: Machine) -> "Journal":
        """Build it into a machine and register it."""
        device = cls(machine)
        machine.registry.register_savevm_live(cls.IDSTR, 0, 1, SaveVMHandlers.of(cls), device)
        return device

    def save_setup(self, f: QEMUFile) -> int:
        """Begin with the first entry."""
        self._sent = 0
        f.put_be32(0)
        return 0

    def save_live_iterate(self, f: QEMUFile) -> int:
        """Send what is new."""
        new = self.entries[self._sent :]
        f.put_be32(len(new))
        for entry in new:
            f.put_be32(entry)
        self._sent += len(new)
        return 1

    def load_state(self, f: QEMUFileInput, _version_id: int) -> int:
        """Read what one round sent."""
        for _ in range(f.get_be32()):
            self.entries.append(f.get_be32())
        return 0


class Stray:
    """A device of the old kind that writes one byte more than it reads: a zero, which is also the end mark."""

    IDSTR: Final = "stray"

    def __init__(self) -> None:
        self.value = 7

    @classmethod
    def attach(cls, machine: Machine) -> "Stray":
        """Build it into a machine and register it."""
        device = cls()
        machine.registry.register_savevm_live(cls.IDSTR, 0, 1, SaveVMHandlers.of(cls), device)
        return device

    def save_state(self, f: QEMUFile) -> None:
        """Write the value, and a byte that nobody expects."""
        f.put_be32(self.value)
        f.put_byte(0)

    def load_state(self, f: QEMUFileInput, _version_id: int) -> int:
        """Read the value."""
        self.value = f.get_be32()
        return 0
