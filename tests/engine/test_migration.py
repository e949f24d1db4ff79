"""Whole migrations: what must hold for every one of them, however it ends and whoever runs when."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.handlers import SaveVMHandlers
from savevm_inspect.engine.machine.machine import Machine, RunState
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios import NONE_DEVICES, SCENARIOS
from savevm_inspect.errors import EngineError
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.views.summary import problems

from .laws import assert_laws, at_random
from .running import Run, memory_after, run

_S = MigrationStatus
SMALL = replace(
    SCENARIOS["quickstart"],
    ram_bytes=64 << 12,
    filled=0.8,
    workload=Workload(writes_per_s=40),
    link_bytes_per_s=1_000_000,
)
COMPLETING = [name for name, scenario in SCENARIOS.items() if scenario.ends is _S.COMPLETED and scenario.arrives]
POSTCOPY = [name for name in COMPLETING if Capability.POSTCOPY_RAM in SCENARIOS[name].capabilities]
RUNS: dict[str, Run] = {}


def ran(name: str) -> Run:
    """A scenario's run, made once."""
    if name not in RUNS:
        RUNS[name] = run(SCENARIOS[name])
    return RUNS[name]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_laws_hold_for_every_scenario(name: str) -> None:
    made = ran(name)
    assert_laws(made)
    assert made.migration.source.status is SCENARIOS[name].ends


@pytest.mark.parametrize("name", [name for name in COMPLETING if name != "no-footers"])  # which shows a loss
def test_what_stopped_here_goes_on_there(name: str) -> None:
    made = ran(name)
    source, destination = made.migration.source, made.migration.destination
    loadvm = SCENARIOS[name].transport is Transport.SNAPSHOT
    assert destination.status is (_S.NONE if loadvm else _S.COMPLETED)
    assert destination.machine.runstate is RunState.RUNNING
    snapshot = loadvm or Capability.BACKGROUND_SNAPSHOT in SCENARIOS[name].capabilities
    assert source.machine.runstate is (RunState.RUNNING if snapshot else RunState.POSTMIGRATE)
    # A device of another version writes the same state otherwise.
    other = {"isa/0x3f8/serial"} if SCENARIOS[name].destination_devices else set()
    late = {"vm.ram"} if name in POSTCOPY else {"bitmaps"} if name == "postcopy-bitmaps" else set()
    for what, value in made.stopped.items():
        if what not in late | other:
            assert made.resumed[what] == value, what


@pytest.mark.parametrize("name", POSTCOPY)
def test_in_postcopy_memory_is_the_sources_and_what_was_written_since(name: str) -> None:
    made = ran(name)
    assert bytes(made.migration.destination.machine.guest.blocks[0].memory) == memory_after(made)
    asked = made.of(Side.DESTINATION, EventKind.PAGE_REQUEST)
    heard = made.of(Side.SOURCE, EventKind.PAGE_REQUEST)
    assert asked
    if name != "postcopy-recover":
        assert [each.addr for each in asked] == [each.addr for each in heard]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_bytes_and_events(name: str) -> None:
    first, second = ran(name), run(SCENARIOS[name])
    assert first.forward == second.forward
    assert first.back == second.back
    assert first.events == second.events


def test_another_seed_gives_other_bytes() -> None:
    assert run(SMALL).data != run(replace(SMALL, seed=2)).data


@pytest.mark.parametrize("name", ["quickstart", "multifd", "return-path", *POSTCOPY, "cancel-active"])
@pytest.mark.parametrize("seed", range(3))
def test_whoever_runs_when_it_ends_the_same(name: str, seed: int) -> None:
    made = run(SCENARIOS[name], choose=at_random(seed))
    assert_laws(made)
    assert made.migration.source.status is SCENARIOS[name].ends
    assert made.migration.destination.status is ran(name).migration.destination.status
    if name in POSTCOPY:
        assert bytes(made.migration.destination.machine.guest.blocks[0].memory) == memory_after(made)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recording_passes_the_check_if_the_migration_ended_well(name: str, tmp_path: Path) -> None:
    folder = record_scenario(name, tmp_path / "capture")
    if SCENARIOS[name].ends is _S.NONE:
        with pytest.raises(si.SavevmError, match=r"nothing was sent|without a forward channel"):
            si.open_stream(folder)
        return
    with si.open_stream(folder, strict=False) as stream:
        found = problems(stream)
        # What the source wrote is whole also where the destination did not care for it any more.
        whole = SCENARIOS[name].ends is _S.COMPLETED or name == "cancel-device"
        assert (stream.complete and not found) is whole
        # Postcopy has no description, and the lossy device a format of its own.
        if stream.complete and not name.startswith("postcopy") and name != "lossy-device":
            assert stream.account.opaque_bytes == 0


@pytest.mark.parametrize("name", [name for name in COMPLETING if name != "none"])
def test_a_recording_decodes_to_the_memory_that_arrived(name: str, tmp_path: Path) -> None:
    made = ran(name)
    with si.open_stream(record_scenario(name, tmp_path / "capture")) as stream:
        sent = stream.memory["vm.ram"].read()
    if name in POSTCOPY:
        assert sent == bytes(made.migration.source.machine.guest.blocks[0].memory)
    else:
        assert sent == made.resumed["vm.ram"]


