"""Formats of machines that no QEMU has: whatever a description says, its format compiles and reads as we do."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import SchemaError
from savevm_inspect.views.ksy import ksy_document, ksy_of_stream
from savevm_inspect.views.yaml_text import yaml_text
from savevm_inspect.vmstate.scalars import SCALARS
from savevm_inspect.vmstate.schema import parse_description
from savevm_inspect.wire import QEMU_VM_FILE_MAGIC, VmRecord

from .test_to_ksy import compare

Javascript = Callable[[list[dict[str, str]]], list[dict[str, Any]]]
Make = Callable[[random.Random], bytes]

FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
"""How much longer to try than in `make test`."""

IN_NODE = settings(suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
"""Each example starts a Node, which is too slow for the search for a smaller one."""

SILLY = "|class|True|constructor|__proto__|_root|io|a_1|a1|a__1|A-1|'|\\|- x|x: y|# x|${x}|1e3|no|~|é|𝄞|subsection"
SILLY_NAMES = [*SILLY.split("|"), "ahead_a", '"', "object", "\0", "\u2028", "a\nb", "x" * 300, "\1" * 255]

texts = st.sampled_from(SILLY_NAMES) | st.text(st.characters(codec="utf-8"), max_size=12)


class Shape(NamedTuple):
    """A description of something, and what makes bytes that it describes."""

    text: str
    length: int
    make: Make


def an_object(*pairs: tuple[str, Any]) -> str:
    """JSON as QEMU writes it: a key may come several times."""
    return f"{{{', '.join(f'{json.dumps(key)}: {value}' for key, value in pairs)}}}"


def of_bytes(chance: random.Random, length: int) -> bytes:
    return chance.randbytes(length)


def signed_64_bits(chance: random.Random) -> bytes:
    """A number that Kaitai's run time for JavaScript reads right: of the negative ones, it does only some."""
    return chance.choice([-1, -(1 << 31), chance.getrandbits(63)]).to_bytes(8, signed=True)


@st.composite
def plain_fields(draw: st.DrawFn) -> tuple[str, int, Make]:
    """Type, size of an element, and its bytes."""
    kind = draw(
        st.sampled_from(
            [
                *SCALARS,
                "buffer",
                "unused_buffer",
                "nullptr",
                "ptr-marker",
                "bitmap",
                "slbe",
                "scsi-requests",
                "pci config",
                "pci irq state",
                "msix state",
                "virtio",
                "gtree",
            ]
        )
    )
    if kind in SCALARS:
        size = SCALARS[kind].size_bytes
        if SCALARS[kind].code == "?":
            return kind, size, lambda chance: bytes([chance.randrange(2)])
        if SCALARS[kind].code == "q":
            return kind, size, signed_64_bits
        return kind, size, lambda chance: of_bytes(chance, size)
    if kind in ("nullptr", "ptr-marker"):
        return kind, 1, lambda _chance: b"0"
    if kind == "scsi-requests":
        return kind, 1, lambda _chance: b"\0"
    vectors = draw(st.integers(1, 20))
    length = {
        "bitmap": 8 * vectors,
        "slbe": 16,
        "pci config": 64 + vectors,
        "pci irq state": 16,
        "msix state": 16 * vectors + (vectors + 7) // 8,
        "virtio": 300,
    }.get(kind, vectors - 1)
    return kind, length, lambda chance: of_bytes(chance, length)


