"""``plugged-memory``: a described device that RAM needs: saved in the setup, and ahead of RAM by its priority.

virtio-mem sends like this which parts of memory are plugged in, without which RAM can't be placed
(hw/virtio/virtio-mem.c, early_setup). What is sent so early must not change until the end.
"""

from typing import Final

import numpy as np

from ..machine.handlers import DeviceError
from ..machine.machine import Machine
from ..machine.vmsd import MigrationPriority, VMStateDescription, VMStateField

PIECE_PAGES: Final = 2
"""How many pages are plugged in or out at once."""


class PluggedMemory:
    """A bit for each piece of the first block, set where the guest had memory plugged in.

    Args:
        machine: whose; plugged in are the pieces that held something when it was built.
    """

    def __init__(self, machine: Machine) -> None:
        pages = machine.guest.blocks[0].page_contents if machine.guest.blocks else np.zeros((0, 1), np.uint8)
        used = [bool(pages[first : first + PIECE_PAGES].any()) for first in range(0, len(pages), PIECE_PAGES)]
        self.num_pieces = len(used)
        self.bitmap = np.packbits(np.array(used, np.bool_), bitorder="little").tobytes()
        self.bitmap_bytes = len(self.bitmap)
        self._own_pieces = self.num_pieces

    @classmethod
    def attach(cls, machine: Machine) -> "PluggedMemory":
        """Build it into a machine and register it."""
        device = cls(machine)
        machine.registry.register_vmstate(VMSTATE_PLUGGED_MEMORY, device, instance_id=0)
        return device

    def post_load(self, _version_id: int) -> None:
        """Make sure that it is about memory as long as ours.

        Raises:
            DeviceError: it is not.
        """
        if self.num_pieces != self._own_pieces:
            raise DeviceError(f"{self.num_pieces} pieces of memory, this side has {self._own_pieces}")


VMSTATE_PLUGGED_MEMORY: Final = VMStateDescription(
    name="plugged-memory",
    version_id=1,
    minimum_version_id=1,
    priority=MigrationPriority.MIG_PRI_VIRTIO_MEM,
    early_setup=True,
    post_load=PluggedMemory.post_load,
    fields=(
        VMStateField(name="num_pieces", type="uint32"),
        VMStateField(name="bitmap", type="buffer", size_attr="bitmap_bytes"),
    ),
)
