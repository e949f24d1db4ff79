"""Codecs of single types: the numbers that QEMU's tables give them, and the types that stay bytes."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import FieldValue, Undecoded
from savevm_inspect.vmstate.cpu_types import describe_cpsr, describe_fpscr
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.fields import BYTES_BY_NATURE
from savevm_inspect.vmstate.layout import number, state
from savevm_inspect.vmstate.pci import capabilities, msix_vectors
from savevm_inspect.vmstate.scalars import SCALARS
from savevm_inspect.vmstate.schema import FieldSchema


def field(kind: str, size: int) -> FieldSchema:
    return FieldSchema(name="x", type=kind, size=size, count=1, index=None, states=())


def read(schema: FieldSchema, data: bytes) -> list[FieldValue]:
    cursor = Cursor(memoryview(data))
    fields = list(decode_state(state("", schema), cursor))
    assert cursor.remaining == 0
    return fields


@given(st.sampled_from(sorted(SCALARS)), st.integers(-(2**63), 2**64 - 1))
def test_a_number_is_read_as_it_was_packed(kind: str, value: int) -> None:
    scalar = SCALARS[kind]
    bits = scalar.size_bytes * 8
    value %= 1 << bits
    if scalar.code.islower() and value >= 1 << (bits - 1):
        value -= 1 << bits
    packed = bool(value) if kind == "bool" else value
    assert read(number("x", kind), scalar.pack(packed))[0].value == packed


def test_less_or_equal_is_not_little_endian() -> None:
    assert read(number("version_id", "int32 le"), b"\0\0\0\2")[0].value == 2


def test_a_timer_says_when() -> None:
    assert read(number("t", "timer"), b"\xff" * 8)[0].meaning == "off"
    assert read(number("t", "timer"), (5).to_bytes(8, "big"))[0].meaning == "expires at 5 ns"


def test_a_number_of_another_width_is_not_believed() -> None:
    value = read(field("uint32", 3), b"abc")[0].value
    assert isinstance(value, Undecoded)


@pytest.mark.parametrize("kind", sorted(BYTES_BY_NATURE))
def test_types_that_are_bytes_by_nature(kind: str) -> None:
    assert read(field(kind, 3), b"abc")[0].value == b"abc"
    assert BYTES_BY_NATURE[kind]


def test_a_type_that_is_not_known_stays_undecoded_with_the_reason() -> None:
    value = read(field("a new type", 3), b"abc")[0].value
    assert value == Undecoded("no codec for type 'a new type'", b"abc")


def test_arm_flags_are_named() -> None:
    assert describe_cpsr(0x400003C5) == "Z D A I F EL1h"
    assert describe_cpsr(0x600001D3) == "Z C A I F mode=svc"
    assert describe_fpscr(0x81800000) == "N FZ round to minus infinity"


def test_an_entry_of_the_hppa_tlb_is_as_wide_as_the_registers() -> None:
    """PA-RISC 1.1 in QEMU 7.2, 2.0 in 10.0; packed as put_tlb of target/hppa/machine.c does."""
    old = read(field("tlb entry", 16), struct.pack(">QII", 0x4000, 0x8000, 1))
    new = read(field("tlb entry", 32), struct.pack(">QQQQ", 0x4000, 0x4FFF, 0x8000, 1))
    assert {each.path: each.value for each in old} == {"x/va_b": 0x4000, "x/pa": 0x8000, "x/flags": 1}
    assert [each.value for each in new] == [0x4000, 0x4FFF, 0x8000, 1]


def config(*, capability: int = 0, chain: dict[int, tuple[int, int]] | None = None) -> bytes:
    space = bytearray(256)
    space[0:4] = struct.pack("<HH", 0x8086, 0x1237)
    space[6] = 0x10 if capability else 0
    space[0x34] = capability
    for at, (identifier, following) in (chain or {}).items():
        space[at], space[at + 1] = identifier, following
    return bytes(space)


def test_configuration_space_is_read_by_its_header() -> None:
    fields = {
        each.path: each for each in read(field("pci config", 256), config(capability=0x40, chain={0x40: (5, 0)}))
    }
    assert fields["x/vendor_id"].value == 0x8086
    assert fields["x/device_id"].value == 0x1237
    assert fields["x/device_registers"].meaning == "MSI at 0x40"
    assert sum(each.span.length for each in fields.values()) == 256


@given(st.binary(max_size=256))
def test_capabilities_of_any_bytes_end(space: bytes) -> None:
    found = capabilities(space)
    assert len(found) == len(set(found)) <= 64
    assert 0 <= msix_vectors(space) <= 2048


@given(st.binary(min_size=64, max_size=256))
def test_any_configuration_space_is_covered(space: bytes) -> None:
    fields = read(field("pci config", len(space)), space)
    assert sum(each.span.length for each in fields) == len(space)


@given(st.integers(1, 64))
def test_an_msix_table_has_as_many_vectors_as_its_size_says(vectors: int) -> None:
    fields = read(field("msix state", vectors * 16 + (vectors + 7) // 8), bytes(vectors * 16 + (vectors + 7) // 8))
    assert fields[-1].path == "x/pending_bits"
    assert len(fields) == 3 * vectors + 1


VIRTIO = {
    "q35-misc-7.2": ["virtio-rng", "virtio-balloon", "virtio-console", "virtio-input"],
    "q35-stor-10.0": ["virtio-blk", "virtio-scsi"],
}


@pytest.mark.parametrize("name", VIRTIO)
def test_virtio_devices_of_real_streams(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        found = [device for device in stream.devices if "/virtio-" in device.idstr]
        assert {device.idstr.rsplit("/", 1)[1] for device in found} == set(VIRTIO[name])
        for device in found:
            assert device.field("virtio/pci_dev/config/vendor_id").value == 0x1AF4
            assert device.field("virtio/status").value in range(256)
            assert any(each.path.startswith("virtio/virtio/extra_state") for each in device.fields)


@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_virtio_device_or_undecoded(data: bytes) -> None:
    fields = read(field("virtio", len(data)), data) if data else []
    assert sum(each.span.length for each in fields) <= len(data)
