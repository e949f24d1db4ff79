"""VMStateDescription: what is saved is loaded again, and the description is what QEMU writes."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.engine.machine.handlers import DeviceError
from savevm_inspect.engine.machine.qemu_file import QEMUFileInput
from savevm_inspect.engine.machine.vmsd import VMStateDescription, VMStateField
from savevm_inspect.engine.machine.vmstate import vmstate_load_state, vmstate_save_state
from savevm_inspect.engine.sim.scheduler import drive
from savevm_inspect.errors import BadPayload, SavevmError, Truncated
from savevm_inspect.stream.writer import Writer
from savevm_inspect.vmstate.scalars import SCALARS

Made = tuple[VMStateDescription, Any, Any]
"""A declaration, an object filled with values, and an empty object of the same shape."""


def save(vmsd: VMStateDescription, opaque: Any, version_id: int | None = None) -> tuple[bytes, dict[str, Any]]:
    out = bytearray()
    described = vmstate_save_state(Writer(out.extend), vmsd, opaque, version_id)
    return bytes(out), described


def load(vmsd: VMStateDescription, opaque: Any, data: bytes, version_id: int | None = None) -> int:
    f = QEMUFileInput(memoryview(data))
    drive(vmstate_load_state(f, vmsd, opaque, vmsd.version_id if version_id is None else version_id))
    return f.remaining


def value_of(kind: str) -> st.SearchStrategy[Any]:
    if kind == "bool":
        return st.booleans()
    bits = 8 * SCALARS[kind].size_bytes
    signed = SCALARS[kind].code.islower()
    return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else st.integers(0, (1 << bits) - 1)


class Making:
    """A declaration in the making, with an object filled with values and an empty one of the same shape."""

    def __init__(self, draw: st.DrawFn, name: str, depth: int) -> None:
        self.draw = draw
        # Names of structs must not begin as each other: upstream tells whose a subsection is by that alone.
        self.prefix = "" if name == "dev" else name
        self.depth = depth
        self.fields: list[VMStateField] = []
        self.full, self.empty = SimpleNamespace(), SimpleNamespace()

    def add(self, name: str, full: Any, empty: Any, **keys: Any) -> None:
        self.fields.append(VMStateField(name=name, **keys))
        setattr(self.full, name, full)
        setattr(self.empty, name, empty)

    def scalar(self, name: str) -> None:
        kind = self.draw(st.sampled_from(sorted(SCALARS)))
        value = self.draw(value_of(kind))
        self.add(name, value, value if kind.endswith("equal") else 0, type=kind)

    def array(self, name: str) -> None:
        kind = self.draw(st.sampled_from(["uint8", "int32", "uint64", "bool"]))
        values = self.draw(st.lists(value_of(kind), max_size=4))
        if self.draw(st.booleans()):
            self.add(name, values, [], type=kind, num=len(values))
        else:
            self.add(name + "_n", len(values), 0, type="uint16")
            self.add(name, values, [], type=kind, num_attr=name + "_n")

    def buffer(self, name: str) -> None:
        data = self.draw(st.binary(max_size=9))
        self.add(name, data, b"", type="buffer", size_bytes=len(data))

    def unused(self, name: str) -> None:
        self.fields.append(VMStateField(name=name, type="unused_buffer", size_bytes=self.draw(st.integers(0, 9))))

    def struct(self, name: str) -> None:
        inner, full, empty = self.draw(made(name=f"{self.prefix}{name}", depth=self.depth - 1))
        kind = self.draw(st.sampled_from(["struct", "vstruct"]))
        self.add(name, full, empty, type=kind, vmsd=inner, struct_version_id=inner.version_id)

    def pointers(self, name: str) -> None:
        inner, full, empty = self.draw(made(name=f"{self.prefix}{name}", depth=self.depth - 1))
        nulls = self.draw(st.lists(st.booleans(), max_size=4))
        self.add(
            name,
            [None if null else full for null in nulls],
            [None if null else empty for null in nulls],
            type="struct",
            vmsd=inner,
            num=len(nulls),
            pointers=True,
        )

    def subsection(self, name: str, prefix: str) -> VMStateDescription:
        vmsd, full, empty = self.draw(made(name=name, depth=0))
        for target, source in ((self.full, full), (self.empty, empty)):
            for key, value in vars(source).items():
                setattr(target, prefix + key, value)
        return _prefixed(vmsd, prefix, needed=self.draw(st.booleans()))


@st.composite
def made(draw: st.DrawFn, name: str = "dev", depth: int = 2) -> Made:
    making = Making(draw, name, depth)
    kinds = [Making.scalar, Making.array, Making.buffer, Making.unused]
    if depth:
        kinds += [Making.struct, Making.pointers]
    for number, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=4))):
        kind(making, f"f{number}")
    numbers = range(draw(st.integers(0, 2)) if depth else 0)
    version = draw(st.integers(0, 3))
    vmsd = VMStateDescription(
        name=name,
        version_id=version,
        minimum_version_id=draw(st.integers(0, version)),
        subsections=tuple(making.subsection(f"{name}/s{number}", f"s{number}_") for number in numbers),
        fields=tuple(making.fields),
    )
    return vmsd, making.full, making.empty


def _prefixed(vmsd: VMStateDescription, prefix: str, *, needed: bool) -> VMStateDescription:
    """The same declaration on attributes with a prefix: a subsection shares its parent's object."""
    fields = tuple(
        VMStateField(
            name=field.name,
            attr=prefix + field.name,
            type=field.type,
            num=field.num,
            num_attr=field.num_attr and prefix + field.num_attr,
            size_bytes=field.size_bytes,
        )
        for field in vmsd.fields
    )
    return VMStateDescription(
        name=vmsd.name, version_id=vmsd.version_id, fields=fields, needed=lambda _opaque: needed
    )


