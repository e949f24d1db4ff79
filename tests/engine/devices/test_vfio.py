"""The VFIO device: its bytes are upstream's, its state arrives by each way, and what it must refuse it refuses."""

import random
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.engine.devices.faulty import Fault, How
from savevm_inspect.engine.devices.vfio import Vfio
from savevm_inspect.engine.devices.vfio_card import BLOCK_BYTES, Card, CardState
from savevm_inspect.engine.devices.vfio_multifd import VFIO_DEVICE_STATE_PACKET
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.handlers import DeviceError
from savevm_inspect.engine.machine.machine import Machine, MachineType, RunState
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios.parts import OUR_DEVICES, SLOW
from savevm_inspect.rules.compat import Version
from savevm_inspect.rules.options import Capability, MultifdCompression
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind
from savevm_inspect.wire import VfioMigFlag

from ..running import Run, run

_C = Capability
_S = MigrationStatus
NAME = "0000:00:05.0/vfio"
WRITER = Workload(writes_per_s=900, hot_pages=512)
BASE = Scenario(
    name="vfio",
    title="",
    teaches="",
    devices=(*OUR_DEVICES, Vfio.attach),
    ram_bytes=2 << 20,
    workload=WRITER,
    parameters=SLOW,
    time_limit_us=5_000_000,
)
MULTIFD = frozenset({_C.MULTIFD})
ACK = frozenset({_C.RETURN_PATH, _C.SWITCHOVER_ACK})


def with_device(**options: Any) -> Scenario:
    return replace(BASE, devices=(*OUR_DEVICES, partial(Vfio.attach, **options)))


def device(machine: Machine) -> Vfio:
    return next(each for each in machine.devices if isinstance(each, Vfio))


def calls(ran: Run, side: Side) -> Counter[str | None]:
    return Counter(event.handler for event in ran.of(side, EventKind.CALL) if event.idstr == NAME)


def flags(data: bytes) -> list[VfioMigFlag]:
    """The 64-bit words of a section's payload, the pieces between them left out."""
    found, pos = [], 0
    while pos < len(data):
        flag = VfioMigFlag(int.from_bytes(data[pos : pos + 8], "big"))
        found.append(flag)
        pos += 8
        if flag is VfioMigFlag.VFIO_MIG_FLAG_DEV_DATA_STATE:
            pos += 8 + int.from_bytes(data[pos : pos + 8], "big")
        elif flag is VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_STATE:
            pos += 4 + 256 + 16
    return found


def payload(ran: Run, handler: str, number: int = 0) -> bytes:
    """What one call wrote."""
    wrote = [e for e in ran.of(Side.SOURCE, EventKind.RETURN) if (e.handler, e.idstr) == (handler, NAME)][number]
    assert wrote.offset is not None
    assert wrote.length is not None
    return ran.data[wrote.offset : wrote.offset + wrote.length]


_TRANSPORTS = {
    "plain": BASE,
    "ack": replace(BASE, capabilities=ACK, latency_us=1000),
    "multifd": replace(BASE, capabilities=MULTIFD),
    "multifd-ack": replace(BASE, capabilities=MULTIFD | ACK),
    "multifd-late-config": replace(with_device(load_config_after_iter=True), capabilities=MULTIFD),
    "multifd-no-precopy": replace(with_device(precopy=False, data_buffer_bytes=512), capabilities=MULTIFD),
    "multifd-off": replace(with_device(multifd_transfer=False), capabilities=MULTIFD),
    "no-precopy": with_device(precopy=False),
    "file": replace(BASE, transport=Transport.FILE),
    "savevm": replace(BASE, transport=Transport.SNAPSHOT),
}


@pytest.mark.parametrize("name", _TRANSPORTS)
def test_the_cards_state_arrives(name: str) -> None:
    ran = run(_TRANSPORTS[name])
    assert ran.migration.failure is None
    assert ran.stopped
    assert ran.stopped == ran.resumed
    source, destination = device(ran.migration.source.machine), device(ran.migration.destination.machine)
    assert any(source.card.memory)
    assert source.card.register or name == "savevm"
    assert destination.card.state is CardState.RUNNING
    assert source.card.state is (CardState.RUNNING if name == "savevm" else CardState.STOP)


def test_the_words_between_the_pieces_are_upstreams() -> None:
    ran = run(_TRANSPORTS["ack"])
    flag = VfioMigFlag
    end, data = flag.VFIO_MIG_FLAG_END_OF_STATE, flag.VFIO_MIG_FLAG_DEV_DATA_STATE
    assert flags(payload(ran, "save_setup")) == [flag.VFIO_MIG_FLAG_DEV_SETUP_STATE, end]
    turns = [flags(payload(ran, "save_live_iterate", n)) for n in range(calls(ran, Side.SOURCE)["save_live_iterate"])]
    sent = [data, flag.VFIO_MIG_FLAG_DEV_INIT_DATA_SENT]
    assert turns.count(sent) == 1
    assert all(turn in ([data, end], [end], sent) for turn in turns)
    initial_bytes = (1 << 14) // BLOCK_BYTES * (BLOCK_BYTES + 8)
    assert turns.index(sent) == (initial_bytes - 1) // (1 << 12)
    assert flags(payload(ran, "save_complete"))[-1] is end
    assert flags(payload(ran, "save_state")) == [flag.VFIO_MIG_FLAG_DEV_CONFIG_STATE, end]
    assert {int(each) >> 16 for each in flag} == {0xFFFFFFFFEF10}


