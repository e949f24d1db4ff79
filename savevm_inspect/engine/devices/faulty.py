"""Callbacks and hooks that go wrong on purpose, whosever they are: what a broken device does to a migration.

A fault is put around a callback that a registered device has, or around a hook of its description; all its others,
and this one's other calls, work as before.
"""

import errno
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from ...errors import SavevmError
from ...rules.callbacks import CALLBACKS, Returns
from ...rules.threads import Side
from ..machine.handlers import DeviceError, Pending, SaveVMHandlers
from ..machine.machine import Machine
from ..machine.qemu_file import RATE_LIMIT_DISABLED, QEMUFile, QEMUFileInput
from ..machine.vmsd import VMStateDescription
from ..sim.scheduler import Steps, Wait

EXTRA_BYTES: Final = 8
"""How many bytes are too many, or too few."""

_READERS: Final = ("load_state",)
_WRITERS: Final = ("save_state", "save_setup", "save_complete", "save_live_iterate", "save_postcopy_prepare")


HOOKS: Final[Mapping[str, Side]] = {
    "pre_save": Side.SOURCE,
    "post_save": Side.SOURCE,
    "pre_load": Side.DESTINATION,
    "post_load": Side.DESTINATION,
}
"""The hooks of a device that is described, and the side that calls them; they can't wait, and get no file."""


class How(StrEnum):
    """A way to go wrong."""

    FAIL = "fail"
    FAIL_LATE = "fail late"
    RAISE = "raise"
    STALL = "stall"
    HANG = "hang"
    NOTHING = "do nothing"
    TOO_MUCH = "too much"
    TOO_LITTLE = "too little"
    PAST_RATE_LIMIT = "past the rate limit"


