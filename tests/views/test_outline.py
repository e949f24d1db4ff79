"""A stream as an outline: every byte has its row, in both readings, and a search finds what is there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.span import Span
from savevm_inspect.views.outline import Outline, Search, found_bytes, found_rows

Options = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def outline(capture_path: Callable[[str], Path]) -> Iterator[Outline]:
    with si.open_stream(capture_path("x86-11.1-paused")) as stream:
        yield Outline(stream)


@pytest.mark.parametrize(
    "name", ["x86-11.1-paused", "s-7.2-multifd-zstd", "s-11.1-postcopy-preempt", "trace-pc-10.0-postcopy-recover"]
)
def test_the_rows_of_a_record_are_its_bytes(name: str, capture_options: Options) -> None:
    with si.open_stream(**capture_options(name), strict=False) as stream:
        outline = Outline(stream)
        for number in range(0, len(outline.records), 3):
            record = outline.record_row(number).span
            leaves = [row.span for row in outline.parts(number) if not row.branch]
            assert sum(span.length for span in leaves) == record.length
            position = record.offset
            for span in leaves:
                assert (span.channel, span.offset) == (record.channel, position)
                position = span.end


def test_a_branch_holds_the_rows_below_it(outline: Outline) -> None:
    for number in range(len(outline.records)):
        rows = outline.parts(number)
        for place, row in enumerate(rows):
            if row.branch:
                below = rows[place + 1]
                assert below.depth == row.depth + 1
                assert row.span.offset == below.span.offset
                assert row.span.end >= below.span.end


@pytest.mark.parametrize("kaitai", [False, True])
def test_a_byte_leads_to_its_row(outline: Outline, kaitai: bool) -> None:
    for number, record in enumerate(outline.records):
        if getattr(record, "idstr", "ram") == "ram":
            continue
        for place, row in enumerate(outline.parts(number, kaitai=kaitai)):
            if not row.branch and row.span.length:
                for offset in {row.span.offset, row.span.end - 1}:
                    assert outline.record_at(row.span.channel, offset) == number
                    found = outline.part_at(number, offset, kaitai=kaitai)
                    assert found is not None
                    assert found <= place


def test_bytes_of_no_record_have_no_row(outline: Outline) -> None:
    end = outline.records[-1].span.end
    assert outline.record_at(0, end) is None
    assert outline.record_at(7, 0) is None


def test_a_search_finds_every_field_by_its_name_and_its_value(outline: Outline) -> None:
    serial = outline.stream["serial"]
    for field in serial.fields:
        hits = [row for _, rows in found_rows(outline, Search("names", f"serial {field.path}"), 0) for row in rows]
        assert field.span in [row.span for row in hits]
        values = [row for _, rows in found_rows(outline, Search("values", field.text()), 0) for row in rows]
        assert field.span in [row.span for row in values]


def test_a_search_for_bytes_goes_on_where_it_stopped(outline: Outline) -> None:
    wanted = b"serial"
    data = bytes(outline.stream.buffers[0])
    expected = [at for at in range(len(data)) if data.startswith(wanted, at)]
    steps = list(found_bytes(outline, wanted, (0, 0)))
    assert [row.span.offset for _, rows in steps for row in rows] == expected
    assert steps[-1][0] is None
    again = list(found_bytes(outline, wanted, steps[0][0] or (0, 0)))
    assert again == steps[1:]


def test_what_is_wrong_has_its_place(capture_path: Callable[[str], Path]) -> None:
    whole = capture_path("x86-11.1-paused").read_bytes()
    with si.open_stream(whole[: len(whole) // 2], strict=False) as stream:
        ((text, span),) = Outline(stream).problems()
        assert "are left" in text
        assert isinstance(span, Span)
        assert 0 <= span.offset <= len(whole) // 2
