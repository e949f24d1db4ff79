"""Runs of bytes in the place of others: the plain way, one after the other from the end, gives the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.editor.splices import Splice, Splices
from savevm_inspect.errors import SavevmError

DATA = bytes(range(40))


@st.composite
def disjoint(draw: st.DrawFn) -> list[Splice]:
    at, found = 0, []
    for gap, length, data in draw(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.binary(max_size=6)))):
        if at + gap + length > len(DATA):
            break
        found.append(Splice(at + gap, at + gap + length, data, "one"))
        at += gap + length
    return draw(st.permutations(found))


@given(disjoint(), st.integers(0, len(DATA)))
def test_all_of_them_are_done(splices: list[Splice], end: int) -> None:
    plain = bytearray(DATA)
    for each in sorted(splices, reverse=True):
        plain[each.start : each.end] = each.data
    made = Splices(splices)
    assert made.apply(memoryview(DATA), 0) == plain
    assert made.growth(0, len(DATA)) == len(plain) - len(DATA)
    first = made.first_growth
    assert (first is None) == all(len(each.data) == each.end - each.start for each in splices)
    before = [each for each in splices if each.end <= end]
    assert made.before(end).growth(0, len(DATA)) == sum(each.growth for each in before)


@given(disjoint().filter(len), st.data())
def test_two_that_meet_are_refused(splices: list[Splice], data: st.DataObject) -> None:
    met = data.draw(st.sampled_from(splices))
    start = data.draw(st.integers(0, met.end - 1))
    other = Splice(start, data.draw(st.integers(max(met.start, start) + 1, len(DATA))), b"", "other")
    with pytest.raises(SavevmError, match=r"other changes bytes at 0x[0-9a-f]+ that one changes, too"):
        Splices((*splices, other))
