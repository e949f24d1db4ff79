"""The callbacks of a device, as a structure of optional functions (include/migration/register.h)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import SavevmError
from ...rules.callbacks import CALLBACKS

if TYPE_CHECKING:
    from .qemu_file import QEMUFile, QEMUFileInput


class DeviceError(SavevmError):
    """A device's reason why it can't be saved or loaded, raised by a callback or a hook (upstream: errp).

    Whoever called it adds the phase, the handler and the section.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """How much a device has still to send.

    Attributes:
        must_precopy: bytes that must be there before the destination starts.
        can_postcopy: bytes that may also follow after that.
    """

    must_precopy: int = 0
    can_postcopy: int = 0

    @property
    def total(self) -> int:
        """Both together, in bytes."""
        return self.must_precopy + self.can_postcopy

    def __add__(self, other: "Pending") -> "Pending":
        return Pending(
            must_precopy=self.must_precopy + other.must_precopy,
            can_postcopy=self.can_postcopy + other.can_postcopy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveVMHandlers:
    """What a device does when it is saved and loaded; a callback that it lacks is ``None``.

    Absence is no empty function: the machinery decides by presence. A device with ``save_setup`` has a START
    section and is left out where plain device state is saved alone; one without ``state_pending_exact`` adds
    nothing to what the switchover waits for.

    Each function takes the device's ``opaque`` first, so that a method is a callback and its ``self`` the
    opaque; the rest is as in register.h. There is no ``errp``: a callback fails by its returned value or by
    raising. For what each promises, and who calls it where and under which lock, see
    :data:`~savevm_inspect.rules.callbacks.CALLBACKS`.

    Attributes:
        save_state: (opaque, f): source, VM stopped; the whole state at once, without an error return.
        save_prepare: (opaque) -> 0 or negative: source, main thread; may refuse the migration.
        save_setup: (opaque, f) -> 0 or negative: source; its bytes are the START section.
        save_cleanup: (opaque): source, main thread; at every end, with or without a setup before it.
        save_complete: (opaque, f) -> 0 or negative: source, VM stopped; its bytes are the END section.
        save_complete_precopy_thread: (opaque, data) -> bool: source, a thread of its own.
        is_active: (opaque) -> bool: both sides; False leaves the device out of the call that was to come.
        has_postcopy: (opaque) -> bool: source; whether postcopy may carry the rest.
        is_active_iterate: (opaque) -> bool: source; False leaves it out of the iterations alone.
        save_live_iterate: (opaque, f) -> 0 more, 1 done, negative: source, VM running, without the lock;
            its bytes are a PART section.
        save_postcopy_prepare: (opaque, f) -> bool: source, just before the VM stops for postcopy.
        state_pending_estimate: (opaque) -> Pending: source; cheap.
        state_pending_exact: (opaque) -> Pending: source; synchronises first.
        load_state: (opaque, f, version_id) -> 0 or negative: destination; one section, to its last byte.
        load_state_buffer: (opaque, buffer) -> bool: destination, a multifd thread.
        load_setup: (opaque, f) -> 0 or negative: destination, before the first section.
        load_cleanup: (opaque) -> 0 or negative: destination, at every end.
        resume_prepare: (opaque) -> 0 or negative: source, after a broken postcopy.
        switchover_ack_needed: (opaque) -> bool: destination, before the first section.
        switchover_start: (opaque) -> 0 or negative: destination, when the source has stopped the VM.
    """

    save_state: "Callable[[Any, QEMUFile], None] | None" = None
    save_prepare: Callable[[Any], int] | None = None
    save_setup: "Callable[[Any, QEMUFile], int] | None" = None
    save_cleanup: Callable[[Any], None] | None = None
    save_complete: "Callable[[Any, QEMUFile], int] | None" = None
    save_complete_precopy_thread: Callable[[Any, Any], bool] | None = None
    is_active: Callable[[Any], bool] | None = None
    has_postcopy: Callable[[Any], bool] | None = None
    is_active_iterate: Callable[[Any], bool] | None = None
    save_live_iterate: "Callable[[Any, QEMUFile], int] | None" = None
    save_postcopy_prepare: "Callable[[Any, QEMUFile], bool] | None" = None
    state_pending_estimate: Callable[[Any], Pending] | None = None
    state_pending_exact: Callable[[Any], Pending] | None = None
    load_state: "Callable[[Any, QEMUFileInput, int], int] | None" = None
    load_state_buffer: Callable[[Any, bytes], bool] | None = None
    load_setup: "Callable[[Any, QEMUFileInput], int] | None" = None
    load_cleanup: Callable[[Any], int] | None = None
    resume_prepare: Callable[[Any], int] | None = None
    switchover_ack_needed: Callable[[Any], bool] | None = None
    switchover_start: Callable[[Any], int] | None = None

    @classmethod
    def of(cls, device: object) -> "SaveVMHandlers":
        """The callbacks that a device's class has as methods.

        Args:
            device: the device or its class; a method named as a callback is one, ``self`` being its opaque.

        Raises:
            TypeError: it has none, so registering it could only be a mistake.
        """
        kind = device if isinstance(device, type) else type(device)
        found = {name: method for name in CALLBACKS if callable(method := getattr(kind, name, None))}
        if not found:
            raise TypeError(f"{kind.__name__} has no method named as a callback of register.h")
        return cls(**found)

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the callbacks that are there, in the order of register.h."""
        return tuple(name for name in CALLBACKS if getattr(self, name) is not None)
