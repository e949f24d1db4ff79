"""The callbacks of a device, as a structure of optional functions (include/migration/register.h)."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from ...errors import SavevmError
from ...rules.callbacks import CALLBACKS
from ...rules.interfaces import INTERFACES, PLAYED
from .protocols import MigrationState, SaveCompletePrecopyThreadData
from .qemu_file import QEMUFile, QEMUFileInput

METHODS: Final = {job: callback.name for callback in CALLBACKS.values() for job in callback.jobs}
"""Job -> the callback of :class:`SaveVMHandlers` that does it."""

_PREFIXES: Final = ("save_", "load_")
_NEAR: Final = 0.8
"""How alike two names are, from 0 to 1, for one to be taken for the other misspelt."""
_REMOTE: Final = 0.5
"""The same of a name that can't be anything but misspelt."""


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
        stopcopy_bytes: how many of ``must_precopy`` can only go once the VM has stopped; QEMU tells them apart from
            11.1 on.
    """

    must_precopy: int = 0
    can_postcopy: int = 0
    stopcopy_bytes: int = 0

    @property
    def total(self) -> int:
        """All that is left, in bytes."""
        return self.must_precopy + self.can_postcopy

    def __add__(self, other: "Pending") -> "Pending":
        return Pending(
            must_precopy=self.must_precopy + other.must_precopy,
            can_postcopy=self.can_postcopy + other.can_postcopy,
            stopcopy_bytes=self.stopcopy_bytes + other.stopcopy_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveVMHandlers:
    """What a device does when it is saved and loaded; a callback that it lacks is ``None``.

    Absence is no empty function: the machinery decides by presence. A device with ``save_setup`` has a START
    section and is left out where plain device state is saved alone; one without ``state_pending_exact`` adds
    nothing to what the switchover waits for.

    Each function takes the device's ``opaque`` first, so that a method is a callback and its ``self`` the
    opaque; the rest is as in register.h. Two things are said in Python's way: the reason that C leaves in ``errp``
    is a :class:`DeviceError` that is raised (a returned failure does, too, without a reason), and ``buf`` with
    ``len`` is one ``bytes``. For what each promises, and who calls it where and under which lock, see
    :data:`~savevm_inspect.rules.callbacks.CALLBACKS`.

    The names are those of QEMU 10.2. Where a run plays another version's interface, the machinery calls the same
    functions under the names and in the places of that version (:mod:`~savevm_inspect.rules.interfaces`).

    Attributes:
        save_state: (opaque, f): source, VM stopped; the whole state at once, without an error return.
        save_prepare: (opaque) -> 0 or negative: source, main thread; may refuse the migration.
        save_setup: (opaque, f) -> 0 or negative: source; its bytes are the START section.
        save_cleanup: (opaque): source, main thread; at every end, with or without a setup before it.
        save_complete: (opaque, f) -> 0 or negative: source, VM stopped; its bytes are the END section.
        save_complete_precopy_thread: (opaque, d) -> bool: source, a thread of its own.
        is_active: (opaque) -> bool: both sides; False leaves the device out of the call that was to come.
        has_postcopy: (opaque) -> bool: source; whether postcopy may carry the rest.
        is_active_iterate: (opaque) -> bool: source; False leaves it out of the iterations alone.
        save_live_iterate: (opaque, f) -> 0 more, 1 done, negative: source, VM running, without the lock;
            its bytes are a PART section.
        save_postcopy_prepare: (opaque, f) -> bool: source, just before the VM stops for postcopy.
        state_pending_estimate: (opaque) -> Pending: source; cheap.
        state_pending_exact: (opaque) -> Pending: source; synchronises first.
        load_state: (opaque, f, version_id) -> 0 or negative: destination; one section, to its last byte.
        load_state_buffer: (opaque, buf) -> bool: destination, a multifd thread.
        load_setup: (opaque, f) -> 0 or negative: destination, before the first section.
        load_cleanup: (opaque) -> 0 or negative: destination, at every end.
        resume_prepare: (opaque, s) -> 0 or negative: source, after a broken postcopy.
        switchover_ack_needed: (opaque) -> bool: destination, before the first section.
        switchover_start: (opaque) -> 0 or negative: destination, when the source has stopped the VM.
    """

    save_state: Callable[[Any, QEMUFile], None] | None = None
    save_prepare: Callable[[Any], int] | None = None
    save_setup: Callable[[Any, QEMUFile], int] | None = None
    save_cleanup: Callable[[Any], None] | None = None
    save_complete: Callable[[Any, QEMUFile], int] | None = None
    save_complete_precopy_thread: Callable[[Any, SaveCompletePrecopyThreadData], bool] | None = None
    is_active: Callable[[Any], bool] | None = None
    has_postcopy: Callable[[Any], bool] | None = None
    is_active_iterate: Callable[[Any], bool] | None = None
    save_live_iterate: Callable[[Any, QEMUFile], int] | None = None
    save_postcopy_prepare: Callable[[Any, QEMUFile], bool] | None = None
    state_pending_estimate: Callable[[Any], Pending] | None = None
    state_pending_exact: Callable[[Any], Pending] | None = None
    load_state: Callable[[Any, QEMUFileInput, int], int] | None = None
    load_state_buffer: Callable[[Any, bytes], bool] | None = None
    load_setup: Callable[[Any, QEMUFileInput], int] | None = None
    load_cleanup: Callable[[Any], int] | None = None
    resume_prepare: Callable[[Any, MigrationState], int] | None = None
    switchover_ack_needed: Callable[[Any], bool] | None = None
    switchover_start: Callable[[Any], int] | None = None

    @classmethod
    def of(cls, device: object) -> "SaveVMHandlers":
        """The callbacks that a device's class has as methods.

        Args:
            device: the device or its class; a method named as a callback is one, ``self`` being its opaque. Its other
                public methods must not look like one.

        Raises:
            TypeError: it has none, so registering it could only be a mistake; or a method begins with ``save_`` or
                ``load_`` and is none, or is nearly called as one: the callback would be absent, silently.
        """
        kind = device if isinstance(device, type) else type(device)
        for name in dir(kind):
            if not name.startswith("_") and callable(getattr(kind, name)) and (why := _complaint(name)):
                raise TypeError(f"{kind.__name__}.{name} {why}")
        found = {name: method for name in CALLBACKS if callable(method := getattr(kind, name, None))}
        if not found:
            raise TypeError(f"{kind.__name__} has no method named as a callback of register.h")
        return cls(**found)

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the callbacks that are there, in the order of register.h."""
        return tuple(name for name in CALLBACKS if getattr(self, name) is not None)


def _complaint(name: str) -> str:
    """What is wrong with a method's name; empty if nothing is."""
    if name in CALLBACKS:
        return ""
    for interface in INTERFACES.values():
        if name in interface.callbacks:
            jobs = interface.callbacks[name].jobs
            now = dict.fromkeys(found.name for job in jobs if (found := INTERFACES[PLAYED].doing(job)) is not None)
            return f"is a callback of QEMU {interface.version}; QEMU {PLAYED} has {' and '.join(now)}"
    taken = name.startswith(_PREFIXES)
    near = get_close_matches(name, CALLBACKS, n=1, cutoff=_REMOTE if taken else _NEAR)
    if near:
        return f"is no callback of register.h; did you mean {near[0]}?"
    return "is no callback of register.h; a helper needs another name, or an underscore" if taken else ""
