"""``savevm-inspect scenarios``."""

import click

from ..engine.scenarios import SCENARIOS
from .options import cell, print_json, show, table, takes_json


@click.command("scenarios")
@takes_json
def command(as_json: bool) -> None:
    """List what the engine can play."""
    rows = [{"name": each.name, "title": each.title, "teaches": each.teaches} for each in SCENARIOS.values()]
    if as_json:
        print_json(rows)
        return
    grid = table("name", "title")
    for row in rows:
        grid.add_row(cell(row["name"]), cell(row["title"]))
    show(grid)