def described_bytes(described: dict[str, Any]) -> int:
    """The bytes that a description accounts for, without its subsections' headers."""
    total = sum(field["size"] * field.get("array_len", 1) for field in described["fields"])
    for subsection in described.get("subsections", ()):
        total += 1 + 1 + len(subsection["vmsd_name"]) + 4 + described_bytes(subsection)
    return total


@given(made())
def test_what_is_saved_is_loaded_and_saved_again_as_the_same_bytes(one: Made) -> None:
    vmsd, full, empty = one
    data, described = save(vmsd, full)
    assert load(vmsd, empty, data) == 0
    assert save(vmsd, empty) == (data, described)
    json.dumps(described)


@given(made(depth=0), st.data())
def test_a_cut_is_noticed_wherever_it_is(one: Made, draw: st.DataObject) -> None:
    vmsd, full, empty = one
    data, _ = save(vmsd, full)
    if data:
        with pytest.raises(Truncated):
            load(vmsd, empty, data[: draw.draw(st.integers(0, len(data) - 1))])


@given(made())
def test_arrays_of_numbers_are_accounted_for_byte_by_byte(one: Made) -> None:
    vmsd, full, _ = one
    if all(not field.pointers for field in vmsd.fields):
        data, described = save(vmsd, full)
        assert described_bytes(described) == len(data)


@pytest.mark.parametrize(("version_id", "fine"), [(1, False), (2, True), (3, True), (4, False)])
def test_versions_outside_the_range_are_refused(version_id: int, fine: bool) -> None:
    vmsd = VMStateDescription(
        name="d",
        version_id=3,
        minimum_version_id=2,
        fields=(VMStateField(name="old", type="uint8"), VMStateField(name="new", type="uint8", version_id=3)),
    )
    target = SimpleNamespace(old=0, new=7)
    if not fine:
        with pytest.raises(BadPayload, match=f"version {version_id} of d, expected 2 to 3"):
            load(vmsd, target, b"\x01\x02", version_id)
        return
    assert load(vmsd, target, b"\x01\x02", version_id) == (0 if version_id == 3 else 1)
    assert (target.old, target.new) == (1, 2 if version_id == 3 else 7)


