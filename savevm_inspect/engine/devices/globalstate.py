"""``globalstate``: what the VM did before the migration stopped it (migration/global_state.c)."""

from typing import Final

from ..machine.handlers import DeviceError
from ..machine.machine import Machine, RunState
from ..machine.vmsd import VMStateDescription, VMStateField

_RUNSTATE_BYTES: Final = 32
_UNUSED_BYTES: Final = 66


class GlobalState:
    """The run state to go on with, as text in a field of fixed length.

    Args:
        machine: whose run state.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.size = 0
        self.runstate = bytes(_RUNSTATE_BYTES)
        self.has_vm_was_suspended = 0
        self.vm_was_suspended = 0
        self.unused = bytes(_UNUSED_BYTES)

    @classmethod
    def attach(cls, machine: Machine) -> "GlobalState":
        """Build it into a machine and register it (register_global_state)."""
        device = cls(machine)
        machine.registry.register_vmstate(VMSTATE_GLOBALSTATE, device, instance_id=0)
        machine.before_stop(device.store)
        return device

    def store(self) -> None:
        """Remember what the VM does, just before it is stopped (global_state_store)."""
        self.runstate = self._machine.runstate.value.encode().ljust(_RUNSTATE_BYTES, b"\0")
        self.has_vm_was_suspended = 1

    def pre_save(self) -> None:
        """Compute the length of the text with its end mark (global_state_pre_save)."""
        self.size = len(self.runstate.rstrip(b"\0")) + 1

    def post_load(self, _version_id: int) -> None:
        """Let the machine know what to go on with (global_state_post_load)."""
        name = self.runstate.split(b"\0", 1)[0].decode("ascii", "replace")
        try:
            self._machine.received_runstate = RunState(name)
        except ValueError:
            raise DeviceError(f"run state {name!r} is none that a machine can be in") from None


VMSTATE_GLOBALSTATE: Final = VMStateDescription(
    name="globalstate",
    version_id=1,
    minimum_version_id=1,
    pre_save=GlobalState.pre_save,
    post_load=GlobalState.post_load,
    fields=(
        VMStateField(name="size", type="uint32"),
        VMStateField(name="runstate", type="buffer", size_bytes=_RUNSTATE_BYTES),
        VMStateField(name="has_vm_was_suspended", type="uint8"),
        VMStateField(name="vm_was_suspended", type="uint8"),
        VMStateField(name="unused", type="buffer", size_bytes=_UNUSED_BYTES),
    ),
)
