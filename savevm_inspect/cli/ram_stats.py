"""``savevm-inspect ram stats``."""

from collections.abc import Iterator
from typing import Any

import click
from rich.table import Table

from ..views.json_documents import marked
from ..views.ram import CLASS_KEYS, ram_stats
from .options import cell, print_json, show, table, takes_json
from .source import Chosen, takes_source


@click.command("stats")
@takes_source
@takes_json
def command(chosen: Chosen, as_json: bool) -> None:
    """Count the pages that SOURCE sent, by block and by iteration, what they cost and what they look like.

    Of one that can't be read to its end, those before.
    """
    with chosen.open_as_far_as_sound() as stream:
        facts = ram_stats(stream)
        if as_json:
            print_json(marked("ram stats", facts))
        else:
            _show(facts)


def _show(facts: dict[str, Any]) -> None:
    blocks, iterations = facts["blocks"], facts["iterations"]
    names = [block["name"] for block in blocks]
    show(_counts("block", names, blocks, {"bytes": "used_bytes", **_SENT, "never sent": "missing_pages", **_COSTS}))
    show(cell(""))
    numbers = [f"{each['number']}{' (postcopy)' if each['postcopy'] else ''}" for each in iterations]
    show(_counts("iteration", numbers, iterations, {**_SENT, **_COSTS}))
    show(cell(""))
    classes = [block["classes"] for block in blocks]
    used = {key.removesuffix("_pages"): key for key in CLASS_KEYS if any(each[key] for each in classes)}
    show(_counts("final pages of", names, classes, used))
    show(cell(""))
    for line in _sums(facts):
        show(cell(line))


def _counts(heading: str, names: list[str], rows: list[dict[str, Any]], columns: dict[str, str]) -> Table:
    grid = table(heading, *columns, numbers=tuple(columns), spare=_SPARE)
    for name, row in zip(names, rows, strict=True):
        grid.add_row(cell(name), *(str(row[key]) for key in columns.values()))
    return grid


_SENT = {
    "sent": "sent_pages",
    "zero": "zero_pages",
    "normal": "normal_pages",
    "xbzrle": "xbzrle_pages",
    "compressed": "compressed_pages",
    "sent again": "sent_again_pages",
}
_COSTS = {"bytes for pages": "page_bytes", "of these wasted": "wasted_bytes"}
"""Columns of blocks and iterations: the heading, and the key of ``ram_stats``."""

_SPARE = ("compressed", "xbzrle", "never sent", "sent again", "of these wasted", "zero", "bytes for pages", "bytes")
"""What a narrow terminal does without, in that order."""

_ITERATIONS_FROM = {
    "events": "Iterations as the capture's events state them.",
    "inferred": "Iterations are inferred: the fewest that the stream can have had.",
    "unknown": "In mapped-ram only the last sending of each page is there.",
}


def _sums(facts: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{facts['sent_pages']} pages of {facts['page_size']} bytes in {facts['sections']} sections, "
        f"{facts['content_bytes']} bytes of content"
    )
    yield (
        f"{facts['ram_bytes']} bytes for RAM: {facts['page_bytes']} for pages, of which {facts['wasted_bytes']} were "
        f"overwritten, {facts['other_bytes']} for what is around them"
    )
    yield _ITERATIONS_FROM[facts["iterations_from"]]
