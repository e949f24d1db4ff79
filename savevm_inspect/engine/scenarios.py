"""Migrations worth watching, each as data: the machine, the guest, the link, and what it shows."""

from dataclasses import replace
from functools import partial
from typing import Final

from .devices.cpu import Cpu
from .devices.dirty_bitmap import DirtyBitmap, DirtyBitmaps
from .devices.globalstate import GlobalState
from .devices.htab import HashPageTable
from .devices.ram import RamDevice
from .devices.slirp import Slirp
from .devices.timer import Timers
from .guest import Workload
from .machine import Attach, MachineType
from .options import Capability, MigrationParameters, MultifdCompression
from .scenario import Scenario
from .script import Do, Step
from .status import MigrationStatus
from .way import Way

_C = Capability
_S = MigrationStatus
_MIB: Final = 1 << 20

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

SLOW: Final = MigrationParameters(max_bandwidth_bytes_per_s=8_000_000, downtime_limit_ms=30)
"""A rate limit at which one can watch; QEMU's own is sixteen times as much."""

_SCENARIO = partial(Scenario, devices=OUR_DEVICES, parameters=SLOW)
_WRITER: Final = Workload(writes_per_s=900, num_pages=512)
_FAST_WRITER: Final = Workload(writes_per_s=20_000, num_pages=400)
_DISKS: Final = (("disk0", 256 * _MIB), ("disk1", 64 * _MIB))
_BITMAPS: Final = (
    DirtyBitmap(node="disk0", name="backup", disk_bytes=256 * _MIB, bits=bytearray(b"\x0f\x80") * 256),
    DirtyBitmap(node="disk1", name="backup", disk_bytes=64 * _MIB, enabled=False),
)
_TO_POSTCOPY: Final = Step(do=Do.MIGRATE_START_POSTCOPY, status=_S.ACTIVE, after_us=150_000)
_POSTCOPY: Final = replace(SLOW, max_postcopy_bandwidth_bytes_per_s=4_000_000)

