"""One migration with a device in it, and what was seen of the device; and loads of it alone."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from ...errors import EngineError, SavevmError
from ...rules.threads import Side
from ...stream.events import Event, EventKind
from ..machine.handlers import DeviceError
from ..machine.machine import Attach, Machine
from ..machine.qemu_file import BufferFile, QEMUFileInput
from ..machine.registry import SaveStateEntry
from ..machine.step_limit import limited
from ..machine.vmstate import vmstate_load_state, vmstate_save_state
from ..play.migration import Migration
from ..play.run import Outcome, outcome_of
from ..play.scenario import Scenario
from ..scenarios import PC_DEVICES, SCENARIOS
from ..sim.clock import VirtualClock
from ..sim.pipe import Sink
from ..sim.scheduler import Scheduler, drive
from .device_state import state_of

_TIME_LIMIT_US: Final = 800_000
_HEAD_BYTES: Final = 1 + 4 + 1 + 4 + 4
_FOOTER_BYTES: Final = 1 + 4
_SMALL_BYTES: Final = 64 << 12
_WRITES: Final = 100
_SECTIONS: Final = 32
"""As many sections are loaded again, one after the other; a device that iterates for ever has thousands."""


def entry_of(machine: Machine) -> SaveStateEntry:
    """The registration of the device that was built in first.

    Raises:
        SavevmError: it registered nothing.
    """
    device = machine.devices[0]
    found = next((entry for entry in machine.registry if entry.opaque is device), None)
    if found is None:
        raise SavevmError(f"{type(device).__name__} is built in, and registers nothing under itself")
    return found


class Trial:
    """A quickstart with a device more, run to its end.

    The device is registered before RAM: the guest writes on while pages are sent after the device's own turn.

    Args:
        attach: builds the device in.

    Attributes:
        entry: its registration on the source.
        events: all that happened.
        outcome: how the run ended.
        error: what went wrong; ``None`` if nothing did.
        saved: the device's state when the source's VM had stopped; ``None`` if it never did.
        loaded: that on the destination before its VM ran; ``None`` if it never did.
        calls: how often each of its callbacks was called, on either side.
        failures: what was wrong with a call, by the callback.
        sections: the payloads of its first sections, in stream order.
    """

    def __init__(self, attach: Attach) -> None:
        base = SCENARIOS["quickstart"]
        self._scenario: Scenario = replace(
            base, name="the check", devices=(attach, *PC_DEVICES), time_limit_us=_TIME_LIMIT_US
        )
        self._main = bytearray()
        self.saved: dict[str, Any] | None = None
        self.loaded: dict[str, Any] | None = None
        self.events: list[Event] = []
        self._migration = Migration(self._scenario, self._watch)
        self._migration.scheduler.listen(self._look)
        self.entry = entry_of(self._migration.source.machine)
        self.error: EngineError | None = None
        self.outcome = Outcome.NOT_CONVERGED
        try:
            self.events.extend(self._migration.steps())
            self.outcome = outcome_of(self._migration)
        except EngineError as error:
            self.error = error
        self.error = self.error or self._migration.failure
        own = [event for event in self.events if event.idstr == self.entry.idstr]
        self.calls = Counter(str(event.handler) for event in own if event.event is EventKind.CALL)
        returns = [event for event in own if event.event is EventKind.RETURN and event.error]
        self.failures = {str(event.handler): str(event.error) for event in reversed(returns)}
        sections = (event for event in own if self._is_section(event))
        self.sections = [self._bytes(event) for event in islice(sections, _SECTIONS)]

    def _watch(self, number: int, *, back: bool, resumed: bool) -> Sink | None:  # noqa: ARG002 - a Watch's
        return self._main.extend if number == 0 and not back else None

    def _look(self, event: Event) -> None:
        """See the device while all is as it is at an event."""
        if event.event is not EventKind.QMP or event.name not in ("STOP", "RESUME"):
            return
        if event.side is Side.SOURCE and event.name == "STOP":
            self.saved = state_of(self._migration.source.machine.devices[0])
        elif event.side is Side.DESTINATION and self.loaded is None:
            self.loaded = state_of(self._migration.destination.machine.devices[0])

    def _is_section(self, event: Event) -> bool:
        """Whether an event is that of a section of the device which was written whole."""
        whole = event.side is Side.SOURCE and event.event is EventKind.RECORD and event.offset is not None
        return whole and event.name in ("start", "part", "end", "full")

    def _bytes(self, event: Event) -> bytes:
        assert event.offset is not None
        assert event.length is not None
        named = event.name in ("start", "full")
        head = _HEAD_BYTES + len(self.entry.idstr.encode()) if named else 1 + 4
        return bytes(self._main[event.offset + head : event.offset + event.length - _FOOTER_BYTES])

    def load(self, payloads: Sequence[bytes]) -> tuple[int, Exception | None, int]:
        """Load sections into a device of a new machine, up to the first one that is not read to its last byte.

        Returns:
            How many were read to the last byte, what the next one's load raised or would have said by its value, and
            how many bytes it left.
        """
        entry = entry_of(self._small.build_destination(Scheduler(VirtualClock())))
        read, f = 0, QEMUFileInput(memoryview(b""))
        try:
            if entry.ops is not None and entry.ops.load_setup is not None:
                _run(entry.ops.load_setup, entry.opaque, f)
            for payload in payloads:
                f = QEMUFileInput(memoryview(payload))
                f.section = str(entry)
                _load_one(entry, f)
                if f.remaining:
                    break
                read += 1
        except Exception as error:  # noqa: BLE001 - a handler is somebody else's code and may raise anything
            return read, error, f.remaining
        return read, None, f.remaining

    @property
    def _small(self) -> Scenario:
        return replace(self._scenario, ram_bytes=_SMALL_BYTES)

    def save_twice(self) -> tuple[bytes, bytes, dict[str, Any], dict[str, Any]] | None:
        """Save a device two times after the guest has written; ``None`` if it is not saved at once.

        Returns:
            What was written each time, and its state before and after.
        """
        machine = self._small.build_source(Scheduler(VirtualClock()))
        machine.guest.write_next(_WRITES)
        entry = entry_of(machine)
        if entry.vmsd is None and (entry.ops is None or entry.ops.save_state is None):
            return None
        before = state_of(entry.opaque)
        first, second = self._save(entry), self._save(entry)
        return first, second, before, state_of(entry.opaque)

    def _save(self, entry: SaveStateEntry) -> bytes:
        f = BufferFile()
        if entry.vmsd is not None:
            vmstate_save_state(f, entry.vmsd, entry.opaque)
        elif entry.ops is not None and entry.ops.save_state is not None:
            _run(entry.ops.save_state, entry.opaque, f)
        return f.content()


def _load_one(entry: SaveStateEntry, f: QEMUFileInput) -> None:
    if entry.vmsd is not None:
        drive(vmstate_load_state(f, entry.vmsd, entry.opaque, entry.version_id))
        return
    if entry.ops is None or entry.ops.load_state is None:
        raise DeviceError("it has no load_state")
    returned = _run(entry.ops.load_state, entry.opaque, f, entry.version_id)
    if isinstance(returned, int) and returned < 0:
        raise DeviceError(f"returned {returned}")


def _run(function: Any, *args: Any) -> Any:
    returned = limited(function)(*args)
    return drive(returned) if isinstance(returned, Generator) else returned
