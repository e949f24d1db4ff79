"""``unmigratable``: a device that keeps its machine where it is; upstream such a description has nothing else."""

from typing import Final

from ..machine.machine import Machine
from ..machine.vmsd import VMStateDescription


class Unmigratable:
    """Has state that nothing can take along."""

    @classmethod
    def attach(cls, machine: Machine) -> "Unmigratable":
        """Build it into a machine and register it."""
        device = cls()
        machine.registry.register_vmstate(VMSTATE_UNMIGRATABLE, device, instance_id=0)
        return device


VMSTATE_UNMIGRATABLE: Final = VMStateDescription(name="unmigratable", unmigratable=True)
