"""A block as a file: what is read, searched and extracted is what was sent last, wherever one looks."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.memory.extract import extract
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.memory.rebuild import BlockImage, Memory
from savevm_inspect.memory.runs import find_runs
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer

PAGE = 1024
PAGES = 60
SIZE = PAGES * PAGE
HEAD = SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START)

fill = st.sampled_from([b"\0", b"a", b"b", b"ab"])
patterns = st.sampled_from([b"a", b"ab", b"ba", b"a" * 1300, b"aab", b"\0", b"\0\0a", b"b\0"])
course = st.lists(
    st.tuples(st.integers(0, PAGES - 1), st.sampled_from([1, 1, 1, 2, -1]), st.integers(1, 20), fill, st.booleans()),
    max_size=8,
)


def image_of(moves: list[tuple[int, int, int, bytes, bool]]) -> tuple[BlockImage, bytes, set[int]]:
    """Pages sent up, down, and two at a time, some packed; with what they finally are, and which were sent."""
    out, content, sent = bytearray(), bytearray(SIZE), set()
    ram = RamWriter(Writer(out.extend))
    ram.put_block_list([RamBlock("pc.ram", SIZE)])
    for first, step, count, letters, packed in moves:
        for number in range(first, first + step * count, step):
            if not 0 <= number < PAGES:
                break
            page = (letters * PAGE)[:PAGE]
            if not any(page):
                ram.put_zero_page("pc.ram", number * PAGE)
            elif packed:
                ram.put_compressed_page("pc.ram", number * PAGE, zlib.compress(page))
            else:
                ram.put_page("pc.ram", number * PAGE, page)
            content[number * PAGE : (number + 1) * PAGE] = page
            sent.add(number)
    ram.put_eos()
    reader = RamReader(PAGE)
    reader.consume(Cursor(memoryview(bytes(out))), HEAD)
    table = PageTable.from_logs([reader.page_log], reader.blocks, PAGE)
    return Memory({0: memoryview(bytes(out))}, table)["pc.ram"], bytes(content), sent


@given(course, st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=5))
def test_any_range_reads_as_it_was_sent(
    moves: list[tuple[int, int, int, bytes, bool]], ranges: list[tuple[int, int]]
) -> None:
    image, content, sent = image_of(moves)
    assert image.read() == content
    for start, length in ranges:
        image.seek(start)
        assert image.read(length) == content[start : start + length]
    assert image.sent.tolist() == sorted(sent)
    missing = {
        page for start, length in image.missing() for page in range(start // PAGE, -(-(start + length) // PAGE))
    }
    assert missing == set(range(PAGES)) - sent
    assert image.missing_pages == len(missing)
    for gap in (0, 3):
        left = bytearray(content)
        for start, end in image.filled(gap):
            left[start:end] = bytes(end - start)
        assert not any(left), "outside of what is filled all is zero"


@given(
    course, st.sampled_from([b"a", b"ab", b"ba", b"a" * 1300, b"aab", b"\0", b"\0\0a", b"b\0"]), st.integers(0, SIZE)
)
def test_bytes_are_found_wherever_they_are(
    moves: list[tuple[int, int, int, bytes, bool]], pattern: bytes, start: int
) -> None:
    image, content, _ = image_of(moves)
    image.seek(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("savevm_inspect.memory.search._STEP_BYTES", 700)
        found = list(image.search(pattern, start))
    expected, place = [], content.find(pattern, start)
    while place >= 0:
        expected.append(place)
        place = content.find(pattern, place + 1)
    assert found == expected
    assert image.tell() == 7


@pytest.mark.parametrize(("pattern", "start"), [(b"", 0), (b"a", -1)])
def test_a_search_for_nothing_is_refused(pattern: bytes, start: int) -> None:
    image, _, _ = image_of([])
    with pytest.raises(si.SavevmError, match="at least one byte"):
        list(image.search(pattern, start))


@settings(max_examples=25)
@given(course)
def test_what_is_extracted_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int, int, bytes, bool]]
) -> None:
    image, content, _ = image_of(moves)
    output = tmp_path_factory.mktemp("extracted") / "ram"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("savevm_inspect.memory.extract._STEP_BYTES", 5 * PAGE)
        patch.setattr("savevm_inspect.memory.extract._LEAST_HOLE_BYTES", 2 * PAGE)
        extract(image, output, lambda _: None)
    assert output.read_bytes() == content


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-1, 2), st.booleans()), max_size=40))
def test_runs_are_regular_and_leave_nothing_out(gaps: list[tuple[int, int, bool]]) -> None:
    numbers = np.cumsum([0, *(step for step, _, _ in gaps)])
    offsets = np.cumsum([1000, *(stride * 10 for _, stride, _ in gaps)])
    apart = np.array([each for _, _, each in gaps], bool)
    covered = []
    for run in find_runs(numbers, offsets, apart):
        pages = range(run.first, run.first + run.num_pages)
        covered += pages
        assert [numbers[run.first] + number * run.step for number in range(run.num_pages)] == numbers[pages].tolist()
        assert run.num_pages == 1 or not apart[run.first : run.first + run.num_pages - 1].any()
        assert (
            run.num_pages == 1
            or [offsets[run.first] + n * run.stride for n in range(run.num_pages)] == offsets[pages].tolist()
        )
    assert covered == list(range(len(numbers)))


def test_a_regular_block_is_one_run() -> None:
    numbers = np.arange(0, 2000, 2)
    apart = np.zeros(999, bool)
    assert len(list(find_runs(numbers, numbers * 4113, apart))) == 1


def test_a_page_that_was_discarded_and_not_sent_again_is_missing(
    capture_options: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    options = capture_options("t-10.0-postcopy")
    with si.open_stream(**options) as stream:
        assert stream.pages.discards, "it is a postcopy stream"
        assert not list(stream.memory["pc.ram"].missing())
        last = int(stream.pages.rows["offset"].max())
    cut = tmp_path / "cut"
    cut.write_bytes(options["source"].read_bytes()[: last - 4000])
    with si.open_stream(cut, strict=False) as stream:
        missing = list(stream.memory["pc.ram"].missing())
        assert missing
        for start, length in missing:
            assert any(
                each.start <= start and start + length <= each.start + each.length for each in stream.pages.discards
            ), "all of it was sent before"
            stream.memory["pc.ram"].seek(start)
            image = stream.memory["pc.ram"]
            image.seek(start)
            assert not any(image.read(length))
