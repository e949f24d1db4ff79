"""The destination on streams that are not what they should be: it names the offset, and cleans up."""

import json
import struct
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.engine.incoming.migration import IncomingMigration
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.engine.sim.clock import VirtualClock
from savevm_inspect.engine.sim.pipe import Pipe
from savevm_inspect.engine.sim.scheduler import Scheduler
from savevm_inspect.errors import EngineError
from savevm_inspect.rules.options import Capability, MigrationParameters, Options
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.wire import MULTIFD_MAGIC, MULTIFD_VERSION, MultifdFlag

from ..running import memory_after, run

TINY = replace(SCENARIOS["bitmaps"], ram_bytes=3 << 12, filled=1.0, workload=Workload())
ONE_CHANNEL = MigrationParameters(multifd_channels=1)


def stream_of(scenario: Scenario) -> tuple[bytes, list[int]]:
    """A stream, and the offsets after each of its records."""
    made = run(scenario)
    records = made.of(Side.SOURCE, EventKind.RECORD, EventKind.COMMAND)
    return made.data, [(event.offset or 0) + (event.length or 0) for event in records]


STREAM, ENDS = stream_of(TINY)


def load(data: bytes, *, scenario: Scenario = TINY) -> tuple[IncomingMigration, list[Event], EngineError | None]:
    scheduler = Scheduler(VirtualClock())
    destination = IncomingMigration(scenario.build_destination(scheduler), scenario.destination_options)
    destination.load_file(data)
    events = list(scheduler.run())
    return destination, events, destination.error


def test_the_whole_stream_is_loaded() -> None:
    destination, events, error = load(STREAM)
    assert error is None
    assert destination.status is MigrationStatus.COMPLETED
    records = [each for each in events if each.event in (EventKind.RECORD, EventKind.COMMAND)]
    assert [(each.offset or 0) + (each.length or 0) for each in records] == ENDS


def test_a_stream_that_is_cut_anywhere_fails_and_is_cleaned_up() -> None:
    optional = ENDS[-2]  # after the end mark the description may be missing, or cut
    for cut in [
        *range(200),
        *range(200, optional - 3, 197),
        *range(optional - 3, optional + 9),
        *range(optional + 9, len(STREAM), 37),
    ]:
        destination, _, error = load(STREAM[:cut])
        assert (error is None) is (cut >= optional), cut
        expected = MigrationStatus.COMPLETED if cut >= optional else MigrationStatus.FAILED
        assert destination.status is expected


@settings(max_examples=150)
@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_a_wrong_byte_never_gets_further_than_an_engine_error(offset: int, change: int) -> None:
    data = bytearray(STREAM)
    data[offset] ^= change
    destination, events, error = load(bytes(data))
    cleaned = [event.idstr for event in events if event.handler == "load_cleanup" and event.event is EventKind.RETURN]
    assert cleaned == ["ram"]
    assert destination.status is (MigrationStatus.COMPLETED if error is None else MigrationStatus.FAILED)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([0, 8, ENDS[1], ENDS[2]]))
def test_bytes_out_of_the_blue_are_refused(data: bytes, keep: int) -> None:
    _, _, error = load(STREAM[:keep] + data)
    if error is None:
        assert 0 in data  # at best an end mark, all by itself


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"QEVM", b"QEVN", "expected 0x5145564d"),
        (b"QEVM\0\0\0\x03", b"QEVM\0\0\0\x02", "stream version 2, expected 3"),
        (b"savevm-inspect-1.0", b"savevm-inspect-1.1", "machine type 'savevm-inspect-1.1'"),
        (b"\x05timer\0\0\0\0", b"\x05tomer\0\0\0\0", "section of 'tomer', instance 0, which this side lacks"),
        (b"\x05timer\0\0\0\0", b"\x05timer\0\0\0\x01", "section of 'timer', instance 1, which this side lacks"),
        (b"\x05timer\0\0\0\0\0\0\0\x02", b"\x05timer\0\0\0\0\0\0\0\x03", "version 3 of 'timer', this side reads 2"),
        (b"\x05timer\0\0\0\0\0\0\0\x02", b"\x05timer\0\0\0\0\0\0\0\x00", "version 0 of timer, expected 1 to 2"),
        (b"\x06vm.ram", b"\x06vm.rom", "block 'vm.rom', which this side lacks"),
        (b"\x7e\0\0\0\x02", b"\x7e\0\0\0\x03", "footer names section 3, the open section is 2 "),
        (b"running\0", b"runnyng\0", "run state 'runnyng'"),
        (b"\x03\0\0\0\x02", b"\x03\0\0\0\x63", "section 99 goes on, but never began"),
        (b"\x08\0\x0b\0\0", b"\x08\0\x05\0\0", "leads to running in postcopy state advise"),
        (b"\x08\0\x0b\0\0", b"\x08\0\x08\0\0", "command MIG_CMD_ENABLE_COLO"),
    ],
)
def test_what_is_wrong_is_named(old: bytes, new: bytes, message: str) -> None:
    assert old in STREAM
    _, events, error = load(STREAM.replace(old, new, 1))
    assert error is not None
    assert message in str(error)
    assert any(event.error == str(error) for event in events if event.event is EventKind.LOG)


