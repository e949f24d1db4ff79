"""``savevm-inspect ram extract``."""

from pathlib import Path

import click

from ..errors import SavevmError
from ..memory.extract import extract
from .options import say, takes_output
from .progress import writing
from .source import Chosen, takes_source


@click.command("extract")
@takes_source
@click.option("--block", required=True, metavar="NAME", help="The RAM block, by its name in the stream.")
@takes_output(content="the bytes, sparse")
@click.option(
    "--partial",
    is_flag=True,
    help="Also of a stream that was cut, and of a block that was left out of it; list the ranges that are missing.",
)
def command(chosen: Chosen, block: str, output: Path, partial: bool) -> None:
    """Write the final bytes of a RAM block of SOURCE to a file."""
    with chosen.open(strict=not partial) as stream:
        if not partial and not stream.complete:
            raise SavevmError(
                f"{chosen.name}: not whole, so this is not the guest's memory; nothing was written (--partial does)"
            )
        if not stream.blocks and stream.problems:
            raise stream.problems[0]
        image = stream.memory[block]
        if image.ignored and not partial:
            raise SavevmError(f"block {block!r} is shared memory that x-ignore-shared left out of the stream")
        with writing(output, image.block.used_bytes) as progress:
            extract(image, output, progress)
        if partial:
            for problem in stream.problems:
                click.echo(f"savevm-inspect: {problem}", err=True)
            for start, length in image.missing():
                say(f"{start:#x} to {start + length - 1:#x} never sent", output)
        missing = image.missing_pages
    if missing:
        click.echo(f"{missing} pages were never sent; they are zero in the file", err=True)
