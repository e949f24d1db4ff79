"""``savevm-inspect ram stats`` and ``savevm-inspect ram extract``."""

import sys
from pathlib import Path

import click
from rich.progress import Progress

from ..errors import SavevmError
from ..memory.extract import extract
from ..views.ram import ram_stats
from .options import cell, console, print_json, show, table, takes_json
from .source import Chosen, takes_source


@click.group("ram")
def command() -> None:
    """Guest memory: statistics, and a block's final bytes."""


@command.command("stats")
@takes_source
@takes_json
def stats(chosen: Chosen, as_json: bool) -> None:
    """Count the pages that SOURCE sent, by block."""
    with chosen.open() as stream:
        facts = ram_stats(stream)
    if as_json:
        print_json(facts)
        return
    columns = ("block", "bytes", "sent", "zero", "normal", "xbzrle", "compressed", "sent again", "never sent")
    grid = table(*columns, numbers=columns[1:])
    for block in facts["blocks"]:
        numbers = (value for name, value in block.items() if name != "name")
        grid.add_row(cell(block["name"]), *map(str, numbers))
    show(grid)
    show(
        cell(
            f"{facts['sent_pages']} pages of {facts['page_size']} bytes in {facts['sections']} sections, "
            f"{facts['content_bytes']} bytes of content"
        )
    )


@command.command("extract")
@takes_source
@click.option("--block", required=True, metavar="NAME", help="The RAM block, by its name in the stream.")
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, sparse.",
)
def extract_block(chosen: Chosen, block: str, output: Path) -> None:
    """Write the final bytes of a RAM block of SOURCE to a file."""
    with chosen.open() as stream:
        if not stream.complete:
            raise SavevmError(f"{chosen.name}: not whole, so this is not the guest's memory; nothing was written")
        image = stream.memory[block]
        if image.ignored:
            raise SavevmError(f"block {block!r} is shared memory that x-ignore-shared left out of the stream")
        with Progress(console=console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(f"writing {output.name}", total=image.block.used_bytes)
            extract(image, output, lambda done: bar.update(task, completed=done))
        missing = image.missing_pages
    if missing:
        click.echo(f"{missing} pages were never sent; they are zero in the file", err=True)