@st.composite
def fields(draw: st.DrawFn, name: str, depth: int) -> Shape:
    kind = draw(st.sampled_from(["plain", "plain", "struct", "tmp", "vstruct", "qtailq", "qlist"]))
    count = draw(st.none() | st.integers(2, 4))
    array = [] if count is None else [("array_len", str(count))]
    if kind == "plain" or depth > 2:
        kind, size, make = draw(plain_fields())
        head = [("name", json.dumps(name)), ("type", json.dumps(kind)), ("size", str(size))]
        return Shape(
            an_object(*head, *array),
            size * (count or 1),
            lambda chance: b"".join(make(chance) for _ in range(count or 1)),
        )
    if kind in ("qtailq", "qlist"):
        same = draw(st.booleans())
        element = draw(states(depth + 1))
        elements = [element if same else draw(states(depth + 1)) for _ in range(draw(st.integers(0, 3)))]
        size = sum(1 + each.length for each in elements) + 1
        head = [("name", json.dumps(name)), ("type", json.dumps(kind)), ("size", str(size))]
        inner = [pair for each in elements for pair in json.loads(each.text, object_pairs_hook=raw_pairs)]
        return Shape(
            an_object(*head, *inner),
            size,
            lambda chance: b"".join(b"\1" + each.make(chance) for each in elements) + b"\0",
        )
    state = draw(states(depth + 1))
    head = [("name", json.dumps(name)), ("type", json.dumps(kind)), ("size", str(state.length))]
    inner = [("struct", state.text)] if kind == "struct" else json.loads(state.text, object_pairs_hook=raw_pairs)
    return Shape(
        an_object(*head, *array, *inner),
        state.length * (count or 1),
        lambda chance: b"".join(state.make(chance) for _ in range(count or 1)),
    )


def raw_pairs(pairs: list[tuple[str, Any]]) -> Any:
    """The pairs of the outermost object, each value as JSON; the inner ones come first and stay pairs of text."""
    return Pairs((key, as_text(value)) for key, value in pairs)


class Pairs(list[tuple[str, str]]):
    """An object of JSON that may have a key several times."""


def as_text(value: Any) -> str:
    if isinstance(value, Pairs):
        return an_object(*value)
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    return json.dumps(value)


@st.composite
def states(draw: st.DrawFn, depth: int = 0) -> Shape:
    name, version = draw(texts), draw(st.integers(0, 0xFFFFFFFF))
    members: list[Shape] = []
    before = ""
    for _ in range(draw(st.integers(0, 4 if depth < 2 else 2))):
        own = draw(texts)
        before = f"{own}." if own == before else own  # what follows under the same name is the same array's
        members.append(draw(fields(before, depth)))
    subsections = [draw(subsection(depth + 1)) for _ in range(draw(st.integers(0, 2)) if depth < 2 else 0)]
    pairs = [
        ("vmsd_name", json.dumps(name)),
        ("version", str(version)),
        ("fields", f"[{', '.join(each.text for each in members)}]"),
    ]
    if subsections:
        pairs.append(("subsections", f"[{', '.join(each.text for each in subsections)}]"))
    parts = [*members, *subsections]
    return Shape(
        an_object(*pairs),
        sum(each.length for each in parts),
        lambda chance: b"".join(each.make(chance) for each in parts),
    )


@st.composite
def subsection(draw: st.DrawFn, depth: int) -> Shape:
    state = draw(states(depth))
    read = json.loads(state.text)
    name = read["vmsd_name"][:60].encode()
    pairs = json.loads(state.text, object_pairs_hook=raw_pairs)
    head = bytes([VmRecord.QEMU_VM_SUBSECTION, len(name)]) + name + read["version"].to_bytes(4)
    return Shape(
        an_object(("vmsd_name", json.dumps(name.decode())), *pairs[1:]),
        len(head) + state.length,
        lambda chance: head + state.make(chance),
    )


@st.composite
def machines(draw: st.DrawFn) -> bytes:
    """A whole stream of FULL sections, with its description."""
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    stream = QEMU_VM_FILE_MAGIC.to_bytes(4) + (3).to_bytes(4)
    stream += bytes([VmRecord.QEMU_VM_CONFIGURATION]) + (4).to_bytes(4) + b"none"
    devices = []
    names = draw(
        st.lists(texts.filter(lambda name: name and name.isprintable()), min_size=1, max_size=6, unique=True)
    )
    for number, name in enumerate(names):
        idstr = name[:60]
        state = draw(states())
        pairs = json.loads(state.text, object_pairs_hook=raw_pairs)
        devices.append(an_object(("name", json.dumps(idstr)), ("instance_id", str(number)), *pairs))
        stream += bytes([VmRecord.QEMU_VM_SECTION_FULL]) + number.to_bytes(4)
        stream += bytes([len(idstr.encode())]) + idstr.encode() + number.to_bytes(4)
        stream += min(1, int(dict(pairs)["version"])).to_bytes(4)  # no newer than what describes it
        stream += state.make(chance) + bytes([VmRecord.QEMU_VM_SECTION_FOOTER]) + number.to_bytes(4)
    text = an_object(("page_size", "4096"), ("devices", f"[{', '.join(devices)}]")).encode()
    return stream + bytes([VmRecord.QEMU_VM_EOF, VmRecord.QEMU_VM_VMDESCRIPTION]) + len(text).to_bytes(4) + text