_PRECOPY_TABLE = (
    _SCENARIO(
        name="quickstart",
        title="A guest that writes, a link that is faster",
        teaches=(
            "All of memory is sent once while the VM runs, then what it wrote meanwhile, then what it wrote during "
            "that: each pass is shorter, until the rest fits into the downtime limit."
        ),
        workload=_WRITER,
    ),
    _SCENARIO(
        name="idle",
        title="A guest that does nothing",
        teaches="One pass over memory is enough; the switchover waits only for the end of it.",
    ),
    _SCENARIO(
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
    _SCENARIO(
        name="stopping",
        title="A guest that falls silent",
        teaches="As long as it writes, no pass makes headway; once it stops, the next one is the last.",
        ram_bytes=2 * _MIB,
        workload=Workload(writes_per_s=8000, num_pages=256, sequential=True, stops_after_us=600_000),
    ),
    _SCENARIO(
        name="growing",
        title="A guest that writes to more and more of its memory",
        teaches="Each pass finds more to send than the one before, until the memory has an end.",
        workload=Workload(writes_per_s=1200, num_pages=16, grows_by_pages_per_s=200),
    ),
    _SCENARIO(
        name="never-converges",
        title="A guest that writes faster than the link can carry",
        teaches=(
            "Pass after pass finds as much to send as the one before. Nothing in the migration ends that: somebody "
            "has to cancel it, and the guest runs on as if nothing had been."
        ),
        workload=_FAST_WRITER,
        script=(Step(do=Do.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=1_500_000),),
        ends=_S.CANCELLED,
    ),
    _SCENARIO(
        name="auto-converge",
        title="A guest that is slowed down until it fits",
        teaches=(
            "It writes faster than can be sent. When that was seen twice, a share of its time is taken from it, and "
            "more each time, until what it writes fits through the link."
        ),
        ram_bytes=2 * _MIB,
        workload=replace(_FAST_WRITER, writes_per_s=6000),
        capabilities=frozenset({_C.AUTO_CONVERGE}),
        parameters=replace(SLOW, cpu_throttle_initial=40, cpu_throttle_increment=20),
    ),
    _SCENARIO(
        name="xbzrle",
        title="Differences instead of pages",
        teaches=(
            "From the second pass on a page that was sent before, and is still in the cache, goes out as what has "
            "changed in it: a few bytes for a word."
        ),
        workload=replace(_FAST_WRITER, writes_per_s=5000),
        capabilities=frozenset({_C.XBZRLE}),
    ),
    _SCENARIO(
        name="multifd",
        title="Pages over channels of their own",
        teaches=(
            "The main channel carries devices and says where a round ends; pages go in packets over two others, "
            "which are brought into line before the next round."
        ),
        workload=_WRITER,
        capabilities=frozenset({_C.MULTIFD}),
    ),
    _SCENARIO(
        name="multifd-zstd",
        title="Pages over channels of their own, compressed",
        teaches="Each channel is one compressed stream; a packet can only be unpacked after all before it.",
        workload=_WRITER,
        capabilities=frozenset({_C.MULTIFD}),
        parameters=replace(SLOW, multifd_compression=MultifdCompression.ZSTD, multifd_channels=3),
    ),
    _SCENARIO(
        name="bitmaps",
        title="Disks whose changes are being tracked",
        teaches=(
            "A device that takes part without iterating: asked before each round, it says that it has no turn while "
            "the VM runs. One disk's bitmap goes out as bits, the other's, which is empty, as a remark."
        ),
        disks=_DISKS,
        bitmaps=_BITMAPS,
        capabilities=frozenset({_C.DIRTY_BITMAPS}),
    ),
    _SCENARIO(
        name="shared-memory",
        title="Memory that both sides have",
        teaches="A block in a file that both machines map is named in the list of blocks, and never sent.",
        workload=_WRITER,
        shared_bytes=_MIB,
        capabilities=frozenset({_C.X_IGNORE_SHARED}),
    ),
    _SCENARIO(
        name="none",
        title="A machine without hardware",
        teaches="What every stream consists of, even if there is nothing to move: the records without the pages.",
        machine=MachineType(name="none"),
        devices=NONE_DEVICES,
        ram_bytes=0,
    ),
)

_SWITCHOVER_TABLE = (
    _SCENARIO(
        name="return-path",
        title="A destination that answers",
        teaches="The source opens a way back, pings, and waits at the end for the word that all is well.",
        workload=_WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.RETURN_PATH, _C.VALIDATE_UUID}),
    ),
    _SCENARIO(
        name="pause-before-switchover",
        title="A switchover that waits for its user",
        teaches="The VM has stopped, and nothing of the last data has been sent: the moment to move what is outside.",
        workload=_WRITER,
        capabilities=frozenset({_C.PAUSE_BEFORE_SWITCHOVER}),
        script=(Step(do=Do.MIGRATE_CONTINUE, status=_S.PRE_SWITCHOVER, after_us=50_000),),
    ),
    _SCENARIO(
        name="cancel-setup",
        title="Cancelled before the first round",
        teaches="Whatever was set up is given up again; the guest never noticed.",
        workload=_WRITER,
        script=(Step(do=Do.MIGRATE_CANCEL, status=_S.SETUP),),
        ends=_S.CANCELLED,
    ),
    _SCENARIO(
        name="cancel-active",
        title="Cancelled between two rounds",
        teaches="The connection is broken at once, in the midst of whatever was on its way.",
        workload=_WRITER,
        script=(Step(do=Do.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=100_000),),
        ends=_S.CANCELLED,
    ),
    _SCENARIO(
        name="cancel-pre-switchover",
        title="Cancelled while the switchover waits",
        teaches="The VM stands still already; it goes on as if nothing had been.",
        workload=_WRITER,
        capabilities=frozenset({_C.PAUSE_BEFORE_SWITCHOVER}),
        script=(Step(do=Do.MIGRATE_CANCEL, status=_S.PRE_SWITCHOVER, after_us=50_000),),
        ends=_S.CANCELLED,
    ),
    _SCENARIO(
        name="cancel-device",
        title="Cancelled in the last moment",
        teaches=(
            "All is sent, and the source waits for the other side's word. Until it comes the user can still cancel: "
            "the source's guest runs on, and the destination's has started, too."
        ),
        workload=_WRITER,
        latency_us=20_000,
        capabilities=frozenset({_C.RETURN_PATH}),
        script=(Step(do=Do.MIGRATE_CANCEL, status=_S.DEVICE, after_us=45_000),),
        ends=_S.CANCELLED,
    ),
    _SCENARIO(
        name="network-fails",
        title="A connection that breaks in precopy",
        teaches="Before the destination runs, a broken connection is the end of it: the source's guest goes on.",
        workload=_WRITER,
        script=(Step(do=Do.NETWORK_FAILS, status=_S.ACTIVE, after_us=100_000),),
        ends=_S.FAILED,
    ),
)

