"""``timer``: the VM's clocks, which stand still while it moves (system/cpu-timers.c, vmstate_timers)."""

from typing import Final

from ..machine.machine import Machine, RunState
from ..machine.vmsd import VMStateDescription, VMStateField

_NS_PER_US: Final = 1000

VMSTATE_TIMERS: Final = VMStateDescription(
    name="timer",
    version_id=2,
    minimum_version_id=1,
    fields=(
        VMStateField(name="cpu_ticks_offset", type="int64"),
        VMStateField(name="unused", type="unused_buffer", size_bytes=8),
        VMStateField(name="cpu_clock_offset", type="int64", version_id=2),
    ),
)


class Timers:
    """The two clocks of a VM that stop with it.

    Args:
        machine: whose clocks.
        tick_hz: how fast the tick counter runs.
    """

    def __init__(self, machine: Machine, tick_hz: int = 1_000_000_000) -> None:
        self._machine = machine
        self._tick_hz = tick_hz
        self.cpu_ticks_offset = 0
        self.cpu_clock_offset = 0

    @classmethod
    def attach(cls, machine: Machine) -> "Timers":
        """Build it into a machine and register it."""
        device = cls(machine)
        machine.registry.register_vmstate(VMSTATE_TIMERS, device, instance_id=0)
        machine.before_stop(device.stop)
        return device

    def stop(self) -> None:
        """Take the clocks' readings (cpu_disable_ticks)."""
        if self._machine.runstate is RunState.RUNNING:
            ran_us = self._machine.clock.now_us
            self.cpu_clock_offset = ran_us * _NS_PER_US
            self.cpu_ticks_offset = ran_us * self._tick_hz // 1_000_000
