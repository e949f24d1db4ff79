"""Fields with a structure of their own, as types of a format: read in JavaScript, they are what we decode."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any, NamedTuple

import pytest

import savevm_inspect as si
from savevm_inspect.stream.values import Undecoded
from savevm_inspect.views.ksy import ksy_of_stream
from savevm_inspect.views.ksy_types import CODECS
from savevm_inspect.vmstate.fields import LAYOUTS
from savevm_inspect.vmstate.walk import TREE
from savevm_inspect.wire import QEMU_VM_FILE_MAGIC, VmRecord

from .test_to_ksy import compare

Javascript = Callable[[list[dict[str, str]]], list[dict[str, Any]]]
Owners = list[tuple[str, int]]

FOLDER = Path(__file__).parent.parent / "captures" / "fields"


class Field(NamedTuple):
    """A field, and whose it is.

    Attributes:
        type: QEMU's name of its type.
        owners: name and version of the device's description, then of each nested one.
        data: its bytes.
        adapter: of a SCSI device, the name of its host adapter.
        states: what the description says of its content.
    """

    type: str
    owners: Owners
    data: bytes
    adapter: str = ""
    states: tuple[dict[str, Any], ...] = ()


def captured() -> list[Field]:
    """What real QEMUs wrote."""
    entries = json.loads((FOLDER / "fields.json").read_text())
    return [
        Field(
            each["type"],
            each["owners"],
            lzma.decompress((FOLDER / each["file"]).read_bytes()),
            adapter="mptsas" if "mptsas" in each["file"] else "virtio-scsi",
        )
        for each in entries
    ]


DISK: Owners = [("scsi-disk", 1), ("SCSIDevice", 1)]
READ, WRITE, INQUIRY, MODE_SELECT = (bytes((opcode,)) + bytes(15) for opcode in (0x28, 0x2A, 0x12, 0x15))
COMMON = pack(">II", 7, 1)


def disk(sectors: int, length: int, data: bytes = b"") -> bytes:
    return pack(">QII", 5, sectors, length) + data


def number(name: str, bits: int) -> dict[str, Any]:
    return {"name": name, "type": f"uint{bits}", "size": bits // 8}


def state(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"vmsd_name": name, "version": 1, "fields": list(fields)}


INTERVAL, MAPPING, COUNT = state("interval", number("low", 64)), state("mapping", number("addr", 32)), number("n", 8)
TWO_KEYS = (INTERVAL, MAPPING, INTERVAL, MAPPING)
DIFFERENT = (MAPPING, state("other", COUNT))

BY_HAND = [
    Field("GByteArray", [("vdagent", 1)], pack(">I", 3) + b"abc"),
    Field("blob", [("virtio-gpu", 1), ("virtio-gpu/blob", 1)], pack(">IIIQII", 3, 4096, 1, 1 << 20, 4096, 0)),
    Field("irqs", [("s390-flic", 1)], pack(">QQ", 1, 0xFFFF0001) + bytes(range(64))),
    Field("tlb entry", [("cpu", 1)], pack(">QQQQ", 1, 2, 3, 4)),
    Field("tlb_entry", [("cpu", 1), ("cpu/tlb", 2)], pack(">QIHHQQ", 1, 2, 3, 4, 5, 6)),
    Field("tlb_entry", [("cpu", 1), ("cpu/tlb", 3)], pack(">QIHIHQQ", 1, 2, 3, 4, 5, 6, 7)),
    Field("usb-redir-bufpq", [("usb-redir-ep", 1)], pack(">IIi", 2, 3, -1) + b"abc" + pack(">II", 0, 1)),
    Field("usb-redir-packet-id-q", [("usb-redir-packet-id-queue", 1)], pack(">IQQ", 2, 1, 2)),
    Field("shpc", [("pci_bridge", 1)], bytes(range(0x24)) + b"slotSLOT"),
    Field(
        "scsi-requests",
        DISK,
        b"\1" + WRITE + COMMON + disk(1, 512, bytes(512))
        + b"\1" + READ + COMMON + disk(2, 1024)
        + b"\2" + READ + COMMON + disk(2, 1024, pack(">I", 3) + b"abc")
        + b"\2" + INQUIRY + COMMON + disk(0, 0) + b"\0",
    ),
    Field("scsi-requests", DISK, b"\2" + INQUIRY + COMMON + b"\1" + WRITE + COMMON + disk(0, 0) + b"\0"),
    Field(
        "scsi-requests",
        [("SCSIDevice", 1)],
        b"\2" + MODE_SELECT + COMMON + pack(">i", 3) + b"abc" + b"\2" + INQUIRY + COMMON + pack(">i", 36) + b"\0",
    ),
    Field(
        "scsi-requests",
        DISK,
        b"\1" + READ + COMMON + bytes(16 + 256) + pack(">IBIBI", 1, 1, 2, 0, 3) + bytes(252)
        + pack(">BHHH", 1, 2, 3, 4) + disk(1, 0) + b"\0",
        adapter="spapr_vscsi",
    ),
    Field(TREE, [("a", 1)], bytes(5)),
    Field(TREE, [("b", 1)], pack(">IBQIBQIB", 2, 1, 9, 8, 1, 7, 6, 0), states=(MAPPING, MAPPING)),
    Field(TREE, [("c", 1)], pack(">IBQIBQBB", 2, 1, 9, 8, 1, 7, 6, 0), states=DIFFERENT),
    Field(TREE, [("d", 1)], pack(">IBQIBQIB", 2, 1, 9, 8, 1, 7, 6, 0), states=TWO_KEYS),
]  # fmt: skip


def machine(fields: list[Field]) -> bytes:
    """A stream of devices with a field each, with its description."""
    stream = pack(">II", QEMU_VM_FILE_MAGIC, 3) + bytes([VmRecord.QEMU_VM_CONFIGURATION]) + pack(">I", 4) + b"none"
    devices = []

    def add(idstr: str, version: int, described: str, payload: bytes) -> None:
        nonlocal stream
        number = len(devices)
        devices.append(f'{{"name": {json.dumps(idstr)}, "instance_id": 0, {described[1:]}')
        stream += bytes([VmRecord.QEMU_VM_SECTION_FULL]) + pack(">IB", number, len(idstr)) + idstr.encode()
        stream += pack(">II", 0, version) + payload + bytes([VmRecord.QEMU_VM_SECTION_FOOTER]) + pack(">I", number)

    for bus, field in enumerate(fields):
        if field.adapter:
            add(f"bus{bus}/adapter", 1, json.dumps(state(field.adapter)), b"")
        name, version = field.owners[0]
        add(f"bus{bus}/0:0:0/{name}", version, described(field), field.data)
    text = f'{{"page_size": 4096, "devices": [{", ".join(devices)}]}}'.encode()
    return stream + bytes([VmRecord.QEMU_VM_EOF, VmRecord.QEMU_VM_VMDESCRIPTION]) + pack(">I", len(text)) + text


def described(field: Field) -> str:
    """A device's description, as QEMU writes it: each state within a tree repeats the same keys."""
    inner = "".join(f", {json.dumps(each)[1:-1]}" for each in field.states)
    text = f'{{"name": "f", "type": {json.dumps(field.type)}, "size": {len(field.data)}{inner}}}'
    for name, version in reversed(field.owners):
        text = f'{{"vmsd_name": "{name}", "version": {version}, "fields": [{text}]}}'
        whole, text = text, f'{{"name": "s", "type": "struct", "size": {len(field.data)}, "struct": {text}}}'
    return whole


@pytest.mark.node
@pytest.mark.parametrize("fields", [captured(), BY_HAND], ids=["captured", "by hand"])
def test_a_field_is_read_as_we_decode_it(fields: list[Field], javascript: Javascript, tmp_path: Path) -> None:
    (tmp_path / "guest.mig").write_bytes(machine(fields))
    with si.open_stream(tmp_path / "guest.mig") as stream:
        assert not [each for device in stream for each in device.fields if isinstance(each.value, Undecoded)]
        text = ksy_of_stream(stream)
        (tmp_path / "guest.ksy").write_text(text, encoding="utf-8")
        (answer,) = javascript([{"ksy": str(tmp_path / "guest.ksy"), "stream": str(tmp_path / "guest.mig")}])
        assert "its structure is no part of this format" not in text
        assert compare(stream, answer) > 150


def test_a_layout_has_a_type() -> None:
    of_the_configuration = {("capability", "")}
    assert {*LAYOUTS, (TREE, "")} - of_the_configuration == set(CODECS)
