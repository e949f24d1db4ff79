"""What the scenarios are put together from: devices, guests, links, and what users set."""

from dataclasses import replace
from functools import partial
from typing import Final

from ...rules.options import MigrationParameters
from ...rules.status import MigrationStatus
from ..devices.console import Console
from ..devices.cpu import Cpu
from ..devices.dirty_bitmap import DirtyBitmap, DirtyBitmaps
from ..devices.globalstate import GlobalState
from ..devices.htab import HashPageTable
from ..devices.inactive import Inactive
from ..devices.slirp import Slirp
from ..devices.timer import Timers
from ..devices.uart import Uart
from ..devices.vfio import Vfio
from ..machine.guest import Workload
from ..machine.machine import Attach
from ..play.scenario import Scenario
from ..play.script import Step, UserAction
from ..ram.device import RamDevice

MIB: Final = 1 << 20

NONE_DEVICES: Final[tuple[Attach, ...]] = (
    Timers.attach,
    Slirp.attach,
    RamDevice.attach,
    DirtyBitmaps.attach,
    GlobalState.attach,
)
"""What a machine without any hardware still has, in the order in which QEMU registers it."""

PC_DEVICES: Final[tuple[Attach, ...]] = (*NONE_DEVICES, Cpu.attach)
"""The same with a processor, so that the guest goes on where it stood."""

OUR_DEVICES: Final[tuple[Attach, ...]] = (*PC_DEVICES, HashPageTable.attach)
"""The same with a second iterable device besides RAM."""

FULL_DEVICES: Final[tuple[Attach, ...]] = (*PC_DEVICES, Console.attach, Uart.attach, Inactive.attach, Vfio.attach)
"""A machine with a device of every kind: old-style, described, inactive, passed through."""

SLOW: Final = MigrationParameters(max_bandwidth_bytes_per_s=8_000_000, downtime_limit_ms=30)
"""A rate limit at which one can watch; QEMU's own is sixteen times as much."""

POSTCOPY: Final = replace(SLOW, max_postcopy_bandwidth_bytes_per_s=4_000_000)
"""The same, and half of it once the destination runs."""

WRITER: Final = Workload(writes_per_s=900, hot_pages=512)
FAST_WRITER: Final = Workload(writes_per_s=20_000, hot_pages=400)

DISKS: Final = (("disk0", 256 * MIB), ("disk1", 64 * MIB))
BITMAPS: Final = (
    DirtyBitmap(node="disk0", name="backup", disk_bytes=256 * MIB, bits=bytearray(b"\x0f\x80") * 256),
    DirtyBitmap(node="disk1", name="backup", disk_bytes=64 * MIB, enabled=False),
)

TO_POSTCOPY: Final = Step(do=UserAction.MIGRATE_START_POSTCOPY, status=MigrationStatus.ACTIVE, after_us=150_000)

scenario = partial(Scenario, devices=OUR_DEVICES, parameters=SLOW)
"""A scenario of ours, with what is given changed."""
