"""Migrations that send all of it before the switchover."""

from dataclasses import replace
from typing import Final

from ...rules.options import Capability, MigrationParameters, MultifdCompression
from ...rules.status import MigrationStatus
from ..machine.guest import Workload
from ..machine.machine import MachineType
from ..play.scenario import Scenario
from ..play.script import Step, UserAction
from .parts import BITMAPS, DISKS, FAST_WRITER, MIB, NONE_DEVICES, SLOW, WRITER, scenario

_C = Capability
_S = MigrationStatus

PRECOPY: Final[tuple[Scenario, ...]] = (
    scenario(
        name="quickstart",
        title="A guest that writes, a link that is faster",
        teaches=(
            "All of memory is sent once while the VM runs, then what it wrote meanwhile, then what it wrote during "
            "that: each pass is shorter, until the rest fits into the downtime limit."
        ),
        workload=WRITER,
    ),
    scenario(
        name="idle",
        title="A guest that does nothing",
        teaches="One pass over memory is enough; the switchover waits only for the end of it.",
    ),
    scenario(
        name="busy",
        title="A hot set that is written faster than it can be sent",
        teaches=(
            "The same few pages are dirty after every pass. Sending them again does not help; the migration ends "
            "only because the hot set is just smaller than what fits into the downtime limit."
        ),
        filled=0.6,
        workload=Workload(writes_per_s=4400, first_page=64, hot_pages=80),
        link_bytes_per_s=8_000_000,
        parameters=MigrationParameters(max_bandwidth_bytes_per_s=0, downtime_limit_ms=35),
    ),
    scenario(
        name="stopping",
        title="A guest that falls silent",
        teaches="As long as it writes, no pass makes headway; once it stops, the next one is the last.",
        ram_bytes=2 * MIB,
        filled=1.0,
        workload=Workload(writes_per_s=8000, hot_pages=256, sequential=True, stops_after_us=600_000),
    ),
    scenario(
        name="growing",
        title="A guest that writes to more and more of its memory",
        teaches="Each pass finds more to send than the one before; only when the guest falls silent is it the last.",
        workload=Workload(
            writes_per_s=8000, hot_pages=100, sequential=True, grows_by_pages_per_s=200, stops_after_us=1_500_000
        ),
    ),
    scenario(
        name="never-converges",
        title="A guest that writes faster than the link can carry",
        teaches=(
            "Pass after pass finds as much to send as the one before. Nothing in the migration ends that: somebody "
            "has to cancel it, and the guest runs on as if nothing had been."
        ),
        workload=FAST_WRITER,
        script=(Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=1_500_000),),
        ends=_S.CANCELLED,
    ),
    scenario(
        name="auto-converge",
        title="A guest that is slowed down until it fits",
        teaches=(
            "It writes faster than can be sent. When that was seen twice, a share of its time is taken from it, and "
            "more each time, until what it writes fits through the link."
        ),
        ram_bytes=2 * MIB,
        workload=replace(FAST_WRITER, writes_per_s=6000),
        capabilities=frozenset({_C.AUTO_CONVERGE}),
        parameters=replace(SLOW, cpu_throttle_initial=40, cpu_throttle_increment=20),
    ),
    scenario(
        name="xbzrle",
        title="Differences instead of pages",
        teaches=(
            "From the second pass on a page that was sent before, and is still in the cache, goes out as what has "
            "changed in it: a few bytes for a word."
        ),
        workload=replace(FAST_WRITER, writes_per_s=5000),
        capabilities=frozenset({_C.XBZRLE}),
    ),
    scenario(
        name="multifd",
        title="Pages over channels of their own",
        teaches=(
            "The main channel carries devices and says where a round ends; pages go in packets over two others, "
            "which are brought into line before the next round."
        ),
        workload=WRITER,
        capabilities=frozenset({_C.MULTIFD}),
    ),
    scenario(
        name="multifd-zstd",
        title="Pages over channels of their own, compressed",
        teaches="Each channel is one compressed stream; a packet can only be unpacked after all before it.",
        workload=WRITER,
        capabilities=frozenset({_C.MULTIFD}),
        parameters=replace(SLOW, multifd_compression=MultifdCompression.ZSTD, multifd_channels=3),
    ),
    scenario(
        name="bitmaps",
        title="Disks whose changes are being tracked",
        teaches=(
            "A device that takes part without iterating: asked before each round, it says that it has no turn while "
            "the VM runs. One disk's bitmap goes out as bits, the other's, which is empty, as a remark."
        ),
        disks=DISKS,
        bitmaps=BITMAPS,
        capabilities=frozenset({_C.DIRTY_BITMAPS}),
    ),
    scenario(
        name="shared-memory",
        title="Memory that both sides have",
        teaches="A block in a file that both machines map is named in the list of blocks, and never sent.",
        workload=WRITER,
        shared_bytes=MIB,
        capabilities=frozenset({_C.X_IGNORE_SHARED}),
    ),
    scenario(
        name="none",
        title="A machine without hardware",
        teaches="What every stream consists of, even if there is nothing to move: the records without the pages.",
        machine=MachineType(name="none"),
        devices=NONE_DEVICES,
        ram_bytes=0,
    ),
)
