"""Whatever takes the pages, the rows are the same, and so is the error."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import StreamError
from savevm_inspect.payload import ram_scan
from savevm_inspect.payload.page_log import PAGE_DTYPE
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer

PAGE = 256
SCANNERS: tuple[ram_scan.Scanner, ...] = ("numpy", "auto", *(("numba",) if find_spec("numba") else ()))  # type: ignore[assignment]
BLOCKS = [RamBlock("pc.ram", 4000 * PAGE), RamBlock("vga", 40 * PAGE)]
HEAD = SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START)

kinds = st.sampled_from("nzx")
pattern = st.tuples(st.lists(kinds, min_size=1, max_size=5), st.integers(1, 120), st.integers(0, 1))


def stream_of(runs: list[tuple[list[str], int, int]]) -> bytearray:
    """Pages whose kinds repeat, one run after the other."""
    out = bytearray()
    ram = RamWriter(Writer(out.extend))
    ram.put_block_list(BLOCKS)
    number = 0
    for letters, times, block in runs:
        for letter in letters * times:
            name, addr = BLOCKS[block].name, number * PAGE % BLOCKS[block].used_bytes // PAGE * PAGE
            number += 1
            if letter == "n":
                ram.put_page(name, addr, bytes([number % 255 + 1]) * PAGE)
            elif letter == "z":
                ram.put_zero_page(name, addr)
            else:
                ram.put_xbzrle_page(name, addr, b"\x00\x01" + bytes([number % 256]))
    ram.put_eos()
    return out


def read(data: bytes, scanner: ram_scan.Scanner) -> tuple[list[tuple[Any, ...]], str, int]:
    reader = RamReader(PAGE, scanner=scanner)
    cursor = Cursor(memoryview(data), base=1000)
    try:
        reader.consume(cursor, HEAD)
        error = ""
    except StreamError as caught:
        error = f"{type(caught).__name__} {caught}"
    return reader.page_log.rows.tolist(), error, cursor.pos if not error else 0


@settings(max_examples=60)
@given(st.lists(pattern, max_size=8), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=2))
@example([(["n"], 3000, 0), (["z"], 900, 0), (["n", "z"], 700, 0), (["n"], 40, 1)], [])
@example([(["n", "z", "z"], 100, 0)], [(0.999, 7)])
def test_every_scanner_gives_the_same_table_or_the_same_error(
    runs: list[tuple[list[str], int, int]], damage: list[tuple[float, int]]
) -> None:
    data = stream_of(runs)
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    expected = read(bytes(data), "python")
    for scanner in SCANNERS:
        assert read(bytes(data), scanner) == expected


@settings(max_examples=60)
@given(st.integers(0, 200 * (8 + PAGE)))
def test_a_stream_that_is_cut_ends_in_the_same_place(length: int) -> None:
    data = bytes(stream_of([(["n"], 90, 0), (["n", "z"], 90, 0)]))[:length]
    expected = read(data, "python")
    for scanner in SCANNERS:
        assert read(data, scanner) == expected


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_page_outside_its_block_within_a_long_run(scanner: ram_scan.Scanner) -> None:
    data = stream_of([(["n"], 2000, 0)])
    first = data.index(b"pc.ram", 40) + len("pc.ram") + PAGE
    place = first + 1500 * (8 + PAGE)
    data[place + 4] = 1
    rows, error, _ = read(bytes(data), scanner)
    assert len(rows) == 1501
    assert f"{1000 + place:#x} in section" in error.replace("BadPayload ", "") or f"{1000 + place:#x}:" in error
    assert (rows, error, 0) == read(bytes(data), "python")


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_long_run_is_not_left_to_the_plain_loop(scanner: ram_scan.Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = []
    original = RamReader._read_records

    def counted(self: RamReader, cursor: Cursor, most: int | None, *, bare: bool, growing: bool) -> bool:
        before = len(self.page_log)
        ended = original(self, cursor, most, bare=bare, growing=growing)
        plain.append(len(self.page_log) - before)
        return ended

    monkeypatch.setattr(RamReader, "_read_records", counted)
    data = bytes(stream_of([(["n"], 2000, 0), (["z"], 2000, 0), (["n", "z"], 1000, 0)]))
    rows, error, _ = read(data, scanner)
    assert (len(rows), error) == (6000, "")
    assert sum(plain) < 100


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
def test_numba_is_brought_when_enough_was_left_to_the_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ram_scan, "NUMBA_PAYS_PAGES", 500)
    rng = np.random.default_rng(1)
    data = bytes(stream_of([([str(letter)], 1, 0) for letter in rng.choice(["n", "z"], 3000)]))
    cursor = Cursor(memoryview(data), base=1000)
    reader = RamReader(PAGE)
    reader.consume(cursor, HEAD)
    assert reader._scan.patience == 1, "compiled"
    assert reader.page_log.rows.tolist() == read(data, "python")[0]


def test_without_numba_its_pip_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "savevm_inspect.payload.ram_compiled", None)
    with pytest.raises(si.SavevmError, match=r"pip install 'savevm-inspect\[fast\]'"):
        RamReader(PAGE, scanner="numba")


@pytest.mark.parametrize("name", ["x86-10.0-live", "t-11.1-xbzrle", "x86-7.2-bgsnap"])
def test_scanners_agree_on_real_streams(
    name: str, capture_path: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for scanner in ("python", *SCANNERS):
        monkeypatch.setattr(RamReader.__init__, "__kwdefaults__", {"scanner": scanner})
        with si.open_stream(capture_path(name)) as stream:
            tables.append(stream.pages.rows.copy())
            assert tables[-1].dtype == PAGE_DTYPE
    assert all((table == tables[0]).all() for table in tables[1:])
    assert len(tables[0]) > 4000
