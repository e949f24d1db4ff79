"""Devices, a rate limit and a pace that return what a real QEMU's returned, by its trace."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from savevm_inspect.engine.devices.inactive import Inactive
from savevm_inspect.engine.machine.handlers import DeviceError, Pending, SaveVMHandlers
from savevm_inspect.engine.machine.machine import Machine
from savevm_inspect.engine.machine.protocols import MigrationState
from savevm_inspect.engine.machine.qemu_file import QEMUFile, QEMUFileInput, RateLimit
from savevm_inspect.engine.machine.vmsd import MigrationPriority, VMStateDescription, VMStateField
from savevm_inspect.engine.outgoing.migration import OutgoingMigration
from savevm_inspect.engine.outgoing.pace import Pace
from savevm_inspect.engine.sim.scheduler import CHECKPOINT, Steps, Wait
from savevm_inspect.rules.compat import Behaviour
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.stream.events import EventKind

from .plan import Plan, Round, Then
from .truth import BEGINS, Device

_S: Final = MigrationStatus
_PAGE_BYTES: Final = 4096


class Progress:
    """How far a driven run has come in its plan.

    Args:
        plan: what it follows.

    Attributes:
        number: of the round that is under way; -1 before the first.
        asked: requests that reached the source.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.number = -1
        self.asked: list[int] = []
        self._parts = deque(part for each in plan.rounds for part in each.parts)

    @property
    def round(self) -> Round:
        """The round that is under way."""
        if self.number >= len(self.plan.rounds):
            raise DeviceError("a round more than QEMU had")
        return self.plan.rounds[max(self.number, 0)]

    @property
    def parts_left(self) -> bool:
        """Whether more PART sections follow."""
        return bool(self._parts)

    def take_part(self) -> int:
        """What the next PART section's handler returns."""
        if not self._parts:
            raise DeviceError("a PART section more than QEMU wrote")
        return self._parts.popleft()


class DrivenRate(RateLimit):
    """A rate limit that is used up in rounds in which QEMU's was."""

    used_up = False

    def exceeded(self) -> bool:
        """Whether QEMU wrote no PART section in this round."""
        return self.used_up


class DrivenPace(Pace):
    """Rounds that follow each other as in the trace, with its thresholds.

    Args:
        source: whose.
        progress: how far it has come.
    """

    def __init__(self, source: OutgoingMigration, progress: Progress) -> None:
        super().__init__(source, source.rate)
        self._source = source
        self._progress = progress

    def next_round(self) -> None:
        """Begin a round: its threshold, and whether there is room for sections."""
        progress = self._progress
        progress.number += 1
        self.threshold_bytes = progress.round.threshold_bytes(progress.plan.version)
        rate = self._source.rate
        assert isinstance(rate, DrivenRate)
        idle = progress.round.then in (Then.GOES_ON, Then.PAUSES) and not progress.round.parts
        rate.used_up = idle

    def rate_limit(self, _f: QEMUFile) -> Steps[bool]:
        """Wait only for a user who cancels here."""
        rate, source = self._source.rate, self._source
        assert isinstance(rate, DrivenRate)
        rate.used_up = False
        if self._progress.round.then is Then.CANCELLED:
            yield Wait(what="the cancel", ready=lambda: source.status is _S.CANCELLING)
        yield CHECKPOINT
        return False