# What single runs show.


def test_the_order_of_a_run() -> None:
    made = run(SMALL)
    assert [e.name for e in made.of(Side.SOURCE, EventKind.STATE)] == ["setup", "active", "device", "completed"]
    records = [(e.name, e.idstr) for e in made.of(Side.SOURCE, EventKind.RECORD, EventKind.COMMAND)]
    assert records[:2] == [("header", None), ("configuration", None)]
    assert records[2:4] == [("start", "ram"), ("start", "spapr/htab")]
    assert {name for name, _ in records[4:-9]} == {"part"}
    assert records[-9:] == [
        ("MIG_CMD_SWITCHOVER_START", None),
        ("end", "ram"),
        ("end", "spapr/htab"),
        ("full", "timer"),
        ("full", "slirp"),
        ("full", "globalstate"),
        ("full", "cpu"),
        ("eof", None),
        ("description", None),
    ]
    calls = made.of(Side.SOURCE, EventKind.CALL)
    assert {e.handler for e in calls[-3:]} == {"save_cleanup"}
    iterating = [e for e in calls if e.handler == "save_live_iterate"]
    assert iterating
    assert not any(e.bql for e in iterating)
    pending = made.of(Side.SOURCE, EventKind.PENDING)
    assert pending[0].iteration == 1
    assert [e.iteration for e in pending] == sorted(e.iteration or 0 for e in pending)
    # The last look said that what is left fits; every look before said that it does not.
    assert all((e.must_precopy or 0) + (e.can_postcopy or 0) <= (e.threshold_bytes or 0) for e in pending[-1:])
    assert all(
        (e.must_precopy or 0) + (e.can_postcopy or 0) > (e.threshold_bytes or 0)
        for e in pending[:-1]
        if e.name == "exact"
    )


def commands(name: str) -> list[str | None]:
    return [each.name for each in ran(name).of(Side.SOURCE, EventKind.COMMAND)]


def test_the_commands_of_postcopy_come_in_their_order() -> None:
    sent = commands("postcopy")
    assert sent[:3] == ["MIG_CMD_OPEN_RETURN_PATH", "MIG_CMD_PING", "MIG_CMD_POSTCOPY_ADVISE"]
    assert sent[3] == "MIG_CMD_SWITCHOVER_START"
    assert set(sent[4:-7]) == {"MIG_CMD_POSTCOPY_RAM_DISCARD"}
    assert sent[-7:] == [
        "MIG_CMD_PING",
        "MIG_CMD_POSTCOPY_LISTEN",
        "MIG_CMD_PING",
        "MIG_CMD_PING",
        "MIG_CMD_POSTCOPY_RUN",
        "MIG_CMD_PACKAGED",
        "MIG_CMD_PING",
    ]
    assert commands("postcopy-recover")[-2:] == ["MIG_CMD_RECV_BITMAP", "MIG_CMD_POSTCOPY_RESUME"]


def test_a_page_that_is_asked_for_overtakes_the_others_with_preempt() -> None:
    assert len(ran("postcopy-preempt").forward) == 2
    assert len(ran("postcopy-preempt").forward[1]) > 4096


def test_a_differing_page_costs_less_than_the_page() -> None:
    stats = ran("xbzrle").migration.source.machine.stats
    assert stats.xbzrle_pages > 50
    assert len(ran("xbzrle").data) < (stats.normal_pages + stats.xbzrle_pages) * 4096


def test_a_slowed_guest_gets_its_time_back() -> None:
    made = ran("auto-converge")
    slowed = [
        each for each in made.of(Side.SOURCE, EventKind.LOG) if (each.name or "").startswith("the guest is slowed")
    ]
    assert len(slowed) >= 2
    assert made.migration.source.machine.guest.throttle_percent == 0


def test_a_background_snapshot_is_of_the_moment_it_began() -> None:
    made = ran("background-snapshot")
    assert made.resumed["vm.ram"] == made.stopped["vm.ram"]
    assert made.migration.source.machine.guest.writes > made.stopped["writes"]  # it ran on meanwhile


def test_a_cancelled_migration_leaves_the_guest_running() -> None:
    for name in SCENARIOS:
        if SCENARIOS[name].ends is _S.CANCELLED:
            machine = ran(name).migration.source.machine
            assert machine.runstate is RunState.RUNNING, name
            assert machine.guest.running


def test_a_user_who_cancels_after_the_last_byte_has_two_guests() -> None:
    made = ran("cancel-device")
    assert made.migration.destination.status is _S.COMPLETED
    assert made.migration.source.machine.guest.running
    assert made.migration.destination.machine.guest.running


