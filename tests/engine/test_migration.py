"""Whole migrations: what must hold for every one of them, and that failures end as QEMU's do."""

import copy
import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from savevm_inspect.engine.callbacks import CALLBACKS
from savevm_inspect.engine.devices.dirty_bitmap import DirtyBitmap, DirtyBitmaps
from savevm_inspect.engine.devices.htab import HashPageTable
from savevm_inspect.engine.guest import Workload
from savevm_inspect.engine.handlers import Pending, SaveVMHandlers
from savevm_inspect.engine.machine import Machine, MigrationStatus, RunState
from savevm_inspect.engine.migration import Migration
from savevm_inspect.engine.scenarios import NONE_DEVICES, SCENARIOS, Scenario
from savevm_inspect.engine.source import MigrationParameters
from savevm_inspect.engine.vmstate import vmstate_save_state
from savevm_inspect.errors import EngineError
from savevm_inspect.stream.events import Event, EventKind, Phase, Side
from savevm_inspect.stream.writer import Writer

SMALL = replace(
    SCENARIOS["quickstart"],
    ram_bytes=64 << 12,
    filled=0.8,
    workload=Workload(writes_per_s=40),
    link_bytes_per_s=1_000_000,
)
KINDS = {"header", "configuration", "start", "part", "end", "full", "eof", "description"}


def run(scenario: Scenario) -> tuple[Migration, bytes, list[Event]]:
    out = bytearray()
    migration = Migration(scenario, out.extend)
    events = list(migration.run())
    return migration, bytes(out), events


def state_of(machine: Machine) -> dict[str, Any]:
    """All state of a machine, told apart from what is only bookkeeping of a migration."""
    state: dict[str, Any] = {block.name: bytes(block.memory) for block in machine.guest.blocks}
    for entry in machine.registry:
        if entry.vmsd is not None:
            out = bytearray()
            vmstate_save_state(Writer(out.extend), entry.vmsd, entry.opaque)
            state[entry.idstr] = bytes(out)
    for device in machine.devices:
        if isinstance(device, HashPageTable):
            state["htab"] = bytes(device.table)
        if isinstance(device, DirtyBitmaps):
            state["bitmaps"] = copy.deepcopy(device.bitmaps)
    return state


def assert_laws(migration: Migration, data: bytes, events: list[Event]) -> None:
    """What holds for every migration that went well."""
    source, destination = migration.source, migration.destination
    # The destination's clocks and run state are those of the moment it was loaded, before it went on.
    assert state_of(source.machine) == state_of(destination.machine)
    assert (source.status, destination.status) == (MigrationStatus.COMPLETED, MigrationStatus.COMPLETED)
    assert (source.machine.runstate, destination.machine.runstate) == (RunState.POSTMIGRATE, RunState.RUNNING)
    assert [event.seq for event in events] == list(range(len(events)))
    assert_calls_return(events)
    for side in Side:
        assert_records_tile(data, [event for event in events if event.side is side])
        times = [event.time_us for event in events if event.side is side]
        assert times == sorted(times)
        assert_locks_alternate([event for event in events if event.side is side])


def assert_calls_return(events: list[Event]) -> None:
    for side in Side:
        open_calls: list[Event] = []
        seen = 0
        for event in (event for event in events if event.side is side):
            if event.event is EventKind.CALL:
                assert event.handler in CALLBACKS
                assert event.call_id == seen
                seen += 1
                open_calls.append(event)
            elif event.event is EventKind.RETURN:
                call = open_calls.pop()
                same = ("call_id", "handler", "idstr", "instance_id", "section_id", "thread", "bql", "phase")
                assert [getattr(call, key) for key in same] == [getattr(event, key) for key in same]
        assert not open_calls
        assert seen


def assert_records_tile(data: bytes, events: list[Event]) -> None:
    """Records and commands follow one another without a gap, from the first byte to the last."""
    place = 0
    for event in events:
        if event.event in (EventKind.RECORD, EventKind.COMMAND):
            assert event.offset == place
            assert event.length
            assert event.event is EventKind.COMMAND or event.name in KINDS
            place += event.length
    assert place == len(data)


