"""A machine's stream as one format: read in JavaScript with nothing of ours, its fields are those that we decode."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import savevm_inspect as si
from savevm_inspect.errors import printable
from savevm_inspect.reader.schemas import description_of
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream.records import Framing, Section
from savevm_inspect.stream.values import FieldValue
from savevm_inspect.views.ksy import ksy_document, ksy_of_stream
from savevm_inspect.views.yaml_text import yaml_text
from savevm_inspect.vmstate.schema import parse_description

MACHINES = [
    "x86-10.0-paused",
    "q35-stor-10.0",
    "aarch64-virt-10.0",
    "ppc64-pseries-11.1",
    "riscv64-virt-10.0",
    "s390x-s390-ccw-virtio-11.1",
    "devices/virtio-pcie-root-port-7.2",
    "devices/virtio-ccw-10.0",
    "devices/virtio-mmio",
    "none-11.1",
]
MOST_EXACT = 1 << 53
"""A number in JavaScript has this many values without gaps; the runtime reads 64 bits into such a number."""

CapturePath = Callable[[str], Path]
Javascript = Callable[[list[dict[str, str]]], list[dict[str, Any]]]


class Leaf(NamedTuple):
    """One number or one run of bytes, and the names down to it, but of a run of numbers and of a list's mark."""

    names: list[str]
    start: int
    end: int
    value: int | str


@pytest.mark.node
def test_kaitai_reads_every_field_as_we_do(capture_path: CapturePath, javascript: Javascript, tmp_path: Path) -> None:
    jobs = []
    for name in MACHINES:
        ksy = tmp_path / f"{len(jobs)}.ksy"
        with si.open_stream(capture_path(name)) as stream:
            ksy.write_text(ksy_of_stream(stream), encoding="utf-8")
        jobs.append({"ksy": str(ksy), "stream": str(capture_path(name))})
    answers = javascript(jobs)
    for name, answer in zip(MACHINES, answers, strict=True):
        with si.open_stream(capture_path(name)) as stream:
            assert compare(stream, answer) > (5 if name == "none-11.1" else 500)


@pytest.mark.node
def test_format_of_one_stream_reads_others_of_the_machine(
    capture_path: CapturePath, javascript: Javascript, tmp_path: Path
) -> None:
    live, paused, uuid = (capture_path(f"x86-10.0-{each}") for each in ("live", "paused", "uuid"))
    ksy = tmp_path / "live.ksy"
    with si.open_stream(live) as stream:
        ksy.write_text(ksy_of_stream(stream), encoding="utf-8")
    answers = javascript([{"ksy": str(ksy), "stream": str(path)} for path in (uuid, paused)])
    with si.open_stream(uuid) as stream:
        assert compare(stream, answers[0]) > 1000
    assert "expected [126]" in answers[1]["error"]  # it lacks a field of which nothing in the stream tells


@pytest.mark.node
def test_subsections_that_are_not_described_are_bytes(
    capture_path: CapturePath, javascript: Javascript, tmp_path: Path
) -> None:
    with si.open_stream(capture_path("x86-10.0-paused")) as stream:
        read = json.loads(description_of(stream.source, stream.offset))
        cpu = next(device for device in read["devices"] if device["name"] == "cpu")
        gone = cpu["subsections"].pop()["vmsd_name"]
        text = yaml_text(ksy_document(parse_description(json.dumps(read).encode()), footers=True))
        (tmp_path / "less.ksy").write_text(text, encoding="utf-8")
        (answer,) = javascript([{"ksy": str(tmp_path / "less.ksy"), "stream": str(capture_path("x86-10.0-paused"))}])
    (rest,) = [leaf for record in answer["records"] for leaf in record["leaves"] if "undescribed" in leaf[0]]
    assert gone.encode().hex() in rest[3]


@pytest.mark.node
def test_a_device_whose_description_is_odd_is_bytes(
    capture_path: CapturePath, javascript: Javascript, tmp_path: Path
) -> None:
    data = capture_path("none-11.1").read_bytes()
    size = b'"name": "cpu_clock_offset", "type": "int64", "size": 8'
    assert data.count(size) == 1
    (tmp_path / "odd.mig").write_bytes(data.replace(size, size.replace(b" 8", b"-8")))
    with si.open_stream(tmp_path / "odd.mig") as stream:
        assert [key.idstr for key in stream.description.refused] == ["timer"]
        lengths = ksy_of_stream(stream)
        footers = yaml_text(ksy_document(stream.description, footers=True))
        jobs = []
        for name, text in (("lengths", lengths), ("footers", footers)):
            (tmp_path / f"{name}.ksy").write_text(text, encoding="utf-8")
            jobs.append({"ksy": str(tmp_path / f"{name}.ksy"), "stream": str(tmp_path / "odd.mig")})
        for answer in javascript(jobs):
            assert compare(stream, answer) > 3


