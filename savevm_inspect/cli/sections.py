"""``savevm-inspect sections``."""

from collections.abc import Iterable
from typing import Any

import click

from ..views.summary import section_row
from .options import cell, print_json, show, table, takes_json
from .source import Chosen, takes_source


@click.command("sections")
@takes_source
@takes_json
def command(chosen: Chosen, as_json: bool) -> None:
    """List the sections of SOURCE in stream order; of one that can't be read to its end, those before.

    A start of 1:0x11 is on channel 1, as after a postcopy recovery.
    """
    with chosen.open_as_far_as_sound() as stream:
        rows = [section_row(stream, section) for section in stream.sections]
        if as_json:
            print_json(rows)
        else:
            _show(rows)


def _show(rows: Iterable[dict[str, Any]]) -> None:
    numbers = ("start", "length", "id", "instance", "version")
    grid = table(
        *("start", "length", "kind", "id", "idstr", "instance", "version", "framing", "decoded"),
        numbers=numbers,
        spare=("version", "framing", "id", "instance", "kind"),
    )
    for row in rows:
        grid.add_row(
            f"{row['channel']}:{row['start']:#x}" if row["channel"] else f"{row['start']:#x}",
            str(row["length"]),
            row["kind"],
            str(row["section_id"]),
            cell(row["idstr"]),
            str(row["instance_id"]),
            str(row["version_id"]),
            row["framing"],
            "yes" if row["decoded"] else "no",
        )
    show(grid)
