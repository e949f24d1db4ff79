"""The format for the web IDE: all of the others in one file, which opens every stream to its last byte."""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.stream.records import VmDescription

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "formats"
WEB = FORMATS / "web" / "qemu_migration_stream.ksy"
PARTS = ROOT / "savevm_inspect" / "_ksy" / "parts.json"
MANIFEST = json.loads((ROOT / "tests" / "captures" / "manifest.json").read_text())["captures"]
CAPTURES = [
    each["name"]
    for each in MANIFEST
    if "mig" in each["files"]
    and each.get("kind") not in {"cancelled", "file offset"}
    and not each["machine"].startswith(
        "pc-i440fx-2."
    )  # up to 2.2 no footers, by which alone the format ends a section
]

CapturePath = Callable[[str], Path]
Javascript = Callable[[list[dict[str, str]]], list[dict[str, Any]]]


@pytest.mark.node
def test_bundle_is_up_to_date(javascript: Javascript, tmp_path: Path) -> None:
    web, parts = tmp_path / "web.ksy", tmp_path / "parts.json"
    subprocess.run(["node", str(FORMATS / "bundle.mjs"), str(web), str(parts)], check=True, capture_output=True)
    assert web.read_text() == WEB.read_text(), "run formats/compile.sh"
    assert parts.read_text() == PARTS.read_text(), "run formats/compile.sh"


def test_needs_no_other_file() -> None:
    text = WEB.read_text()
    assert "imports:" not in text
    assert "ks-opaque-types" not in text
    assert "\nparams:" not in text


@pytest.mark.node
def test_opens_every_stream_to_its_last_byte(capture_path: CapturePath, javascript: Javascript) -> None:
    answers = javascript([{"ksy": str(WEB), "stream": str(capture_path(name))} for name in CAPTURES])
    for name, answer in zip(CAPTURES, answers, strict=True):
        assert "error" not in answer, (name, answer)
        with si.open_stream(capture_path(name)) as stream:
            ours = {
                (record.span.offset, record.span.end): (f"section_{record.kind}", record.section_id, record.idstr)
                for record in stream.sections
            }
            described = [record.span.length for record in stream.records if isinstance(record, VmDescription)]
        theirs = {
            (record["start"], record["end"]): (record["kind"], record["section_id"], record["idstr"])
            for record in answer["records"]
            if record["kind"].startswith("section")
        }
        assert theirs == ours, name
        last = answer["records"][-1]
        assert last["kind"] == "eof"
        assert (last["end"] + sum(described), answer["padding"]) == (capture_path(name).stat().st_size, 0)


@pytest.mark.node
def test_reads_a_device_that_is_passed_through(javascript: Javascript, tmp_path: Path) -> None:
    """Its flags are numbers of 64 bits that differ in the lowest byte, which JavaScript's numbers do not have."""
    path = record_scenario("devices", tmp_path / "capture").path / "channel0.fwd"
    (answer,) = javascript([{"ksy": str(WEB), "stream": str(path)}])
    assert "error" not in answer, answer
    assert answer["end"] == path.stat().st_size
    with si.open_stream(path) as stream:
        device = stream["0000:00:05.0/vfio"]
        ours = [
            f"{field.value:016x}" for section in device.sections for field in stream.decode(section)
            if field.name in ("flag", "end")
        ]  # fmt: skip
    records = [record for record in answer["records"] if record.get("section_id") == device.sections[0].section_id]
    leaves = [(path[-1], value) for record in records for path, _, _, value in record["leaves"]]
    assert [value for name, value in leaves if name in ("word", "VFIO_MIG_FLAG_END_OF_STATE")] == ours != []


@pytest.mark.node
def test_broken_streams_end_in_an_error_or_are_read(
    capture_path: CapturePath, javascript: Javascript, tmp_path: Path
) -> None:
    data = capture_path("none-11.1").read_bytes()
    chance = random.Random(4)
    jobs = []
    for number in range(150):
        broken = bytearray(data[: chance.choice([len(data), chance.randrange(len(data))])])
        for _ in range(chance.randint(1, 3)):
            broken[chance.randrange(len(broken))] = chance.choice([0, 1, 2, 3, 4, 5, 0x7E, 0x7F, 0xFF])
        (tmp_path / f"{number}.mig").write_bytes(broken)
        jobs.append({"ksy": str(WEB), "stream": str(tmp_path / f"{number}.mig")})
    errors = [answer["error"] for answer in javascript(jobs) if "error" in answer]
    assert len(errors) > 50
    assert not any("call stack" in error or "memory" in error for error in errors), errors
