"""What source and destination have in common: telling what happens, and calling handlers by the rules."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ...errors import EngineError, SavevmError, StreamError
from ...rules.callbacks import Returns
from ...rules.options import Options
from ...rules.phases import Phase
from ...rules.signatures import PENDING_DATA
from ...rules.status import MigrationStatus, follows, in_postcopy
from ...rules.threads import Side, Thread
from ...span import Span
from ...stream.events import Event, EventKind
from ...stream.records import SectionKind
from ..sim.scheduler import CHECKPOINT, Scheduler, Steps, Task, Wait
from .handlers import METHODS, Pending
from .machine import Machine
from .phase_guard import PhaseGuard
from .qemu_file import QEMUFile, QEMUFileInput
from .registry import SaveStateEntry
from .step_limit import limited


def message_of(error: Exception) -> str:
    """What somebody else's code raised, on one line, for an error that names the section by itself."""
    if isinstance(error, StreamError):
        return f"{error.offset:#x}: {error.message}"
    return str(error) if isinstance(error, SavevmError) else f"{type(error).__name__}: {error}"


def _at_most(limit: int, expected: str) -> Callable[[Any], str]:
    """A callback that returns a number: a negative one is its failure, one above the limit means nothing."""

    def complaint(returned: Any) -> str:
        if type(returned) is not int or returned > limit:  # True is an int to Python, and no answer here
            return f"returned {returned!r}, expected {expected} or a negative number"
        return f"returned {returned}" if returned < 0 else ""

    return complaint


def _false(returned: Any) -> str:
    return "" if returned is True else f"returned {returned!r}, expected True"


def _no_answer(returned: Any) -> str:
    return "" if isinstance(returned, bool) else f"returned {returned!r}, expected True or False"


def _no_pending(returned: Any) -> str:
    return "" if isinstance(returned, Pending) else f"returned {returned!r}, expected a Pending"


_COMPLAINTS: Final[Mapping[Returns, Callable[[Any], str]]] = {
    Returns.NOTHING: lambda _: "",
    Returns.ZERO_OR_NEGATIVE: _at_most(0, "0"),
    Returns.TRUE_OR_FALSE: _false,
    Returns.ANSWER: _no_answer,
    Returns.MORE_OR_DONE: _at_most(1, "0, 1"),
    Returns.PENDING: _no_pending,
}
"""For each kind of return value, what makes of it a failure: a text, empty if all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much was left to send at one look.

    Attributes:
        name: how it was found out: ``estimate``, ``exact`` or, for the last time, ``final``.
        pending: what all devices said together, in bytes.
        threshold_bytes: what fits into the downtime limit.
        bandwidth_bytes_per_s: what the threshold was computed from.
    """

    name: str
    pending: Pending
    threshold_bytes: int
    bandwidth_bytes_per_s: int


