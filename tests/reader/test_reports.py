"""Streams that public reports are about: what is said of each of them is what the table beside them says."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.errors import StreamError
from savevm_inspect.views.summary import summary

REPORTS = Path(__file__).parent.parent / "captures" / "reports"
EXPECTED: dict[str, dict[str, Any]] = json.loads((REPORTS / "expected.json").read_text())


def data_of(name: str) -> bytes:
    return lzma.decompress((REPORTS / f"{name}.xz").read_bytes())


def test_the_table_has_every_file() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in REPORTS.glob("*.xz"))


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_said_of_it(name: str) -> None:
    expected = EXPECTED[name]
    with si.open_stream(data_of(name), strict=False) as stream:
        facts = summary(stream)
    assert {key: facts[key] for key in expected} == expected


@pytest.mark.parametrize("name", ["two-user-netdevs-5.2.mig", "isapc-7.2.mig"])
def test_sections_of_one_name_are_read_by_their_own_descriptions(name: str) -> None:
    with si.open_stream(data_of(name)) as stream:
        names = [(section.idstr, section.instance_id) for section in stream.sections]
        twice = {each for each in names if each[0] != "ram" and names.count(each) > 1}
        assert twice
        for section in stream.sections:
            assert section.idstr == "ram" or sum(field.span.length for field in stream.decode(section)) > 0


@pytest.mark.parametrize("name", ["s390x-css-nullptr-5.2.mig", "s390x-css-nullptr-7.2.mig"])
def test_the_channel_subsystem_that_its_description_takes_for_a_null_pointer(name: str) -> None:
    with si.open_stream(data_of(name)) as stream:
        fields = {field.path: field for field in stream["s390_css"].fields}
        present = {path.partition("/")[0] for path in fields if path.startswith("css[") and "/" in path}
        nulls = [field for path, field in fields.items() if path.startswith("css[") and field.value == "nullptr"]
        assert present == {"css[254]"}
        assert len(nulls) == 255
        assert {path.rpartition("/")[2] for path in fields if path.startswith("css[254]")} == {
            "in_use",
            "type",
            "is_virtual",
        }


def test_an_odd_description_costs_its_own_device() -> None:
    data = data_of("two-user-netdevs-7.2.mig")
    odd = data.replace(
        b'"name": "cpu_clock_offset", "type": "int64", "size": 8',
        b'"name": "cpu_clock_offset", "type": "int64", "size":-8',
    )
    assert len(odd) == len(data)
    with si.open_stream(odd) as stream:
        assert [device.idstr for device in stream.devices] == ["ram", "timer", "slirp", "globalstate"]
        assert stream.complete
        (remark,) = stream.remarks
        assert str(remark).startswith(f"{stream['timer'].sections[0].span.offset:#x} in section timer (instance 0): ")
        assert "no number 'size'" in remark.message
        assert [section.idstr for section in stream.sections if section.framing == "inferred"] == ["timer"]
        assert stream.account.opaque_bytes == stream["timer"].sections[0].payload.length


def test_the_headers_alone_tell_the_sections_of_a_stream_without_footers() -> None:
    """One machine twice, as QEMU writes it and with footers and a description switched on."""
    with (
        si.open_stream(data_of("neither-footers-nor-description-pc-2.0.mig")) as bare,
        si.open_stream(data_of("both-pc-2.0.mig")) as with_schema,
    ):
        assert len(bare.sections) > 20
        assert [(each.head, each.payload.length) for each in bare.sections] == [
            (each.head, each.payload.length) for each in with_schema.sections
        ]
        assert [bytes(image.read()) for image in bare.memory.values()] == [
            bytes(image.read()) for image in with_schema.memory.values()
        ]


def test_the_host_bridge_tells_where_memory_lies_if_the_machine_type_is_not_stated() -> None:
    with si.open_stream(data_of("neither-footers-nor-description-pc-2.0.mig")) as stream:
        assert stream.configuration is None
        ranges = {(each.block, each.gpa, each.addr) for each in stream.memory.address_map.ranges}
        assert {("pc.ram", 0, 0), ("pc.ram", 0x10_0000, 0x10_0000)} <= ranges


@pytest.mark.parametrize("name", ["v2.mig", "v4.mig"])
def test_other_versions_of_the_format_are_refused_with_the_offset(name: str) -> None:
    with pytest.raises(StreamError) as caught:
        si.open_stream(data_of(name))
    assert caught.value.offset == 4


def test_a_version_that_its_own_device_does_not_have_is_refused_in_qemus_words() -> None:
    with pytest.raises(StreamError, match="unsupported version 9 for 'globalstate' v1"):
        si.open_stream(data_of("version9.mig"))
