"""Migrations of any guest, over any link, in any way: one that falls silent arrives."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from savevm_inspect.engine.devices.dirty_bitmap import DirtyBitmap
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.scenarios import OUR_DEVICES
from savevm_inspect.rules.options import Capability, MigrationParameters
from savevm_inspect.rules.status import MigrationStatus

from .laws import assert_laws, at_random
from .running import memory_after, run

_S = MigrationStatus

guests = st.builds(
    Scenario,
    name=st.just("random"),
    title=st.just(""),
    teaches=st.just(""),
    devices=st.just(OUR_DEVICES),
    ram_bytes=st.integers(0, 40).map(lambda pages: pages << 12),
    filled=st.floats(0, 1),
    seed=st.integers(0, 1 << 32),
    workload=st.builds(
        Workload,
        writes_per_s=st.integers(0, 3000),
        first_page=st.integers(0, 60),
        hot_pages=st.integers(0, 60),
        sequential=st.booleans(),
        stops_after_us=st.sampled_from([200_000, 300_000]),
    ),
    link_bytes_per_s=st.sampled_from([300_000, 2_000_000, 1 << 30]),
    latency_us=st.sampled_from([0, 3000]),
    capabilities=st.sampled_from(
        [
            frozenset[Capability](),
            frozenset({Capability.RETURN_PATH}),
            frozenset({Capability.XBZRLE}),
            frozenset({Capability.MULTIFD}),
            frozenset({Capability.POSTCOPY_RAM}),
            frozenset({Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT}),
            frozenset({Capability.DIRTY_BITMAPS, Capability.POSTCOPY_RAM}),
        ]
    ),
    parameters=st.builds(
        MigrationParameters,
        max_bandwidth_bytes_per_s=st.sampled_from([0, 200_000, 1_000_000, 1 << 30]),
        downtime_limit_ms=st.sampled_from([1000, 2000]),
        # Bitmaps count as pending until the switchover. When nothing else is sent any more, the bandwidth that is
        # measured, and the threshold with it, goes down to nothing; it would never come to a switchover.
        avail_switchover_bandwidth_bytes_per_s=st.just(30_000),
    ),
    script=st.sampled_from([(), (Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE),)]),
    disks=st.just((("d0", 1 << 20), ("d1", 640 << 20))),
    bitmaps=st.lists(
        st.builds(
            DirtyBitmap,
            node=st.just("d1"),
            name=st.sampled_from(["a", "b", "c"]),
            disk_bytes=st.just(640 << 20),
            enabled=st.booleans(),
            bits=st.binary(max_size=1280).map(bytearray),
        ),
        max_size=2,
        unique_by=lambda bitmap: bitmap.name,
    ).map(tuple),
    time_limit_us=st.just(20_000_000),
)


URGENT = Scenario(
    name="urgent",
    title="",
    teaches="",
    devices=OUR_DEVICES,
    ram_bytes=28 << 12,
    filled=1.0,
    workload=Workload(writes_per_s=10, stops_after_us=300_000),
    link_bytes_per_s=300_000,
    capabilities=frozenset({Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT}),
    script=(Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE),),
    time_limit_us=20_000_000,
)
"""One page is asked for, and no limit is ever exceeded."""


@settings(max_examples=60)
@given(guests, st.none() | st.integers(0, 100))
@example(URGENT, None)
def test_any_guest_that_falls_silent_arrives(scenario: Scenario, seed: int | None) -> None:
    made = run(scenario) if seed is None else run(scenario, choose=at_random(seed))
    assert_laws(made)
    source, destination = made.migration.source, made.migration.destination
    assert (source.status, destination.status) == (_S.COMPLETED, _S.COMPLETED)
    if scenario.ram_bytes:
        assert bytes(destination.machine.guest.blocks[0].memory) == memory_after(made)
