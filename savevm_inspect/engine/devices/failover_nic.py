"""``failover-nic``: a network card whose fast half can't move: the guest has to let go of it before the migration.

A virtio card stands in for a card that is passed through; the migration waits in state ``wait-unplug`` until the
guest has given the latter up (hw/net/virtio-net.c, failover_unplug_primary, primary_unplug_pending).
"""

from typing import Any, Final

from ..machine.machine import Machine
from ..machine.vmsd import VMStateDescription, VMStateField


class FailoverNic:
    """The half that moves.

    Args:
        machine: whose; its guest lets go only while it runs.
        unplug_us: how long the guest takes for that, in microseconds; ``None`` is for ever.

    Attributes:
        primary_plugged: whether the other half is plugged in.
        packets: how many it has sent.
    """

    def __init__(self, machine: Machine, unplug_us: int | None = 600_000) -> None:
        self._machine = machine
        self._unplug_us = unplug_us
        self._asked_us: int | None = None
        self.primary_plugged = 1
        self.packets = 0
        machine.guest.on_write.append(self._send)

    @classmethod
    def attach(cls, machine: Machine, **options: Any) -> "FailoverNic":
        """Build it into a machine and register it.

        Args:
            machine: whose.
            **options: those of the class.
        """
        device = cls(machine, **options)
        machine.registry.register_vmstate(VMSTATE_FAILOVER_NIC, device, instance_id=0)
        return device

    def _send(self, _page: int) -> None:
        self.packets += 1

    def dev_unplug_pending(self) -> bool:
        """Whether the guest still holds the other half, which it is asked for the first time that this is."""
        now_us = self._machine.clock.now_us
        if self._asked_us is None:
            self._asked_us = now_us
        waited_us = now_us - self._asked_us
        if self._machine.guest.running and self._unplug_us is not None and waited_us >= self._unplug_us:
            self.primary_plugged = 0
        return bool(self.primary_plugged)


VMSTATE_FAILOVER_NIC: Final = VMStateDescription(
    name="failover-nic",
    version_id=1,
    minimum_version_id=1,
    dev_unplug_pending=FailoverNic.dev_unplug_pending,
    fields=(
        VMStateField(name="primary_plugged", type="uint8"),
        VMStateField(name="packets", type="uint64"),
    ),
)
