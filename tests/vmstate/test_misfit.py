"""What a field can't hold is found, and nothing that a real QEMU wrote is doubted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import Framing
from savevm_inspect.vmstate.layout import number, state
from savevm_inspect.vmstate.misfit import Misfit, first_misfit
from savevm_inspect.vmstate.schema import DeviceKey, FieldSchema, StateSchema


def field(kind: str, size: int) -> FieldSchema:
    return FieldSchema(name="f", type=kind, size=size, count=1, index=None, states=())


def look(schema: StateSchema, data: bytes) -> Misfit | None:
    return first_misfit(schema, Cursor(memoryview(data), base=100))


@pytest.mark.parametrize(
    "name",
    ["x86-7.2-paused", "t-10.0-live", "x86-11.1-paused", "q35-misc-7.2", "ppc64-pseries-11.1", "aarch64-virt-10.0"],
)
def test_real_state_is_never_doubted(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        assert stream.description is not None
        described = [section for section in stream.sections if section.framing is Framing.SCHEMA]
        assert len(described) > 10
        for section in described:
            cursor = Cursor(stream.buffer[: section.payload.end], pos=section.payload.offset)
            schema = stream.description.devices[DeviceKey(section.idstr, section.instance_id)]
            assert first_misfit(schema, cursor) is None


@given(st.lists(st.integers(0, 255), min_size=1, max_size=6))
def test_a_bool_is_0_or_1(values: list[int]) -> None:
    schema = state("s", number("before", "uint32"), number("flags", "bool", len(values)))
    found = look(schema, bytes(4) + bytes(values))
    bad = [value for value in values if value > 1]
    assert (found is not None) == bool(bad)
    if found is not None:
        assert found.offset == 104
        assert f"byte {bad[0]:#04x}, expected 0 or 1" in found.what


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_timer_expires_at_some_time_or_never(value: int) -> None:
    found = look(state("s", number("t", "timer")), value.to_bytes(8, signed=True))
    assert (found is None) == (value == -1 or 0 <= value < 1 << 62)


@given(st.integers(1, 30).filter(lambda size: size % 8), st.binary(min_size=30, max_size=30))
def test_a_timer_is_of_8_bytes(size: int, data: bytes) -> None:
    found = look(state("s", field("timer", size)), data)
    assert found is not None
    assert "8" in found.what


@given(st.binary(min_size=1, max_size=20))
def test_a_retired_field_is_zeros(data: bytes) -> None:
    found = look(state("s", field("unused_buffer", len(data))), data)
    assert (found is None) == (not any(data))


@given(st.integers(0, 255))
def test_a_null_pointer_has_its_mark(value: int) -> None:
    assert (look(state("s", field("nullptr", 1)), bytes((value,))) is None) == (value == 0x30)


def test_a_missing_subsection_is_a_misfit() -> None:
    inner = state("s/sub", number("x", "uint8"))
    schema = StateSchema(name="s", version=1, fields=(), subsections=(inner,), length=12)
    found = look(schema, b"\x7e" + bytes(11))
    assert found == Misfit(offset=100, what="byte 0x7e where subsection 's/sub' must begin")


def test_a_cut_is_no_misfit() -> None:
    assert look(state("s", number("a", "uint32"), number("b", "bool")), bytes(4)) is None


@given(st.binary(max_size=30))
def test_the_first_one_counts(data: bytes) -> None:
    schema = state("s", *(number(f"b{place}", "bool") for place in range(30)))
    found = look(schema, data)
    bad = next((place for place, value in enumerate(data) if value > 1), None)
    assert (found.offset - 100 if found else None) == bad
