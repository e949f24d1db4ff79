"""A real QEMU loads what the engine writes, and then holds the same memory."""

import json
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.rules.compat import Version
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.status import MigrationStatus

from .running import run

pytestmark = pytest.mark.qemu

_C = Capability
QEMU = "qemu-system-x86_64"


class Qemu:
    """A QEMU without hardware that loads a stream, and answers questions.

    Args:
        stream: the file that it loads.
        ram_bytes: its memory, a whole number of MiB, 0 for none.
    """

    def __init__(self, stream: Path, ram_bytes: int) -> None:
        command = [QEMU, "-machine", "none", "-m", f"{ram_bytes >> 20}M", "-display", "none", "-qmp", "stdio"]
        self._process = subprocess.Popen(
            [*command, "-incoming", f"exec:cat {stream}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._answer("QMP")
        self.ask("qmp_capabilities")

    def ask(self, question: str, **arguments: object) -> dict[str, str]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"execute": question, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        returned: dict[str, str] = self._answer("return")
        return returned

    def wait_until_loaded(self) -> str:
        while (status := self.ask("query-migrate").get("status", "setup")) in ("setup", "active"):
            time.sleep(0.01)
        return status

    def _answer(self, key: str) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            assert line.startswith("{"), f"QEMU says: {line}"
            answer = json.loads(line)
            assert "error" not in answer, answer
            if key in answer:
                return answer[key]
        raise AssertionError("QEMU has gone away")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def version() -> tuple[int, ...]:
    path = shutil.which(QEMU)
    assert path is not None
    words = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split()
    return tuple(int(part) for part in words[3].split("(")[0].split(".")[:2])


def as_qemu_none(scenario: Scenario) -> Scenario:
    """A scenario's guest in the machine that a QEMU of any version can be without further ado."""
    none = SCENARIOS["none"]
    qemu = Version(*version()[:2])
    kind = replace(none.machine, version=qemu)
    return replace(
        scenario,
        machine=kind,
        interface=str(qemu),
        devices=none.devices,
        ram_block="ram",
        disks=(),
        bitmaps=(),
    )


def by_one_way(scenario: Scenario) -> bool:
    """Whether its stream is one file that needs no capability and no answer to be loaded."""
    no_matter = {_C.XBZRLE, _C.AUTO_CONVERGE, _C.PAUSE_BEFORE_SWITCHOVER, _C.BACKGROUND_SNAPSHOT, _C.DIRTY_BITMAPS}
    return scenario.ends is MigrationStatus.COMPLETED and scenario.capabilities <= no_matter and not scenario.script


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if by_one_way(scenario)])
def test_a_real_qemu_loads_it_and_has_the_same_memory(name: str, tmp_path: Path) -> None:
    scenario = as_qemu_none(SCENARIOS[name])
    if name == "hot-set":  # as large as its own machine allows to the page; this one sends more
        scenario = replace(scenario, workload=replace(scenario.workload, hot_pages=32))
    stream, memory = tmp_path / "stream", tmp_path / "memory"
    made = run(scenario)
    stream.write_bytes(made.data)
    with closing(Qemu(stream, scenario.ram_bytes)) as qemu:
        assert qemu.wait_until_loaded() == "completed"
        assert qemu.ask("query-status")["status"] == "running"
        if scenario.ram_bytes:
            qemu.ask("pmemsave", val=0, size=scenario.ram_bytes, filename=str(memory))
            assert memory.read_bytes() == made.stopped["ram"]
