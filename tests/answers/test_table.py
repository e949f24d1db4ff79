"""The table of errors holds all that the sources' list has; each row is found by its own wordings and no other's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.answers import table
from savevm_inspect.answers.explain import explain
from savevm_inspect.answers.wording import Conversion, Wording, words

from .drawn_docs import DOC, drawn
from .upstream.list_errors import BINARY_ONLY, LIST

WORDINGS = table.wordings()
NAMES = st.from_regex(r"[a-z0-9][a-z0-9.:/_-]{0,20}[a-z0-9]", fullmatch=True)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "s": NAMES,
    "d": st.integers(-(2**31), 2**31 - 1).map(str),
    "u": st.integers(0, 2**32 - 1).map(str),
    "x": st.integers(0, 2**64 - 1).map(lambda number: f"{number:x}"),
    "p": st.integers(1, 2**64 - 1).map(hex),
    "c": st.sampled_from("az09"),
}
PREFIXES = ("", "qemu-system-x86_64: ", "2024-01-29T19:35:48.187188Z qemu-kvm: ", "qemu-kvm: warning: ", "error: ")


@st.composite
def said(draw: st.DrawFn, wording: Wording) -> tuple[str, tuple[str, ...]]:
    """A line that has the wording, and what was filled in; no text holds what ends it."""
    line, values = draw(st.sampled_from(PREFIXES)), []
    for piece, following in zip(wording.pieces, (*wording.pieces[1:], ""), strict=True):
        if isinstance(piece, str):
            line += piece
        else:
            ends = str(following) or ": "
            values.append(draw(VALUES[piece.type].filter(lambda value, ends=ends: ends not in value)))
            line += values[-1]
    return line, tuple(values)


def test_every_error_of_the_list_has_its_row() -> None:
    missing = sorted({each.key for each in WORDINGS} - set(table.rows()))
    assert missing == []
    assert sorted(set(table.rows()) - {each.key for each in WORDINGS}) == []


def test_the_list_has_every_file_and_version() -> None:
    lines = [line.split("\t") for line in LIST.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(lines) > 500
    assert {version for _, versions, *_ in lines for version in versions.split()} == {"7.2", "10.0", "10.2", "11.1"}
    named = {file for _, _, file, _, _ in lines}
    assert {"migration/savevm.c", "migration/vmstate.c", "migration/vmstate-types.c", "migration/ram.c"} <= named
    assert {"migration/migration.c", "migration/postcopy-ram.c", "migration/qemu-file.c"} <= named
    assert {"migration/multifd.c", "hw/virtio/virtio.c", "hw/pci/pci.c"} <= named
    of_binary = {(file, form) for _, _, file, _, form in lines}
    assert {(file, form.rstrip()) for file, form in BINARY_ONLY["11.1"]} <= {(a, b.rstrip()) for a, b in of_binary}


def test_a_wording_begins_with_at_most_one_value_and_has_words() -> None:
    for wording in WORDINGS:
        assert isinstance(wording.tail[0], str), "what begins with two values could begin anywhere"
        assert wording.words or wording.literal < 12


PLAIN = {"s": "alpha-3.0", "d": "-22", "u": "7", "x": "1af4", "p": "0x7f00", "c": "k"}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_each_row_is_found_by_its_own_wordings_and_no_other(prefix: str) -> None:
    for wording in WORDINGS:
        values = [PLAIN[piece.type] for piece in wording.pieces if isinstance(piece, Conversion)]
        line = prefix + "".join(piece if isinstance(piece, str) else PLAIN[piece.type] for piece in wording.pieces)
        assert_found(wording, line, tuple(values))


@given(st.sampled_from(WORDINGS).flatmap(lambda each: st.tuples(st.just(each), said(each))))
def test_whatever_it_leaves_open(drawn_line: tuple[Wording, tuple[str, tuple[str, ...]]]) -> None:
    wording, (line, values) = drawn_line
    assert_found(wording, line, values)


def assert_found(wording: Wording, line: str, values: tuple[str, ...]) -> None:
    assert wording.words <= set(words(line))
    explanation = explain(line)
    assert [each.row.key for each in explanation.errors] == [wording.key]
    (error,) = explanation.errors
    assert not error.cut
    assert tuple(error.values.values()) == values[: len(error.values)]


def test_a_row_names_no_more_values_than_some_wording_has() -> None:
    most: dict[str, int] = {}
    for each in WORDINGS:
        opened = sum(isinstance(piece, Conversion) for piece in each.pieces)
        most[each.key] = max(most.get(each.key, 0), opened)
    assert [row.key for row in table.rows().values() if len(row.values) > most[row.key]] == []


def test_causes_and_remedies_are_sentences() -> None:
    for row in table.rows().values():
        for text in (row.cause, row.remedy):
            assert text[-1] == ".", row.key
            assert "  " not in text, row.key
            assert not re.search(r"%[a-z]", text), row.key


def test_the_document_of_errors_is_current() -> None:
    assert DOC.read_text(encoding="utf-8") == drawn(), "python -m tests.answers.drawn_docs renews it"
