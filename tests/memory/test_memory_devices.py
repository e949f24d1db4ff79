"""Memory that is plugged in: placed by what the stream and ACPI's SRAT say, left out where that is not certain."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.memory.address_map import build_map
from savevm_inspect.memory.machines import Evidence
from savevm_inspect.memory.srat import Affinity, node_sizes, read_srat
from savevm_inspect.payload.ram_blocks import RamBlock

MIB, GIB = 1 << 20, 1 << 30
ROOM = Affinity(node=0, gpa=4 * GIB, length=8 * GIB, is_hotpluggable=True, is_non_volatile=False)


def entry(each: Affinity) -> bytes:
    flags = 1 | each.is_hotpluggable << 1 | each.is_non_volatile << 2
    return struct.pack("<BBI2xQQ4xI8x", 1, 40, each.node, each.gpa, each.length, flags)


def table(entries: bytes) -> bytes:
    return b"SRAT" + struct.pack("<I", 48 + len(entries)) + bytes(40) + entries


affinities = st.builds(
    Affinity,
    node=st.integers(0, (1 << 32) - 1),
    gpa=st.integers(0, (1 << 64) - 1),
    length=st.integers(1, (1 << 64) - 1),
    is_hotpluggable=st.booleans(),
    is_non_volatile=st.booleans(),
)
PROCESSOR = bytes((0, 16)) + bytes(14)


@given(st.lists(affinities, max_size=6), st.binary(max_size=60), st.binary(max_size=60))
def test_a_table_is_read_as_it_was_written(written: list[Affinity], before: bytes, after: bytes) -> None:
    tables = before.replace(b"S", b"s") + table(b"".join(PROCESSOR + entry(each) for each in written)) + after
    assert read_srat(tables) == tuple(written)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_what_is_no_table_says_nothing_or_ends_within_itself(rest: bytes, length: int) -> None:
    found = read_srat(b"SRAT" + struct.pack("<I", length) + rest)
    assert len(found) <= len(rest) // 40


def evidence(*blocks: RamBlock, **facts: object) -> Evidence:
    return Evidence(machine="pc-q35-9.2", blocks=blocks, **facts)  # type: ignore[arg-type]


def places(found: Evidence) -> dict[str, int]:
    return {each.block: each.gpa for each in build_map(found).ranges}


def test_nodes_of_any_name_lie_in_the_order_of_the_table() -> None:
    nodes = [(1, 0, 0xA_0000), (1, MIB, 63 * MIB), (0, 64 * MIB, 192 * MIB)]
    stated = tuple(
        Affinity(node=node, gpa=gpa, length=length, is_hotpluggable=False, is_non_volatile=False)
        for node, gpa, length in nodes
    )
    assert node_sizes(stated) == [64 * MIB, 192 * MIB]
    blocks = RamBlock("b", 192 * MIB), RamBlock("a", 64 * MIB)
    ranges = build_map(evidence(*blocks, affinities=stated)).ranges
    assert (ranges[0].block, ranges[0].gpa, ranges[-1].block, ranges[-1].gpa) == ("a", 0, "b", 64 * MIB)


ORDERS = {
    "of one size, in the order of the list": ([("y", 128), ("x", 128)], {"y": 0, "x": 128}),
    "by their numbers": (
        [("dimm2", 256), ("dimm10", 128), ("dimm1", 128)],
        {"dimm1": 0, "dimm2": 128, "dimm10": 384},
    ),
    "unknown": ([("y", 256), ("x", 128)], {}),
}


@pytest.mark.parametrize("name", ORDERS)
def test_dimms_lie_where_there_is_room_in_their_order(name: str) -> None:
    modules, expected = ORDERS[name]
    blocks = [RamBlock("pc.ram", 64 * MIB), *(RamBlock(block, size * MIB) for block, size in modules)]
    found = places(evidence(*blocks, affinities=(ROOM,)))
    del found["pc.ram"]
    assert found == {block: 4 * GIB + at * MIB for block, at in expected.items()}
    shared = evidence(*blocks, affinities=(ROOM,), devices=frozenset({"0000:00:02.0/ivshmem-plain"}))
    assert set(places(shared)) == {"pc.ram"}


def test_dimms_go_around_what_is_placed() -> None:
    blocks = [
        RamBlock("pc.ram", 64 * MIB),
        RamBlock("0000:00:02.0/m", GIB),
        RamBlock("nv", MIB),
        RamBlock("d", 2 * MIB),
    ]
    lasting = Affinity(node=0, gpa=4 * GIB + MIB, length=MIB, is_hotpluggable=False, is_non_volatile=True)
    found = places(evidence(*blocks, affinities=(ROOM, lasting), virtio_mem={"0000:00:02.0": 4 * GIB + 2 * MIB}))
    assert found["0000:00:02.0/m"] == 4 * GIB + 2 * MIB
    assert found["nv"] == 4 * GIB + MIB
    assert found["d"] == 5 * GIB + 2 * MIB
