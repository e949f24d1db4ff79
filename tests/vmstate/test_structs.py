"""Arrays of equal structs are decoded all at once: to what decoding them one by one gives, fields and errors."""

import json
from random import Random
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.errors import SavevmError
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import FieldValue
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.decoder import Decoder
from savevm_inspect.vmstate.schema import StateSchema, parse_description

NUMBERS = ("bool", "uint8", "uint16", "int32", "uint64", "timer", "cpsr", "powered_off")
SIZES = {"bool": 1, "uint8": 1, "uint16": 2, "int32": 4, "uint64": 8, "timer": 8, "cpsr": 4, "powered_off": 1}


def field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "size": SIZES.get(kind, 0)} | more


def struct(name: str, fields: list[dict[str, Any]], size: int, **more: Any) -> dict[str, Any]:
    return field(name, "struct", size=size, struct={"vmsd_name": name, "version": 1, "fields": fields}, **more)


def schema(fields: list[dict[str, Any]]) -> StateSchema:
    device = {"name": "x", "instance_id": 0, "vmsd_name": "x", "version": 1, "fields": fields}
    description = parse_description(json.dumps({"page_size": 4096, "devices": [device]}).encode())
    found = description.device("x", 0)
    assert found is not None
    return found


def array(chance: Random, count: int) -> StateSchema:
    """Structs of some numbers, a nested struct among them."""
    kinds = [chance.choice(NUMBERS) for _ in range(chance.randrange(1, 5))]
    fields = [field(f"f{number}", kind) for number, kind in enumerate(kinds)]
    size = sum(SIZES[kind] for kind in kinds)
    nested = struct("inner", fields, size)
    return schema([struct("s", [field("head", "uint16"), nested], 2 + size, array_len=count)])


def outcome(state: StateSchema, data: bytes) -> tuple[list[FieldValue], str]:
    found: list[FieldValue] = []
    try:
        found.extend(decode_state(state, Cursor(memoryview(data), channel=3, base=100)))
    except SavevmError as error:
        return found, str(error)
    return found, ""


@pytest.mark.parametrize("number", range(60))
def test_at_once_is_one_by_one(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(number)
    state = array(chance, chance.randrange(2, 9))
    data = bytes(chance.choice((0, 1, 2, 0xFF)) for _ in range(max(state.length - chance.choice((0, 0, 1, 9)), 0)))
    at_once = outcome(state, data)
    monkeypatch.setattr(Decoder, "structs", lambda *_: False)
    assert outcome(state, data) == at_once
    assert at_once[0]


def test_what_an_array_claims_is_not_allocated() -> None:
    found, why = outcome(array(Random(1), 1 << 40), b"\1" * 64)
    assert len(found) < 64
    assert "needs" in why


def test_a_field_may_have_no_name() -> None:
    (only,) = outcome(schema([field("", "uint8")]), b"\7")[0]
    assert (only.name, only.path, only.value) == ("", "", 7)
    assert "7" in repr(only)


def test_device_state_of_real_machines(monkeypatch: pytest.MonkeyPatch, capture_path: Any) -> None:
    for name in ("ppc64-pseries-11.1", "s390x-s390-ccw-virtio-11.1", "q35-stor-10.0"):
        with si.open_stream(capture_path(name)) as stream:
            at_once = [each.fields for each in stream]
            with monkeypatch.context() as patch:
                patch.setattr(Decoder, "structs", lambda *_: False)
                assert [each.fields for each in stream] == at_once