@pytest.mark.node
@settings(IN_NODE, max_examples=5 * FACTOR)
@given(data=machines())
def test_format_of_any_machine_reads_as_we_do(
    javascript: Javascript, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("machine")
    (folder / "guest.mig").write_bytes(data)
    with si.open_stream(data) as stream:
        (folder / "guest.ksy").write_text(ksy_of_stream(stream), encoding="utf-8")
        (answer,) = javascript([{"ksy": str(folder / "guest.ksy"), "stream": str(folder / "guest.mig")}])
        compare(stream, answer)


documents = st.dictionaries(
    texts.filter(lambda key: key != "__proto__"),
    st.recursive(
        texts | st.integers(-(1 << 53), 1 << 53) | st.booleans() | st.text(" ab#:\n", max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.node
@settings(IN_NODE, max_examples=2 * FACTOR)
@given(written=st.lists(documents, min_size=20, max_size=40))
def test_what_is_written_as_yaml_is_read_back(javascript: Javascript, written: list[dict[str, Any]]) -> None:
    read = javascript([{"yaml": yaml_text(document)} for document in written])
    assert [answer.get("data", answer) for answer in read] == written


def device(**state: Any) -> bytes:
    whole = {"name": "dev", "instance_id": 0, "vmsd_name": "dev", "version": 1, **state}
    return json.dumps({"page_size": 4096, "devices": [whole]}).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (device(fields=[{"name": "huge", "type": "buffer", "size": 1 << 40}]), "'dev' is 1099511627776 bytes"),
        (device(fields=[{"name": "many", "type": "uint8", "size": 1, "array_len": 1 << 50}]), "more than"),
        (device(fields=[], subsections=[{"vmsd_name": "é" * 200, "version": 1, "fields": []}]), "400 bytes"),
        (device(fields=[], subsections=[{"vmsd_name": "\ud800", "version": 1, "fields": []}]), "no Unicode"),
    ],
)
def test_what_no_stream_can_hold_is_refused_on_one_line(text: bytes, words: str) -> None:
    with pytest.raises(SchemaError, match=words) as caught:
        ksy_document(parse_description(text))
    assert "\n" not in str(caught.value)


@pytest.mark.node
def test_deep_and_wide_descriptions_give_formats_that_compile(javascript: Javascript, tmp_path: Path) -> None:
    state: dict[str, Any] = {"vmsd_name": "bottom", "version": 1, "fields": []}
    for depth in range(60):
        inner = {"name": "down", "type": "struct", "size": 0, "struct": state}
        state = {"vmsd_name": f"level {depth}", "version": 1, "fields": [inner]}
    deep = device(fields=[{"name": "down", "type": "struct", "size": 0, "array_len": 1 << 60, "struct": state}])
    wide = device(fields=[{"name": "x", "type": f"uint{8}", "size": 1} for _ in range(1000)])
    jobs = []
    for name, text in (("deep", deep), ("wide", wide)):
        made = yaml_text(ksy_document(parse_description(text)))
        assert str(1 << 60) not in made  # what has no bytes is not read so many times
        (tmp_path / f"{name}.ksy").write_text(made, encoding="utf-8")
        jobs.append({"ksy": str(tmp_path / f"{name}.ksy")})
    assert javascript(jobs) == [{}, {}]
