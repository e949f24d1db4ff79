"""Devices that are described: their hooks gone wrong."""

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import pytest

from savevm_inspect.engine.devices.faulty import HOOKS, Fault, How
from savevm_inspect.engine.machine.handlers import DeviceError
from savevm_inspect.engine.machine.machine import Machine
from savevm_inspect.engine.machine.vmsd import VMStateDescription, VMStateField
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.scenarios.parts import OUR_DEVICES
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind

from ..running import Run
from .places import FAILURES, LOADING, PRECOPY, SWITCHING, assert_cleaned_up

_C = Capability
_S = MigrationStatus
S = Side.SOURCE


class Hooked:
    """A device whose hooks say that they were called."""

    def __init__(self) -> None:
        self.value = 0
        self.called: list[str] = []

    @classmethod
    def attach(cls, machine: Machine) -> "Hooked":
        device = cls()
        hooks: dict[str, Any] = {name: partial(cls.call, name) for name in HOOKS}
        fields = (VMStateField(name="value", type="uint8"),)
        vmsd = VMStateDescription(name="hooked", version_id=1, minimum_version_id=1, fields=fields, **hooks)
        machine.registry.register_vmstate(vmsd, device)
        return device

    @staticmethod
    def call(name: str, device: "Hooked", *_args: object) -> None:
        device.called.append(name)


def _hooked(name: str, how: How) -> tuple[Migration, list[Event]]:
    fault = Fault(handler=name, idstr="hooked", how=how)
    devices = (*OUR_DEVICES, Hooked.attach)
    migration = Migration(
        replace(PRECOPY, capabilities=frozenset({_C.RETURN_PATH}), devices=devices, faults=(fault,))
    )
    return migration, list(migration.steps())


def _called(migration: Migration) -> list[list[str]]:
    machines = (migration.source.machine, migration.destination.machine)
    return [device.called for machine in machines for device in machine.devices if isinstance(device, Hooked)]


@pytest.mark.parametrize("how", [How.FAIL, How.FAIL_LATE, How.RAISE])
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_fails_ends_as_a_device_that_can_not_be_saved_or_loaded(name: str, how: How) -> None:
    migration, events = _hooked(name, how)
    wanted = FAILURES[SWITCHING if HOOKS[name] is S else LOADING]
    side = migration.source if HOOKS[name] is S else migration.destination
    cause = RuntimeError if how is How.RAISE else DeviceError
    assert side.error is not None
    assert side.error.section == "hooked (instance 0)"
    assert side.error.phase == (Phase.COMPLETE if HOOKS[name] is S else Phase.LOAD)
    assert isinstance(side.error.__cause__, cause)
    states = [event.name for event in events if event.side is HOOKS[name] and event.event is EventKind.STATE]
    assert tuple(states[-len(wanted.states) :]) == wanted.states
    assert migration.source.status is _S.FAILED
    assert migration.source.machine.guest.running
    ran = Run(migration, events)
    for each in Side:
        assert_cleaned_up(ran, each, wanted=True)
    before, _, _ = "pre_save post_save pre_load post_load".partition(name)
    assert list(chain(*_called(migration))) == [*before.split(), *[name] * (how is How.FAIL_LATE)]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_does_nothing_is_the_devices_own_affair(name: str) -> None:
    migration, _ = _hooked(name, How.NOTHING)
    assert migration.failure is None
    assert list(chain(*_called(migration))) == [each for each in HOOKS if each != name]
