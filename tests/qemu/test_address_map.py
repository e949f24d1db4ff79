"""Where memory lies: of each machine as QEMU's own flat view of memory says."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import savevm_inspect as si
from savevm_inspect.memory.address_map import build_map
from savevm_inspect.memory.ranges import AddressMap

from .stopped import BARE_MACHINES, BOARDS, LARGE_MACHINES, Stopped

pytestmark = pytest.mark.qemu

FLAT_LINE = re.compile(
    r"^ *([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (?:nv-ram|ram|rom|romd)\): (.*?)(?: @([0-9a-f]{16}))?$", re.M
)
Piece = tuple[int, int, str, int]
"""First address, the one after the last, memory region or block, place in it."""


def flat_view(views: str) -> list[Piece]:
    """QEMU's own view of guest-physical memory."""
    view = next(each for each in views.split("FlatView #") if re.search(r'^ *AS "memory"', each, re.M))
    return [
        (int(start, 16), int(end, 16) + 1, name, int(at or "0", 16))
        for start, end, name, at in FLAT_LINE.findall(view)
    ]


def joined(pieces: list[Piece]) -> list[Piece]:
    """Pieces with neighbours that continue each other made one."""
    result: list[Piece] = []
    for start, end, name, at in sorted(pieces):
        last = result[-1] if result else (0, 0, "", 0)
        if (last[1], last[2], last[3] + last[1] - last[0]) == (start, name, at):
            result[-1] = (last[0], end, name, last[3])
        else:
            result.append((start, end, name, at))
    return result


def as_flat_view(address_map: AddressMap) -> list[Piece]:
    return joined([(each.gpa, each.end, each.block, each.addr) for each in address_map.ranges])


@pytest.mark.parametrize("name", [*BARE_MACHINES, *LARGE_MACHINES])
def test_memory_lies_where_qemu_says(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream) as stream:
        found = stream.memory.address_map
        by_machine_type = build_map(replace(stream.memory.evidence, cmos=None))
        blocks = {block.name for block in stream.blocks if not block.name.startswith("0000:")}  # mapped by the guest
    expected = joined([each for each in flat_view(guest.views) if each[2] in blocks])
    assert len(expected) > 1
    assert as_flat_view(found) == expected
    assert (as_flat_view(by_machine_type) == expected) == ("max-ram-below-4g" not in guest.machine.options)


HIDDEN = {"raspi3b": 0x3F00_0000}
"""From where on a board has devices in front of its RAM, which is seen between them."""


@pytest.mark.parametrize("name", BOARDS)
def test_memory_of_a_board_lies_where_qemu_says(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream, strict=False) as stream:
        ranges = stream.memory.address_map.ranges
        found = joined([(each.gpa, each.end, each.block.rpartition("/")[2], each.addr) for each in ranges])
        blocks = {each[2] for each in found}
    seen = [each for each in flat_view(guest.views) if each[0] < HIDDEN.get(name, 1 << 64)]
    expected = joined([(start, min(end, HIDDEN.get(name, end)), block, at) for start, end, block, at in seen])
    assert found == [each for each in expected if each[2] in blocks]
    unplaced = {each[2] for each in expected} - blocks
    assert all("vram" in each for each in unplaced)  # which the guest places


@pytest.mark.parametrize("name", [name for name in BARE_MACHINES if "VGA" not in name])
def test_the_first_mib_reads_as_the_guest_sees_it(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream) as stream:
        assert stream.memory.physical.read_bytes(0, len(guest.low)) == guest.low
