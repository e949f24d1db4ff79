"""``savevm-inspect ram extract``."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ..errors import SavevmError
from ..memory.extract import extract
from ..memory.rebuild import BlockImage
from .options import OutputFile
from .source import Chosen, takes_source


@click.command("extract")
@takes_source
@click.option("--block", required=True, metavar="NAME", help="The RAM block, by its name in the stream.")
@click.option(
    "--output",
    required=True,
    type=OutputFile(),
    help="The file to write, sparse.",
)
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
        with _progress(output, image) as progress:
            extract(image, output, progress)
        if partial:
            for problem in stream.problems:
                click.echo(f"savevm-inspect: {problem}", err=True)
            for start, length in image.missing():
                click.echo(f"{start:#x} to {start + length - 1:#x} never sent")
        missing = image.missing_pages
    if missing:
        click.echo(f"{missing} pages were never sent; they are zero in the file", err=True)


@contextmanager
def _progress(output: Path, image: BlockImage) -> Iterator[Callable[[int], object]]:
    """A bar, where somebody sees it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Late, because they take their time.
    from rich.progress import Progress  # noqa: PLC0415

    from .options import console  # noqa: PLC0415

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"writing {output.name}", total=image.block.used_bytes)
        yield lambda done: bar.update(task, completed=done)