OURS, OTHER = bytes(range(16)), bytes(range(1, 17))
VALIDATED = frozenset({Capability.VALIDATE_UUID})


@pytest.mark.parametrize("here", [frozenset(), VALIDATED])
@pytest.mark.parametrize("theirs", [b"", OURS, OTHER])
@pytest.mark.parametrize("ours", [b"", OURS])
@pytest.mark.parametrize("capabilities", [frozenset(), VALIDATED])
def test_a_uuid_is_sent_if_it_is_set_and_compared_if_it_comes(
    capabilities: frozenset[Capability], ours: bytes, theirs: bytes, here: frozenset[Capability]
) -> None:
    """vmstate_uuid_needed looks at the capability, vmstate_uuid_post_load does not."""
    idle = replace(SCENARIOS["none"], uuid=ours)
    data = run(replace(idle, capabilities=capabilities)).data
    sent = bool(ours and capabilities)
    assert (b"\x12configuration/uuid\0\0\0\x01" + ours in data) is sent
    description = json.loads(data[data.index(b'{"') :])["configuration"]
    names = [each["vmsd_name"] for each in description.get("subsections", ())]
    assert names == ["configuration/uuid"] * sent
    destination, events, error = load(data, scenario=replace(idle, capabilities=here, destination_uuid=theirs))
    notes = [event.name for event in events if event.event is EventKind.LOG and "UUID" in (event.name or "")]
    if sent and theirs and theirs != ours:
        assert destination.status is MigrationStatus.FAILED
        assert str(UUID(bytes=ours)) in str(error)
        assert str(UUID(bytes=theirs)) in str(error)
        assert "0x8:" in str(error)
    else:
        assert destination.status is MigrationStatus.COMPLETED
        remarks = [f"UUID {UUID(bytes=ours)} is received, and none is set here"] if sent and not theirs else []
        assert notes == remarks


def test_a_multifd_channel_of_another_vm_is_refused() -> None:
    """Whatever validate-uuid says (multifd_recv_initial_packet)."""
    made = run(replace(SCENARIOS["multifd"], uuid=OURS, destination_uuid=OTHER))
    destination = made.migration.destination
    assert destination.status is MigrationStatus.FAILED
    assert f"UUID {UUID(bytes=OURS)}, this side has {UUID(bytes=OTHER)}" in str(destination.error)
    assert run(replace(SCENARIOS["multifd"], uuid=OURS)).migration.destination.status is MigrationStatus.COMPLETED


@pytest.mark.parametrize("ours", [frozenset(), *map(frozenset, [{"mapped-ram"}, {"x-ignore-shared"}])])
@pytest.mark.parametrize("theirs", [frozenset(), *map(frozenset, [{"mapped-ram"}, {"x-ignore-shared"}])])
def test_both_sides_agree_on_what_the_configuration_states(theirs: frozenset[str], ours: frozenset[str]) -> None:
    none = replace(SCENARIOS["none"], transport=Transport.FILE)
    data = run(replace(none, capabilities=frozenset(map(Capability, theirs)))).data
    scenario = replace(none, capabilities=frozenset(map(Capability, ours)))
    destination, _, error = load(data, scenario=scenario)
    if ours == theirs:
        assert error is None
    else:
        assert destination.status is MigrationStatus.FAILED
        sides = [", ".join(side) or "none" for side in (theirs, ours)]
        assert "capabilities {}, this side has {}".format(*sides) in str(error)


