"""Lengths from a description, held against descriptions whose bytes are known."""

import json
from io import BytesIO
from itertools import groupby
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kaitaistruct import EndOfStreamError, KaitaiStream

from savevm_inspect._ksy.device_lengths import DeviceLengths, find_description
from savevm_inspect.errors import SchemaError

EMPTY = KaitaiStream(BytesIO())

names = st.sampled_from(["irq", "regs", "queue/é"])
sizes = st.integers(0, 1 << 20)


@st.composite
def pointer_arrays(draw: st.DrawFn) -> tuple[list[dict[str, Any]], int]:
    """An array of pointers as QEMU describes it, and its bytes (migration/vmstate.c, vmstate_save_state_v).

    The rule: the elements are looked over for the end of a run whenever set and null change places, and the
    array is taken to begin with elements that are set; so a first run of those states the whole length.
    """
    size = draw(sizes)
    is_null = draw(st.lists(st.booleans(), min_size=2, max_size=40))
    null_type = draw(st.sampled_from(["nullptr", "ptr-marker"]))
    runs = [(null, len(list(run))) for null, run in groupby(is_null)]
    fields: list[dict[str, Any]] = []
    for number, (null, length) in enumerate(runs):
        stated = len(is_null) if number == 0 and not null else length
        field = {"name": "queues", "type": null_type if null else "struct", "size": 1 if null else size}
        fields.append(field | ({"array_len": stated} if stated > 1 else {}))
    return fields, sum(1 if null else size for null in is_null)


@st.composite
def states(draw: st.DrawFn, depth: int = 0) -> tuple[dict[str, Any], int]:
    """A device or subsection as described, and its bytes."""
    fields: list[dict[str, Any]] = []
    total = 0
    for number in range(draw(st.integers(0, 3))):
        size, count = draw(sizes), draw(st.none() | st.integers(2, 9))
        field = {"name": f"{draw(names)}{number}", "type": "uint32", "size": size}
        fields.append(field | ({} if count is None else {"array_len": count}))
        total += size * (count or 1)
    if draw(st.booleans()):
        pieces, length = draw(pointer_arrays())
        fields += pieces
        total += length
    state: dict[str, Any] = {"vmsd_name": draw(names), "version": 1, "fields": fields}
    subsections = draw(st.lists(states(depth + 1), max_size=2)) if depth < 2 else []
    if subsections:
        state["subsections"] = [subsection for subsection, _ in subsections]
        total += sum(6 + len(sub["vmsd_name"].encode()) + length for sub, length in subsections)
    return state, total


@given(states(), st.integers(0, 0xFFFFFFFF))
def test_length_is_that_of_the_described_bytes(state: tuple[dict[str, Any], int], instance_id: int) -> None:
    described, length = state
    device = {"name": "a/b", "instance_id": instance_id, **described}
    lengths = DeviceLengths(json.dumps({"page_size": 4096, "devices": [device]}).encode())
    assert lengths.page_size == 4096
    assert lengths.payload_bytes("a/b", instance_id, EMPTY) == length
    assert lengths.payload_bytes("a/b", instance_id ^ 1, EMPTY) is None
    assert lengths.payload_bytes("a", instance_id, EMPTY) is None


@given(
    present=st.lists(st.booleans(), min_size=2, max_size=256),
    before=st.binary(max_size=4),
    state_before=st.integers(0, 3),
)
def test_elements_after_a_null_pointer_are_as_long_as_they_lie_there(
    present: list[bool], before: bytes, state_before: int
) -> None:
    first = {"name": "pending", "type": "uint8", "size": 1, "array_len": state_before}
    array = {"name": "css", "type": "struct", "struct": {}, "size": 1, "array_len": len(present)}
    device = {"name": "s390_css", "instance_id": 0, "vmsd_name": "s390_css", "version": 1, "fields": [first, array]}
    lengths = DeviceLengths(json.dumps({"page_size": 4096, "devices": [device]}).encode())
    state = bytes(state_before) + b"".join(bytes(768) if there else b"0" for there in present)
    stream = KaitaiStream(BytesIO(before + state + b"after"))
    stream.seek(len(before))
    assert lengths.payload_bytes("s390_css", 0, stream) == len(state)
    assert stream.pos() == len(before)
    with pytest.raises(EndOfStreamError):
        lengths.payload_bytes("s390_css", 0, KaitaiStream(BytesIO(state[: state_before + len(present) - 1])))


def test_old_style_device_is_one_buffer() -> None:
    data = {"name": "data", "size": 528, "type": "buffer"}
    device = {"name": "s390-skeys", "instance_id": 0, "size": 528, "fields": [data]}
    lengths = DeviceLengths(json.dumps({"page_size": 4096, "devices": [device]}).encode())
    assert lengths.payload_bytes("s390-skeys", 0, EMPTY) == 528


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["page_size", "devices", "name", "instance_id", "fields", "type", "size", "array_len"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(json_values)
@example({"page_size": 4096, "devices": ""})
@example({"page_size": 4096, "devices": {}})
def test_any_json_is_refused_in_words_or_read(value: Any) -> None:
    try:
        lengths = DeviceLengths(json.dumps(value).encode())
    except SchemaError:
        return
    assert 0 <= lengths.page_size <= 1 << 24
    assert isinstance(value["devices"], list)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b'{"page_size": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(SchemaError):
        DeviceLengths(text)


@given(
    before=st.binary(max_size=40),
    text=st.text(st.characters(min_codepoint=0x20, codec="utf-8"), max_size=400),
    padding=st.integers(0, 70_000),
    position=st.integers(0, 10),
)
def test_description_is_found_from_the_end(before: bytes, text: str, padding: int, position: int) -> None:
    raw = b"{" + text.encode() + b"}"
    stream = KaitaiStream(
        BytesIO(before + b"\0\x06" + len(raw).to_bytes(4, "big") + raw + bytes(padding)),
    )
    stream.seek(position)
    assert find_description(stream) == raw
    assert stream.pos() == position


def test_description_longer_than_a_window_is_found() -> None:
    raw = b"{" + b" " * 3_000_000 + b"}"
    stream = KaitaiStream(BytesIO(b"QEVM\0\x06" + len(raw).to_bytes(4, "big") + raw))
    assert find_description(stream) == raw


@given(st.binary(max_size=200))
def test_a_length_that_does_not_fit_is_no_description(noise: bytes) -> None:
    """Whatever is found is a whole record that ends where the stream does."""
    found = find_description(KaitaiStream(BytesIO(noise)))
    if found is not None:
        assert noise.rstrip(b"\0").endswith(b"\0\x06" + len(found).to_bytes(4, "big") + found)
