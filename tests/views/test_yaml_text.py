"""YAML that every reader takes for the same data; what js-yaml reads of it is in tests/formats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.views.yaml_text import yaml_text

values = st.recursive(
    st.text() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("serial", "serial"),
        ("name.idstr == 5", "name.idstr == 5"),
        ("record_type::eof", "record_type::eof"),
        ("no", '"no"'),
        ("True", '"True"'),
        ("1e3", '"1e3"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("a:", '"a:"'),
        ('"serial@0"', "'\"serial@0\"'"),
        ("\0\x7f\u2028\U000e0001", '"\\u0000\\u007f\\u2028\\U000e0001"'),
        ("", '""'),
        (True, "true"),
        ([5, 6], "[5, 6]"),
        ({}, "{}"),
        ("two\nlines\n", "|\n  two\n  lines"),
        ("two\nlines", "|-\n  two\n  lines"),
        (" indented\nlines", '" indented\\u000alines"'),
        (["x", {"a": 1, "b": 2}], "\n  - x\n  - a: 1\n    b: 2"),
    ],
)
def test_a_value_as_it_is_written(value: object, written: str) -> None:
    assert yaml_text({"key": value}) == f"key:{'' if written.startswith(chr(10)) else ' '}{written}\n"


@given(st.dictionaries(st.text(), values, min_size=1, max_size=3))
def test_nothing_but_newlines_and_printable_characters_is_written(document: dict[str, object]) -> None:
    assert all(char == "\n" or char.isprintable() for char in yaml_text(document))


def test_a_long_key_stands_alone() -> None:
    assert yaml_text({"k" * 2000: 1}) == f"? {'k' * 2000}\n: 1\n"
