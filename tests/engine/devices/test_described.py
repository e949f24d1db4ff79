"""Devices that are only described: what each is there to show, in whole migrations."""

from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pytest

from savevm_inspect.engine.devices.failover_nic import FailoverNic
from savevm_inspect.engine.devices.inactive import Inactive
from savevm_inspect.engine.devices.plugged_memory import PluggedMemory
from savevm_inspect.engine.devices.uart import Uart
from savevm_inspect.engine.devices.unmigratable import Unmigratable
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.machine import Attach
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.script import Step, UserAction
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios.parts import OUR_DEVICES, SLOW
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from ..running import Run, run

_S = MigrationStatus
Device = TypeVar("Device")
BASE = Scenario(
    name="described",
    title="",
    teaches="",
    ram_bytes=1 << 19,
    filled=0.9,
    workload=Workload(writes_per_s=900, hot_pages=64),
    parameters=SLOW,
)


def between(there: Attach, here: Attach, **more: Any) -> Run:
    return run(replace(BASE, devices=(*OUR_DEVICES, there), destination_devices=(*OUR_DEVICES, here), **more))


def both(ran: Run, kind: type[Device]) -> tuple[Device, Device]:
    found = [
        next(each for each in machine.devices if isinstance(each, kind))
        for machine in (ran.migration.source.machine, ran.migration.destination.machine)
    ]
    return found[0], found[1]


# Fields, structs, pointers, subsections, versions.


def test_a_serial_card_arrives_with_all_it_is_made_of() -> None:
    ran = between(Uart.attach, Uart.attach)
    assert ran.migration.failure is None
    source, destination = both(ran, Uart)
    assert source.fifo
    assert destination.fifo == source.fifo
    assert destination.registers == source.registers
    assert destination.primary.sent == source.primary.sent > 0
    assert destination.lines[1] is None
    assert destination.line_status == source.line_status == 1  # computed, not sent
    assert ran.stopped == ran.resumed


def test_a_switch_that_an_older_card_lacks_is_off() -> None:
    ran = between(partial(Uart.attach, version_id=2), Uart.attach)
    assert ran.migration.failure is None
    assert both(ran, Uart)[1].loopback == 0
    assert both(ran, Uart)[1].registers == both(ran, Uart)[0].registers


def test_a_version_that_is_too_new_is_refused() -> None:
    ran = between(Uart.attach, partial(Uart.attach, version_id=2))
    assert ran.migration.destination.status is _S.FAILED
    assert "version 3 of 'isa/0x3f8/serial', this side reads 2" in str(ran.migration.destination.error)


def test_a_queue_that_holds_something_needs_a_queue() -> None:
    ran = between(Uart.attach, partial(Uart.attach, fifo=False))
    error = ran.migration.destination.error
    assert error is not None
    assert error.section == "isa/0x3f8/serial (instance 0)"
    assert "subsection 'serial/fifo' does not exist in serial" in error.message


def test_an_empty_queue_does_not() -> None:
    ran = between(Uart.attach, partial(Uart.attach, fifo=False), workload=Workload())
    assert ran.migration.failure is None


def test_a_card_without_a_queue_is_loaded_by_one_with() -> None:
    ran = between(partial(Uart.attach, fifo=False), Uart.attach)
    assert ran.migration.failure is None
    assert both(ran, Uart)[1].fifo == []


# Hooks are somebody else's code.


@pytest.mark.parametrize("hook", ["pre_save", "post_load", "needed"])
def test_a_hook_that_raises_is_a_failure_like_any_other(hook: str) -> None:
    def wrong(*_args: object) -> None:
        raise ZeroDivisionError("a hook goes wrong")

    def attach(machine: Any) -> Uart:
        card = Uart(machine)
        machine.registry.register_vmstate(replace(card.vmsd, **{hook: wrong}), card)
        return card

    scenario = replace(BASE, devices=(*OUR_DEVICES, attach), capabilities=frozenset({Capability.RETURN_PATH}))
    migration = Migration(scenario)
    assert [event.seq for event in migration.steps()]
    source, destination = migration.source, migration.destination
    error = destination.error if hook == "post_load" else source.error
    assert error is not None
    assert error.section == "serial (instance 0)"
    assert error.message == "ZeroDivisionError: a hook goes wrong"
    assert (source.status, destination.status) == (_S.FAILED, _S.FAILED)
    assert source.machine.guest.running
    assert source.machine.bql.owner is destination.machine.bql.owner is None


# Saved early.