class DrivenRam:
    """RAM that has no pages: what it returns is the trace's.

    Args:
        machine: whose.
        progress: how far the run has come.
    """

    def __init__(self, machine: Machine, progress: Progress) -> None:
        self._machine = machine
        self._progress = progress
        self._bitmaps: set[str] = set()

    # The source's handlers.

    def save_setup(self, f: QEMUFile) -> Steps[int]:
        """Give the lock up for a moment, as RAM does."""
        bql = self._machine.bql
        if not bql.held:  # as 7.2 calls it
            yield from bql.lock()
            bql.unlock()
            return self._put(f)
        bql.unlock()
        yield CHECKPOINT
        yield from bql.lock()
        return self._put(f)

    def state_pending_estimate(self) -> Steps[Pending]:
        """The next round's cheap figures; here its user does what QEMU's did."""
        source, progress = self._source, self._progress
        pace = source.pace
        assert isinstance(pace, DrivenPace)
        pace.next_round()
        ready = {
            Then.POSTCOPY: lambda: source.postcopy_wanted,
            Then.PAUSES: lambda: source.f is not None and source.f.get_error() != 0,
        }.get(progress.round.then)
        if ready is not None:
            yield Wait(what="the user", ready=ready)
        if progress.round.package_loaded and self._machine.compat.has(Behaviour.POSTCOPY_DEVICE):
            yield Wait(what="the package to be loaded", ready=lambda: source.package_loaded)
        return progress.round.estimate or Pending()

    def state_pending_exact(self) -> Pending:
        """The round's dear figures, or those of the last query, which has the lock."""
        if self._machine.bql.held:
            return self._progress.round.final or Pending()
        if self._progress.round.exact is None:
            raise DeviceError("exact figures in a round in which QEMU asked for none")
        return self._progress.round.exact

    def save_live_iterate(self, f: QEMUFile) -> int:
        """Return what QEMU's did."""
        self._begin()
        self._put(f)
        return self._progress.take_part()

    def save_postcopy_prepare(self, f: QEMUFile) -> bool:
        """Write the PART section that 10.2 writes before it switches to postcopy."""
        self._begin()
        self._put(f)
        return True

    def save_complete(self, f: QEMUFile) -> int:
        """All is sent."""
        self._begin()
        return self._put(f)

    def has_postcopy(self) -> bool:
        """Whether pages may follow late."""
        return self._source.options.has(Capability.POSTCOPY_RAM)

    def resume_prepare(self, s: MigrationState) -> Steps[int]:
        """Ask for as many bitmaps as QEMU did."""
        self._bitmaps = {f"block{number}" for number in range(self._progress.plan.bitmaps)}
        for name in sorted(self._bitmaps):
            s.send_recv_bitmap(name)
        yield from s.rp_wait(lambda: not self._bitmaps, "bitmaps of received pages")
        return -1 if self._bitmaps else 0

    # What other parts of the source ask of it.

    @property
    def has_request(self) -> bool:
        """Requests are counted, and that is all."""
        return False

    def discards(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """As many as QEMU sent."""
        return [(f"block{number}", [(0, _PAGE_BYTES)]) for number in range(self._progress.plan.discards)]

    def queue_pages(self, _name: str | None, start: int, _length: int) -> None:
        """A request has come."""
        self._progress.asked.append(start)

    def reload_dirty_bitmap(self, name: str, _received: object) -> None:
        """A bitmap has come."""
        self._bitmaps.discard(name)

    def guard(self, *, on: bool) -> None:
        """There is nothing to guard."""

    # The destination.

    def load_state(self, f: QEMUFileInput, _version_id: int) -> Steps[int]:
        """Read what was put; the last section comes when all requests have been made."""
        destination = self._machine.destination
        assert destination is not None
        yield from destination.need(f, "a number")
        if f.get_be64() and destination.in_postcopy:
            yield Wait(what="all requests", ready=self._all_asked)
        return 0

    def discard(self, _name: str, _start: int, _length: int, _offset: int) -> None:
        """There is nothing to forget."""

    def received_bitmap(self, _name: str) -> bytes:
        """Of a block of 64 pages, none of which has come."""
        return bytes(8)

    def expect_faults(self) -> None:
        """Faults are the trace's."""

    def expect_no_faults(self) -> None:
        """Faults are the trace's."""

    # Within.

    @property
    def _source(self) -> OutgoingMigration:
        assert isinstance(self._machine.source, OutgoingMigration)
        return self._machine.source

    def _all_asked(self) -> bool:
        return len(self._progress.asked) >= self._progress.plan.all_requests

    def _put(self, f: QEMUFile) -> int:
        """Write whether these are the last bytes."""
        f.put_be64(int(self._source.status is _S.POSTCOPY_ACTIVE and self._progress.round.then is Then.COMPLETES))
        return f.fflush()

    def _begin(self) -> None:
        begin(self._machine, "ram")


def begin(machine: Machine, idstr: str) -> None:
    """Tell that a section of the source's begins, as QEMU's trace does."""
    assert isinstance(machine.source, OutgoingMigration)
    machine.source.emit(EventKind.LOG, name=BEGINS, idstr=idstr)


class DrivenDevice:
    """A plain device with a byte of state.

    Args:
        machine: whose.
        idstr: its name.
    """

    def __init__(self, machine: Machine, idstr: str) -> None:
        self.machine = machine
        self.idstr = idstr
        self.state = 0

    def pre_save(self) -> None:
        """Its section has begun."""
        begin(self.machine, self.idstr)


@dataclass(frozen=True, slots=True)
class Built:
    """Builds the devices of a plan into a machine, in the order of their section ids.

    Attributes:
        progress: how far the run has come.
    """

    progress: Progress

    def __call__(self, machine: Machine) -> "DrivenRam":
        """Register everything, and a device that takes no part for each number that no trace speaks of."""
        plan = self.progress.plan
        ram = DrivenRam(machine, self.progress)
        machine.ram = ram  # type: ignore[assignment]
        devices = {device.section_id: device for device in plan.devices}
        first = _saved_first(plan.devices)
        for number in range(max(devices) + 1):
            device = devices.get(number)
            if device is None:
                ops = SaveVMHandlers(is_active=Inactive.is_active, save_setup=Inactive.refuse)
                machine.registry.register_savevm_live("inactive", -1, 1, ops, Inactive())
            elif device.iterates:
                ops = SaveVMHandlers.of(DrivenRam)
                machine.registry.register_savevm_live(
                    device.idstr, device.instance_id, device.version_id or 1, ops, ram
                )
            else:
                machine.registry.register_vmstate(
                    _described(device, first=device.section_id in first),
                    DrivenDevice(machine, device.idstr),
                    instance_id=device.instance_id,
                )
        return ram


def _saved_first(devices: Sequence[Device]) -> set[int]:
    """Section ids of plain devices of a higher priority: saved before one that was registered earlier."""
    plain = [device.section_id for device in devices if not device.iterates]
    return {one for index, one in enumerate(plain) if any(other < one for other in plain[index + 1 :])}


def _described(device: Device, *, first: bool) -> VMStateDescription:
    return VMStateDescription(
        name=device.idstr,
        version_id=device.version_id or 0,
        priority=MigrationPriority.MIG_PRI_APIC if first else MigrationPriority.MIG_PRI_DEFAULT,
        fields=(VMStateField(name="state", type="uint8"),),
        needed=(lambda _device: False) if device.skipped else None,
        pre_save=DrivenDevice.pre_save,
    )
