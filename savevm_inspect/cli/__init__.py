"""The command line: one file a verb, each imported when it is called."""

import sys

import click

from .. import __version__
from ..errors import SavevmError
from .late import LateGroup
from .supervision import OUR_PROCESS

_VERBS = {
    "info": ("info:command", "What a stream is, and whether it is whole."),
    "sections": ("sections:command", "The sections of a stream."),
    "show": ("show:command", "The decoded fields of a device, with their offsets."),
    "check": ("check:command", "Judge a stream: exit 0 whole and consistent, 1 not."),
    "ram": ("ram:command", "Guest memory: statistics, addresses, a block's final bytes, an ELF core."),
    "export": ("export:command", "Sections, fields, pages and events as Parquet files."),
    "schema": ("schema:command", "Descriptions: for streams that have none, and as Kaitai formats."),
    "record": ("record:command", "Record a migration into a capture folder."),
    "events": ("events:command", "What happened in a migration, also by QEMU's own trace; for Perfetto, too."),
    "scenarios": ("scenarios:command", "What the engine can play."),
    "header": ("header:command", "What is known of each callback of a register.h."),
    "lab": ("lab:command", "Open JupyterLab on the notebooks."),
}


@click.group(cls=LateGroup, verbs=_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="savevm-inspect")
def cli() -> None:
    """See what happens when a virtual machine is saved, migrated and loaded.

    SOURCE is a migration stream in a file, also compressed with gzip, bzip2, xz or zstd, in a libvirt save image or a
    qcow2 image, or - for a pipe; or a capture folder.
    """


def main() -> None:
    """Run the command line; errors are one line on stderr and exit status 1, wrong usage 2."""
    try:
        # What a verb returns, or the status it asked for by Exit.
        sys.exit(cli(standalone_mode=False, obj=OUR_PROCESS))
    except click.Abort as error:
        sys.exit(_lines("interrupted", error.__cause__ or error.__context__))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nobody would read a message
        sys.exit(1)
    except SavevmError as error:
        sys.exit(_lines(str(error), error))


def _lines(message: str, error: BaseException | None) -> str:
    """A message, and a line for each note that somebody put to the error."""
    return "\n".join(f"savevm-inspect: {line}" for line in (message, *getattr(error, "__notes__", ())))
