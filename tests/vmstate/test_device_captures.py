"""Devices of real streams: every byte is decoded, and what is decoded is encoded to the same bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import Framing
from savevm_inspect.stream.values import Undecoded
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.encode import encode_state

CAPTURES = Path(__file__).parent.parent / "captures"
NAMES = sorted(
    path.relative_to(CAPTURES).as_posix().removesuffix(".mig.xz")
    for pattern in ("devices/*.mig.xz", "q35-misc-*.mig.xz", "ppc64-*.mig.xz")
    for path in CAPTURES.glob(pattern)
)


@pytest.mark.parametrize("name", NAMES)
def test_every_device_is_decoded_whole_and_encoded_again(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        assert stream.description is not None
        described = [section for section in stream.sections if section.framing is Framing.SCHEMA]
        assert described
        for section in described:
            schema = stream.description.device(section.idstr, section.instance_id)
            assert schema is not None
            payload = stream.buffer[section.payload.offset : section.payload.end]
            fields = list(decode_state(schema, Cursor(payload)))
            assert not [field.path for field in fields if isinstance(field.value, Undecoded)]
            assert encode_state(schema, fields) == bytes(payload)


VALUES = {
    "virtio-pcie-root-port-7.2": {
        "0000:00:01.0:00.0/virtio-rng": {
            "virtio/pci_dev/config/vendor_id": 0x1AF4,
            "virtio/pci_dev/config/device_id": 0x1044,
            "virtio/virtio/virtqueues/vq[0]/vring.avail": 0,
        }
    },
    "virtio-ccw-10.0": {
        "/fe.0.0000/virtio-net": {
            "virtio/parent_obj/sch/cssid": 0xFE,
            "virtio/parent_obj/sch/id/cu_type": 0x3832,
            "virtio/parent_obj/sch/id/cu_model": 1,
            "virtio/device/mac": (0x52, 0x54, 0x00, 0x12, 0x34, 0x56),
        }
    },
    "virtio-mmio": {"virtio-mmio@00000000feb02e00/virtio-rng": {"virtio/host_features_sel": 0}},
    "mips-mipssim-5.2": {"cpu": {"env.tlb/mmu.r4k.tlb[0]/VPN": 0, "env.active_fpu/fpr[0]": (0, 0)}},
    "avr-arduino-duemilanove-7.2": {"cpu": {"env.rampX": 0}},
    "sparc-leon3_generic-10.0": {"cpu": {"env.fpr": (0,) * 16}},
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_found(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(f"devices/{name}")) as stream:
        for idstr, values in VALUES[name].items():
            assert {path: stream[idstr].field(path).value for path in values} == values