def test_a_guest_that_lacks_only_its_bitmaps_has_arrived() -> None:
    """Postcopy of dirty bitmaps alone can fail no guest that runs already (postcopy_listen_thread)."""
    postcopy = SCENARIOS["postcopy-bitmaps"]
    slow = replace(postcopy, socket_buffer_bytes=64, link_bytes_per_s=100_000, time_limit_us=600_000_000)
    broken = Step(do=UserAction.NETWORK_FAILS, status=MigrationStatus.POSTCOPY_ACTIVE, after_us=3000)
    migration = run(replace(slow, script=(*postcopy.script, broken))).migration
    assert migration.source.status is not MigrationStatus.COMPLETED
    assert migration.destination.status is MigrationStatus.COMPLETED
    assert migration.destination.machine.guest.running
    assert migration.destination.error is None


def test_the_preempt_channel_comes_after_those_of_multifd() -> None:
    capabilities = frozenset({Capability.MULTIFD, Capability.POSTCOPY_RAM, Capability.POSTCOPY_PREEMPT})
    made = run(replace(SCENARIOS["postcopy-preempt"], capabilities=capabilities))
    destination = made.migration.destination
    assert destination.status is MigrationStatus.COMPLETED
    assert bytes(destination.machine.guest.blocks[0].memory) == memory_after(made)


def test_device_state_may_still_come_over_multifd_when_postcopy_has_begun() -> None:
    """Nothing orders the channels, so that LISTEN may overtake the state of a device that can't do postcopy.

    As upstream, nobody waits there for the thread that loads it, which may be asked to give up.
    """
    capabilities = frozenset({Capability.MULTIFD, Capability.RETURN_PATH, Capability.DIRTY_BITMAPS})
    devices = SCENARIOS["vfio-multifd"].devices
    scenario = replace(SCENARIOS["postcopy-bitmaps"], capabilities=capabilities, devices=devices)
    made = run(replace(scenario, socket_buffer_bytes=1 << 16))  # little may wait there in front of LISTEN
    returns = [
        event
        for event in made.of(Side.DESTINATION, EventKind.RETURN)
        if event.handler == "load_state_buffer" and event.phase is Phase.POSTCOPY
    ]
    assert returns
    assert not any(event.error for event in returns)
    assert made.migration.destination.status is MigrationStatus.COMPLETED


def test_a_channel_that_ends_before_its_epoch_fails_the_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet that lost its flag of an epoch's end; upstream would wait for it for ever."""
    write, packet = Pipe.write, struct.pack(">II", MULTIFD_MAGIC, MULTIFD_VERSION)
    epoch, none = (packet + struct.pack(">I", flag) for flag in (MultifdFlag.MULTIFD_FLAG_SYNC, 0))

    def forgetful(pipe: Pipe, data: bytes | memoryview) -> int:
        return write(pipe, bytes(data).replace(epoch, none) if pipe.channel == 2 else data)

    monkeypatch.setattr(Pipe, "write", forgetful)
    destination = run(SCENARIOS["multifd"]).migration.destination
    assert destination.status is MigrationStatus.FAILED
    assert "before the end of an epoch" in str(destination.error)


@pytest.mark.parametrize(
    ("name", "ours", "says"),
    [
        ("multifd", Options(), "returned -32"),
        ("multifd", Options(capabilities=frozenset({Capability.MULTIFD}), parameters=ONE_CHANNEL), "returned -32"),
        ("postcopy-preempt", Options(capabilities=frozenset({Capability.POSTCOPY_RAM})), "the preempt channel"),
    ],
)
def test_a_channel_that_is_not_expected_fails_the_source(
    name: str, ours: Options, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scenario, "destination_options", ours)
    made = run(SCENARIOS[name])
    source = made.migration.source
    assert source.status is MigrationStatus.FAILED
    assert says in str(source.error)
    assert source.machine.guest.running
    assert made.migration.destination.status is MigrationStatus.FAILED


def test_bitmaps_that_did_not_come_whole_are_forgotten() -> None:
    whole = load(STREAM)[0].machine.dirty_bitmaps
    assert whole is not None
    assert len(whole.bitmaps) == 2
    announced = STREAM.index(b"backup")
    cut = load(STREAM[: announced + 200])[0].machine.dirty_bitmaps
    assert cut is not None
    assert cut.bitmaps == []
