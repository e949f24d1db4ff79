"""``savevm-inspect ram``: one file a verb."""

import click

from .late import LateGroup

_VERBS = {
    "stats": ("ram_stats:command", "Count the pages that were sent."),
    "extract": ("ram_extract:command", "Write a block's final bytes to a file."),
    "map": ("ram_map:command", "Show where the blocks lie in guest-physical memory."),
    "export": ("ram_export:command", "Write memory by guest-physical address, as an ELF core."),
}


@click.group("ram", cls=LateGroup, verbs=_VERBS)
def command() -> None:
    """Guest memory: statistics, addresses, a block's final bytes, an ELF core."""
