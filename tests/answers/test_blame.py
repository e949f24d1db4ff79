"""The bytes that an error is about: in streams that real QEMUs refused, and by law in streams that are sound.

``refused.json`` has the last words of QEMU 7.2.22, 10.0.13 and 11.1.3 on streams of ``tests/captures`` in each of
which some bytes were changed (``offset`` and ``bytes``), or which were cut.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.vmstate.pci import register_at

REFUSED = json.loads(Path(__file__).with_name("refused.json").read_text(encoding="utf-8"))


def changed(case: dict[str, Any], path: Path) -> bytes:
    with si.open_stream(path) as stream:
        data = bytes(stream.buffer)
    if "cut" in case:
        return data[: case["cut"]]
    new = bytes.fromhex(case["bytes"])
    return data[: case["offset"]] + new + data[case["offset"] + len(new) :]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case['capture']}: {case['edit']}")
def test_what_real_qemus_refused_is_explained_and_the_byte_is_named(
    case: dict[str, Any], capture_path: Callable[[str], Path], tmp_path: Path
) -> None:
    refused = tmp_path / "refused.mig"
    refused.write_bytes(changed(case, capture_path(case["capture"])))
    explanation = si.explain(case["lines"], refused)
    assert [each.row.key for each in explanation.reasons] == case["reasons"]
    edited = case.get("cut", case.get("offset"))
    spans = [found.span for each in explanation.errors for found in each.blamed]
    assert any(span.offset <= edited < span.end or span.offset == edited for span in spans), spans


@pytest.fixture(scope="module")
def stream() -> Iterator[si.Stream]:
    with si.open_stream(Path(__file__).parents[1] / "captures" / "q35-stor-10.0.mig.xz") as opened:
        yield opened


def blamed(stream: si.Stream, *lines: str) -> list[tuple[bytes, str, str]]:
    """The bytes that lines are about, with section and field."""
    found = [found for each in si.explain("\n".join(lines), stream).errors for found in each.blamed]
    buffers = stream.buffers
    return [
        (bytes(buffers[each.span.channel][each.span.offset : each.span.end]), each.section, each.field)
        for each in found
    ]


def test_every_section_has_its_header_version_and_footer(stream: si.Stream) -> None:
    for device in stream.devices:
        name, title = device.idstr, f"{device.idstr} (instance {device.instance_id})"
        if name == "ram":
            continue
        header, *_ = blamed(
            stream,
            f"Unknown savevm section or instance '{name}' {device.instance_id}. Make sure that "
            "your current VM setup matches your saved VM setup, including any hotplugged devices",
        )
        assert name.encode() in header[0]
        assert header[1] == title
        version, *_ = blamed(stream, f"savevm: unsupported version 99 for '{name}' v1")
        assert int.from_bytes(version[0], "big") == stream[name].version_id
        footer, *_ = blamed(stream, f"Missing section footer for {name}")
        assert footer[0][:1] == b"\x7e"


def test_every_block_has_its_entry(stream: si.Stream) -> None:
    for block in stream.blocks:
        (entry,) = blamed(stream, f'Unknown ramblock "{block.name}", cannot accept migration')
        assert entry[0][1:-8].decode() == block.name
        assert int.from_bytes(entry[0][-8:], "big") == block.used_bytes


@pytest.mark.parametrize(
    ("at", "register"),
    [
        (0x00, "vendor_id"),
        (0x03, "device_id"),
        (0x0B, "class_code"),
        (0x34, "capability_pointer"),
        (0x9A, "MSI-X table size: vectors"),
    ],
)
def test_a_byte_of_configuration_space_has_the_name_of_its_register(
    stream: si.Stream, at: int, register: str
) -> None:
    fields = stream["0000:00:01.0/virtio-blk"].fields
    start = next(field.span.offset for field in fields if field.name == "vendor_id")
    byte = stream.buffer[start + at]
    line = f"get_pci_config_device: Bad config data: i={at:#x} read: {byte:x} device: 9 cmask: ff wmask: 0 w1cmask:0"
    found, *_ = blamed(stream, line, "error while loading state for instance 0x0 of device '0000:00:01.0/virtio-blk'")
    assert found == (bytes((byte,)), "0000:00:01.0/virtio-blk (instance 0)", register)


def test_any_byte_of_any_configuration_space_is_named() -> None:
    for pos in range(4096):
        assert isinstance(register_at(bytes(range(256)), pos), str)
    assert register_at(b"", 5) == ""


def test_queues_and_features_of_a_virtio_device(stream: si.Stream) -> None:
    device = "error while loading state for instance 0x0 of device '0000:00:01.0/virtio-blk'"
    (queue, *_) = blamed(stream, "VQ 1 vring.num 1024 exceeds allocated max 256", device)
    assert queue == (b"\x00\x00\x04\x00", "0000:00:01.0/virtio-blk (instance 0)", "virtio/vq[1]/vring.num")
    features = si.explain(f"Features 0x100000044 unsupported. Allowed features: 0x100000004\n{device}", stream)
    assert features.errors[0].names == "BLK_SIZE"
    assert {found.field.rpartition("/")[2] for found in features.errors[0].blamed} >= {"guest_features_lo"}
    assert si.explain("Features 0x100000044 unsupported. Allowed features: 0x44").errors[0].names == "VERSION_1"


def test_without_a_stream_no_byte_is_named() -> None:
    assert si.explain("Missing section footer for serial").errors[0].blamed == ()


def test_a_stream_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises((si.SavevmError, OSError)):
        si.explain("Missing section footer for serial", tmp_path / "nothing")
