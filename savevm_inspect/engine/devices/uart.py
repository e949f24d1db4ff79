"""``serial``: a device that is only described: arrays, nested structs, a subsection, hooks, and two versions.

Its line status is not sent, but computed again after the load; its queue is sent only if something is in it, so that
a machine without a queue can load what one with an empty queue has saved.
"""

from dataclasses import dataclass
from typing import Any, Final

from ..machine.handlers import DeviceError
from ..machine.machine import Machine
from ..machine.vmsd import STRUCT, VMStateDescription, VMStateField

NUM_REGISTERS: Final = 8
FIFO_BYTES: Final = 16
_DATA_READY: Final = 0x01
_LOOPBACK_VERSION: Final = 3

VMSTATE_LINE: Final = VMStateDescription(
    name="serial/line",
    version_id=1,
    minimum_version_id=1,
    fields=(
        VMStateField(name="divider", type="uint16"),
        VMStateField(name="sent", type="uint32"),
    ),
)


@dataclass(eq=False)
class Line:
    """One of the lines of a card: how fast it is, and how much went over it."""

    divider: int = 12
    sent: int = 0


class Uart:
    """A serial card of several lines, of which one may be missing.

    Args:
        machine: whose guest sends a character for each page that it writes to.
        version_id: of its description; 3 added the loopback switch.
        fifo: whether it has a queue at all.
    """

    def __init__(self, machine: Machine, version_id: int = _LOOPBACK_VERSION, *, fifo: bool = True) -> None:
        self.registers = [0] * NUM_REGISTERS
        self.lines: list[Line | None] = [Line(), None]
        self.primary = Line(divider=1)
        self.loopback = 0
        self.fifo: list[int] = []
        self.fifo_length = 0
        self.line_status = 0
        self.vmsd = _described(version_id, fifo=fifo)
        machine.guest.on_write.append(self._write)

    @classmethod
    def attach(cls, machine: Machine, **options: Any) -> "Uart":
        """Build it into a machine and register it under its path in the machine, as a device of a bus.

        Args:
            machine: whose.
            **options: those of the class.
        """
        device = cls(machine, **options)
        machine.registry.register_vmstate(device.vmsd, device, obj="isa/0x3f8")
        return device

    def _write(self, page: int) -> None:
        self.primary.sent += 1
        self.registers[page % NUM_REGISTERS] = page & 0xFF
        self.fifo = [*self.fifo, page & 0xFF][-FIFO_BYTES:]
        self.loopback ^= 1
        self._update_status()

    def _update_status(self) -> None:
        self.line_status = _DATA_READY if self.fifo else 0

    def pre_save(self) -> None:
        """State the length of what follows."""
        self.fifo_length = len(self.fifo)

    def post_load(self, version_id: int) -> None:
        """Compute what was not sent; an older card had no switch.

        Raises:
            DeviceError: the queue is longer than it can be.
        """
        if self.fifo_length > FIFO_BYTES:
            raise DeviceError(f"a queue of {self.fifo_length} characters, at most {FIFO_BYTES} fit")
        if version_id < _LOOPBACK_VERSION:
            self.loopback = 0
        self._update_status()

    def fifo_needed(self) -> bool:
        """Whether the queue is worth a subsection."""
        return bool(self.fifo)


def _described(version_id: int, *, fifo: bool) -> VMStateDescription:
    """The description of a card of some version, with its queue or without."""
    queue = VMStateDescription(
        name="serial/fifo",
        version_id=1,
        minimum_version_id=1,
        needed=Uart.fifo_needed,
        fields=(
            VMStateField(name="fifo_length", type="uint32"),
            VMStateField(name="fifo", type="uint8", num_attr="fifo_length"),
        ),
    )
    loopback = VMStateField(name="loopback", type="uint8", version_id=_LOOPBACK_VERSION)
    return VMStateDescription(
        name="serial",
        version_id=version_id,
        minimum_version_id=2,
        pre_save=Uart.pre_save,
        post_load=Uart.post_load,
        fields=(
            VMStateField(name="registers", type="uint8", num=NUM_REGISTERS),
            VMStateField(name="primary", type=STRUCT, vmsd=VMSTATE_LINE),
            VMStateField(name="lines", type=STRUCT, num=2, pointers=True, vmsd=VMSTATE_LINE),
            *((loopback,) if version_id >= _LOOPBACK_VERSION else ()),
        ),
        subsections=(queue,) if fifo else (),
    )