def test_page_size_is_that_of_the_stream() -> None:
    known, unknown = ksy_document(None, page_size=1024), ksy_document(None)
    assert [each["instances"]["page_size_default"]["value"] for each in (known, unknown)] == [1024, 4096]


def test_a_later_piece_of_an_array_tells_its_first_index() -> None:
    pieces = [{"name": "p", "type": kind, "size": 1, "array_len": 3} for kind in ("nullptr", "uint8")]
    device = {"name": "dev", "instance_id": 0, "vmsd_name": "dev", "version": 1, "fields": pieces}
    text = json.dumps({"page_size": 4096, "devices": [device]}).encode()
    first, second = ksy_document(parse_description(text))["types"]["dev_state"]["seq"]
    assert ("-orig-index" in first, second["id"], second["-orig-index"]) == (False, "p_3", 3)


@pytest.mark.node
def test_what_a_file_holds_before_the_stream_is_stepped_over(
    capture_path: CapturePath, javascript: Javascript, tmp_path: Path
) -> None:
    data = capture_path("none-11.1").read_bytes()
    (tmp_path / "padded.mig").write_bytes(b"QEVM" * 9 + data)
    with si.open_stream(tmp_path / "padded.mig", offset=36) as stream:
        (tmp_path / "padded.ksy").write_text(ksy_of_stream(stream), encoding="utf-8")
        (answer,) = javascript([{"ksy": str(tmp_path / "padded.ksy"), "stream": str(tmp_path / "padded.mig")}])
        assert compare(stream, answer) > 5


def compare(stream: Stream, answer: dict[str, Any]) -> int:
    """Hold a reading in JavaScript against ours; the number of leaves that are equal."""
    assert "error" not in answer, answer["error"]
    assert answer["end"] == answer["size"] == len(stream.buffer)
    theirs = {(record["start"], record["end"]): record for record in answer["records"]}
    compared = 0
    for section in stream.sections:
        record = theirs[section.span.offset, section.span.end]
        assert (record["kind"], record["section_id"]) == (f"section_{section.kind}", section.section_id)
        assert (record["idstr"], record["payload"]) == (section.idstr, [section.payload.offset, section.payload.end])
        if section.framing is not Framing.SCHEMA:
            continue
        fields = (field for field in fields_of(stream, section) if field.type != "subsection")
        ours = [leaf for field in fields for leaf in leaves(field, stream)]
        read = [each for each in record["leaves"] if each[1] != each[2]]
        assert len(ours) == len(read), section.idstr
        for leaf, (path, start, end, value) in zip(ours, read, strict=True):
            assert (leaf.start, leaf.end) == (start, end), (section.idstr, leaf, path)
            assert is_equal(leaf.value, value), (section.idstr, leaf, path, value)
            assert are_in_order(leaf.names, path), (section.idstr, leaf, path)
        compared += len(ours)
    return compared


def fields_of(stream: Stream, section: Section) -> Iterator[FieldValue]:
    device = stream[section.idstr, section.instance_id]
    return device.decode(section)


def leaves(field: FieldValue, stream: Stream) -> Iterator[Leaf]:
    """The numbers of a field one by one; text that stands for bytes as the bytes."""
    if not field.span.length:
        return
    unnamed = 2 if field.type == "list mark" else 1 if isinstance(field.value, tuple) else 0
    names = [printable(part) for part in field.parts[: len(field.parts) - unnamed]]
    values = field.value if isinstance(field.value, tuple) else (field.value,)
    width = field.span.length // len(values)
    for number, value in enumerate(values):
        start = field.span.offset + number * width
        data = bytes(stream.buffer[start : start + width])
        yield Leaf(names, start, start + width, int(value) if isinstance(value, int) else data.hex())


def are_in_order(names: list[str], path: list[str]) -> bool:
    """Whether a path goes by all of some names; it may have steps of its own between them."""
    rest = iter(path)
    return all(name in rest for name in names)


def is_equal(ours: int | str, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        assert isinstance(ours, int)
        assert abs(ours) >= MOST_EXACT
        return abs(theirs["inexact"] - ours) <= abs(ours) / MOST_EXACT * 2
    return bool(ours == theirs)
