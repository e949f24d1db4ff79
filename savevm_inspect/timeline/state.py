"""What is known of both ends of a migration at one moment, as immutable values."""

from dataclasses import dataclass, field
from enum import StrEnum

from ..rules.phases import Phase
from ..rules.threads import Side, Thread


class GuestState(StrEnum):
    """Whether the VM of one side executes instructions."""

    UNKNOWN = "not said"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A handler that was called and has not returned.

    Attributes:
        call_id: shared by its call and its return.
        handler: the callback of register.h.
        idstr: the device whose handler it is.
        instance_id: which of the devices of that idstr.
        thread: the thread it runs in.
        index: of the call among the events.
    """

    call_id: int | None
    handler: str
    idstr: str
    instance_id: int
    thread: Thread | None
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSection:
    """A section that was started and not ended.

    Attributes:
        section_id: its number on the wire.
        idstr: its device.
        instance_id: which of the devices of that idstr.
    """

    section_id: int
    idstr: str
    instance_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingFigures:
    """How much was left to send, as it was reported last.

    Attributes:
        must_precopy: bytes that must arrive before the destination starts.
        can_postcopy: bytes that may follow after that.
        threshold_bytes: what fits into the downtime limit; ``None`` if nobody says.
        bandwidth_bytes_per_s: what the threshold was computed from; ``None`` if nobody says.
        name: how it was found out: ``estimate``, ``exact``, or a query's name.
    """

    must_precopy: int
    can_postcopy: int
    threshold_bytes: int | None
    bandwidth_bytes_per_s: int | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideState:
    """One end at one moment.

    Attributes:
        time_us: its clock at its last event, in microseconds since the migration's start.
        phase: where in the migration it is; ``None`` before its first event that has one.
        status: what the migration reports to be doing (qapi/migration.json, MigrationStatus); empty before it says.
        guest: whether its VM runs.
        calls: handlers that have not returned, the one called last at the end.
        lock_holder: the thread that has the big QEMU lock, as far as events show.
        pending: what was left to send, ``None`` before anybody asked.
        dirty_pages: pages that are dirty; ``None`` if nobody says.
        iteration: number of the pass over RAM; ``None`` if nobody says.
        channel_bytes: for each channel, (number, bytes that it wrote or read so far).
        open_sections: sections that were started and not ended, in the order of their start.
        error: what went wrong last; empty if nothing did.
    """

    time_us: int = 0
    phase: Phase | None = None
    status: str = ""
    guest: GuestState = GuestState.UNKNOWN
    calls: tuple[OpenCall, ...] = ()
    lock_holder: Thread | None = None
    pending: PendingFigures | None = None
    dirty_pages: int | None = None
    iteration: int | None = None
    channel_bytes: tuple[tuple[int, int], ...] = ()
    open_sections: tuple[OpenSection, ...] = ()
    error: str = ""

    def stack(self, thread: Thread | None) -> tuple[OpenCall, ...]:
        """The handlers that run in one thread, the innermost last."""
        return tuple(call for call in self.calls if call.thread == thread)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Both ends at one moment.

    Attributes:
        index: how many events have happened.
        source: the end that the VM leaves.
        destination: the end that it arrives at.
    """

    index: int = 0
    source: SideState = field(default_factory=SideState)
    destination: SideState = field(default_factory=SideState)

    def side(self, side: Side) -> SideState:
        """One of the two ends."""
        return self.source if side is Side.SOURCE else self.destination
