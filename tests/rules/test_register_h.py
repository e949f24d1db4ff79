"""Headers of every version, written from the tables in all the ways that C allows, are read back."""

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.interfaces import INTERFACES
from savevm_inspect.rules.register_h import LIMIT_BYTES, read_register_h
from savevm_inspect.rules.signatures import TYPEDEFS, Signature

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True)
BLANKS = st.sampled_from(
    [
        " ",
        "\n",
        "\t",
        "  \n ",
        " /* ; } */ ",
        " // int (*gone)(void *opaque); {\n",
        "\n#define X { ; \\\n } \n",
        "\n# if 0\n",
    ]
)
"""What may stand between two words."""


def written(members: Iterable[tuple[str, Signature]], *, blank: str = " ", typedefs: bool = False) -> str:
    """A header in C, each word of its structure set apart from the next."""
    lines = []
    for name, signature in members:
        if typedefs and signature.typedef:
            lines.append(f"{signature.typedef} * {name} ;")
            continue
        parameters = " , ".join(str(each).replace("*", " * ") for each in signature.parameters) or "void"
        lines.append(f"{signature.returns} ( * {name} ) ( {parameters} ) ;")
    body = blank.join(" ".join(lines).split())
    return f"#ifndef X\n#define X\ntypedef struct SaveVMHandlers {{{blank}{body}{blank}}} SaveVMHandlers;\n#endif\n"


@pytest.mark.parametrize("version", INTERFACES)
@given(blank=BLANKS, typedefs=st.booleans())
def test_a_header_of_each_version_is_read_back(version: str, blank: str, typedefs: bool) -> None:
    signatures = INTERFACES[version].signatures
    read = read_register_h(written(signatures.items(), blank=blank, typedefs=typedefs))
    assert [each.name for each in read] == list(signatures)
    for each in read:
        assert each.signature is not None
        assert each.signature.types == signatures[each.name].types
        names = [parameter.name for parameter in each.signature.parameters]
        assert names == [parameter.name for parameter in signatures[each.name].parameters]


@pytest.mark.parametrize("joined", ["\n", " "], ids=["lines", "one line"])
def test_a_listing_with_the_numbers_of_its_lines_is_read_as_well(joined: str) -> None:
    text = written(INTERFACES["10.2"].signatures.items()).replace(";", ";\n")
    numbered = joined.join(f"{number} {line}" for number, line in enumerate(text.splitlines(), 1))
    assert [each.name for each in read_register_h(numbered)] == list(INTERFACES["10.2"].callbacks)


def test_lines_are_counted_from_one() -> None:
    text = "/* a\n comment */\n\nstruct SaveVMHandlers {\n // x\n int (*save_prepare)(void *opaque);\n};\n"
    assert [(each.name, each.line) for each in read_register_h(text)] == [("save_prepare", 6)]


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("int number;", "number"),
        ("Elsewhere *thing;", "thing"),
        ("int flag : 3;", "flag"),
        ("int (**twice)(void *opaque);", "twice"),
        ("struct { int x; } inner;", "inner"),
        ("int (*table[3])(void);", "]"),
    ],
)
def test_a_member_of_another_kind_has_no_signature(declared: str, name: str) -> None:
    (read,) = read_register_h(f"struct SaveVMHandlers {{ {declared} }};")
    assert (read.name, read.signature) == (name, None)


def test_types_that_are_declared_elsewhere_are_known_by_name() -> None:
    for typedef, signature in TYPEDEFS.items():
        (read,) = read_register_h(f"struct SaveVMHandlers {{ {typedef} *one; }};")
        assert read.signature is signature


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    for candidate in (text, f"struct SaveVMHandlers {{{text}", f"struct SaveVMHandlers {{{text}}};"):
        try:
            read_register_h(candidate)
        except SavevmError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most texts are refused, which is as good


@given(st.sampled_from([*INTERFACES.values()]), st.data())
def test_a_header_that_is_cut_within_its_structure_is_refused(interface: object, data: st.DataObject) -> None:
    text = written(INTERFACES["10.2"].signatures.items())
    cut = data.draw(st.integers(0, text.rindex("}")))
    with pytest.raises(SavevmError, match=r"has no end|no structure"):
        read_register_h(text[:cut])


@pytest.mark.parametrize("piece", ["/*", "(", "a;", "#\\\n", "1 ", "struct ", "x", "/* */ "])
def test_what_has_no_end_is_refused(piece: str) -> None:
    start = "struct SaveVMHandlers {"
    with pytest.raises(SavevmError, match=r"has no end|members"):
        read_register_h((start + piece * LIMIT_BYTES)[:LIMIT_BYTES])
    with pytest.raises(SavevmError, match=re.escape(str(LIMIT_BYTES))):
        read_register_h(start + piece * LIMIT_BYTES)