def test_the_description_of_arrays_structs_and_repeated_names() -> None:
    point = VMStateDescription(name="point", version_id=1, fields=(VMStateField(name="x", type="uint8"),))
    choosy = VMStateDescription(
        name="choosy", fields=(VMStateField(name="x", type="uint8", field_exists=lambda _opaque, _version: True),)
    )
    vmsd = VMStateDescription(
        name="d",
        version_id=2,
        fields=(
            VMStateField(name="regs", type="uint32", num=3),
            VMStateField(name="same", attr="a", type="uint8"),
            VMStateField(name="same", attr="b", type="uint8"),
            VMStateField(name="points", type="struct", vmsd=point, num=2),
            VMStateField(name="choosy", type="struct", vmsd=choosy, num=2),
            VMStateField(name="v", type="vstruct", vmsd=point, struct_version_id=1),
        ),
    )
    one = SimpleNamespace(x=1)
    _, described = save(vmsd, SimpleNamespace(regs=[1, 2, 3], a=1, b=2, points=[one, one], choosy=[one, one], v=one))
    inner = '"vmsd_name": "choosy", "version": 0, "fields": [{"name": "x", "type": "uint8", "size": 1}]'
    point_text = '"vmsd_name": "point", "version": 1, "fields": [{"name": "x", "type": "uint8", "size": 1}]'
    # An array that can't be compressed numbers its elements, all but the last one: so QEMU's vmsd_desc_field_start.
    assert json.dumps(described) == (
        '{"vmsd_name": "d", "version": 2, "fields": ['
        '{"name": "regs", "array_len": 3, "type": "uint32", "size": 4}, '
        '{"name": "same[0]", "type": "uint8", "size": 1}, '
        '{"name": "same[1]", "type": "uint8", "size": 1}, '
        f'{{"name": "points", "array_len": 2, "type": "struct", "struct": {{{point_text}}}, "size": 1}}, '
        f'{{"name": "choosy", "index": 0, "type": "struct", "struct": {{{inner}}}, "size": 1}}, '
        f'{{"name": "choosy", "type": "struct", "struct": {{{inner}}}, "size": 1}}, '
        f'{{"name": "v", "type": "vstruct", {point_text}, "size": 1}}'
        "]}"
    )


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ("nn", [("array_len", 2, "nullptr")]),
        ("nx", [(None, None, "nullptr"), (None, None, "struct")]),
        ("nnxx", [("array_len", 2, "nullptr"), ("array_len", 2, "struct")]),
        ("xn", [("array_len", 2, "struct"), (None, None, "nullptr")]),
    ],
)
def test_null_pointers_break_an_array_up(elements: str, expected: list[tuple[Any, Any, str]]) -> None:
    point = VMStateDescription(name="point", fields=(VMStateField(name="x", type="uint8"),))
    vmsd = VMStateDescription(
        name="d", fields=(VMStateField(name="p", type="struct", vmsd=point, num=len(elements), pointers=True),)
    )
    values = [None if letter == "n" else SimpleNamespace(x=9) for letter in elements]
    data, description = save(vmsd, SimpleNamespace(p=values))
    assert data == bytes(0x30 if letter == "n" else 9 for letter in elements)
    assert [
        ("array_len" if "array_len" in it else None, it.get("array_len"), it["type"]) for it in description["fields"]
    ] == expected


def test_equal_fields_must_be_equal_and_unknown_subsections_are_refused() -> None:
    vmsd = VMStateDescription(name="d", fields=(VMStateField(name="n", type="uint32 equal"),))
    with pytest.raises(BadPayload, match="field n is 5, this side has 6"):
        load(vmsd, SimpleNamespace(n=6), b"\0\0\0\x05")
    with pytest.raises(BadPayload, match="'d/x' does not exist"):
        load(vmsd, SimpleNamespace(n=5), b"\0\0\0\x05" + b"\x05\x03d/x\0\0\0\0")
    # A subsection of somebody else's name is left for whoever it belongs to.
    assert load(vmsd, SimpleNamespace(n=5), b"\0\0\0\x05" + b"\x05\x03e/x\0\0\0\0") == 9


def test_hooks_run_in_order_and_post_save_also_after_a_failure() -> None:
    heard: list[str] = []

    def refuse(_opaque: Any) -> None:
        raise DeviceError("not today")

    def hooks(**more: Any) -> VMStateDescription:
        return VMStateDescription(
            name="d",
            fields=(VMStateField(name="n", type="uint8"),),
            **{
                "pre_save": lambda _opaque: heard.append("pre_save"),
                "post_save": lambda _opaque: heard.append("post_save"),
                "pre_load": lambda _opaque: heard.append("pre_load"),
                "post_load": lambda _opaque, version: heard.append(f"post_load {version}"),
                **more,
            },
        )

    data, _ = save(hooks(), SimpleNamespace(n=3))
    load(hooks(), SimpleNamespace(n=0), data)
    assert heard == ["pre_save", "post_save", "pre_load", "post_load 0"]
    heard.clear()
    with pytest.raises(DeviceError, match="300 is no uint8"):
        save(hooks(), SimpleNamespace(n=300))
    with pytest.raises(DeviceError, match="not today"):
        save(hooks(pre_save=refuse), SimpleNamespace(n=3))
    assert heard == ["pre_save", "post_save"]


@pytest.mark.parametrize(
    "keys",
    [
        {"type": "uint23"},
        {"type": "struct"},
        {"type": "uint8", "vmsd": VMStateDescription(name="x")},
        {"type": "uint8", "pointers": True},
    ],
)
def test_declarations_that_make_no_sense_are_refused_at_once(keys: dict[str, Any]) -> None:
    with pytest.raises(SavevmError, match="field f"):
        VMStateField(name="f", **keys)


def test_a_subsection_is_named_after_its_parent() -> None:
    with pytest.raises(SavevmError, match="must begin with 'd/'"):
        VMStateDescription(name="d", subsections=(VMStateDescription(name="e/x"),))


def test_a_long_array_in_a_short_stream_is_refused_before_anything_is_made() -> None:
    vmsd = VMStateDescription(
        name="d",
        fields=(VMStateField(name="n", type="uint32"), VMStateField(name="v", type="uint8", num_attr="n")),
    )
    with pytest.raises(Truncated, match="needs 4294967295 bytes, 2 are left"):
        load(vmsd, SimpleNamespace(n=0, v=[]), b"\xff\xff\xff\xff\0\0")
