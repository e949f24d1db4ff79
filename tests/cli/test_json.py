"""The contract of ``--json``: each verb prints the keys of its table with values of their types, and nothing else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.cli import cli
from savevm_inspect.rules.interfaces import INTERFACES
from savevm_inspect.span import Span
from savevm_inspect.stream.values import FieldValue
from savevm_inspect.views.json_documents import DOCUMENTS, Document, Form, JsonType, json_value
from savevm_inspect.vmstate.scalars import SCALARS

from ..rules.test_register_h import written
from .drawn_docs import DOC, drawn


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


HOLDS: dict[JsonType, Callable[[Any], bool]] = {
    JsonType.TEXT: lambda value: isinstance(value, str),
    JsonType.NUMBER: is_number,
    JsonType.BOOLEAN: lambda value: isinstance(value, bool),
    JsonType.TEXTS: lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    JsonType.OBJECT: lambda value: isinstance(value, dict),
    JsonType.OBJECTS: lambda value: isinstance(value, list) and all(isinstance(each, dict) for each in value),
    JsonType.VALUE: lambda value: value is not None,
}


def entries(value: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Each key by its path, with its value; of the objects of a list all of them."""
    for key, each in value.items():
        yield within + key, each
        if key == "value":
            continue  # a field's, which may be anything
        for inner in each if isinstance(each, list) else (each,):
            if isinstance(inner, dict):
                yield from entries(inner, f"{within}{key}.")


def assert_as_documented(document: Document, printed: Any) -> None:
    objects = [printed] if document.form is Form.OBJECT else printed
    known = {key.path: key for key in document.keys}
    top = {path for path in known if "." not in path}
    for each in objects:
        assert set(each) == top
        for path, value in entries(each):
            key = known[path]
            assert HOLDS[key.type](value) or (value is None and key.optional), (path, value)


CAPTURES = ("x86-11.1-paused", "x86-7.2-novmdesc", "trace-pc-10.0-cancel", "s390x-s390-ccw-virtio-11.1")
SOURCES = dict.fromkeys(("info", "sections", "show", "check", "ram stats", "ram map"), CAPTURES)


@pytest.mark.parametrize(("verb", "name"), [(verb, name) for verb in DOCUMENTS for name in SOURCES.get(verb, ("",))])
def test_each_verb_prints_what_its_table_says(
    verb: str, name: str, capture_path: Callable[[str], Path], tmp_path: Path
) -> None:
    source = [str(capture_path(name))] if name else []
    if verb == "explain":
        stream = str(capture_path("x86-11.1-paused"))
        source = ["load of migration failed: Missing section footer for serial", stream]
    if verb == "header":
        signatures = INTERFACES["10.2"].signatures
        header = written([*signatures.items(), ("save_anything", signatures["save_setup"])])
        source = [str(tmp_path / "register.h")]
        Path(source[0]).write_text(header)
    result = CliRunner().invoke(cli, [*verb.split(), *source, "--json"])
    printed = json.loads(result.stdout)
    assert printed or (verb, name) == ("show", "trace-pc-10.0-cancel"), "it was cut within RAM"
    assert_as_documented(DOCUMENTS[verb], printed)
    if DOCUMENTS[verb].form is Form.OBJECT:
        assert (printed["format"], printed["version"]) == (DOCUMENTS[verb].format, 1)


def test_the_document_is_current() -> None:
    assert DOC.read_text(encoding="utf-8") == drawn()


def test_every_verb_that_takes_json_is_in_the_table() -> None:
    def verbs(group: Any, before: str = "") -> Iterator[str]:
        for name in group.list_commands(None):
            command = group.get_command(None, name)
            if hasattr(command, "list_commands"):
                yield from verbs(command, f"{before}{name} ")
            elif any("--json" in option.opts for option in command.params):
                yield f"{before}{name}"

    assert set(verbs(cli)) - {"events"} == set(DOCUMENTS)


@pytest.mark.parametrize("kind", SCALARS)
@given(data=st.data())
def test_numbers_are_text_by_the_width_of_their_type(kind: str, data: st.DataObject) -> None:
    scalar = SCALARS[kind]
    wide = scalar.size_bytes == 8
    bits = 8 * scalar.size_bytes
    low, high = (0, 2**bits - 1) if scalar.code.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    numbers = st.booleans() if scalar.code == "?" else st.integers(low, high)
    one = data.draw(numbers)
    many = tuple(data.draw(st.lists(numbers, min_size=1, max_size=4)))
    span = Span(offset=0, length=scalar.size_bytes)
    value = json_value(FieldValue(parts=("a",), type=kind, value=one, span=span))
    assert value == (hex(one) if wide else one)
    span = Span(offset=0, length=scalar.size_bytes * len(many))
    values = json_value(FieldValue(parts=("a",), type=f"{kind}[{len(many)}]", value=many, span=span))
    assert values == ([hex(each) for each in many] if wide else list(many))


def test_in_a_real_stream_a_type_is_always_text_or_never(capture_path: Callable[[str], Path]) -> None:
    forms: dict[str, set[type]] = {}
    for name in ("x86-11.1-paused", "q35-misc-7.2", "s390x-s390-ccw-virtio-11.1"):
        with si.open_stream(capture_path(name)) as stream:
            for field in (field for device in stream if device.idstr != "ram" for field in device.fields):
                if isinstance(field.value, int):
                    forms.setdefault(field.type, set()).add(type(json_value(field)))
    assert forms["uint64"] == forms["timer"] == {str}
    assert forms["uint32"] == forms["subsection"] == {int}
    assert [kind for kind, found in forms.items() if len(found) != 1] == []
