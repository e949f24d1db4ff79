"""A group of verbs whose modules are imported when they are used."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LateGroup(click.Group):
    """Imports a verb's module when the verb is used; a module takes its time.

    Args:
        verbs: by the verb's name, where it is (a module of this package and the name of its command, with a colon
            between them), and what it does.
        options: as for any group.
    """

    def __init__(self, *, verbs: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self._verbs = verbs

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self._verbs)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """A verb by its name."""
        if name not in self._verbs:
            return None
        module, _, attribute = self._verbs[name][0].partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._verbs.items()])
