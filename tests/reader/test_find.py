"""Names that people give: exact ones, instances, last parts, patterns, and what is offered for a near miss."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import NotFound
from savevm_inspect.reader.find import find_devices, find_fields, no_field


@pytest.fixture(scope="module")
def stream(capture_path: Callable[[str], Path]) -> Iterator[si.Stream]:
    with si.open_stream(capture_path("q35-misc-7.2")) as opened:
        yield opened


def names(stream: si.Stream, wanted: str) -> list[tuple[str, int]]:
    return [(each.idstr, each.instance_id) for each in find_devices(stream.devices, wanted)]


def test_each_device_is_found_by_its_own_name(stream: si.Stream) -> None:
    for device in stream:
        assert names(stream, f"{device.idstr}@{device.instance_id}") == [(device.idstr, device.instance_id)]
        assert names(stream, device.idstr) == [(device.idstr, stream[device.idstr].instance_id)]


def test_the_last_part_is_enough(stream: si.Stream) -> None:
    assert names(stream, "virtio-rng") == [("0000:00:01.0/virtio-rng", 0)]
    assert names(stream, "virtio-input") == [(f"0000:00:0{slot}.0/virtio-input", 0) for slot in (4, 5)]
    assert names(stream, "virtio-rng@0") == names(stream, "virtio-rng")


def test_a_pattern_finds_all_that_it_matches(stream: si.Stream) -> None:
    assert names(stream, "*") == [(each.idstr, each.instance_id) for each in stream]
    assert names(stream, "virtio-*") == [(each.idstr, 0) for each in stream if "/virtio-" in each.idstr]


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [("virtio-rgn", "virtio-rng"), ("seral", "serial"), ("rtc", "mc146818rtc"), ("@", "there are")],
)
def test_a_near_miss_is_offered(stream: si.Stream, wanted: str, offered: str) -> None:
    with pytest.raises(NotFound, match=re.escape(offered)):
        find_devices(stream.devices, wanted)


def test_fields_are_found_by_path_end_and_pattern(stream: si.Stream) -> None:
    fields = stream["cpu"].fields
    whole = [field for field in fields if field.path == "env.eip"]
    assert list(find_fields(fields, "env.eip")) == whole != []
    assert set(whole) < set(find_fields(fields, "env.e*"))
    for field in fields:
        assert field in set(find_fields(fields, field.name.replace("[", "[[]")))
    assert not list(find_fields(fields, "eip"))
    assert "did you mean env.eip" in str(no_field("env.epi", [field.path for field in fields]))