@pytest.mark.parametrize("transport", Transport)
def test_what_ram_needs_comes_before_it(transport: Transport) -> None:
    ran = between(PluggedMemory.attach, PluggedMemory.attach, transport=transport)
    assert ran.migration.failure is None
    source, destination = both(ran, PluggedMemory)
    assert destination.bitmap == source.bitmap
    assert 0 < sum(byte.bit_count() for byte in source.bitmap) < source.num_pieces
    for side in Side:
        sections = [(event.idstr, event.name, event.phase) for event in ran.of(side, EventKind.RECORD) if event.idstr]
        assert sections[0][:2] == ("plugged-memory", "full")
        assert sections[1][:2] == ("ram", "start")
        assert [name for idstr, name, _ in sections if idstr == "plugged-memory"] == ["full"]
        if side is Side.SOURCE:
            assert sections[0][2] is Phase.SETUP


def test_it_is_about_memory_of_one_length() -> None:
    ran = between(PluggedMemory.attach, PluggedMemory.attach)
    source, destination = both(ran, PluggedMemory)
    assert source.num_pieces == destination.num_pieces == 64


# To be unplugged.


def test_the_migration_waits_until_the_guest_lets_go() -> None:
    ran = between(FailoverNic.attach, FailoverNic.attach)
    states = [(event.name, event.time_us) for event in ran.of(Side.SOURCE, EventKind.STATE)]
    assert [name for name, _ in states] == ["setup", "wait-unplug", "active", "device", "completed"]
    times = dict(states)
    assert times["active"] - times["wait-unplug"] >= 600_000
    assert both(ran, FailoverNic)[1].primary_plugged == 0
    assert ran.stopped == ran.resumed


def test_a_guest_that_never_lets_go_can_be_left_alone() -> None:
    holds = partial(FailoverNic.attach, unplug_us=None)
    cancel = Step(do=UserAction.MIGRATE_CANCEL, status=_S.WAIT_UNPLUG, after_us=1_000_000)
    ran = between(holds, FailoverNic.attach, script=(cancel,))
    states = [event.name for event in ran.of(Side.SOURCE, EventKind.STATE)]
    assert states == ["setup", "wait-unplug", "cancelling", "cancelled"]
    assert both(ran, FailoverNic)[0].primary_plugged == 1
    assert ran.migration.source.machine.guest.running


# Inactive, and not to be moved.


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"capabilities": frozenset({Capability.RETURN_PATH, Capability.MULTIFD})},
        {
            "capabilities": frozenset({Capability.POSTCOPY_RAM}),
            "latency_us": 1000,
            "script": (Step(do=UserAction.MIGRATE_START_POSTCOPY, status=_S.ACTIVE),),
        },
        {"transport": Transport.SNAPSHOT},
        {"transport": Transport.FILE, "capabilities": frozenset({Capability.BACKGROUND_SNAPSHOT})},
    ],
    ids=["precopy", "multifd", "postcopy", "savevm", "background-snapshot"],
)
def test_an_inactive_device_is_asked_and_cleaned_up_and_no_more(more: dict[str, Any]) -> None:
    ran = between(Inactive.attach, Inactive.attach, **more)
    assert ran.migration.failure is None
    assert ran.migration.source.status is _S.COMPLETED
    for side, cleanup in zip(Side, ("save_cleanup", "load_cleanup"), strict=True):
        called = [event.handler for event in ran.of(side, EventKind.CALL) if event.idstr == "inactive"]
        assert set(called) == {"is_active", cleanup}
        assert called.count(cleanup) == 1
    assert not [event for event in ran.events if event.event is EventKind.RECORD and event.idstr == "inactive"]


@pytest.mark.parametrize("transport", Transport)
def test_a_device_that_can_not_move_keeps_its_machine(transport: Transport) -> None:
    ran = between(Unmigratable.attach, Unmigratable.attach, transport=transport)
    assert ran.migration.failure is not None
    assert "unmigratable (instance 0): it can't be migrated" in str(ran.migration.failure)
    assert ran.migration.source.machine.guest.running
    assert not [event for event in ran.events if event.event is EventKind.CALL]
    assert not ran.forward.get(0)


def test_nor_can_it_be_loaded() -> None:
    ran = run(replace(BASE, devices=OUR_DEVICES, destination_devices=(*OUR_DEVICES, Unmigratable.attach)))
    assert ran.migration.destination.status is _S.FAILED
    assert "it can't be migrated" in str(ran.migration.destination.error)
