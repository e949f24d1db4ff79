"""Laws of every layout: what is decoded is encoded to the same bytes, and hostile bytes cost one field."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from savevm_inspect.errors import EncodeError, SavevmError
from savevm_inspect.span import Span
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import FieldValue, Undecoded
from savevm_inspect.vmstate import virtio
from savevm_inspect.vmstate.coder import FORMATS, Coder, FieldContext, Layout, Meaning, Owner
from savevm_inspect.vmstate.decode import decode_state
from savevm_inspect.vmstate.decoder import Decoder
from savevm_inspect.vmstate.encode import encode_state
from savevm_inspect.vmstate.encoder import Encoder, Values
from savevm_inspect.vmstate.fields import LAYOUTS, NUMBERS
from savevm_inspect.vmstate.layout import state
from savevm_inspect.vmstate.schema import FieldSchema, StateSchema
from savevm_inspect.vmstate.virtio.devices import OWN_STATE

LONGEST = 6
"""Elements of anything that is counted or ends with a mark, and bytes of what has no fixed length."""


class Inventor(Encoder):
    """Makes values up along a layout, and writes their bytes.

    Args:
        random: where they come from.
        parts: the names down to what is made.
    """

    def __init__(self, random: Random, parts: tuple[str, ...] = ()) -> None:
        super().__init__(Values(()), parts)
        self.random = random

    def _bits(self, kind: str) -> int:
        return {"b": 8, "h": 16, "i": 32, "q": 64}[FORMATS[kind][1].lower()]

    def number(
        self,
        name: str,
        kind: str = "uint32",
        *,
        most: int | None = None,
        meaning: Meaning | None = None,
        type_name: str = "",
    ) -> int:
        signed = FORMATS[kind][1].islower()
        low, high = (
            (-(1 << self._bits(kind) - 1), (1 << self._bits(kind) - 1) - 1)
            if signed
            else (0, (1 << self._bits(kind)) - 1)
        )
        high = min(high, 1 if kind == "bool" else high if most is None else most)
        value = self.random.choice((self.random.randint(low, high), self.random.randint(0, min(high, 3))))
        self._pack(FORMATS[kind], value)
        if meaning is not None:
            assert isinstance(meaning(value), str)
        return value

    def count(self, name: str, kind: str = "uint32", *, most: int | None = None) -> int:
        return self.number(name, kind, most=LONGEST if most is None else min(most, LONGEST))

    def numbers(self, name: str, kind: str, length: int, *, type_name: str = "") -> tuple[int, ...]:
        if length > 1024:
            reject()
        values = tuple(self.random.getrandbits(self._bits(kind) - 1) for _ in range(length))
        values = tuple(value & 1 for value in values) if kind == "bool" else values
        self._pack(f"{FORMATS[kind][0]}{length}{FORMATS[kind][1]}", *values)
        return values

    def buffer(
        self, name: str, length: int, kind: str = "buffer", *, meaning: Callable[[bytes], str] | None = None
    ) -> bytes:
        if not 0 <= length <= 1 << 15:
            reject()
        data = self.random.choice((self.random.randbytes(length), bytes(length)))
        self.data += data
        return data

    def marker(self, name: str, names: Mapping[int, str], type_name: str) -> None:
        byte = self.random.choice(sorted(names))
        self.data.append(byte)

    def has(self, name: str, look: Callable[[memoryview], bool]) -> bool:
        return self.random.random() < 0.5

    def subsection(self, name: str, body: Callable[[Coder, int], object], versions: Sequence[int] = (1,)) -> None:
        if self.random.random() < 0.5:
            version = self.random.choice(versions)
            self.described_subsection(name, version)
            with self.inside(name):
                body(self, version)

    def marked(self, name: str, mark: str = "present", kind: str = "uint8") -> Iterator[int]:
        outer = self.parts
        for index in count():
            value = self.random.choice((0, 1, 1, 2)) if index < LONGEST else 0
            self.parts = (*outer, f"{name}[{index}]") if value else (*outer, name)
            self._pack(FORMATS[kind], value)
            if not value:
                break
            yield value
        self.parts = outer

    def refuse(self, why: str) -> NoReturn:
        reject()


def schema_of(kind: str, owner: str, size: int, version: int = 1) -> StateSchema:
    return state(owner, FieldSchema(name="f", type=kind, size=size, count=1, index=None, states=()), version=version)


def decoded(schema: StateSchema, data: bytes) -> list[FieldValue]:
    cursor = Cursor(memoryview(data))
    fields = list(decode_state(schema, cursor))
    assert not cursor.remaining
    return fields


EVERY = [key for key in LAYOUTS if key[0] != "virtio"] + [("virtio", owner) for owner in (*OWN_STATE, "virtio-rng")]
SIZES = {"avr": 8, "bitmap": 8, "fpr": 8, "slbe": 8, "shpc": 4}
"""Types whose size is a multiple of something."""


def layouts_for(kind: str, owner: str) -> tuple[Layout, ...]:
    return LAYOUTS.get((kind, owner)) or LAYOUTS[kind, ""]


@pytest.mark.parametrize(("kind", "owner"), EVERY)
@settings(max_examples=10, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
@given(seed=st.integers(0, 2**64), size=st.integers(9, 40), version=st.integers(1, 3))
@example(seed=6_990_221_289_858, size=9, version=1)
def test_what_is_made_is_decoded_and_encoded_to_the_same_bytes(
    kind: str, owner: str, seed: int, size: int, version: int
) -> None:
    random = Random(seed)
    made = Inventor(random, ("f",))
    context = FieldContext(name="f", type=kind, size=size * SIZES.get(kind, 8), owners=(Owner(owner, version),))
    with pytest.MonkeyPatch.context() as patch:
        for module in (virtio, virtio.transport):
            patch.setattr(module, "QUEUE_MAX", 4)  # 1024 queues are only more of the same
        random.choice(layouts_for(kind, owner))(made, context)
        data = bytes(made.data)
        fields = decoded(schema_of(kind, owner, len(data), version), data)
        assert encode_state(schema_of(kind, owner, len(data), version), fields) == data
    assert sum(field.span.length for field in fields) == len(data)


@pytest.mark.parametrize(("kind", "owner"), EVERY)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=1, max_size=300))
def test_any_bytes_are_covered_and_encoded_again(kind: str, owner: str, data: bytes) -> None:
    schema = schema_of(kind, owner, len(data))
    fields = decoded(schema, data)
    at = 0
    for field in fields:
        assert field.span.offset == at
        at = field.span.end
    assert at == len(data)
    assert encode_state(schema, fields) == data


@given(st.sampled_from(sorted(NUMBERS)), st.binary(min_size=8, max_size=8))
def test_types_that_are_one_number(key: tuple[str, int], data: bytes) -> None:
    kind, size = key
    schema = schema_of(kind, "", size)
    fields = decoded(schema, data[:size])
    assert [field.type for field in fields] == [kind]
    assert not isinstance(fields[0].value, Undecoded)
    assert encode_state(schema, fields) == data[:size]


def a_field(value: object, *parts: str) -> FieldValue:
    return FieldValue(parts=parts, type="uint8", value=value, span=Span(offset=0, length=1))  # type: ignore[arg-type]


def test_values_that_make_no_state_are_refused_by_name() -> None:
    schema = schema_of("uint8", "s", 1)
    assert encode_state(schema, [a_field(7, "f")]) == b"\7"
    for fields, message in (
        ([], "f: no value"),
        ([a_field(256, "f")], "f: "),
        ([a_field(b"x", "f")], "expected a number"),
        ([a_field(7, "f"), a_field(7, "g")], "s: 1 values more than the schema has"),
    ):
        with pytest.raises(EncodeError, match=message):
            encode_state(schema, fields)


@given(st.integers(0, 255))
def test_a_truth_value_that_is_none_is_kept(value: int) -> None:
    fields = decoded(schema_of("bool", "", 1), bytes((value,)))
    assert fields[0].value == value
    assert isinstance(fields[0].value, bool) == (value < 2)
    assert encode_state(schema_of("bool", "", 1), fields) == bytes((value,))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_a_decoder_raises_nothing_but_its_own_errors(data: bytes) -> None:
    for (kind, owner), layouts in LAYOUTS.items():
        for layout in layouts:
            try:
                layout(
                    Decoder(Cursor(memoryview(data))),
                    FieldContext(name="f", type=kind, size=len(data), owners=(Owner(owner, 1),)),
                )
            except SavevmError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
