"""``savevm-inspect schema extract`` and ``savevm-inspect schema list``."""

from pathlib import Path

import click

from ..reader.schemas import description_of, library, write_description
from .options import cell, show, table
from .source import Chosen, takes_source


@click.group("schema")
def command() -> None:
    """Descriptions, for streams that have none."""


@command.command("extract")
@takes_source
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write: JSON, as QEMU wrote it.",
)
def extract(chosen: Chosen, output: Path) -> None:
    """Write the description of SOURCE to a file, for --schema."""
    with chosen.open(strict=False) as stream:
        text = description_of(stream.source, stream.offset)
    write_description(text, output)


@command.command("list")
def list_library() -> None:
    """List what the library has, for --schema library:NAME."""
    grid = table("name", "machine", "QEMU", "state")
    for entry in library():
        grid.add_row(cell(entry.name), cell(entry.machine), cell(entry.qemu), cell(entry.what))
    show(grid)
