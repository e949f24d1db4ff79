"""``savevm-inspect ram``: one file a verb."""

import click

from .late import LateGroup

_VERBS = {
    "stats": ("ram_stats:command", "Count the pages that were sent."),
    "extract": ("ram_extract:command", "Write a block's final bytes to a file."),
}


@click.group("ram", cls=LateGroup, verbs=_VERBS)
def command() -> None:
    """Guest memory: statistics, and a block's final bytes."""