_POSTCOPY_TABLE = (
    _SCENARIO(
        name="postcopy",
        title="A guest that moves before its memory does",
        teaches=(
            "Halfway through, the VM stops here and goes on there. What it touches and has not come yet it waits "
            "for, page by page, while the rest follows."
        ),
        workload=_WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM}),
        parameters=_POSTCOPY,
        script=(_TO_POSTCOPY,),
    ),
    _SCENARIO(
        name="postcopy-preempt",
        title="Urgent pages overtake the others",
        teaches=(
            "Pages that the destination asks for go over a channel of their own, sent by the thread that hears the "
            "request; they need not wait behind those that nobody asked for."
        ),
        workload=_WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM, _C.POSTCOPY_PREEMPT}),
        parameters=_POSTCOPY,
        script=(_TO_POSTCOPY,),
    ),
    _SCENARIO(
        name="postcopy-recover",
        title="A connection that breaks in postcopy",
        teaches=(
            "Now neither side has all of the memory, and there is no way back. Both pause; over a new connection "
            "the destination says what it has, and the rest follows."
        ),
        workload=_WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM}),
        parameters=replace(_POSTCOPY, max_postcopy_bandwidth_bytes_per_s=2_000_000),
        script=(
            _TO_POSTCOPY,
            Step(do=Do.NETWORK_FAILS, status=_S.POSTCOPY_ACTIVE, after_us=50_000),
            Step(do=Do.MIGRATE_RECOVER, status=_S.POSTCOPY_PAUSED, after_us=100_000),
        ),
    ),
    _SCENARIO(
        name="postcopy-paused",
        title="A postcopy that nobody recovers",
        teaches="Both sides wait, for ever if they must: to give up would be to lose the guest.",
        workload=_WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM, _C.POSTCOPY_PREEMPT}),
        parameters=_POSTCOPY,
        script=(_TO_POSTCOPY, Step(do=Do.MIGRATE_PAUSE, status=_S.POSTCOPY_ACTIVE, after_us=20_000)),
        ends=_S.POSTCOPY_PAUSED,
    ),
    _SCENARIO(
        name="postcopy-bitmaps",
        title="Bitmaps that follow late, memory that does not",
        teaches="Only what can follow late is left for postcopy: here that is the disks' bitmaps and nothing else.",
        disks=_DISKS,
        bitmaps=_BITMAPS,
        capabilities=frozenset({_C.DIRTY_BITMAPS}),
        script=(_TO_POSTCOPY,),
    ),
)

_FILE_TABLE = (
    _SCENARIO(
        name="file",
        title="A migration into a file",
        teaches="The same stream, read by a destination that is started later.",
        workload=_WRITER,
        way=Way.FILE,
    ),
    _SCENARIO(
        name="mapped-ram",
        title="Each page at its own place in a file",
        teaches=(
            "A page that is sent again overwrites itself, so that the file grows no longer than the memory; bitmaps "
            "say which pages are there."
        ),
        workload=_WRITER,
        capabilities=frozenset({_C.MAPPED_RAM}),
        way=Way.FILE,
    ),
    _SCENARIO(
        name="background-snapshot",
        title="The state of one moment, while the guest runs on",
        teaches=(
            "The devices are saved first and written last. A page goes out before the guest writes to it for the "
            "first time; the guest waits for just that long."
        ),
        workload=_WRITER,
        devices=PC_DEVICES,
        capabilities=frozenset({_C.BACKGROUND_SNAPSHOT}),
        way=Way.FILE,
    ),
    _SCENARIO(
        name="savevm",
        title="A snapshot with the VM stopped",
        teaches=(
            "One thread does it all, under the lock. Nobody asks what is pending: each device has its turns until "
            "all of them are done."
        ),
        workload=_WRITER,
        way=Way.SNAPSHOT,
    ),
)

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario for scenario in (*_PRECOPY_TABLE, *_SWITCHOVER_TABLE, *_POSTCOPY_TABLE, *_FILE_TABLE)
}
"""Every scenario by its name."""
