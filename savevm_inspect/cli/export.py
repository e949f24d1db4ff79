"""``savevm-inspect export``."""

import sys
from pathlib import Path

import click
from rich.progress import Progress

from ..views.parquet import write_parquet
from ..views.table import Table
from ..views.tables import tables
from .options import console
from .source import Chosen, takes_source


@click.command("export")
@takes_source
@click.option(
    "--parquet",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write: sections.parquet, fields.parquet, pages.parquet, events.parquet.",
)
def command(chosen: Chosen, parquet: Path) -> None:
    """Write SOURCE as tables: its sections, their fields, every sending of a page, and its events."""
    with (
        chosen.open() as stream,
        Progress(console=console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar,
    ):
        all_tables = tables(stream)
        tasks = {each.name: bar.add_task(each.name, total=each.expected_rows) for each in all_tables}

        def progress(table: Table, rows: int) -> None:
            bar.update(tasks[table.name], completed=rows)

        write_parquet(all_tables, parquet, progress)
