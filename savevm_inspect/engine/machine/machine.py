"""A virtual machine as the migration sees it: what it is, what runs in it, and who holds its lock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ...errors import printable
from ...rules.compat import REFERENCE, Behaviour, Compat, Version
from ...rules.interfaces import Interface, interface_of
from ..sim.clock import Clock
from ..sim.costs import Costs
from ..sim.scheduler import Scheduler
from .bql import Bql
from .guest import Guest
from .protocols import DirtyBitmapMigration, MigrationEnd, MigrationIncomingState, MigrationState, Ram
from .registry import Registry


class RunState(StrEnum):
    """What the VM does, by QEMU's names (qapi/run-state.json)."""

    PRELAUNCH = "prelaunch"
    RUNNING = "running"
    PAUSED = "paused"
    INMIGRATE = "inmigrate"
    SAVE_VM = "save-vm"
    FINISH_MIGRATE = "finish-migrate"
    POSTMIGRATE = "postmigrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineType:
    """What a machine type fixes about its streams.

    Attributes:
        name: as the configuration states it; both sides must agree.
        page_size: target page size in bytes.
        page_bits: log2 of it, sent where the machine's pages are larger than its smallest; else ``None``.
        version: the version of QEMU that it is named after; it decides what streams look like.
        properties: what its user set otherwise (``-global migration.PROPERTY=...``).
        suppress_vmdesc: whether the description is left out.
    """

    name: str
    page_size: int = 4096
    page_bits: int | None = None
    version: Version = REFERENCE
    properties: Mapping[Behaviour, bool] = field(default_factory=dict)
    suppress_vmdesc: bool = False


@dataclass(slots=True, kw_only=True)
class MigrationStats:
    """Counters that devices keep for whoever watches (migration/migration-stats.h).

    Attributes:
        dirty_sync_count: how often the dirty log was collected: the number of the current pass over RAM.
        dirty_pages: pages that are known to be dirty.
        normal_pages: pages sent with their content.
        zero_pages: pages sent as zeros.
        xbzrle_pages: pages sent as a difference to what was sent before.
    """

    dirty_sync_count: int = 0
    dirty_pages: int = 0
    normal_pages: int = 0
    zero_pages: int = 0
    xbzrle_pages: int = 0


class Attach(Protocol):
    """Builds a device into a machine and registers what it saves."""

    def __call__(self, machine: "Machine") -> object:
        """Returns the device."""


@dataclass(eq=False, slots=True, kw_only=True)
class Machine:
    """One VM on one side of a migration.

    Attributes:
        kind: its type.
        guest: what runs in it.
        scheduler: the threads of both machines, and the time they live in.
        runstate: what it does.
        registry: what is saved of it.
        bql: its lock.
        interface: which callbacks its QEMU calls, under which names.
        stats: what its devices count.
        devices: what was built in, in that order.
        disks: name and length in bytes of each disk.
        qemu: the version of QEMU that runs it.
        uuid: 16 bytes that identify this VM; empty if its user has set none (qemu_uuid_set).
        received_runstate: what the VM did on the source, as the stream said; ``None`` if it did not.
        costs: what work takes how long.
        ram: the device that moves its memory, once it is built in.
        dirty_bitmaps: the device that moves its disks' bitmaps, once it is built in.
        source: its end of a migration that it is the source of.
        destination: its end of a migration that it is the destination of.
    """

    kind: MachineType
    guest: Guest
    scheduler: Scheduler
    runstate: RunState = RunState.PAUSED
    registry: Registry = field(default_factory=Registry)
    bql: Bql = field(init=False)
    interface: Interface = field(init=False)
    stats: MigrationStats = field(default_factory=MigrationStats)
    devices: list[object] = field(default_factory=list)
    disks: tuple[tuple[str, int], ...] = ()
    qemu: Version = REFERENCE
    uuid: bytes = b""
    received_runstate: RunState | None = None
    costs: Costs = field(default_factory=Costs)
    ram: Ram | None = None
    dirty_bitmaps: DirtyBitmapMigration | None = None
    source: MigrationState | None = None
    destination: MigrationIncomingState | None = None
    _on_stop: list[Callable[[], None]] = field(default_factory=list)
    _on_start: list[Callable[[], None]] = field(default_factory=list)

    def __repr__(self) -> str:
        return printable(f"<Machine {self.kind.name}: {self.runstate}, {len(self.devices)} devices>")

    def __post_init__(self) -> None:
        self.bql = Bql(self.scheduler)
        self.interface = interface_of(self.qemu)
        self.clock.listen(self.guest.catch_up)
        self.scheduler.watch(self.guest.next_fault_us)

    @property
    def compat(self) -> Compat:
        """What its type and its QEMU do, and what they do not do yet."""
        return Compat(machine=self.kind.version, qemu=self.qemu, properties=self.kind.properties)

    @property
    def clock(self) -> Clock:
        """The time it lives in."""
        return self.scheduler.clock

    @property
    def migration(self) -> MigrationEnd | None:
        """Its end of the migration that it is part of, whichever end that is."""
        return self.source or self.destination

    @property
    def channel_uuid(self) -> bytes:
        """What its multifd channels open with, 16 bytes: the UUID, or zeros (qemu_uuid)."""
        return self.uuid or bytes(16)

    def attach(self, *builders: Attach) -> None:
        """Build devices in; the order gives their section ids."""
        for builder in builders:
            self.devices.append(builder(self))

    def before_stop(self, listener: Callable[[], None]) -> None:
        """Have a function called each time before the VM stops, with the old run state still in place."""
        self._on_stop.append(listener)

    def before_start(self, listener: Callable[[], None]) -> None:
        """Have a function called each time before the VM runs."""
        self._on_start.append(listener)

    def vm_start(self) -> None:
        """Let the guest run."""
        for listener in self._on_start:
            listener()
        self.guest.catch_up(self.clock.now_us)
        self.guest.running = True
        self.runstate = RunState.RUNNING

    def vm_stop(self, runstate: RunState) -> None:
        """Stop the guest for a reason (migration.c, migration_stop_vm).

        Args:
            runstate: the reason.
        """
        for listener in self._on_stop:
            listener()
        self.guest.catch_up(self.clock.now_us)
        self.guest.running = False
        self.runstate = runstate
