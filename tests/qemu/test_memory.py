"""Guest-physical memory of several targets: the same as QEMU itself saves it after the migration."""

from collections.abc import Callable

import pytest

import savevm_inspect as si

from .stopped import MEMORY_MACHINES, Stopped

pytestmark = pytest.mark.qemu

STEP_BYTES = 1 << 20


@pytest.mark.parametrize("name", MEMORY_MACHINES)
def test_memory_is_what_qemu_saves(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    start, length = guest.machine.ram
    assert len(guest.ram) == length
    assert any(guest.ram)
    with si.open_stream(guest.stream) as stream:
        for at in range(0, length, STEP_BYTES):
            assert stream.memory.physical.read_bytes(start + at, STEP_BYTES) == guest.ram[at : at + STEP_BYTES]
