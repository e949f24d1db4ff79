"""A migration as data: two machines, a guest, a link, what the user set and what the user does."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from ...errors import printable
from ...rules.compat import REFERENCE, Version
from ...rules.options import Capability, MigrationParameters, Options
from ...rules.status import MigrationStatus
from ...rules.threads import Side
from ..devices.dirty_bitmap import DirtyBitmap, DirtyBitmaps
from ..devices.faulty import Fault, inject
from ..machine.guest import Guest, GuestBlock, Workload
from ..machine.machine import Attach, Machine, MachineType, RunState
from ..sim.clock import US_PER_S
from ..sim.costs import Costs
from ..sim.scheduler import Scheduler
from ..sim.wire import SOCKET_BUFFER_BYTES
from .script import Step
from .transport import Transport

OUR_MACHINE: Final = MachineType(name="savevm-inspect-1.0")
IDLE: Final = Workload()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One migration, as data; nothing in it changes while it runs.

    Attributes:
        name: what it is asked for by.
        title: what it is headed with.
        teaches: what there is to see.
        machine: type of both machines.
        interface: the version of QEMU that both sides play, as ``10.2``: its behaviour, and its callbacks under their
            names and in their places.
        devices: what is built into both, in the order of registration.
        destination_devices: what is built into the destination instead; empty for the same.
        ram_block: name of the block of guest memory.
        ram_bytes: its length; 0 is a machine without any.
        filled: share of its pages that hold something other than zeros, from 0 to 1.
        workload: what the guest does.
        seed: of all that is random.
        link_bytes_per_s: bandwidth of the link.
        capabilities: what the user switched on, on both sides.
        parameters: what the user set, on both sides.
        latency_us: how long a byte is on its way, in microseconds.
        socket_buffer_bytes: how much may wait in the buffer of a channel's sender before it has to.
        costs: what work takes how long.
        transport: how the bytes get to the other side.
        ends: what state the source is in at the end.
        arrives: whether the destination runs then, if the source has completed.
        script: what the user does meanwhile, one thing after the other.
        interventions: what is done besides, each as soon as it is due, whatever the script waits for.
        shared_bytes: length of a further block that lies in a file which both sides have; 0 is none.
        disks: name and length in bytes of each disk of both machines.
        bitmaps: those that the source keeps of its disks.
        uuid: identifies the VM, 16 bytes; empty for none.
        destination_uuid: the same on the destination; ``None`` for the source's.
        faults: what goes wrong in its devices.
        time_limit_us: virtual time after which the migration is given up.
    """

    name: str
    title: str
    teaches: str
    machine: MachineType = OUR_MACHINE
    interface: str = str(REFERENCE)
    devices: tuple[Attach, ...] = ()
    destination_devices: tuple[Attach, ...] = ()
    ram_block: str = "vm.ram"
    ram_bytes: int = 4 << 20
    filled: float = 0.35
    workload: Workload = IDLE
    seed: int = 1
    link_bytes_per_s: int = 10_000_000
    capabilities: frozenset[Capability] = frozenset()
    parameters: MigrationParameters = field(default_factory=MigrationParameters)
    latency_us: int = 0
    socket_buffer_bytes: int = SOCKET_BUFFER_BYTES
    costs: Costs = field(default_factory=Costs)
    transport: Transport = Transport.LIVE
    ends: MigrationStatus = MigrationStatus.COMPLETED
    arrives: bool = True
    script: tuple[Step, ...] = ()
    interventions: tuple[Step, ...] = ()
    shared_bytes: int = 0
    disks: tuple[tuple[str, int], ...] = ()
    bitmaps: tuple[DirtyBitmap, ...] = ()
    uuid: bytes = b""
    destination_uuid: bytes | None = None
    faults: tuple[Fault, ...] = ()
    time_limit_us: int = 60 * US_PER_S

    def __repr__(self) -> str:
        return printable(f"<Scenario {self.name}: {self.title}>")

    @property
    def source_options(self) -> Options:
        """What the user set on the source."""
        return Options(capabilities=self.capabilities, parameters=self.parameters)

    @property
    def destination_options(self) -> Options:
        """What the user set on the destination."""
        return self.source_options

    def build_source(self, scheduler: Scheduler) -> Machine:
        """The machine that moves, running."""
        machine = self._build(scheduler, self.devices, self.filled, uuid=self.uuid)
        for device in machine.devices:
            if isinstance(device, DirtyBitmaps):
                device.bitmaps.extend(deepcopy(self.bitmaps))
        inject(machine, self.faults, Side.SOURCE)
        machine.vm_start()
        return machine

    def build_destination(self, scheduler: Scheduler) -> Machine:
        """A machine of the same type that waits for a source, or was just started to go back to a snapshot."""
        uuid = self.uuid if self.destination_uuid is None else self.destination_uuid
        machine = self._build(scheduler, self.destination_devices or self.devices, filled=0.0, uuid=uuid)
        inject(machine, self.faults, Side.DESTINATION)
        machine.runstate = RunState.PRELAUNCH if self.transport is Transport.SNAPSHOT else RunState.INMIGRATE
        return machine

    def _build(self, scheduler: Scheduler, devices: tuple[Attach, ...], filled: float, *, uuid: bytes) -> Machine:
        page_size = self.machine.page_size
        blocks = [GuestBlock(self.ram_block, self.ram_bytes, page_size)] if self.ram_bytes else []
        if self.shared_bytes:
            blocks.append(GuestBlock("shared", self.shared_bytes, page_size, shared=True))
        guest = Guest(blocks, page_size=page_size, workload=self.workload, seed=self.seed, filled=filled)
        machine = Machine(
            kind=self.machine,
            guest=guest,
            scheduler=scheduler,
            disks=self.disks,
            qemu=Version.parse(self.interface),
            uuid=uuid,
            costs=self.costs,
        )
        machine.attach(*devices)
        return machine
