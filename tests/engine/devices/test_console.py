"""The device of the old kind: its state arrives, from older versions, too, and nothing hostile gets in."""

from dataclasses import replace
from functools import partial

import pytest

from savevm_inspect.engine.devices.console import COLUMNS, Console
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.machine.machine import Attach, Machine
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.scenarios.parts import OUR_DEVICES, SLOW
from savevm_inspect.rules.status import MigrationStatus

from ..running import Run, run

_S = MigrationStatus
BASE = Scenario(
    name="console",
    title="",
    teaches="",
    ram_bytes=1 << 19,
    filled=1.0,
    workload=Workload(writes_per_s=9000, hot_pages=64),
    parameters=SLOW,
)


def between(there: Attach, here: Attach) -> Run:
    return run(replace(BASE, devices=(*OUR_DEVICES, there), destination_devices=(*OUR_DEVICES, here)))


def console(machine: Machine) -> Console:
    return next(each for each in machine.devices if isinstance(each, Console))


def consoles(ran: Run) -> tuple[Console, Console]:
    return console(ran.migration.source.machine), console(ran.migration.destination.machine)


@pytest.mark.parametrize("version_id", [1, 2])
def test_its_text_arrives_from_any_version(version_id: int) -> None:
    ran = between(partial(Console.attach, version_id=version_id), Console.attach)
    source, destination = consoles(ran)
    assert ran.migration.failure is None
    assert len(source.lines) > 1
    assert (source.lines, source.column) == (destination.lines, destination.column)


def test_an_older_one_does_not_load_a_newer_ones() -> None:
    ran = between(Console.attach, partial(Console.attach, version_id=1))
    assert ran.migration.destination.status is _S.FAILED
    assert "version 2 of 'console', this side reads 1" in str(ran.migration.destination.error)
    assert consoles(ran)[1].lines == [""]


def test_a_longer_one_does_not_fit() -> None:
    ran = between(Console.attach, partial(Console.attach, num_lines=1))
    error = ran.migration.destination.error
    assert error is not None
    assert (error.handler, error.section) == ("load_state", "console (instance 0)")
    assert "lines, this side keeps 1" in str(error)


def test_what_it_can_not_save_it_says_by_the_file() -> None:
    scenario = replace(BASE, devices=(*OUR_DEVICES, Console.attach), workload=Workload())
    migration = Migration(scenario)
    console(migration.source.machine).column = COLUMNS + 1
    for _event in migration.steps():
        pass
    source, error = migration.source, migration.source.error
    assert error is not None
    assert (error.handler, error.section, error.phase) == ("save_state", "console (instance 0)", "complete")
    assert "EINVAL" in str(error)
    assert source.status is _S.FAILED
    assert source.machine.guest.running