class MigrationSide:
    """One end of a migration, with its phase and the listener of its events.

    Args:
        side: which end.
        machine: the VM there.
        options: what its user set.

    Attributes:
        status: what the migration reports to be doing.
        error: the first thing that went wrong; ``None`` while all is well.
        open_sections: the devices whose START section was written or read, and no END section yet, by the number of
            their registration here, in the order of their beginnings.
        figures: what was left to send when it was asked for last; ``None`` before that, and on a destination.
        calls_made: how often each callback of each device was called, by the callback's name and the idstr.
    """

    def __init__(self, side: Side, machine: Machine, options: Options) -> None:
        self.side = side
        self.machine = machine
        self.options = options
        self.guard = PhaseGuard(side, machine.interface)
        self.status = MigrationStatus.NONE
        self.error: EngineError | None = None
        self.open_sections: dict[int, SaveStateEntry] = {}
        self.figures: Figures | None = None
        self.calls_made: Counter[tuple[str, str]] = Counter()
        self._calls = 0
        self._bottom_halves: deque[Callable[[], Steps[None]]] = deque()
        machine.bql.on_change = self._emit_lock
        machine.guest.on_fault = self._emit_fault
        self.scheduler.start(Thread.MAIN, self._main_loop(), daemon=True)

    @property
    def scheduler(self) -> Scheduler:
        """The threads of the run."""
        return self.machine.scheduler

    @property
    def phase(self) -> Phase:
        """Where this end is."""
        return self.guard.phase

    @property
    def in_postcopy(self) -> bool:
        """Whether the destination has been ordered to run (migration_in_postcopy)."""
        return in_postcopy(self.status)

    def schedule(self, bottom_half: Callable[[], Steps[None]]) -> None:
        """Have the main loop do something when it comes to it, under the lock (migration_bh_schedule)."""
        self._bottom_halves.append(bottom_half)

    def poll(self, wait: Wait) -> Steps[None]:
        """Wait in the main thread, whose loop gives the lock up meanwhile."""
        if not wait.ready():
            self.machine.bql.unlock(emit=False)
            yield wait
            yield from self.machine.bql.lock(emit=False)

    @property
    def _idle(self) -> Wait:
        return Wait(what="something to do", ready=lambda: bool(self._bottom_halves), waits_for_user=True)

    def _main_loop(self) -> Steps[None]:
        yield from self.machine.bql.lock(emit=False)
        while True:
            yield from self.poll(self._idle)
            yield from self._bottom_halves.popleft()()

    def emit(self, event: EventKind, **keys: Any) -> None:
        """Note that something happened now; it goes out when the thread halts next.

        Args:
            event: what kind of thing.
            **keys: those of :class:`~savevm_inspect.stream.events.Event` that apply.
        """
        self.scheduler.emit(
            Event(
                seq=self.scheduler.emitted,
                time_us=self.machine.clock.now_us,
                side=self.side,
                event=event,
                phase=self.guard.phase,
                thread=self.scheduler.current.thread,
                bql=self.machine.bql.held,
                **keys,
            )
        )

    def emit_record(self, name: str, span: Span | None) -> None:
        """Note that a record that is no section was written or read.

        Args:
            name: what kind of record.
            span: its bytes; ``None`` while they wait in a buffer and have no offset yet.
        """
        self.emit(EventKind.RECORD, name=name, **_span_keys(span))

    def emit_section(self, kind: SectionKind, span: Span | None, entry: SaveStateEntry) -> None:
        """Note that a section was written or read, which may open or close its device's.

        Args:
            kind: what kind of section.
            span: its bytes; ``None`` while they wait in a buffer and have no offset yet.
            entry: whose it is.
        """
        if kind in (SectionKind.START, SectionKind.END):
            self.open_sections.pop(entry.section_id, None)
        if kind is SectionKind.START:
            self.open_sections[entry.section_id] = entry
        self.emit(EventKind.RECORD, name=kind.value, **_span_keys(span), **_who(entry))

    def tell_pending(self, figures: Figures) -> None:
        """Note what is left to send, as it has just been asked for."""
        self.figures, stats = figures, self.machine.stats
        self.emit(
            EventKind.PENDING,
            name=figures.name,
            must_precopy=figures.pending.must_precopy,
            can_postcopy=figures.pending.can_postcopy,
            stopcopy_bytes=self._stopcopy(figures.pending),
            threshold_bytes=figures.threshold_bytes,
            bandwidth_bytes_per_s=figures.bandwidth_bytes_per_s,
            dirty_pages=stats.dirty_pages,
            iteration=stats.dirty_sync_count,
        )

    def _stopcopy(self, pending: Pending) -> int | None:
        """What waits for the VM to stop, if this version tells it apart."""
        callback = self.machine.interface.doing("state_pending_exact")
        return (
            pending.stopcopy_bytes if callback is not None and PENDING_DATA in callback.signature.parameters else None
        )

    def tell_command(self, name: str, span: Span) -> None:
        """Note that a command was written or read."""
        self.emit(EventKind.COMMAND, name=name, **_span_keys(span))

    def emit_qmp(self, name: str, *, error: str = "") -> None:
        """Note what the user did, or what QEMU reports to its user.

        Args:
            name: the command or the event.
            error: why the command is refused, in QEMU's answer to it.
        """
        self.emit(EventKind.QMP, name=name, **({"error": error} if error else {}))

    def note(self, name: str) -> None:
        """Emit an event for what is worth knowing and changes nothing."""
        self.emit(EventKind.LOG, name=name)

    def enter(self, phase: Phase) -> None:
        """Go to another phase; refused if it does not follow this one."""
        self.guard.enter(phase)

    def set_state(self, status: MigrationStatus, *, old: MigrationStatus | None = None) -> None:
        """Change what the migration reports to be doing (migrate_set_state).

        Args:
            status: what it is from now on.
            old: only if it is this now; somebody may have cancelled meanwhile.

        Raises:
            EngineError: the one does not follow the other.
        """
        if old is not None and self.status is not old:
            return
        if status not in follows(self.side, self.status, self.machine.compat):
            raise self.fail(f"state {status} can't follow {self.status} on the {self.side}")
        self.status = status
        self.emit(EventKind.STATE, name=status.value)

    def propagate(self, error: SavevmError) -> EngineError:
        """Keep an error if it is the first one (migrate_error_propagate).

        Args:
            error: what went wrong.

        Returns:
            The error, saying where this end is.
        """
        failure = error if isinstance(error, EngineError) else self._located(error)
        if self.error is None:
            self.error = failure
            self.emit(EventKind.LOG, name="error", error=str(failure))
        return failure

    def _located(self, error: SavevmError) -> EngineError:
        """The same error, saying also where this end is."""
        if not isinstance(error, StreamError) or not error.section:
            return self.fail(str(error), cause=error)
        failure = EngineError(message_of(error), phase=self.phase, section=error.section)
        failure.__cause__ = error
        return failure

    def has(self, entry: SaveStateEntry, job: str) -> bool:
        """Whether this version of QEMU has a callback for a job, and the device has it, too.

        Args:
            entry: which device.
            job: as of :class:`~savevm_inspect.rules.callbacks.Callback`.
        """
        callback = self.machine.interface.doing(job)
        if callback is None or not entry.has(METHODS[job]):
            return False
        # Where completing has two callbacks, only devices that postcopy carries have the second.
        return job != "save_live_complete_postcopy" or len(callback.jobs) > 1 or entry.has("has_postcopy")

    def call(
        self,
        entry: SaveStateEntry,
        job: str,
        *args: Any,
        f: QEMUFile | QEMUFileInput | None = None,
        function: Callable[..., Any] | None = None,
    ) -> Steps[Any]:
        """Call a handler under the name that this version of QEMU has for it, emitting an event before and after.

        A handler that is a generator may wait for others while it runs.

        Args:
            entry: whose handler; it must have it.
            job: what is to be done; mostly the name of a callback.
            *args: what it gets after the opaque and the file.
            f: the file it writes to or reads from.
            function: what to call, where one callback of this version is several of the device's.

        Returns:
            What the handler returned.

        Raises:
            EngineError: it may not be called here, it raised, or what it returned means failure.
        """
        task, held = self.scheduler.current, self.machine.bql.held
        callback = self.machine.interface.doing(job)
        assert callback is not None
        handler = callback.name
        self.guard.require(handler, str(entry), thread=task.thread, bql=held)
        who = {"call_id": self._calls, "handler": handler, **_who(entry)}
        self._calls += 1
        self.calls_made[handler, entry.idstr] += 1
        self.emit(EventKind.CALL, **who)
        yield CHECKPOINT
        function = limited(function or getattr(entry.ops, METHODS[job]))
        start = _position(f)
        cause: Exception | None = None
        returned: Any = None
        try:
            returned = function(entry.opaque, *args) if f is None else function(entry.opaque, f, *args)
            if isinstance(returned, Generator):
                returned = yield from returned
            failure = _COMPLAINTS[callback.returns](returned)
        except Exception as error:  # noqa: BLE001 - a handler is somebody else's code and may raise anything
            cause, failure = error, f"{type(error).__name__}: {error}"
        if self.machine.bql.held is not held:
            failure = failure or f"returned {'without' if held else 'with'} the big QEMU lock"
            yield from self._restore_lock(task, held=held)
        yield from self.scheduler.settle()
        self.emit(EventKind.RETURN, **who, **self._outcome(returned, failure), **_bytes_of(f, start))
        yield CHECKPOINT
        if failure:
            raise EngineError(failure, phase=self.phase, handler=handler, section=str(entry)) from cause
        return returned

    def _outcome(self, returned: Any, failure: str) -> dict[str, Any]:
        """What the return event says: a number or an answer, or the pending bytes, or what went wrong."""
        keys: dict[str, Any] = {"error": failure} if failure else {}
        if isinstance(returned, Pending):
            keys |= {"must_precopy": returned.must_precopy, "can_postcopy": returned.can_postcopy}
            keys |= {"stopcopy_bytes": self._stopcopy(returned)}
        elif isinstance(returned, int):
            keys["returned"] = returned
        return keys

    def _restore_lock(self, task: Task, *, held: bool) -> Steps[None]:
        """Undo what a handler did to the lock and did not undo: the caller relies on it."""
        bql = self.machine.bql
        if bql.owner is task and not held:
            bql.unlock()
        elif bql.owner is not task and held:
            yield from bql.lock()

    def is_active(self, entry: SaveStateEntry) -> Steps[bool]:
        """Ask a device whether it takes part; one that can't be asked does."""
        if not self.has(entry, "is_active"):
            return True
        answer: bool = yield from self.call(entry, "is_active")
        return answer

    def fail(
        self,
        message: str,
        *,
        entry: SaveStateEntry | None = None,
        handler: str = "",
        cause: Exception | None = None,
    ) -> EngineError:
        """An error that says where this end is; to be raised by the caller."""
        section = str(entry) if entry is not None else ""
        error = EngineError(message, phase=self.phase, handler=handler, section=section)
        error.__cause__ = cause
        return error

    @contextmanager
    def asking(self, device: object) -> Iterator[None]:
        """Ask a device for something outside of its callbacks; its error names its section.

        Args:
            device: a registered one that has callbacks.

        Raises:
            EngineError: it refused.
        """
        try:
            yield
        except EngineError:
            raise
        except SavevmError as error:
            raise self.fail(message_of(error), entry=self.machine.registry.entry_of(device)) from error

    def _emit_fault(self, stopped: bool, block: str, addr: int) -> None:
        """Note that a virtual CPU waits for a page, or goes on; it is none of the migration's threads."""
        self.scheduler.emit(
            Event(
                seq=self.scheduler.emitted,
                time_us=self.machine.clock.now_us,
                side=self.side,
                event=EventKind.VCPU_STOPPED if stopped else EventKind.VCPU_RUNNING,
                phase=self.guard.phase,
                vcpu=0,
                fault_id=self.machine.guest.faults - 1,
                block=block,
                addr=addr,
            )
        )

    def _emit_lock(self, held: bool) -> None:
        self.emit(EventKind.LOCK, name="bql_lock" if held else "bql_unlock")


def _who(entry: SaveStateEntry) -> dict[str, Any]:
    return {"idstr": entry.idstr, "instance_id": entry.instance_id, "section_id": entry.section_id}


def _span_keys(span: Span | None) -> dict[str, Any]:
    return {} if span is None else {"channel": span.channel, "offset": span.offset, "length": span.length}


def _position(f: QEMUFile | QEMUFileInput | None) -> int:
    if f is None:
        return 0
    return f.transferred if isinstance(f, QEMUFile) else f.offset


def _bytes_of(f: QEMUFile | QEMUFileInput | None, start: int) -> dict[str, Any]:
    """The bytes that a call wrote or read, if it had a file."""
    if f is None or (isinstance(f, QEMUFile) and not f.placed):
        return {}
    return {"channel": f.channel, "offset": start, "length": _position(f) - start}
