"""The explorer without a browser: devices, fields and bytes follow what is chosen."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import NotFound
from savevm_inspect.widgets.explorer import Explorer

Unpack = Callable[[str], Path]


@pytest.fixture
def explorer(capture_path: Unpack) -> Iterator[Explorer]:
    with si.open_stream(capture_path("x86-10.0-live")) as stream:
        yield si.explore(stream)


def marked(explorer: Explorer) -> bytes:
    """The bytes that stand out in the hex pane."""
    lines = re.findall(r'<span class="at">.*', explorer.bytes.value)
    numbers = [re.sub(r"  <b[^>]*>[^<]*</b>(<b.*)?(</pre>.*)?$", "", line) for line in lines]
    return bytes.fromhex("".join(" ".join(re.findall(r'mark"[^>]*>([0-9a-f ]{2,})</b>', line)) for line in numbers))


def test_every_device_is_listed_once(explorer: Explorer) -> None:
    assert len(explorer.devices.options) == len(explorer.stream.devices)
    assert explorer.device is explorer.stream.devices[0]


def test_the_fields_of_every_device_can_be_chosen(explorer: Explorer) -> None:
    for number, device in enumerate(explorer.stream.devices):
        explorer.devices.value = number
        listed = [each for each in explorer._shown if each is not None]
        assert listed == list(device.fields)


@pytest.mark.parametrize("path", ["state/divider", "state/lcr", "state/fcr_vmstate"])
def test_the_bytes_of_the_chosen_field_stand_out(explorer: Explorer, path: str) -> None:
    explorer.select("serial", path)
    field = explorer.stream["serial"].field(path)
    assert explorer.field == field
    assert path in explorer.detail.value
    span = field.span
    assert marked(explorer) == bytes(explorer.stream.buffer[span.offset : span.end])


def test_a_field_far_into_its_section_is_shown(explorer: Explorer) -> None:
    device = explorer.stream["0000:00:01.3/piix4_pm"]
    field = device.fields[-1]
    explorer.select(device.idstr, field.path)
    assert explorer.field == field
    assert marked(explorer)


def test_a_search_narrows_and_its_end_widens(explorer: Explorer) -> None:
    explorer.device_search.value = "SERI"
    assert [label for label, _ in explorer.devices.options] == ["serial"]
    assert explorer.device is explorer.stream["serial"]
    explorer.field_search.value = "lcr"
    assert [each.name for each in explorer._shown if each is not None] == ["lcr"]
    explorer.device_search.value = "no such device"
    assert explorer.device is None
    assert "no device of that name" in explorer.detail.value
    explorer.device_search.value = explorer.field_search.value = ""
    assert len(explorer.devices.options) == len(explorer.stream.devices)


def test_what_is_not_there_is_named(explorer: Explorer) -> None:
    with pytest.raises(NotFound):
        explorer.select("no such device")
    with pytest.raises(NotFound):
        explorer.select("serial", "no such field")


def test_ram_has_bytes_though_no_fields(explorer: Explorer) -> None:
    explorer.select("ram")
    assert explorer.field is None
    assert "ram/total size" in explorer.bytes.value


def test_the_still_picture_lists_devices_and_fields(explorer: Explorer) -> None:
    explorer.select("serial", "state/lcr")
    still = explorer._repr_mimebundle_()["text/html"]
    assert all(unescape(device.idstr) in unescape(still) for device in explorer.stream.devices)
    assert "state/fcr_vmstate" in still
    assert "http" not in still
    assert "<script" not in still


def test_hostile_names_stay_text() -> None:
    evil = "<script>alert(1)</script>"
    raw = bytearray(b"QEVM\0\0\0\3")
    raw += b"\4\0\0\0\1" + bytes([len(evil)]) + evil.encode() + bytes(8)
    raw += b"abc" + b"\x7e\0\0\0\1" + b"\0"
    with si.open_stream(raw, strict=False) as stream:
        assert stream.devices[0].idstr == evil
        explorer = si.explore(stream)
        drawn = [explorer.detail.value, explorer.bytes.value, explorer._repr_mimebundle_()["text/html"]]
        assert all("<script" not in each for each in drawn)


def test_a_stream_of_nothing_can_be_looked_at() -> None:
    with si.open_stream(b"QEVM\0\0\0\3\0") as stream:
        explorer = si.explore(stream)
        assert explorer.device is None
        assert "0 sections" in explorer._repr_mimebundle_()["text/html"]
