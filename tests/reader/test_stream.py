"""Whole streams of real QEMUs: every byte owned, every section decoded, memory and registers true."""

import hashlib
import json
import lzma
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import NotFound
from savevm_inspect.reader import section_fields
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import FieldValue, Undecoded
from savevm_inspect.views.summary import problems, summary
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.schema import StateSchema

CAPTURES = Path(__file__).parent.parent / "captures"
MANIFEST = json.loads((CAPTURES / "manifest.json").read_text())["captures"]
PLAIN = [each["name"] for each in MANIFEST if "mig" in each["files"] and "kind" not in each]


@pytest.mark.parametrize("name", PLAIN)
def test_every_byte_of_a_plain_stream_is_decoded(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        facts = summary(stream)
        assert not problems(stream)
    assert facts["complete"]
    assert facts["opaque_bytes"] == 0
    assert facts["decoded_bytes"] + facts["hole_bytes"] == facts["size_bytes"]
    assert all(section["decoded"] for section in facts["sections"])


@pytest.mark.parametrize("name", PLAIN)
def test_fields_cover_their_sections_in_order(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        for device in stream.devices:
            place = 0
            for field in device.fields:
                assert field.span.offset >= place, f"{device.idstr}: {field.path} overlaps the field before it"
                assert not isinstance(field.value, Undecoded)
                place = field.span.end


@pytest.mark.parametrize("name", ["x86-7.2-paused", "q35-stor-10.0", "none-11.1"])
def test_a_field_is_found_by_its_path(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        for device in stream.devices:
            first: dict[str, object] = {}
            for field in device.fields:
                first.setdefault(field.path, field)
            assert all(device.field(path) == field for path, field in list(first.items())[:20])


def test_what_is_not_there_is_said(capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path("x86-7.2-paused")) as stream:
        with pytest.raises(NotFound, match="no section 'nothing'"):
            stream["nothing"]
        with pytest.raises(NotFound, match="no field 'nothing'"):
            stream["cpu"].field("nothing")
        with pytest.raises(NotFound, match=r"no RAM block 'nothing'; the stream has: pc\.ram"):
            stream.memory["nothing"]


def test_memory_and_registers_are_those_of_the_stopped_guest(capture_path: Callable[[str], Path]) -> None:
    truth = json.loads(lzma.decompress((CAPTURES / "t-10.0-live.truth.json.xz").read_bytes()))
    with si.open_stream(capture_path("t-10.0-live")) as stream:
        memory = stream.memory[truth["block"]].read()
        assert len(memory) == truth["size"]
        assert hashlib.sha256(memory[: 640 << 10]).hexdigest() == truth["sha256_0_640k"]
        assert hashlib.sha256(memory[1 << 20 :]).hexdigest() == truth["sha256_1m_end"]
        printed = truth["registers"].split("CPU#")[1:]
        assert printed
        for number, text in enumerate(printed):
            cpu = stream["cpu", number]
            said = dict(re.findall(r"\b([A-Z][A-Z0-9]{1,2}) ?=([0-9a-f]{8})\b", text))
            order = ("EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI")
            regs = cpu.field("env.regs").value
            assert isinstance(regs, tuple)
            assert [int(said[name], 16) for name in order] == [value & 0xFFFFFFFF for value in regs[:8]]
            assert cpu.field("env.eip").value == int(said["EIP"], 16)
            for name in ("CR0", "CR3", "CR4"):
                number_of = int(name[2])
                assert cpu.field(f"env.cr[{number_of}]").value == int(said[name], 16)
            for index, name in enumerate(("ES", "CS", "SS", "DS", "FS", "GS")):
                found = re.search(rf"^{name} =([0-9a-f]{{4}}) ([0-9a-f]{{8}}) ([0-9a-f]{{8}})", text, re.MULTILINE)
                assert found is not None
                values = [int(part, 16) for part in found.groups()]
                assert values == [
                    cpu.field(f"env.segs[{index}]/{part}").value for part in ("selector", "base", "limit")
                ]


def test_fields_are_inferred_without_a_description(capture_path: Callable[[str], Path]) -> None:
    data = capture_path("x86-7.2-paused").read_bytes()
    with si.open_stream(data) as stream:
        end = stream.records[-2].span.end
        decoded = [(section.idstr, section.payload) for section in stream.sections]
        pages = stream.pages.rows.copy()
    with si.open_stream(data[:end]) as stream:
        facts = summary(stream)
        assert stream.complete
        assert [(section.idstr, section.payload) for section in stream.sections] == decoded
        assert (stream.page_size, stream.page_size_from) == (4096, "probe")
        assert (stream.pages.rows == pages).all()
    assert {section["framing"] for section in facts["sections"]} == {"payload", "inferred"}
    assert facts["opaque_bytes"] > 0
    assert facts["decoded_bytes"] + facts["opaque_bytes"] == facts["size_bytes"]


AFTER_END = {
    "zeros": bytes(5000),
    "another migration stream": bytes(7) + b"QEVM\0\0\0\3",
    "a qcow2 image": b"QFI\xfb",
    "unknown bytes": b"\x06old data",
}


@pytest.mark.parametrize("what", AFTER_END)
def test_what_follows_the_end_is_no_part_of_it(what: str, capture_path: Callable[[str], Path]) -> None:
    data = capture_path("none-11.1").read_bytes()
    with si.open_stream(data) as stream:
        alone = summary(stream)
    with si.open_stream(data + AFTER_END[what]) as stream:
        facts = summary(stream)
    assert facts["after_end_bytes"] == len(AFTER_END[what])
    assert facts["remarks"] == [
        f"{len(data):#x}: {len(AFTER_END[what])} bytes follow the end and are no part of the stream: {what}"
    ]
    assert {key: facts[key] for key in facts if key not in ("after_end_bytes", "remarks")} == {
        key: alone[key] for key in alone if key not in ("after_end_bytes", "remarks")
    }


@pytest.mark.parametrize("first", ["none-7.2", "x86-10.0-paused"])
def test_the_description_of_a_stream_that_follows_is_not_taken(
    first: str, capture_path: Callable[[str], Path]
) -> None:
    one, other = (capture_path(name).read_bytes() for name in (first, "none-11.1"))
    with si.open_stream(one) as alone, si.open_stream(one + other) as both:
        assert both.sections == alone.sections
        assert both.description == alone.description
        assert both.complete
        assert both.after_end_bytes == len(other)


def test_an_offset_into_the_file(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    data = capture_path("none-11.1").read_bytes()
    file = tmp_path / "with-offset"
    file.write_bytes(b"x" * 4096 + data)
    with si.open_stream(file, 4096) as stream:
        assert stream.size_bytes == len(data)
        assert stream.records[0].span.offset == 4096
        assert stream["globalstate"].fields
    with pytest.raises(si.SavevmError, match=r"offset 0x2000 .* 5451 bytes"):
        si.open_stream(file, 8192)


def test_the_section_that_was_decoded_last_is_not_decoded_again(
    capture_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []

    def counted(schema: StateSchema, cursor: Cursor) -> Iterator[FieldValue]:
        decoded.append(schema.name)
        return decode_state(schema, cursor)

    with si.open_stream(capture_path("x86-7.2-paused")) as stream:
        one, other = stream["serial", 0], stream["fw_cfg", 0]
        before = one.fields, other.fields
        monkeypatch.setattr(section_fields, "decode_state", counted)
        assert (other.fields, one.fields, one.fields, other.fields) == (before[1], before[0], before[0], before[1])
    assert len(decoded) == 2, "the other one was decoded last, then this one"
