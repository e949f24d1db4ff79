"""The places of JSON's values: each run of text is the value, and what goes leaves the rest as it was written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.editor.json_text import Node, parse, without
from savevm_inspect.errors import SchemaError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def rebuilt(node: Node, text: bytes) -> Any:
    """A value by its places; what has parts by the places of those."""
    if node.members:
        return {key: rebuilt(value, text) for key, _, value in node.members}
    if node.elements:
        return [rebuilt(each, text) for each in node.elements]
    return json.loads(text[node.start : node.end])


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_each_value_is_where_it_is_said_to_be(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    node = parse(text)
    assert rebuilt(node, text) == value
    assert (node.start, node.end) == (0, len(text))
    if isinstance(value, dict):
        assert all(text[at : at + 1] == b'"' for _, at, _ in node.members)


@given(st.lists(VALUES, min_size=1, max_size=6), st.data(), st.booleans(), st.booleans())
def test_elements_that_go_leave_the_others(
    elements: list[Any], data: st.DataObject, before: bool, after: bool
) -> None:
    dropped = data.draw(st.sets(st.integers(0, len(elements) - 1), min_size=1))
    value: dict[str, Any] = {"a": 1} if before else {}
    value |= {"subsections": elements} | ({"z": 2} if after else {})
    text = json.dumps(value).encode()
    kept = bytearray(text)
    for start, end in sorted(without(parse(text), "subsections", dropped), reverse=True):
        del kept[start:end]
    rest = [each for index, each in enumerate(elements) if index not in dropped]
    expected = {key: each for key, each in value.items() if key != "subsections" or rest}
    if rest:
        expected["subsections"] = rest
    assert json.loads(kept) == expected


def test_keys_that_are_repeated_are_all_there() -> None:
    text = b'{"a": 1, "a": [2]}'
    node = parse(text)
    assert [key for key, _, _ in node.members] == ["a", "a"]
    last = node.get("a")
    assert last is not None
    assert text[last.start : last.end] == b"[2]"
    assert node.get("b") is None


def test_what_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(SchemaError, match="nested deeper"):
        parse(b"[" * 300 + b"]" * 300)
