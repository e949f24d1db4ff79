"""The command line as a process, and all of its verbs."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click

from savevm_inspect.cli import cli
from savevm_inspect.cli.status import status_of

MAIN = (sys.executable, "-c", "from savevm_inspect.cli import main; main()")


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a verb; what it prints is kept as bytes."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 300}
    return subprocess.run([*MAIN, *map(str, arguments)], check=False, **given | options)


def call(*arguments: object) -> int:
    """Run a verb in this process, which is much faster; its exit status."""
    return status_of(cli, [str(each) for each in arguments])


def one_line(status: int, said: str, expected: int, words: str) -> None:
    """An exit status, and one line that says why."""
    assert (status, said.count("\n"), "Traceback" in said) == (expected, 1, False), said
    assert words in said


def verbs(group: click.Group = cli, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All verbs with their names, those of groups included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from verbs(command, *path, name)
        elif command is not None:
            yield (*path, name), command