def test_the_main_channel_has_next_to_nothing_of_it_with_multifd() -> None:
    end, ready = VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE, VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY
    ran = run(_TRANSPORTS["multifd"])
    assert flags(payload(ran, "save_complete")) == flags(payload(ran, "save_state")) == [end]
    late = run(_TRANSPORTS["multifd-late-config"])
    assert flags(payload(late, "save_complete")) == [end]
    assert flags(payload(late, "save_state")) == [ready]


def test_the_switchover_waits_for_the_initial_data() -> None:
    ran = run(replace(_TRANSPORTS["ack"], parameters=replace(SLOW, downtime_limit_ms=2000)))
    asked = run(replace(_TRANSPORTS["plain"], parameters=replace(SLOW, downtime_limit_ms=2000)))
    names = [event.name for event in ran.of(Side.SOURCE)]
    assert names.index("MIG_RP_MSG_SWITCHOVER_ACK") < names.index("device")
    # Without it, all would have fitted into the downtime from the beginning.
    assert calls(asked, Side.SOURCE)["save_live_iterate"] < calls(ran, Side.SOURCE)["save_live_iterate"]


def test_a_device_that_never_agrees_holds_the_switchover_up() -> None:
    withheld = Fault(handler="is_active_iterate", idstr=NAME, how=How.FAIL, lasting=True)
    cancel = Step(do=UserAction.MIGRATE_CANCEL, status=_S.ACTIVE, after_us=400_000)
    ran = run(replace(_TRANSPORTS["ack"], faults=(withheld,), script=(cancel,)))
    assert ran.migration.source.status is _S.CANCELLED
    assert ran.migration.source.machine.guest.running
    assert not [event for event in ran.of(Side.SOURCE, EventKind.STATE) if event.name == "device"]


def test_pending_goes_down_as_the_card_is_read_and_up_as_it_works() -> None:
    ran = run(BASE)
    events = [
        (event.handler, event.must_precopy)
        for event in ran.of(Side.SOURCE, EventKind.RETURN)
        if event.idstr == NAME and event.handler in ("state_pending_estimate", "state_pending_exact")
    ]
    estimates = [figure for handler, figure in events if handler == "state_pending_estimate"]
    assert estimates[0] == (1 << 16) // BLOCK_BYTES * (BLOCK_BYTES + 8)
    assert all(later <= earlier for earlier, later in pairwise(estimates))
    exact = next(figure for handler, figure in events if handler == "state_pending_exact")
    assert exact is not None
    assert exact > 0


def test_each_of_its_callbacks_is_called() -> None:
    ran = run(_TRANSPORTS["multifd-ack"])
    both = set(calls(ran, Side.SOURCE)) | set(calls(ran, Side.DESTINATION))
    entry = next(e for e in ran.migration.source.machine.registry if e.idstr == NAME)
    assert entry.ops is not None
    assert both == set(entry.ops.present)
    assert len(both) == 16


# What it refuses.


@pytest.mark.parametrize("capability", [_C.POSTCOPY_RAM, _C.BACKGROUND_SNAPSHOT])
def test_it_refuses_what_its_hardware_can_not_do(capability: Capability) -> None:
    ran = run(replace(BASE, capabilities=frozenset({capability})))
    assert ran.migration.source.status is _S.NONE
    assert str(ran.migration.failure) == (
        f"prepare: save_prepare of {NAME} (instance 0): "
        f"DeviceError: a VFIO device can't be migrated with {capability}"
    )


def test_a_snapshot_is_possible_though_postcopy_is_on() -> None:
    ran = run(replace(BASE, capabilities=frozenset({_C.POSTCOPY_RAM}), transport=Transport.SNAPSHOT))
    assert ran.migration.failure is None
    assert ran.stopped == ran.resumed


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"capabilities": MULTIFD, "machine": MachineType(name="old", version=Version(9, 2))},
        {"capabilities": MULTIFD, "parameters": replace(SLOW, multifd_compression=MultifdCompression.ZSTD)},
    ],
)
def test_multifd_that_must_be_and_can_not_be_fails_the_setup(more: dict[str, Any]) -> None:
    ran = run(replace(with_device(multifd_transfer=True), **more))
    assert ran.migration.source.status is _S.FAILED
    assert ran.migration.failure is not None
    assert ran.migration.failure.handler == "save_setup"
    assert ran.migration.source.machine.guest.running
    assert device(ran.migration.source.machine).card.state is CardState.RUNNING


@pytest.mark.parametrize("when", [{"status": _S.ACTIVE}, {"phase": Phase.COMPLETE}])
def test_the_card_runs_on_after_a_cancel(when: dict[str, Any]) -> None:
    ran = run(replace(BASE, capabilities=ACK, latency_us=1000, script=(Step(do=UserAction.MIGRATE_CANCEL, **when),)))
    assert ran.migration.source.status is _S.CANCELLED
    assert ran.migration.source.machine.runstate is RunState.RUNNING
    assert device(ran.migration.source.machine).card.state is CardState.RUNNING