def test_who_cancels_while_the_other_sides_word_comes_may_be_too_late() -> None:
    """After the last look at the channel nobody looks for a cancel any more (migration_completion_end)."""
    base = replace(SCENARIOS["cancel-device"], script=())
    plain = run(base)
    device, shut = (
        next(event.time_us for event in plain.of(Side.SOURCE) if event.name == name)
        for name in ("device", "MIG_RP_MSG_SHUT")
    )
    script = (Step(do=UserAction.MIGRATE_CANCEL, status=_S.DEVICE, after_us=shut - device),)
    ends = set()
    for seed in range(25):
        made = run(replace(base, script=script), choose=at_random(seed))
        assert_laws(made)
        states = tuple(event.name for event in made.of(Side.SOURCE, EventKind.STATE))[-2:]
        guest_here = made.migration.source.machine.guest.running
        assert guest_here is (states[-1] == "cancelled")
        ends.add(states)
    assert ends == {("cancelling", "cancelled"), ("cancelling", "completed"), ("device", "completed")}


def test_postcopy_can_not_be_cancelled() -> None:
    script = (*SCENARIOS["postcopy"].script, Step(do=UserAction.MIGRATE_CANCEL, status=_S.POSTCOPY_ACTIVE))
    made = run(replace(SCENARIOS["postcopy"], script=script))
    assert made.migration.source.status is _S.COMPLETED
    assert [event.error for event in _answers(made, UserAction.MIGRATE_CANCEL)] == [
        None,
        "postcopy: postcopy goes on, and can't be cancelled",
    ]


@pytest.mark.parametrize(
    ("do", "name", "error"),
    [
        (UserAction.MIGRATE_CANCEL, "quickstart", None),
        (UserAction.MIGRATE_START_POSTCOPY, "quickstart", "migrate-start-postcopy without a postcopy capability"),
        (UserAction.MIGRATE_CONTINUE, "quickstart", "migrate-continue in state active, expected pre-switchover"),
        (UserAction.MIGRATE_PAUSE, "quickstart", "migrate-pause in state active, expected a running postcopy"),
        (UserAction.MIGRATE_START_POSTCOPY, "postcopy", None),
    ],
)
def test_a_command_that_is_refused_is_answered_with_an_error(do: UserAction, name: str, error: str | None) -> None:
    made = run(replace(SCENARIOS[name], script=(Step(do=do, status=_S.ACTIVE, after_us=1000),)))
    asked, *answers = _answers(made, do)
    assert asked.error is None
    assert [event.error for event in answers] == ([f"iterate: {error}"] if error else [])


def _answers(made: Run, do: UserAction) -> list[Event]:
    return [event for event in made.of(Side.SOURCE, EventKind.QMP) if event.name == do]


def test_garbage_on_the_preempt_channel_pauses_both_sides() -> None:
    scenario, broken = SCENARIOS["postcopy-preempt"], False
    migration = Migration(scenario)
    for event in migration.steps():
        connection = migration.network.connections[-1] if migration.network.connections else None
        if not broken and connection is not None and migration.source.status is _S.POSTCOPY_ACTIVE:
            broken = True
            connection.forward[1].write(b"\xff" * 8)
        assert event
    assert broken
    assert (migration.source.status, migration.destination.status) == (_S.POSTCOPY_PAUSED, _S.POSTCOPY_PAUSED)


def test_a_guest_that_never_converges_is_given_up() -> None:
    workload = Workload(writes_per_s=100_000)
    fast = replace(SMALL, socket_buffer_bytes=1 << 15, workload=workload, time_limit_us=2_000_000)
    with pytest.raises(EngineError, match="does not converge") as caught:
        run(fast)
    assert caught.value.phase == Phase.ITERATE


def test_a_handler_that_keeps_the_lock_is_found_out() -> None:
    class Greedy:
        def __init__(self, machine: Machine) -> None:
            self.machine = machine

        def save_setup(self, _f: Any) -> int:
            return 0

        def is_active_iterate(self) -> Any:
            yield from self.machine.bql.lock()
            return True

        def save_live_iterate(self, _f: Any) -> int:
            return 1

        def load_state(self, _f: Any, _version_id: int) -> int:
            return 0

    def attach(machine: Machine) -> Greedy:
        device = Greedy(machine)
        machine.registry.register_savevm_live("greedy", 0, 1, SaveVMHandlers.of(device), device)
        return device

    made = run(replace(SMALL, devices=(*NONE_DEVICES, attach)))
    error = made.migration.failure
    assert error is not None
    assert "with the big QEMU lock" in str(error)
    assert (error.handler, error.section) == ("is_active_iterate", "greedy (instance 0)")
    assert_laws(made)


def test_presence_decides() -> None:
    class Late:
        def save_complete(self, f: Any) -> int:
            f.put_byte(3)
            return 0

        def load_state(self, f: Any, _version_id: int) -> int:
            f.get_byte()
            return 0

    def attach(machine: Machine) -> Late:
        machine.registry.register_savevm_live("late", 0, 1, SaveVMHandlers.of(Late), device := Late())
        return device

    made = run(replace(SMALL, devices=(*NONE_DEVICES, attach)))
    assert "never began" in str(made.migration.destination.error)
