"""``savevm-inspect schema extract``, ``schema to-ksy`` and ``schema list``."""

from dataclasses import asdict
from pathlib import Path

import click

from ..container.whole_file import STANDARD_OUTPUT, whole_file
from ..reader.schemas import description_of, library
from ..views.ksy import ksy_of_stream
from .options import cell, print_json, show, table, takes_json, takes_output
from .source import Chosen, takes_source


@click.group("schema")
def command() -> None:
    """Descriptions: for streams that have none, and as Kaitai formats."""


@command.command("extract")
@takes_source
@takes_output(content="JSON, as QEMU wrote it")
def extract(chosen: Chosen, output: Path) -> None:
    """Write the description of SOURCE to a file, for --schema."""
    with chosen.open(strict=False) as stream:
        text = description_of(stream.source, stream.offset)
    with whole_file(output) as draft:
        draft.write_bytes(text)


@command.command("to-ksy")
@takes_source
@takes_output(content="the format", default=STANDARD_OUTPUT)
def to_ksy(chosen: Chosen, output: Path) -> None:
    """Write a Kaitai Struct format of SOURCE's machine, which reads its streams field by field.

    It is whole in one file: Kaitai's web IDE and compiler need nothing else.
    """
    with chosen.open(strict=False) as stream:
        text = ksy_of_stream(stream)
        described = stream.description is not None
    with whole_file(output) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
    if not described:
        click.echo(f"savevm-inspect: {chosen.name} has no description: its devices are bytes", err=True)


@command.command("list")
@takes_json
def list_library(as_json: bool) -> None:
    """List what the library has, for --schema library:NAME."""
    if as_json:
        print_json([asdict(entry) for entry in library()])
        return
    grid = table("name", "machine", "QEMU", "state")
    for entry in library():
        grid.add_row(cell(entry.name), cell(entry.machine), cell(entry.qemu), cell(entry.what))
    show(grid)
