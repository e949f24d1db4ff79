"""Terminals of any width: numbers are whole, the columns that can be missed go first; a pipe gets a row a line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from savevm_inspect.cli import cli, options
from savevm_inspect.cli.options import cell, table

from .command_line import verbs

NUMBER = re.compile(r"(?:0x[0-9a-f]+|\d+)")
VERBS = (("show", "cpu"), ("sections",), ("events",), ("ram", "stats"), ("check",))


def printed(verb: tuple[str, ...], source: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    if width:
        monkeypatch.setattr(options, "_WIDTH_OF_FILES", width)
    name, *rest = verb if verb[0] != "ram" else (" ".join(verb),)
    result = CliRunner().invoke(cli, [*name.split(), str(source), *rest])
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_line_is_no_longer_than_the_terminal(
    verb: tuple[str, ...], width: int, capture_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = capture_path("x86-11.1-paused")
    text = printed(verb, source, width, monkeypatch)
    tables = text.split("\n\n")[:-1] if verb == ("ram", "stats") else [text]
    assert max(len(line) for part in tables for line in part.splitlines()) <= width


@pytest.mark.parametrize("verb", VERBS[:4], ids=" ".join)
def test_numbers_of_narrow_tables_are_those_of_wide_ones(
    verb: tuple[str, ...], capture_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = capture_path("x86-11.1-paused")
    wide = printed(verb, source, 0, monkeypatch)
    narrow = printed(verb, source, 80, monkeypatch)
    first = [line.split()[0] for line in narrow.splitlines() if line.strip() and NUMBER.fullmatch(line.split()[0])]
    whole = {word for line in wide.splitlines() for word in line.split()}
    assert set(first) <= whole


def test_a_pipe_gets_a_row_a_line(capture_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = printed(("show", "fw_cfg"), capture_path("x86-11.1-paused"), 0, monkeypatch).splitlines()
    assert all(re.match(r" *0x[0-9a-f]+ ", row) for row in rows[1:])


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (200, ["number", "text", "more", "last"]),
        (70, ["number", "text", "last"]),
        (50, ["number", "text"]),
        (1, ["number", "text"]),
    ],
)
def test_columns_go_in_the_order_that_the_table_says(width: int, headings: list[str]) -> None:
    grid = table("number", "text", "more", "last", numbers=("number", "more", "last"), spare=("more", "last"))
    grid.add_row(str(10**19), cell("word " * 30), "9" * 30, "8" * 20)
    grid.fit(width)
    assert [column.header for column in grid.columns] == headings


@pytest.mark.parametrize("path", [(), *(path for path, _ in verbs())], ids=lambda path: " ".join(path) or "all")
def test_help_fits_a_terminal(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\\" not in result.stdout, "a mark of ours that click does not take away"


def test_help_has_a_line_for_each_exit_status() -> None:
    lines = CliRunner().invoke(cli, ["--help"], terminal_width=80).stdout.splitlines()
    first = lines.index("  Exit status:") + 1
    assert [line.split()[0] for line in lines[first : first + 5]] == ["0", "1", "2", "3", "128+N"]
