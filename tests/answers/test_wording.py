"""Formats in lines: numbers, names, chains, halves; whatever a line holds, it takes linear time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.answers import table
from savevm_inspect.answers.wording import Wording


def wording(form: str) -> Wording:
    return Wording("key", ("10.0",), "migration/savevm.c", "f", form)


@pytest.mark.parametrize(
    ("form", "line", "values"),
    [
        ("%s: too %d of %s", "qemu: serial: too 7 of 0000:00:01.0/x: and so on", ("serial", "7", "0000:00:01.0/x")),
        ("page %lxfrom file offset %lx:", "page 10ffrom file offset 1f:", ("10f", "1f")),
        ("%x != %x", "qemu: 2 != 3", ("2", "3")),
        ("magic: %x != %x", "magic: 5845564d != 5145564d", ("5845564d", "5145564d")),
        ("for  '%s'", "for 'a b'", ("a b",)),
        ("ret: %d", "ret: -22", ("-22",)),
        ("host %p", "host 0x7f00", ("0x7f00",)),
    ],
)
def test_values_are_taken_out_of_a_line(form: str, line: str, values: tuple[str, ...]) -> None:
    match = wording(form).find(line)
    assert match is not None
    assert match.values == values


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("%x != %x", "Size mismatch: pc.ram: 0x8 != 0x10"),
        ("%x != %x", "if a != b then"),
        ("%s too old", "this one is too old for that"),
        ("error %d", "error none"),
        ("%s: no", ": no"),
    ],
)
def test_what_is_alike_is_not_found(form: str, line: str) -> None:
    assert wording(form).find(line) is None


def test_a_wording_is_found_when_its_line_begins_or_ends_within_it() -> None:
    whole = wording("Missing section footer for %s, which is section %d of the stream")
    for line in ("section footer for serial, which is section 3 of the stream", "Missing section footer for seri"):
        match = whole.find_cut(line)
        assert match is not None
        assert match.cut
    assert whole.find_cut("Missing section footer fo") is not None
    assert whole.find_cut("Missing section") is None


@given(st.text(alphabet="ab%: '0x\t\x00\x1b", max_size=200))
def test_any_line_is_answered(line: str) -> None:
    for each in table.wordings()[::7]:
        each.find(line)
        each.find_cut(line)


def test_a_line_that_repeats_the_beginning_of_a_wording_takes_linear_time() -> None:
    hostile = " ".join(["VQ 1 size 0x2 < last_avail_idx 0x3 - "] * 2000)
    each = wording("VQ %d size 0x%x < last_avail_idx 0x%x - used_idx 0x%x")
    start = time.process_time()
    assert each.find(hostile) is None
    assert time.process_time() - start < 1
