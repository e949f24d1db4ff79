"""``cpu``: all that decides what the guest will do next, so that it resumes where it was."""

from typing import Final

from ..machine.machine import Machine
from ..machine.vmsd import VMStateDescription, VMStateField


class Cpu:
    """The one processor of our guest: its only register counts what it has written.

    Args:
        machine: whose.
    """

    def __init__(self, machine: Machine) -> None:
        self._guest = machine.guest
        self.writes = 0

    @classmethod
    def attach(cls, machine: Machine) -> "Cpu":
        """Build it into a machine and register it."""
        device = cls(machine)
        machine.registry.register_vmstate(VMSTATE_CPU, device, instance_id=0)
        return device

    def pre_save(self) -> None:
        """Take the register out of the guest (cpu_synchronize_all_states)."""
        self.writes = self._guest.writes

    def post_load(self, _version_id: int) -> None:
        """Put the register into the guest (cpu_synchronize_all_post_init)."""
        self._guest.writes = self.writes


VMSTATE_CPU: Final = VMStateDescription(
    name="cpu",
    version_id=1,
    minimum_version_id=1,
    pre_save=Cpu.pre_save,
    post_load=Cpu.post_load,
    fields=(VMStateField(name="writes", type="uint64"),),
)
