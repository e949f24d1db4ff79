"""The ``--json`` flag, and output that verbs share."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import printable

_WIDTH_OF_FILES = 1000

F = TypeVar("F", bound=Callable[..., Any])


class OutputFile(click.Path):
    """A file to write; it appears by a rename, which would replace a device or a pipe of that name."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a name that something else than a file has."""
        output = Path(super().convert(value, param, ctx))  # type: ignore[arg-type]  # path_type says what it is
        if output.exists() and not output.is_file():
            self.fail(f"{value!r} is there and is no file.", param, ctx)
        return output


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
    with out.capture() as capture:
        out.print(what, soft_wrap=isinstance(what, Text))
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """An empty table; columns named in ``numbers`` are set to the right."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return grid


def cell(value: object) -> Text:
    """Text of a stream for a table: nothing in it is markup, nothing reaches the terminal as a control."""
    return Text(printable(str(value)))
