"""Fields that real QEMUs wrote, cut out of their streams: decoded by their codecs with nothing left."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import FieldValue, Undecoded
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.encode import encode_state
from savevm_inspect.vmstate.layout import state
from savevm_inspect.vmstate.schema import FieldSchema, StateSchema

FOLDER = Path(__file__).parent.parent / "captures" / "fields"
ENTRIES: list[dict[str, Any]] = json.loads((FOLDER / "fields.json").read_text())
OF_FILE = {each["file"].removesuffix(".bin.xz"): each for each in ENTRIES}


def schema_of(entry: dict[str, Any], size: int) -> StateSchema:
    """A device that holds the field where it was: within the same states, one in the other."""
    field = FieldSchema(name="f", type=entry["type"], size=size, count=1, index=None, states=())
    *outer, (name, version) = entry["owners"]
    inner = state(name, field, version=version)
    for outer_name, outer_version in reversed(outer):
        struct = FieldSchema(name="s", type="struct", size=inner.length, count=1, index=None, states=(inner,))
        inner = state(outer_name, struct, version=outer_version)
    return inner


def read(name: str) -> tuple[StateSchema, bytes, list[FieldValue]]:
    data = lzma.decompress((FOLDER / f"{name}.bin.xz").read_bytes())
    schema = schema_of(OF_FILE[name], len(data))
    return schema, data, list(decode_state(schema, Cursor(memoryview(data))))


@pytest.mark.parametrize("name", OF_FILE)
def test_a_field_is_decoded_whole_and_encoded_again(name: str) -> None:
    schema, data, fields = read(name)
    assert not [field for field in fields if isinstance(field.value, Undecoded)]
    at = 0
    for field in fields:
        assert field.span.offset == at
        at = field.span.end
    assert at == len(data)
    assert encode_state(schema, fields) == data


def values(name: str) -> dict[str, Any]:
    return {field.path.removeprefix("s/").removeprefix("f/"): field.value for field in read(name)[2]}


def test_a_request_of_a_disk_behind_virtio_scsi() -> None:
    found = values("fl-10.0-scsi-scsi-disk-scsi-requests")
    assert found["request[0]/cdb"][:1] == b"\x2a"  # WRITE (10)
    assert found["request[0]/virtio-scsi/elem/out_num"] == 2
    assert found["request[0]/virtio-scsi/elem/out_sg[1]/iov_len"] == 0x40 * 512
    assert found["request[0]/sector_count"] == 0x40
    assert found["request/end"] == 0


def test_a_request_of_a_disk_behind_mptsas() -> None:
    found = values("f-10.0-scsi-mptsas1068-scsi-disk-scsi-requests")
    assert found["request[0]/mptsas/scsi_io/CDB"] == found["request[0]/cdb"]
    assert found["request[0]/mptsas/scsi_io/MsgContext"] == found["request[0]/tag"]
    assert found["request[0]/mptsas/sg[0]/len"] == 512


def test_a_gpu_shows_its_resource() -> None:
    found = values("g-10.0-gpu-virtio-gpu-virtio-gpu")
    resources = {found[path]: path.rsplit("/", 1)[0] for path in found if path.endswith("]/resource_id")}
    assert found["scanout[0]/resource_id"] in resources
    width, height = found["scanout[0]/width"], found["scanout[0]/height"]
    assert len(found["resource[0]/pixels"]) == found["resource[0]/width"] * found["resource[0]/height"] * 4
    assert (found["scanout[0]/fb/width"], found["scanout[0]/fb/stride"]) == (width, width * 4)
    assert height


def test_features_have_names() -> None:
    meanings = {field.path: field.meaning for field in read("rss612-7.2-virtio-net-virtio")[2]}
    assert {"MAC", "CTRL_VQ", "MQ"} <= set(meanings["f/guest_features_lo"].split())
    assert {"VERSION_1", "RSS"} <= set(meanings["f/virtio/64bit_features/guest_features"].split())
    assert values("rss612-7.2-virtio-net-virtio")["device/virtio-net-device/rss/version_id"] == 1
