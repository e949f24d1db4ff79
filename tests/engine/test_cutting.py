"""The same run over a network that cuts the stream anywhere, and in a Python without threads."""

import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest

from savevm_inspect.engine.machine.handlers import SaveVMHandlers
from savevm_inspect.engine.machine.machine import Machine
from savevm_inspect.engine.machine.qemu_file import QEMUFile, QEMUFileInput
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.rules.status import MigrationStatus

from .cutting import CutNetwork
from .running import Run, run

MOST_BYTES = 5000
SMALL_BYTES = 100_000
COUNT = 20_000


def _cut(scenario: Scenario, most: int) -> Run:
    return run(scenario, network=partial(CutNetwork, most=most))


def _assert_same(ours: Run, cut: Run) -> None:
    assert [str(event) for event in cut.events] == [str(event) for event in ours.events]
    assert (cut.forward, cut.back) == (ours.forward, ours.back)
    for one, other in (
        (ours.migration.source, cut.migration.source),
        (ours.migration.destination, cut.migration.destination),
    ):
        assert (one.status, str(one.error)) == (other.status, str(other.error))
        assert one.machine.runstate is other.machine.runstate
        for left, right in zip(one.machine.guest.blocks, other.machine.guest.blocks, strict=True):
            assert bytes(left.memory) == bytes(right.memory)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_stream_that_is_cut_anywhere_gives_the_same_run(name: str) -> None:
    ours = run(SCENARIOS[name])
    _assert_same(ours, _cut(SCENARIOS[name], MOST_BYTES))
    if sum(map(len, ours.forward.values())) < SMALL_BYTES:
        _assert_same(ours, _cut(SCENARIOS[name], 1))


class Plain:
    """A device as users write it: functions that know nothing of waiting, and more state than goes out at once."""

    def __init__(self, _machine: Machine) -> None:
        self.numbers: list[int] = []

    @classmethod
    def attach(cls, machine: Machine) -> "Plain":
        device = cls(machine)
        machine.registry.register_savevm_live("plain", 0, 1, SaveVMHandlers.of(cls), device)
        return device

    def save_state(self, f: QEMUFile) -> None:
        f.put_be32(COUNT)
        for number in range(COUNT):
            f.put_be32(number)

    def load_state(self, f: QEMUFileInput, _version_id: int) -> int:
        self.numbers = [f.get_be32() for _ in range(f.get_be32())]
        return 0


@pytest.mark.parametrize("most", [1, 40_000])
def test_a_load_state_that_is_a_plain_function_waits_where_it_stands(most: int) -> None:
    scenario = replace(SCENARIOS["none"], devices=(*SCENARIOS["none"].devices, Plain.attach))
    ours = run(scenario)
    _assert_same(ours, _cut(scenario, most))
    device = ours.migration.destination.machine.devices[-1]
    assert isinstance(device, Plain)
    assert device.numbers == list(range(COUNT))


def test_a_plain_function_that_waits_for_ever_is_a_deadlock() -> None:
    class Greedy(Plain):
        def load_state(self, f: QEMUFileInput, version_id: int) -> int:
            return super().load_state(f, version_id) or f.get_be32()

    scenario = replace(SCENARIOS["none"], devices=(*SCENARIOS["none"].devices, Greedy.attach))
    made = run(scenario)
    assert made.migration.destination.status is MigrationStatus.FAILED
    error = made.migration.destination.error
    assert error is not None
    assert (error.handler, error.section) == ("load_state", "plain (instance 0)")


_WITHOUT_THREADS = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("greenlet", "gevent", "_greenlet"):
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import threading, _thread, asyncio

def refuse(*args, **kwargs):
    raise RuntimeError("a thread")

from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect import engine
import savevm_inspect as si
threading.Thread.start = _thread.start_new_thread = threading._start_new_thread = refuse
for name in SCENARIOS:
    si.run(name)
print(len(SCENARIOS))
"""


def test_no_run_needs_a_thread_or_a_switch_of_stacks() -> None:
    """As in Pyodide, which has neither."""
    made = subprocess.run([sys.executable, "-c", _WITHOUT_THREADS], capture_output=True, text=True, check=True)
    assert int(made.stdout) == len(SCENARIOS)
