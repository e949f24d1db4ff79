"""Fields that lie about their content are refused with the offset; memory is bounded."""

import struct
from collections.abc import Callable

import pytest

from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import Undecoded
from savevm_inspect.vmstate import decoder
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.layout import state
from savevm_inspect.vmstate.schema import FieldSchema

MMIO = bytes(12)


def core(device_config: bytes = b"", queues: int = 0) -> bytes:
    """What virtio_save writes before the device's own state, on the memory-mapped transport."""
    return MMIO + bytes(8) + struct.pack(">I", len(device_config)) + device_config + struct.pack(">I", queues)


def looping_capabilities() -> bytes:
    config = bytearray(256)
    config[0:2], config[6], config[0x34] = b"\xf4\x1a", 0x10, 0x40
    config[0x40:0x42] = bytes((9, 0x44))
    config[0x44:0x46] = bytes((9, 0x40))
    return struct.pack(">I", 2) + config + bytes(16)


def subchannel(ciws: int) -> bytes:
    return bytes((0xFE,)) + bytes(6) + bytes(200) + bytes(4 * ciws)


HOSTILE: dict[str, tuple[str, str, Callable[[], bytes], str]] = {
    "requests that never end": ("scsi-requests", "scsi-disk", lambda: b"\1" + bytes(40) * 4000, "0x"),
    "elements that never end": ("virtio", "virtio-blk", lambda: core() + b"\1" + bytes(49168) + b"\1", "needs"),
    "2^32 ports": (
        "virtio",
        "virtio-console",
        lambda: core() + bytes(4) + b"\xff\xff\xff\xff" + bytes(8),
        "max_nr_ports is 0xffffffff, expected at most 511",
    ),
    "2^32 queues": ("virtio", "virtio-rng", lambda: core(queues=0xFFFFFFFF), "num_queues is 4294967295"),
    "configuration of 4 GiB": (
        "virtio",
        "virtio-rng",
        lambda: MMIO + bytes(8) + b"\xff\xff\xff\xff" + bytes(4),
        "config_len is 4294967295, 4 bytes are left",
    ),
    "2^32 scanouts": ("virtio-gpu", "virtio-gpu", lambda: bytes(8) + b"\xff" * 4, "max_outputs is 4294967295"),
    "pixels of 4 GiB": (
        "virtio-gpu",
        "virtio-gpu",
        lambda: struct.pack(">5I", 1, 30000, 30000, 1, 0) + bytes(60000),
        "pixels needs 3600000000 bytes, 60000 are left",
    ),
    "a bitmap of no blocks": ("virtio", "virtio-mem", lambda: core() + bytes(60), "block_size is 0"),
    "a bitmap of 2^58 words": (
        "virtio",
        "virtio-mem",
        lambda: core() + struct.pack(">QQQI", 1, (1 << 64) - 1, 1, 0) + bytes(24),
        "bitmap needs",
    ),
    "capabilities in a circle": ("virtio", "virtio-rng", looping_capabilities, "status needs 1 byte"),
    "10,000 ciws": ("virtio", "virtio-rng", lambda: subchannel(10000), "0x"),
    "2^32 packets": ("usb-redir-bufpq", "usb-redir-ep", lambda: b"\xff" * 4, "bufpq_size is 4294967295"),
    "2^64 interrupts": ("irqs", "s390-flic", lambda: b"\xff" * 8, "count is 18446744073709551615"),
    "a tree of 2^32 nodes": ("gtree", "d", lambda: b"\xff" * 4 + b"\0", "nnodes is 4294967295"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_lie_costs_the_field_alone(name: str) -> None:
    kind, owner, make, message = HOSTILE[name]
    data = make()
    fields = [
        FieldSchema(name=each, type=type_name, size=size, count=1, index=None, states=())
        for each, type_name, size in (("before", "uint8", 1), ("f", kind, len(data)), ("after", "uint8", 1))
    ]
    values = {
        each.path: each.value
        for each in decode_state(state(owner, *fields), Cursor(memoryview(b"\7" + data + b"\x08")))
    }
    assert (values["before"], values["after"]) == (7, 8)
    undecoded = values["f"]
    assert isinstance(undecoded, Undecoded)
    assert message in undecoded.why
    assert "0x" in undecoded.why
    assert undecoded.data == data


def test_values_of_a_field_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "LIMIT_VALUES", 1000)
    data = struct.pack(">I", 10000) + bytes(80000)
    field = FieldSchema(name="f", type="usb-redir-bufpq", size=len(data), count=1, index=None, states=())
    (value,) = decode_state(state("d", field), Cursor(memoryview(data)))
    assert isinstance(value.value, Undecoded)
    assert "more than 1000 values" in value.value.why
