"""What source and destination have in common: telling what happens, and calling handlers by the rules."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final, TypeVar

from ..errors import EngineError
from ..span import Span
from ..stream.events import Event, EventKind, Phase, Side, Thread
from .callbacks import CALLBACKS, Returns
from .handlers import Pending
from .machine import Machine, MigrationStatus
from .phases import PhaseGuard
from .qemu_file import QEMUFile, QEMUFileInput
from .registry import SaveStateEntry

Result = TypeVar("Result")
Steps = Generator[Event, None, Result]
"""A part of a run: yields what happens, returns what came of it."""


def _negative(returned: Any) -> str:
    if not isinstance(returned, int):
        return f"returned {returned!r}, expected 0 or a negative number"
    return f"returned {returned}" if returned < 0 else ""


def _false(returned: Any) -> str:
    return "" if returned is True else f"returned {returned!r}, expected True"


def _no_answer(returned: Any) -> str:
    return "" if isinstance(returned, bool) else f"returned {returned!r}, expected True or False"


def _no_pending(returned: Any) -> str:
    return "" if isinstance(returned, Pending) else f"returned {returned!r}, expected a Pending"


_COMPLAINTS: Final[Mapping[Returns, Callable[[Any], str]]] = {
    Returns.NOTHING: lambda _: "",
    Returns.ZERO_OR_NEGATIVE: _negative,
    Returns.TRUE_OR_FALSE: _false,
    Returns.ANSWER: _no_answer,
    Returns.MORE_OR_DONE: _negative,
    Returns.PENDING: _no_pending,
}
"""For each kind of return value, what makes of it a failure: a text, empty if all is well."""


class MigrationSide:
    """One end of a migration, with its place in the phases and its ear for what happens.

    Args:
        side: which end.
        machine: the VM there.
        numbers: gives each event its number; both ends of one run share it.
    """

    def __init__(self, side: Side, machine: Machine, numbers: Iterator[int] | None = None) -> None:
        self.side = side
        self.machine = machine
        self.guard = PhaseGuard(side)
        self.status = MigrationStatus.NONE
        self.thread = Thread.MAIN
        self._numbers = count() if numbers is None else numbers
        self._calls = count()
        self._told: deque[Event] = deque()
        machine.bql.on_change = self._tell_lock

    @property
    def phase(self) -> Phase:
        """Where this end is."""
        return self.guard.phase

    def tell(self, event: EventKind, **keys: Any) -> None:
        """Note that something happened now; it goes out with the next :meth:`drain`.

        Args:
            event: what kind of thing.
            **keys: those of :class:`~savevm_inspect.stream.events.Event` that apply.
        """
        self._told.append(
            Event(
                seq=-1,
                time_us=self.machine.clock.now_us,
                side=self.side,
                event=event,
                phase=self.guard.phase,
                thread=self.thread,
                bql=self.machine.bql.held,
                **keys,
            )
        )

    def tell_record(self, name: str, span: Span, entry: SaveStateEntry | None = None) -> None:
        """Note that a record was written or read.

        Args:
            name: what kind of record.
            span: its bytes.
            entry: whose section it is.
        """
        self.tell(EventKind.RECORD, name=name, **_place(span), **(_who(entry) if entry is not None else {}))

    def tell_command(self, name: str, span: Span) -> None:
        """Note that a command was written or read."""
        self.tell(EventKind.COMMAND, name=name, **_place(span))

    def drain(self) -> Iterator[Event]:
        """What was told since the last time, numbered as it goes out."""
        while self._told:
            yield replace(self._told.popleft(), seq=next(self._numbers))

    def enter(self, phase: Phase) -> None:
        """Go to another phase; refused if it does not follow this one."""
        self.guard.enter(phase)

    def set_state(self, status: MigrationStatus) -> None:
        """Change what the migration is told to be doing (migrate_set_state)."""
        self.status = status
        self.tell(EventKind.STATE, name=status.value)

    def go_on(self, thread: Thread, *, bql: bool) -> None:
        """Go on in another thread, which does or does not hold the big QEMU lock."""
        self.thread = thread
        self.machine.bql.held = bql

    def call(
        self, entry: SaveStateEntry, handler: str, *args: Any, f: QEMUFile | QEMUFileInput | None = None
    ) -> Steps[Any]:
        """Call a handler, telling of it before and after.

        Args:
            entry: whose handler; it must have it.
            handler: name of the callback.
            *args: what it gets behind the opaque and the file.
            f: the file it writes to or reads from.

        Returns:
            What the handler returned.

        Raises:
            EngineError: it may not be called here, it raised, or what it returned means failure.
        """
        self.guard.require(handler, str(entry), thread=self.thread, bql=self.machine.bql.held)
        who = {"call_id": next(self._calls), "handler": handler, **_who(entry)}
        self.tell(EventKind.CALL, **who)
        yield from self.drain()
        function = getattr(entry.ops, handler)
        start = _position(f)
        cause: Exception | None = None
        returned: Any = None
        try:
            returned = function(entry.opaque, *args) if f is None else function(entry.opaque, f, *args)
            failure = _COMPLAINTS[CALLBACKS[handler].returns](returned)
        except Exception as error:  # noqa: BLE001 - a handler is somebody else's code and may raise anything
            cause, failure = error, f"{type(error).__name__}: {error}"
        self.tell(EventKind.RETURN, **who, **_outcome(returned, failure), **_bytes_of(f, start))
        yield from self.drain()
        if failure:
            raise EngineError(failure, phase=self.phase, handler=handler, section=str(entry)) from cause
        return returned

    def is_active(self, entry: SaveStateEntry) -> Steps[bool]:
        """Ask a device whether it takes part; one that can't be asked does."""
        if not entry.has("is_active"):
            return True
        answer: bool = yield from self.call(entry, "is_active")
        return answer

    def fail(
        self, message: str, *, entry: SaveStateEntry | None = None, cause: Exception | None = None
    ) -> EngineError:
        """An error that says where this end is; to be raised by the caller."""
        error = EngineError(message, phase=self.phase, section=str(entry) if entry is not None else "")
        error.__cause__ = cause
        return error

    def _tell_lock(self, held: bool) -> None:
        self.tell(EventKind.LOCK, name="bql_lock" if held else "bql_unlock")


def _who(entry: SaveStateEntry) -> dict[str, Any]:
    return {"idstr": entry.idstr, "instance_id": entry.instance_id, "section_id": entry.section_id}


def _place(span: Span) -> dict[str, Any]:
    return {"channel": span.channel, "offset": span.offset, "length": span.length}


def _position(f: QEMUFile | QEMUFileInput | None) -> int:
    if f is None:
        return 0
    return f.transferred if isinstance(f, QEMUFile) else f.place


def _bytes_of(f: QEMUFile | QEMUFileInput | None, start: int) -> dict[str, Any]:
    """The bytes that a call wrote or read, if it had a file."""
    if f is None:
        return {}
    return {"channel": f.channel, "offset": start, "length": _position(f) - start}


def _outcome(returned: Any, failure: str) -> dict[str, Any]:
    """What the return event tells of the value: numbers and answers, or the pending bytes, or what went wrong."""
    told: dict[str, Any] = {"error": failure} if failure else {}
    if isinstance(returned, Pending):
        told |= {"must_precopy": returned.must_precopy, "can_postcopy": returned.can_postcopy}
    elif isinstance(returned, int):
        told["returned"] = returned
    return told
