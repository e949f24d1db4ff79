"""Descriptions: what QEMU writes is understood, what lies is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import SavevmError, SchemaError
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.schema import DeviceKey, StateSchema, parse_description


def device(*fields: dict[str, Any], **more: Any) -> StateSchema:
    entry = {"name": "d", "instance_id": 0, "vmsd_name": "d", "version": 1, "fields": list(fields), **more}
    description = parse_description(json.dumps({"page_size": 4096, "devices": [entry]}).encode())
    for error in description.refused.values():
        raise error
    return description.devices[DeviceKey("d", 0)]


def decoded(schema: StateSchema, data: bytes) -> dict[str, object]:
    cursor = Cursor(memoryview(data))
    fields = {field.path: field.value for field in decode_state(schema, cursor)}
    assert cursor.remaining == 0
    return fields


def number(name: str, kind: str = "uint8", size: int = 1, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "size": size, **more}


def test_an_array_of_numbers_is_one_value() -> None:
    schema = device(number("a", "uint16", 2, array_len=3))
    assert decoded(schema, b"\0\1\0\2\0\3") == {"a": (1, 2, 3)}


def test_elements_that_are_described_one_by_one_keep_their_index() -> None:
    schema = device(number("a", index=0), number("a", index=1), number("a", index=2))
    assert decoded(schema, b"\1\2\3") == {"a[0]": 1, "a[1]": 2, "a[2]": 3}


def test_pieces_of_one_array_are_numbered_on() -> None:
    struct = {"vmsd_name": "s", "version": 1, "fields": [number("x")]}
    schema = device(
        {"name": "p", "type": "nullptr", "size": 1, "array_len": 2},
        {"name": "p", "type": "struct", "struct": struct, "size": 1},
        {"name": "p", "type": "nullptr", "size": 1},
    )
    assert decoded(schema, b"00\x0700"[:4]) == {"p[0]": "nullptr", "p[1]": "nullptr", "p[2]/x": 7, "p[3]": "nullptr"}


def test_an_array_that_begins_with_elements_states_its_whole_length() -> None:
    struct = {"vmsd_name": "s", "version": 1, "fields": [number("x")]}
    schema = device(
        {"name": "p", "array_len": 4, "type": "struct", "struct": struct, "size": 1},
        {"name": "p", "array_len": 2, "type": "nullptr", "size": 1},
    )
    assert schema.length == 4
    assert decoded(schema, b"\1\x0200") == {"p[0]/x": 1, "p[1]/x": 2, "p[2]": "nullptr", "p[3]": "nullptr"}


@pytest.mark.parametrize("kind", ["tmp", "vstruct"])
def test_some_types_carry_their_fields_inline(kind: str) -> None:
    inline = {
        "name": "t",
        "type": kind,
        "vmsd_name": "t",
        "version": 1,
        "fields": [number("x"), number("y")],
        "size": 2,
    }
    assert decoded(device(inline), b"\1\2") == {"t/x": 1, "t/y": 2}


def test_a_list_repeats_its_keys_for_each_element() -> None:
    element = '"vmsd_name": "e", "version": 1, "fields": [{"name": "x", "type": "uint8", "size": 1}]'
    field = f'{{"name": "l", "type": "qtailq", {element}, {element}, "size": 5}}'
    text = f'{{"devices": [{{"name": "d", "instance_id": 0, "fields": [{field}]}}]}}'
    schema = parse_description(text.encode()).devices[DeviceKey("d", 0)]
    values = decoded(schema, b"\1\x0a\1\x0b\0")
    assert (values["l[0]/x"], values["l[1]/x"], values["l/end"]) == (10, 11, False)


def test_a_subsection_is_checked_against_its_schema() -> None:
    schema = device(number("a"), subsections=[{"vmsd_name": "d/more", "version": 2, "fields": [number("b")]}])
    header = b"\x05\x06d/more\0\0\0\2"
    assert decoded(schema, b"\1" + header + b"\7") == {"a": 1, "d/more/b": 7}
    assert schema.length == 1 + len(header) + 1
    with pytest.raises(SavevmError, match="where subsection 'd/more' must begin"):
        decoded(schema, b"\1" + bytes(len(header)) + b"\7")
    with pytest.raises(SavevmError, match="subsection 'd/less' version 2, its schema says 'd/more'"):
        decoded(schema, b"\1" + header.replace(b"more", b"less") + b"\7")


def test_an_old_style_device_is_one_buffer() -> None:
    schema = device({"name": "data", "size": 3, "type": "buffer"}, size=3)
    assert decoded(schema, b"abc") == {"data": b"abc"}


def test_a_field_without_bytes_says_nothing_however_many_there_are() -> None:
    schema = device({"name": "z", "array_len": 1 << 60, "type": "struct", "struct": {"fields": []}, "size": 0})
    assert decoded(schema, b"") == {"z": b""}


HOSTILE: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "not JSON"),
    "not an object": (b"[]", "a list where an object"),
    "no devices": (b"{}", "no list 'devices'"),
    "nested too deep for JSON": (b'{"devices":' + b"[" * 100000, "not JSON"),
    "a device of no name": (b'{"devices":[{"instance_id":0}]}', "no text 'name'"),
    "a device that is none": (b'{"devices":[7]}', "no text 'name'"),
    "a size below zero": (
        b'{"devices":[{"name":"a","instance_id":0,"fields":[{"name":"x","type":"uint8","size":-1}]}]}',
        "devices[0] (a).fields[0]: no number 'size'",
    ),
    "a size that is text": (
        b'{"devices":[{"name":"a","instance_id":0,"fields":[{"name":"x","type":"uint8","size":"1"}]}]}',
        "no number 'size'",
    ),
    "an array beyond all bounds": (
        (
            b'{"devices":[{"name":"a","instance_id":0,"fields":[{"name":"x","type":"uint8","size":4611686018427387904,'
            b'"array_len":4611686018427387904}]}]}'
        ),
        "state of",
    ),
    "a struct that lies about its size": (
        (
            b'{"devices":[{"name":"a","instance_id":0,"fields":[{"name":"x","type":"struct","size":9,"struct":{"fields":'
            b'[{"name":"y","type":"uint8","size":1}]}}]}]}'
        ),
        "size 9, but its fields are 1 bytes together",
    ),
    "a page size that is none": (b'{"page_size":4097,"devices":[]}', "page_size: pages of 4097 bytes"),
}


def refusal(text: bytes) -> SchemaError:
    """Why a description is refused, or the only device of it."""
    try:
        (error,) = parse_description(text).refused.values()
    except SchemaError as whole:
        return whole
    return error


@pytest.mark.parametrize("name", HOSTILE)
def test_one_clear_error_with_its_place(name: str) -> None:
    text, message = HOSTILE[name]
    error = refusal(text)
    assert message in str(error)
    assert "\n" not in str(error)


def test_nesting_is_bounded() -> None:
    field = number("x")
    for _ in range(100):
        field = {"name": "s", "type": "struct", "size": 1, "struct": {"fields": [field]}}
    with pytest.raises(SchemaError, match="nested deeper than"):
        device(field)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "size",
                    "array_len",
                    "index",
                    "struct",
                    "fields",
                    "subsections",
                    "devices",
                    "page_size",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(json_like)
def test_any_json_is_a_description_or_an_error(value: Any) -> None:
    try:
        parse_description(json.dumps(value).encode())
    except SchemaError as error:
        assert str(error).startswith("description")  # noqa: PT017 - either outcome is right


def test_a_description_that_does_not_fit_its_stream(capture_path: Callable[[str], Path]) -> None:
    data = capture_path("none-11.1").read_bytes()
    lies = data.replace(b'"unused", "type": "buffer", "size": 66', b'"unused", "type": "buffer", "size": 67')
    with pytest.raises(
        SavevmError, match=r"globalstate.*claims 105 bytes.*field 'unused'.*67 bytes.*reaches past the footer"
    ):
        si.open_stream(lies)
    huge = data.replace(b'"unused", "type": "buffer", "size": 66', b'"unused", "type": "buffer", "size": 99')
    with pytest.raises(SavevmError, match="globalstate"):
        si.open_stream(huge)
