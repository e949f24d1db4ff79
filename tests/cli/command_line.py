"""The command line as a process, and all of its verbs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from savevm_inspect.cli import cli
from savevm_inspect.cli.status import status_of

READING_VERBS: Final = (
    ("info", "--json"),
    ("info",),
    ("sections",),
    ("sections", "--json"),
    ("check",),
    ("show", "*"),
    ("show", "timer", "--json"),
    ("ram", "stats"),
    ("ram", "map"),
    ("ram", "export", "--elf", "--partial", "--output", "core"),
    ("ram", "extract", "--block", "vm.ram", "--output", "block"),
    ("schema", "extract", "--output", "schema.json"),
    ("schema", "to-ksy", "--output", "machine.ksy"),
    ("events",),
    ("events", "--perfetto", "trace.json"),
    ("export", "--parquet", "tables"),
)
"""Verbs that read a stream, with their arguments after SOURCE; the names of outputs are put into a folder."""
_OUTPUTS: Final = frozenset(("core", "block", "schema.json", "machine.ksy", "trace.json", "tables"))


MAIN = (sys.executable, "-c", "from savevm_inspect.cli import main; main()")


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a verb; what it prints is kept as bytes."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 300}
    return subprocess.run([*MAIN, *map(str, arguments)], check=False, **given | options)


def reading(verb: tuple[str, ...], source: Path, folder: Path) -> list[str]:
    """The arguments for one of :data:`READING_VERBS`.

    Args:
        verb: which.
        source: what it reads.
        folder: where it writes.
    """
    words = 2 if verb[0] in ("ram", "schema") else 1
    rest = (str(folder / f"out-{word}") if word in _OUTPUTS else word for word in verb[words:])
    return [*verb[:words], str(source), *rest]


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