def assert_locks_alternate(events: list[Event]) -> None:
    last: dict[Any, bool] = {}
    for event in events:
        if event.event is EventKind.LOCK:
            assert event.bql is (event.name == "bql_lock")
            assert last.get(event.thread) is not event.bql
            assert event.thread is not None
            last[event.thread] = bool(event.bql)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_laws_hold_for_every_scenario(name: str) -> None:
    assert_laws(*run(SCENARIOS[name]))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_bytes_and_events(name: str) -> None:
    _, first, first_events = run(SCENARIOS[name])
    _, second, second_events = run(SCENARIOS[name])
    assert first == second
    assert first_events == second_events


def test_another_seed_gives_other_bytes() -> None:
    assert run(SMALL)[1] != run(replace(SMALL, seed=2))[1]


guests = st.builds(
    Scenario,
    name=st.just("random"),
    title=st.just(""),
    teaches=st.just(""),
    ram_bytes=st.integers(0, 40).map(lambda pages: pages << 12),
    filled=st.floats(0, 1),
    seed=st.integers(0, 1 << 32),
    workload=st.builds(
        Workload,
        writes_per_s=st.integers(0, 3000),
        first_page=st.integers(0, 60),
        num_pages=st.integers(0, 60),
        sequential=st.booleans(),
        stops_after_us=st.none() | st.just(200_000),
    ),
    link_bytes_per_s=st.sampled_from([300_000, 2_000_000, 1 << 30]),
    parameters=st.builds(
        MigrationParameters,
        max_bandwidth_bytes_per_s=st.sampled_from([0, 200_000, 1_000_000, 1 << 30]),
        downtime_limit_ms=st.sampled_from([1000, 2000]),
    ),
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


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(guests)
def test_the_laws_hold_for_any_guest_that_falls_silent(scenario: Scenario) -> None:
    workload = replace(scenario.workload, stops_after_us=scenario.workload.stops_after_us or 300_000)
    # Bitmaps count as pending until the switchover. When nothing else is sent any more, the bandwidth that is
    # measured, and the threshold with it, goes down to nothing; it would never come to a switchover.
    parameters = replace(
        scenario.parameters, avail_switchover_bandwidth_bytes_per_s=30_000 if scenario.bitmaps else 0
    )
    assert_laws(*run(replace(scenario, workload=workload, parameters=parameters)))


def test_a_guest_that_never_converges_is_given_up() -> None:
    fast = replace(SMALL, workload=Workload(writes_per_s=100_000), time_limit_us=2_000_000)
    migration = Migration(fast)
    events: list[Event] = []
    with pytest.raises(EngineError, match="does not converge") as caught:
        events.extend(migration.run())
    assert caught.value.phase == Phase.ITERATE
    assert migration.source.status is MigrationStatus.FAILED
    assert migration.source.machine.runstate is RunState.RUNNING
    assert migration.destination.status is MigrationStatus.FAILED


def test_the_order_of_a_run() -> None:
    _, _, events = run(SMALL)
    source = [event for event in events if event.side is Side.SOURCE]
    assert [e.name for e in source if e.event is EventKind.STATE] == ["setup", "active", "device", "completed"]
    records = [(e.name, e.idstr) for e in source if e.event in (EventKind.RECORD, EventKind.COMMAND)]
    assert records[:2] == [("header", None), ("configuration", None)]
    assert records[2:4] == [("start", "ram"), ("start", "spapr/htab")]
    assert {name for name, _ in records[4:-8]} == {"part"}
    assert records[-8:] == [
        ("MIG_CMD_SWITCHOVER_START", None),
        ("end", "ram"),
        ("end", "spapr/htab"),
        ("full", "timer"),
        ("full", "slirp"),
        ("full", "globalstate"),
        ("eof", None),
        ("description", None),
    ]
    calls = [e for e in source if e.event is EventKind.CALL]
    assert [e.handler for e in calls][-2:] == ["save_cleanup", "save_cleanup"]
    iterating = [e for e in calls if e.handler == "save_live_iterate"]
    assert iterating
    assert not any(e.bql for e in iterating)
    pending = [e for e in source if e.event is EventKind.PENDING]
    assert pending[0].iteration == 1
    assert [e.iteration for e in pending] == sorted(e.iteration or 0 for e in pending)
    # The last look said that what is left fits; every look before said that it does not.
    assert all((e.must_precopy or 0) + (e.can_postcopy or 0) <= (e.threshold_bytes or 0) for e in pending[-1:])
    assert all(
        (e.must_precopy or 0) + (e.can_postcopy or 0) > (e.threshold_bytes or 0)
        for e in pending[:-1]
        if e.name == "exact"
    )


class Stubborn:
    """A device that fails where it is told to, and counts its cleanups."""

    def __init__(self, failing: str, how: str) -> None:
        self.failing = failing
        self.how = how
        self.cleanups: list[str] = []

    def does(self, name: str, value: Any) -> Any:
        if name == self.failing:
            if self.how == "raise":
                raise ValueError("I will not")
            return -errno.EINVAL if type(value) is int else "nonsense"
        return value

    def save_prepare(self) -> int:
        return int(self.does("save_prepare", 0))

    def save_setup(self, f: Any) -> int:
        f.put_byte(1)
        return self.does("save_setup", 0)  # type: ignore[no-any-return]

    def save_live_iterate(self, f: Any) -> int:
        f.put_byte(2)
        return self.does("save_live_iterate", 1)  # type: ignore[no-any-return]

    def save_complete(self, f: Any) -> int:
        f.put_byte(3)
        return self.does("save_complete", 0)  # type: ignore[no-any-return]

    def is_active(self) -> bool:
        return self.does("is_active", True)  # type: ignore[no-any-return]

    def is_active_iterate(self) -> bool:
        return self.does("is_active_iterate", True)  # type: ignore[no-any-return]

    def state_pending_estimate(self) -> Pending:
        return self.does("state_pending_estimate", Pending())  # type: ignore[no-any-return]

    def state_pending_exact(self) -> Pending:
        return self.does("state_pending_exact", Pending())  # type: ignore[no-any-return]

    def save_cleanup(self) -> None:
        self.cleanups.append("save")
        if self.failing == "save_cleanup":
            raise ValueError("I will not")

    def load_setup(self, _f: Any) -> int:
        return self.does("load_setup", 0)  # type: ignore[no-any-return]

    def load_state(self, f: Any, _version_id: int) -> int:
        f.get_byte()
        return self.does("load_state", 0)  # type: ignore[no-any-return]

    def load_cleanup(self) -> int:
        self.cleanups.append("load")
        return self.does("load_cleanup", 0)  # type: ignore[no-any-return]

    def switchover_start(self) -> int:
        return self.does("switchover_start", 0)  # type: ignore[no-any-return]


def stubborn(failing: str, how: str) -> Callable[[Machine], Stubborn]:
    def attach(machine: Machine) -> Stubborn:
        device = Stubborn(failing, how)
        machine.registry.register_savevm_live("stubborn", 0, 1, SaveVMHandlers.of(device), device)
        return device

    return attach


def run_stubborn(failing: str, how: str) -> tuple[Migration, list[Event], EngineError | None]:
    scenario = replace(SMALL, devices=(*NONE_DEVICES, stubborn(failing, how), SCENARIOS["quickstart"].devices[-1]))
    migration = Migration(scenario)
    events: list[Event] = []
    try:
        events.extend(migration.run())
    except EngineError as error:
        return migration, events, error
    return migration, events, None


def the_stubborn(machine: Machine) -> Stubborn:
    return next(device for device in machine.devices if isinstance(device, Stubborn))


@pytest.mark.parametrize("how", ["raise", "return"])
@pytest.mark.parametrize(
    ("failing", "phase"),
    [
        ("save_setup", Phase.SETUP),
        ("save_live_iterate", Phase.ITERATE),
        ("is_active_iterate", Phase.ITERATE),
        ("state_pending_estimate", Phase.ITERATE),
        ("state_pending_exact", Phase.ITERATE),
        ("save_complete", Phase.COMPLETE),
    ],
)
def test_a_source_that_fails_names_the_culprit_and_everyone_cleans_up(failing: str, phase: Phase, how: str) -> None:
    migration, events, error = run_stubborn(failing, how)
    assert error is not None
    assert (error.phase, error.handler, error.section) == (phase, failing, "stubborn (instance 0)")
    assert ("I will not" if how == "raise" else "returned") in str(error)
    assert isinstance(error.__cause__, ValueError) is (how == "raise")
    source, destination = migration.source, migration.destination
    assert [e.name for e in events if e.event is EventKind.STATE and e.side is Side.SOURCE][-1] == "failed"
    assert source.machine.runstate is RunState.RUNNING
    assert source.machine.guest.running
    cleaned = [e.idstr for e in events if e.handler == "save_cleanup" and e.event is EventKind.RETURN]
    assert cleaned == ["ram", "stubborn", "spapr/htab"]
    # The destination finds its stream cut off.
    assert destination.status is MigrationStatus.FAILED
    assert the_stubborn(destination.machine).cleanups == ["load"]
    assert_calls_return(events)


@pytest.mark.parametrize("how", ["raise", "return"])
@pytest.mark.parametrize("failing", ["save_prepare", "is_active"])
def test_a_refused_prepare_leaves_no_trace(failing: str, how: str) -> None:
    migration, events, error = run_stubborn(failing, how)
    assert error is not None
    assert (error.phase, error.handler) == (Phase.PREPARE, failing)
    assert migration.source.status is MigrationStatus.NONE
    assert the_stubborn(migration.source.machine).cleanups == []
    assert migration.source.machine.runstate is RunState.RUNNING
    assert not [e for e in events if e.event in (EventKind.RECORD, EventKind.LOCK) and e.side is Side.SOURCE]


@pytest.mark.parametrize("how", ["raise", "return"])
@pytest.mark.parametrize(
    ("failing", "phase"),
    [("load_setup", Phase.SETUP), ("load_state", Phase.LOAD), ("switchover_start", Phase.SWITCHOVER)],
)
def test_a_destination_that_fails_breaks_the_channel_and_both_clean_up(failing: str, phase: Phase, how: str) -> None:
    migration, events, error = run_stubborn(failing, how)
    assert error is not None
    assert (error.phase, error.handler, error.section) == (phase, failing, "stubborn (instance 0)")
    assert isinstance(error.__cause__, ValueError) is (how == "raise")
    assert (migration.source.status, migration.destination.status) == (MigrationStatus.FAILED, MigrationStatus.FAILED)
    assert the_stubborn(migration.source.machine).cleanups == ["save"]
    assert the_stubborn(migration.destination.machine).cleanups == ["load"]
    assert migration.source.machine.runstate is RunState.RUNNING
    assert migration.destination.machine.runstate is RunState.INMIGRATE
    assert_calls_return(events)


def test_a_cleanup_that_fails_does_not_keep_others_from_theirs() -> None:
    _, events, error = run_stubborn("save_cleanup", "raise")
    assert error is not None
    assert (error.phase, error.handler) == (Phase.CLEANUP, "save_cleanup")
    cleaned = [e.idstr for e in events if e.handler == "save_cleanup" and e.event is EventKind.RETURN]
    assert cleaned == ["ram", "stubborn", "spapr/htab"]


def test_a_handler_that_keeps_the_lock_is_found_out_by_the_next_call() -> None:
    class Greedy(Stubborn):
        def __init__(self, machine: Machine) -> None:
            super().__init__("", "")
            self.machine = machine

        def is_active_iterate(self) -> bool:
            self.machine.bql.lock()
            return True

    def attach(machine: Machine) -> Greedy:
        device = Greedy(machine)
        machine.registry.register_savevm_live("greedy", 0, 1, SaveVMHandlers.of(device), device)
        return device

    migration = Migration(replace(SMALL, devices=(*NONE_DEVICES, attach)))
    with pytest.raises(EngineError, match="with the big QEMU lock") as caught:
        list(migration.run())
    assert (caught.value.handler, caught.value.section) == ("save_live_iterate", "greedy (instance 0)")
    assert next(d for d in migration.source.machine.devices if isinstance(d, Greedy)).cleanups == ["save"]


def test_presence_decides() -> None:
    def attach(machine: Machine) -> Stubborn:
        device = Stubborn("", "")
        handlers = SaveVMHandlers(save_complete=Stubborn.save_complete, load_state=Stubborn.load_state)
        machine.registry.register_savevm_live("late", 0, 1, handlers, device)
        return device

    with pytest.raises(EngineError, match="never began"):
        run(replace(SMALL, devices=(*NONE_DEVICES, attach)))


def test_an_iterator_that_is_dropped_halfway_leaves_the_lock_free() -> None:
    migration = Migration(SMALL)
    steps = migration.source.steps()
    for event in steps:
        if event.handler == "save_setup":
            break
    steps.close()
    assert not migration.source.machine.bql.held