_NEEDS_FILE: Final = frozenset({How.TOO_MUCH, How.TOO_LITTLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, and where.

    Attributes:
        handler: name of the callback, or of a hook of :data:`HOOKS`.
        idstr: of the device, which must have that callback or hook.
        how: ``fail``: return what means failure, or, where nothing does, set the file's error or say no.
            ``fail late``: the same after all the work. ``raise``: an exception that is none of ours. ``stall``:
            take time first. ``hang``: wait until the migration is given up. ``do nothing``: neither work nor write
            nor read, and return what means success. ``too much``, ``too little``: write or read some bytes more or
            less. ``past the rate limit``: write as if there were none.
        side: on which side; the first one that calls it unless said otherwise.
        at_call: at which of its calls on that side, counted from 1.
        lasting: at all later ones, too.
        stall_us: how long a stall takes, in microseconds.

    Raises:
        SavevmError: no callback or hook is called so on that side, or it can't go wrong in that way.
    """

    handler: str
    idstr: str
    how: How
    side: Side | None = None
    at_call: int = 1
    lasting: bool = False
    stall_us: int = 100_000

    def __post_init__(self) -> None:
        if self.handler not in (*CALLBACKS, *HOOKS):
            raise SavevmError(f"no callback is called {self.handler!r}")
        if self.where not in self._sides:
            raise SavevmError(f"{self.handler} is not called on the {self.where}")
        if self.handler in HOOKS and self.how not in _HOOK_ACTIONS:
            raise SavevmError(f"{self.handler} is a hook, which can't {self.how}")
        if self.how in _NEEDS_FILE and self.handler not in (*_READERS, *_WRITERS):
            raise SavevmError(f"{self.handler} has no file, so that it can't write or read {self.how}")
        if self.how is How.PAST_RATE_LIMIT and self.handler not in _WRITERS:
            raise SavevmError(f"{self.handler} has no rate limit")

    @property
    def where(self) -> Side:
        """The side it happens on."""
        return self.side or self._sides[0]

    @property
    def _sides(self) -> tuple[Side, ...]:
        return (HOOKS[self.handler],) if self.handler in HOOKS else CALLBACKS[self.handler].sides

    def hits(self, call: int) -> bool:
        """Whether it happens at a call, counted from 1."""
        return call == self.at_call or (self.lasting and call > self.at_call)


def inject(machine: Machine, faults: Iterable[Fault], side: Side) -> None:
    """Put faults around the callbacks and hooks of a machine's devices.

    Args:
        machine: with all its devices.
        faults: those of the other side are left out.
        side: which end the machine is.

    Raises:
        SavevmError: no device of that name has the callback or hook.
    """
    for fault in faults:
        if fault.where is not side:
            continue
        found = 0
        for entry in machine.registry:
            if entry.idstr != fault.idstr:
                continue
            if entry.ops is not None and getattr(entry.ops, fault.handler, None) is not None:
                entry.ops = _broken(entry.ops, fault, machine)
                found += 1
            if entry.vmsd is not None and getattr(entry.vmsd, fault.handler, None) is not None:
                entry.vmsd = _broken(entry.vmsd, fault, machine)
                found += 1
        if not found:
            raise SavevmError(f"no device {fault.idstr!r} with a {fault.handler} that could go wrong")


Table = TypeVar("Table", SaveVMHandlers, VMStateDescription)


def _broken(table: Table, fault: Fault, machine: Machine) -> Table:
    """A device's callbacks, or its description, with one of them gone wrong."""
    change: dict[str, Any] = {fault.handler: _around(getattr(table, fault.handler), fault, machine)}
    return replace(table, **change)


def _around(handler: Callable[..., Any], fault: Fault, machine: Machine) -> Callable[..., Any]:
    actions = _HOOK_ACTIONS if fault.handler in HOOKS else _ACTIONS
    calls = 0

    def call(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if not fault.hits(calls):
            return handler(*args)
        return actions[fault.how](_Call(fault, machine, handler, args))

    return call


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that goes wrong."""

    fault: Fault
    machine: Machine
    handler: Callable[..., Any]
    args: tuple[Any, ...]

    @property
    def f(self) -> Any:
        """The file it gets, or ``None``."""
        return next((arg for arg in self.args if isinstance(arg, QEMUFile | QEMUFileInput)), None)

    def work(self) -> Steps[Any]:
        """Do what is to be done."""
        returned = self.handler(*self.args)
        if isinstance(returned, Generator):
            returned = yield from returned
        return returned

    def given_up(self) -> bool:
        """Whether nobody waits for this end any more."""
        migration = self.machine.migration
        return migration is not None and migration.abandoned


_FAILURES: Final[Mapping[Returns, object]] = {
    Returns.NOTHING: None,
    Returns.ZERO_OR_NEGATIVE: -errno.EIO,
    Returns.TRUE_OR_FALSE: False,
    Returns.ANSWER: False,
    Returns.MORE_OR_DONE: -errno.EIO,
    Returns.PENDING: None,
}
_SUCCESSES: Final[Mapping[Returns, object]] = {
    Returns.NOTHING: None,
    Returns.ZERO_OR_NEGATIVE: 0,
    Returns.TRUE_OR_FALSE: True,
    Returns.ANSWER: True,
    Returns.MORE_OR_DONE: 1,
    Returns.PENDING: Pending(),
}


def _fail(call: _Call) -> object:
    returns = CALLBACKS[call.fault.handler].returns
    if returns is Returns.NOTHING and call.f is not None:
        call.f.set_error(-errno.EIO)
    return _FAILURES[returns]


def _fail_late(call: _Call) -> Steps[Any]:
    yield from call.work()
    return _fail(call)


def _raise(call: _Call) -> object:
    raise RuntimeError(f"{call.fault.handler} goes wrong on purpose")


def _stall(call: _Call) -> Steps[Any]:
    clock = call.machine.clock
    until_us = clock.now_us + call.fault.stall_us
    yield Wait(what=f"a slow {call.fault.handler}", ready=lambda: clock.now_us >= until_us, wake_us=lambda: until_us)
    return (yield from call.work())


def _hang(call: _Call) -> Steps[Any]:
    fault = call.fault
    entry = call.machine.registry.entry_of(call.args[0])
    yield Wait(
        what=f"a {fault.handler} that hangs",
        ready=call.given_up,
        side=fault.where,
        handler=fault.handler,
        section=str(entry),
    )
    raise DeviceError("it hung until the migration was given up")


def _nothing(call: _Call) -> object:
    return _SUCCESSES[CALLBACKS[call.fault.handler].returns]


def _too_much(call: _Call) -> Steps[Any]:
    returned = yield from call.work()
    if isinstance(call.f, QEMUFile):
        call.f.put_buffer(b"\xa5" * EXTRA_BYTES)
    else:
        yield from call.f.fill(EXTRA_BYTES)
        call.f.get_buffer(EXTRA_BYTES)
    return returned


def _too_little(call: _Call) -> Steps[Any]:
    f = call.f
    if isinstance(f, QEMUFile):
        return (yield from _write_less(call, f))
    start = f.offset
    returned = yield from call.work()
    f.pos -= min(EXTRA_BYTES, f.offset - start)
    return returned


def _write_less(call: _Call, f: QEMUFile) -> Steps[Any]:
    """Hold the last bytes back, so that the others go out as they would have."""
    held = bytearray()

    def hold_back(data: bytes) -> bytes:
        held.extend(data)
        let_go = bytes(held[:-EXTRA_BYTES])
        del held[:-EXTRA_BYTES]
        return let_go

    f.tamper = hold_back
    try:
        return (yield from call.work())
    finally:
        f.tamper = None
        f.transferred -= len(held)


def _past_rate_limit(call: _Call) -> Steps[Any]:
    rate = call.f.rate
    limit = rate.limit_bytes_per_s
    rate.set(RATE_LIMIT_DISABLED)
    try:
        return (yield from call.work())
    finally:
        rate.set(limit)


_ACTIONS: Final[Mapping[How, Callable[[_Call], object]]] = {
    How.FAIL: _fail,
    How.FAIL_LATE: _fail_late,
    How.RAISE: _raise,
    How.STALL: _stall,
    How.HANG: _hang,
    How.NOTHING: _nothing,
    How.TOO_MUCH: _too_much,
    How.TOO_LITTLE: _too_little,
    How.PAST_RATE_LIMIT: _past_rate_limit,
}


def _refuse(call: _Call) -> object:
    raise DeviceError(f"its {call.fault.handler} refuses on purpose")


def _refuse_late(call: _Call) -> object:
    call.handler(*call.args)
    return _refuse(call)


_HOOK_ACTIONS: Final[Mapping[How, Callable[[_Call], object]]] = {
    How.FAIL: _refuse,
    How.FAIL_LATE: _refuse_late,
    How.RAISE: _raise,
    How.NOTHING: lambda _call: None,
}
"""A hook fails by raising, as it returns nothing."""
