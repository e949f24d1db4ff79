"""The command line: one file a verb, each imported when it is called."""

import sys
from importlib import import_module

import click

from .. import __version__
from ..errors import SavevmError

_VERBS = {
    "info": ("info", "What a stream is, and whether it is whole."),
    "sections": ("sections", "The sections of a stream."),
    "show": ("show", "The decoded fields of a device, with their offsets."),
    "check": ("check", "Judge a stream: exit 0 whole and consistent, 1 not."),
    "ram": ("ram", "Guest memory: statistics, and a block's final bytes."),
    "export": ("export", "Sections, fields, pages and events as Parquet files."),
    "schema": ("schema", "Descriptions, for streams that have none."),
    "record": ("record", "Record a migration into a capture folder."),
    "events": ("events", "What happened in a migration, also by QEMU's own trace; for Perfetto, too."),
    "scenarios": ("scenarios", "What the engine can play."),
    "lab": ("lab", "Open JupyterLab on the notebooks."),
}


class _LateGroup(click.Group):
    """Imports a verb's module when the verb is used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command: click.Command = import_module(f".{_VERBS[name][0]}", __name__).command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _VERBS.items()])


@click.group(cls=_LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="savevm-inspect")
def cli() -> None:
    """See what happens when a virtual machine is saved, migrated and loaded.

    SOURCE is a migration stream in a file, also compressed with gzip or xz, or a capture folder.
    """


def main() -> None:
    """Run the command line; errors are one line on stderr and exit status 1, wrong usage 2."""
    try:
        sys.exit(cli(standalone_mode=False))  # what a verb returns, or the status it asked for by Exit
    except click.Abort:
        sys.exit("savevm-inspect: interrupted")
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; there is nobody to tell
        sys.exit(1)
    except (SavevmError, ImportError) as error:
        sys.exit(f"savevm-inspect: {error}")
