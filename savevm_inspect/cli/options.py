"""The ``--json`` flag, and output that verbs share."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ..container.whole_file import is_standard_output
from ..errors import printable

_WIDTH_OF_FILES = 100_000
"""Each row is one line in a file or a pipe."""

_TEXT_WIDTH = 12
"""Text may be folded into as many characters."""

F = TypeVar("F", bound=Callable[..., Any])


def takes_output(
    option: str = "--output", *, content: str, required: bool = True, default: str | None = None
) -> Callable[[F], F]:
    """Give a verb the option that names the one file that it writes.

    Args:
        option: its name.
        content: what is written there.
        required: whether it must be given.
        default: the file if it is not given.
    """
    kind = click.Path(dir_okay=False, readable=False, allow_dash=True, path_type=Path)
    text = f"The file to write: {content}; - for standard output."
    return click.option(
        option, type=kind, required=required, default=default, show_default=True, metavar="FILE", help=text
    )


def say(line: str, output: Path | None = None) -> None:
    """Print a line to stdout; to stderr if that is where the output goes.

    Args:
        line: what to print.
        output: the file that was written, if one was.
    """
    click.echo(line, err=output is not None and is_standard_output(output))


def takes_json(function: F) -> F:
    """Give a verb the ``--json`` flag."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(function)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=True))


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for any row where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _WIDTH_OF_FILES, highlight=False)


def show(what: Table | Text) -> None:
    """Print to stdout, without the spaces that tables end their lines in."""
    out = console()
    if isinstance(what, Grid):
        if not out.is_terminal and what.widest() <= out.width:
            for line in what.lines():
                click.echo(line)
            return
        what.fit(out.width)
    with out.capture() as capture:
        out.print(what, soft_wrap=isinstance(what, Text))
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


class Grid(Table):
    """A table that does without some of its columns in a narrow terminal.

    Args:
        spare: headings of the columns that can be missed, the one that goes first as the first.
    """

    def __init__(self, spare: tuple[str, ...]) -> None:
        super().__init__(box=None, pad_edge=False, header_style="bold")
        self._spare = spare

    def fit(self, width: int) -> None:
        """Take away columns until the others fit; numbers are never broken over lines.

        Args:
            width: of the terminal, in characters.
        """
        for heading in self._spare:
            if sum(map(_least_width, self.columns)) + len(self.columns) - 1 <= width:
                return
            self.columns = [column for column in self.columns if column.header != heading]

    def widest(self) -> int:
        """How wide it is if nothing is folded, in characters."""
        return sum(self._widths()) + len(_BETWEEN) * (len(self.columns) - 1)

    def _widths(self) -> list[int]:
        return [max(cell_len(str(each)) for each in (column.header, *column.cells)) for column in self.columns]

    def lines(self) -> Iterator[str]:
        """The table as plain text, a row a line, however wide; rich would measure every cell first."""
        columns = [[str(each) for each in (column.header, *column.cells)] for column in self.columns]
        widths = self._widths()
        before = [column.justify == "right" for column in self.columns]
        for row in zip(*columns, strict=True):
            padded = (
                f"{'':{width - cell_len(text)}}{text}" if right else f"{text}{'':{width - cell_len(text)}}"
                for text, width, right in zip(row, widths, before, strict=True)
            )
            yield _BETWEEN.join(padded).rstrip()


_BETWEEN = "  "
"""What stands between columns where no terminal is."""


def _least_width(column: Column) -> int:
    """How narrow a column can be: as wide as its longest number, or some characters of its text."""
    widest = max((cell_len(str(each)) for each in (column.header, *column.cells)), default=0)
    return widest if column.no_wrap else min(widest, _TEXT_WIDTH)


def table(*columns: str, numbers: tuple[str, ...] = (), spare: tuple[str, ...] = ()) -> Grid:
    """An empty table.

    Args:
        columns: their headings.
        numbers: those that are set to the right, and never broken over lines.
        spare: those that can be missed in a narrow terminal, the one that goes first as the first.
    """
    grid = Grid(spare)
    for column in columns:
        number = column in numbers
        grid.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    return grid


def cell(value: object) -> Text:
    """Text of a stream for a table: nothing in it is markup, nothing reaches the terminal as a control."""
    return Text(printable(str(value)))
