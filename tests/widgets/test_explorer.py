"""The explorer without a browser: devices, fields and bytes follow what is chosen."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    "name", ["s-7.2-multifd-zstd", "t-11.1-multifd", "s-11.1-postcopy-preempt", "trace-pc-10.0-postcopy-recover"]
)
def test_every_device_of_a_stream_with_channels_can_be_chosen(
    capture_options: Callable[[str], dict[str, Any]], name: str
) -> None:
    with si.open_stream(**capture_options(name), strict=False) as stream:
        explorer = si.explore(stream)
        for number, device in enumerate(stream.devices):
            explorer.devices.value = number
            assert explorer.device is device
            assert "title=" in explorer.bytes.value, f"the bytes of {device.idstr} have no names"


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


def test_the_kaitai_tree_is_shown_when_it_is_asked_for(explorer: Explorer) -> None:
    explorer.select("serial", "state/lcr")
    assert not explorer.kaitai_fields.options
    explorer.kaitai_switch.value = True
    assert explorer._kaitai_column.layout.display == "flex"
    values = [each for each in explorer._kaitai_shown if each is not None]
    section = explorer.stream["serial"].sections[0]
    assert values[0].name == "record_type"
    assert (values[0].span.offset, values[-1].span.end) == (section.span.offset, section.span.end)
    assert {each.span for each in explorer.stream["serial"].fields} <= {each.span for each in values}
    assert explorer.chosen == explorer.field
    explorer.kaitai_switch.value = False
    assert not explorer.kaitai_fields.options
    assert explorer._kaitai_column.layout.display == "none"


@pytest.mark.parametrize("name", ["section_id", "idstr", "lcr"])
def test_the_bytes_of_the_chosen_kaitai_value_stand_out(explorer: Explorer, name: str) -> None:
    explorer.kaitai_switch.value = True
    explorer.select("serial")
    number = next(
        number for number, each in enumerate(explorer._kaitai_shown) if each is not None and each.name == name
    )
    explorer.kaitai_fields.value = number
    value = explorer._kaitai_shown[number]
    assert value is not None
    assert explorer.chosen == value
    assert value.path in explorer.detail.value
    assert marked(explorer) == bytes(explorer.stream.buffer[value.span.offset : value.span.end])
    explorer.select("serial", "state/lcr")
    assert explorer.chosen == explorer.field


def test_the_kaitai_tree_of_every_device_can_be_chosen(explorer: Explorer) -> None:
    explorer.kaitai_switch.value = True
    for number, device in enumerate(explorer.stream.devices):
        explorer.devices.value = number
        values = [each for each in explorer._kaitai_shown if each is not None]
        assert values[0].span.offset == device.sections[0].span.offset
        assert len(values) <= len(explorer._kaitai_shown) <= 3 * 2000
    still = explorer._repr_mimebundle_()["text/html"]
    assert "as Kaitai reads it" in still.partition('class="wide"')[2]  # three columns, the first of long names


def test_what_kaitai_refuses_is_said(capture_path: Unpack) -> None:
    with si.open_stream(capture_path("trace-pc-10.0-cancel"), strict=False) as stream:
        explorer = si.explore(stream)
        explorer.kaitai_switch.value = True
        assert "ends early" in explorer.detail.value
