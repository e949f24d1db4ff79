"""Migrations worth watching, each as data: the machine, the guest, the link, and what it shows."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Final

from .clock import US_PER_S
from .devices.cpu import Cpu
from .devices.dirty_bitmap import DirtyBitmap, DirtyBitmaps
from .devices.globalstate import GlobalState
from .devices.htab import HashPageTable
from .devices.ram import RamDevice
from .devices.slirp import Slirp
from .devices.timer import Timers
from .guest import Guest, GuestBlock, Workload
from .lanes import Lanes
from .machine import Attach, Machine, MachineType, RunState
from .migration import Way
from .options import Capability, MigrationParameters, Options
from .script import Step

_MIB: Final = 1 << 20

NONE_DEVICES: Final[tuple[Attach, ...]] = (
    Timers.attach,
    Slirp.attach,
    RamDevice.attach,
    DirtyBitmaps.attach,
    GlobalState.attach,
)
"""What a machine without any hardware still has, in the order in which QEMU registers it."""

OUR_DEVICES: Final[tuple[Attach, ...]] = (*NONE_DEVICES, Cpu.attach, HashPageTable.attach)
"""The same with a processor, and a second iterable device besides RAM."""


OUR_MACHINE: Final = MachineType(name="savevm-inspect-1.0")
IDLE: Final = Workload()
SLOW: Final = MigrationParameters(max_bandwidth_bytes_per_s=8_000_000, downtime_limit_ms=30)
"""A rate limit at which one can watch; QEMU's own is sixteen times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One migration, as data; nothing in it changes while it runs.

    Attributes:
        name: what it is asked for by.
        title: what it is headed with.
        teaches: what there is to see.
        machine: type of both machines.
        devices: what is built into both, in the order of registration.
        ram_block: name of the block of guest memory.
        ram_bytes: its length; 0 is a machine without any.
        filled: share of its pages that hold something other than zeros, from 0 to 1.
        workload: what the guest does.
        seed: of all that is random.
        link_bytes_per_s: bandwidth of the link.
        capabilities: what the user switched on, on both sides.
        parameters: what the user set, on both sides.
        latency_us: how long a byte is on its way, in microseconds.
        way: how the bytes get to the other side.
        script: what the user does meanwhile.
        shared_bytes: length of a further block that lies in a file which both sides have; 0 is none.
        disks: name and length in bytes of each disk of both machines.
        bitmaps: those that the source keeps of its disks.
        time_limit_us: virtual time after which the migration is given up.
    """

    name: str
    title: str
    teaches: str
    machine: MachineType = OUR_MACHINE
    devices: tuple[Attach, ...] = OUR_DEVICES
    ram_block: str = "vm.ram"
    ram_bytes: int = 4 * _MIB
    filled: float = 0.35
    workload: Workload = IDLE
    seed: int = 1
    link_bytes_per_s: int = 10_000_000
    capabilities: frozenset[Capability] = frozenset()
    parameters: MigrationParameters = SLOW
    latency_us: int = 0
    way: Way = Way.LIVE
    script: tuple[Step, ...] = ()
    shared_bytes: int = 0
    disks: tuple[tuple[str, int], ...] = ()
    bitmaps: tuple[DirtyBitmap, ...] = ()
    time_limit_us: int = 60 * US_PER_S

    @property
    def source_options(self) -> Options:
        """What the user set on the source."""
        return Options(capabilities=self.capabilities, parameters=self.parameters)

    @property
    def destination_options(self) -> Options:
        """What the user set on the destination."""
        return self.source_options

    def build_source(self, lanes: Lanes) -> Machine:
        """The machine that moves, running."""
        machine = self._build(lanes, self.filled)
        for device in machine.devices:
            if isinstance(device, DirtyBitmaps):
                device.bitmaps.extend(deepcopy(self.bitmaps))
        machine.vm_start()
        return machine

    def build_destination(self, lanes: Lanes) -> Machine:
        """A machine of the same type and devices that waits to be loaded."""
        machine = self._build(lanes, filled=0.0)
        machine.runstate = RunState.INMIGRATE
        return machine

    def _build(self, lanes: Lanes, filled: float) -> Machine:
        page_size = self.machine.page_size
        blocks = [GuestBlock(self.ram_block, self.ram_bytes, page_size)] if self.ram_bytes else []
        if self.shared_bytes:
            blocks.append(GuestBlock("shared", self.shared_bytes, page_size, shared=True))
        guest = Guest(blocks, page_size=page_size, workload=self.workload, seed=self.seed, filled=filled)
        machine = Machine(kind=self.machine, guest=guest, lanes=lanes, disks=self.disks)
        machine.attach(*self.devices)
        return machine


_TABLE = (
    Scenario(
        name="quickstart",
        title="A guest that writes, a link that is faster",
        teaches=(
            "All of memory is sent once while the VM runs, then what it wrote meanwhile, then what it wrote during "
            "that: each pass is shorter, until the rest fits into the downtime limit."
        ),
        workload=Workload(writes_per_s=900, num_pages=512),
    ),
    Scenario(
        name="idle",
        title="A guest that does nothing",
        teaches="One pass over memory is enough; the switchover waits only for the end of it.",
    ),
    Scenario(
        name="busy",
        title="A hot set that is written faster than it can be sent",
        teaches=(
            "The same few pages are dirty after every pass. Sending them again does not help; the migration ends "
            "only because the hot set is just smaller than what fits into the downtime limit."
        ),
        workload=Workload(writes_per_s=4400, first_page=64, num_pages=78),
        link_bytes_per_s=8_000_000,
        parameters=MigrationParameters(max_bandwidth_bytes_per_s=0, downtime_limit_ms=35),
    ),
    Scenario(
        name="stopping",
        title="A guest that falls silent",
        teaches="As long as it writes, no pass makes headway; once it stops, the next one is the last.",
        ram_bytes=2 * _MIB,
        workload=Workload(writes_per_s=8000, num_pages=256, sequential=True, stops_after_us=600_000),
    ),
    Scenario(
        name="bitmaps",
        title="Disks whose changes are being tracked",
        teaches=(
            "A device that takes part without iterating: asked before each round, it says that it has no turn while "
            "the VM runs. One disk's bitmap goes out as bits, the other's, which is empty, as a remark."
        ),
        disks=(("disk0", 256 * _MIB), ("disk1", 64 * _MIB)),
        bitmaps=(
            DirtyBitmap(node="disk0", name="backup", disk_bytes=256 * _MIB, bits=bytearray(b"\x0f\x80") * 256),
            DirtyBitmap(node="disk1", name="backup", disk_bytes=64 * _MIB, enabled=False),
        ),
    ),
    Scenario(
        name="none",
        title="A machine without hardware",
        teaches="What every stream consists of, even if there is nothing to move: the records without the pages.",
        machine=MachineType(name="none"),
        devices=NONE_DEVICES,
        ram_bytes=0,
    ),
)

SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _TABLE}
"""Every scenario by its name."""
