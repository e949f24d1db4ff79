"""Identifiers of any names."""

import keyword
import re

from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.views.ksy_names import UniqueNames, identifier


@given(st.text() | st.sampled_from([*keyword.kwlist, "env.eip", "_root", "0000:00:02.0/vga", "x" * 1000]))
def test_any_name_is_an_identifier(name: str) -> None:
    made = identifier(name, "unnamed")
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", made)
    assert len(made) <= 90
    assert not keyword.iskeyword(made)
    assert identifier(made, "unnamed") == made


def test_names_are_recognised() -> None:
    assert [identifier(name, "unnamed") for name in ("env.eip", "IRQState", "16bit", "§", "class", "_io")] == [
        "env_eip",
        "irqstate",
        "n16bit",
        "unnamed",
        "class_field",
        "io_field",
    ]


@given(st.lists(st.sampled_from(["a", "a_1", "a1", "a_no_2", "a_no2", "b", "b_no_2"]), max_size=20))
def test_no_two_are_the_same_in_camel_case(wanted: list[str]) -> None:
    names = UniqueNames(["b"])
    given_out = [names.take(each) for each in wanted]
    assert len({each.replace("_", "") for each in [*given_out, "b"]}) == len(wanted) + 1
