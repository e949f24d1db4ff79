"""The command line: one file a verb, each imported when it is called."""

import click

from .. import __version__
from .late import LateGroup
from .status import run
from .supervision import OUR_PROCESS

_VERBS = {
    "info": ("info:command", "What a stream is, and whether it is whole."),
    "sections": ("sections:command", "The sections of a stream."),
    "show": ("show:command", "The decoded fields of a device, with their offsets."),
    "explain": ("explain:command", "What an error line of QEMU's migration means."),
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

    \b
    Exit status:
      0      done; of check: the stream is whole and consistent
      1      the content: of the stream, of the capture, what QEMU said
      2      usage, also an output that is an input
      3      the operating system said no: a full disk, a file that can't be read
      128+N  ended by signal N: 130 Ctrl-C, 141 closed pipe, 143 terminated
    """  # noqa: D301 - click keeps lines that follow the character \b, which a raw docstring does not have


def main() -> None:
    """Run the command line; errors are one line on stderr."""
    run(cli, OUR_PROCESS)