def test_a_failure_elsewhere_ends_the_thread_that_sends() -> None:
    fault = Fault(handler="save_complete", idstr="ram", how=How.RAISE)
    ran = run(replace(_TRANSPORTS["multifd-no-precopy"], faults=(fault,)))
    events = ran.of(Side.SOURCE)
    ended = next(
        index
        for index, event in enumerate(events)
        if event.event is EventKind.RETURN and event.handler == "save_complete_precopy_thread"
    )
    assert "another thread has failed" in (events[ended].error or "")
    failed = next(index for index, event in enumerate(events) if event.name == "failed")
    assert ended < failed  # it is waited for
    whole = run(_TRANSPORTS["multifd-no-precopy"])
    pieces = [
        len([event for event in each.of(Side.SOURCE) if event.name == "multifd device state"])
        for each in (ran, whole)
    ]
    assert pieces[0] < pieces[1]
    assert ran.migration.source.machine.guest.running


# Pieces on the destination: any order, and hostile ones.


def loading(buffer: bytes) -> tuple[Migration, Vfio]:
    migration = Migration(replace(BASE, capabilities=MULTIFD))
    target = device(migration.destination.machine)
    assert target.load_setup(None) == 0  # type: ignore[arg-type]
    target.load_state_buffer(buffer)
    return migration, target


def piece(index: int, *, version: int = 0, flags: int = 0) -> bytes:
    return VFIO_DEVICE_STATE_PACKET.pack(version, index, flags) + b"content"


@pytest.mark.parametrize(
    ("buffer", "message"),
    [
        (b"\0" * 11, "a piece of 11 bytes, at least 12 are needed"),
        (piece(0, version=1), "a piece of version 1, expected 0"),
        (piece(0xFFFFFFFF), "a piece of number 0xffffffff, which means none"),
    ],
)
def test_a_hostile_piece_is_refused(buffer: bytes, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        loading(buffer)


def test_a_piece_that_comes_twice_is_refused() -> None:
    _, target = loading(piece(7))
    with pytest.raises(DeviceError, match="piece 7 for the second time"):
        target.load_state_buffer(piece(7))


def test_a_piece_without_multifd_is_refused() -> None:
    with pytest.raises(DeviceError, match="which is not used for it"):
        device(Migration(BASE).destination.machine).load_state_buffer(piece(0))


@settings(max_examples=15)
@given(seed=st.integers(0, 2**16))
def test_pieces_may_come_in_any_order(seed: int) -> None:
    """Several threads receive, and whichever is quicker: the same state is there at the end."""
    scenario = replace(_TRANSPORTS["multifd-no-precopy"], parameters=replace(SLOW, multifd_channels=4))
    choose = random.Random(seed)
    ran = run(scenario, choose=lambda ready: choose.choice(list(ready)))
    assert ran.migration.failure is None
    assert ran.stopped == ran.resumed


# The card by itself.


@given(data=st.data())
def test_a_card_read_in_any_pieces_while_it_works_is_the_same_card(data: st.DataObject) -> None:
    blocks = data.draw(st.integers(1, 12), label="blocks")
    source = Card(bytes(range(256)) * blocks, data.draw(st.integers(0, blocks), label="initial") * BLOCK_BYTES)
    target = Card(bytes(len(source.memory)), 0)
    target.set_state(CardState.RESUMING)
    if data.draw(st.booleans(), label="precopy"):
        source.set_state(CardState.PRE_COPY)
        for _ in range(data.draw(st.integers(0, 20), label="turns")):
            initial, dirty = source.precopy_sizes
            assert initial >= 0
            assert dirty >= 0
            assert initial + dirty < source.stop_copy_bytes
            if data.draw(st.booleans()):
                source.work()
            target.write(source.read(data.draw(st.integers(1, 700))))
    else:
        source.set_state(CardState.STOP)
    left = source.stop_copy_bytes
    source.set_state(CardState.STOP_COPY)
    assert source.stop_copy_bytes == left
    limit = data.draw(st.integers(1, 700))
    while content := source.read(limit):
        left -= len(content)
        target.write(content)
    assert left == 0
    target.require_whole()
    assert (target.memory, target.register) == (source.memory, source.register)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes.fromhex("00000000 00000010"), "a record of 16 bytes for offset 0x0"),
        (bytes.fromhex("ffffffff 00000100"), "a record of 256 bytes for offset 0xffffffff"),
        (bytes.fromhex("00000101 00000100"), "a record for offset 0x101 of a card of 0x200 bytes"),
    ],
)
def test_a_card_refuses_a_state_that_is_not_for_it(data: bytes, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        Card(bytes(512), 0).write(data)


def test_a_state_that_ends_in_a_record_is_refused() -> None:
    card = Card(bytes(512), 0)
    card.write(bytes(5))
    with pytest.raises(DeviceError, match="ends 5 bytes into a record"):
        card.require_whole()
