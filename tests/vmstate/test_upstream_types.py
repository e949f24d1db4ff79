"""Every type that a field of QEMU 10.2 can have is decoded, or is bytes by nature with a reason."""

import json
from pathlib import Path

import pytest

from savevm_inspect.vmstate.fields import BYTES_BY_NATURE, LAYOUTS, NUMBERS, WITHIN_VIRTIO
from savevm_inspect.vmstate.walk import INLINE, LISTS, TREE

from .upstream_types import types_of

LISTED = json.loads((Path(__file__).parent / "upstream_types.json").read_text())["types"]
KNOWN = {
    "a number": {kind for kind, _ in NUMBERS},
    "a layout": {kind for kind, _ in LAYOUTS},
    "bytes by nature": set(BYTES_BY_NATURE),
    "described where it is used": {*INLINE, *LISTS, TREE},
    "a part of the type virtio": set(WITHIN_VIRTIO),
}


@pytest.mark.parametrize("kind", sorted({each["type"] for each in LISTED}))
def test_a_type_of_qemu_is_known(kind: str) -> None:
    known_as = [how for how, kinds in KNOWN.items() if kind in kinds]
    files = [each["file"] for each in LISTED if each["type"] == kind]
    both = kind == "fpr"  # two numbers with mips, one with ppc
    assert len(known_as) == (2 if both else 1), f"{kind!r} of {files} is known as {known_as}"


def test_a_type_that_is_bytes_or_another_one_s_part_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in (*BYTES_BY_NATURE.values(), *WITHIN_VIRTIO.values()))


def test_definitions_are_found(tmp_path: Path) -> None:
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "a.c").write_text(
        'static const VMStateInfo vmstate_x = {\n    .name = "x y",\n    .get = get_x,\n};\n'
        '.info = &(const VMStateInfo) {\n  .name = "z",\n  .put = put_z,\n},\n'
        "extern const VMStateInfo vmstate_x;\n"
    )
    assert list(types_of(tmp_path)) == [
        {"file": "hw/a.c", "symbol": "vmstate_x", "type": "x y"},
        {"file": "hw/a.c", "symbol": "", "type": "z"},
    ]
