"""``savevm-inspect check``."""

import click

from ..views.summary import problems
from .options import cell, show
from .source import Chosen, takes_source


@click.command("check")
@takes_source
def command(chosen: Chosen) -> None:
    """Judge SOURCE: exit status 0 if it is whole and consistent, 1 if not, with where and why."""
    with chosen.open(strict=False) as stream:
        found = [str(problem) for problem in problems(stream)]
        missing = stream.size_bytes - stream.account.accounted_bytes
        if not found and not stream.complete:
            found.append(f"{stream.offset + stream.size_bytes:#x}: a section is still open at the end of the stream")
        if not found and missing:
            found.append(f"{missing} bytes belong to no record")
        for problem in found:
            show(cell(problem))
        if found:
            if stream.records:
                last = stream.records[-1]
                show(
                    cell(
                        f"last good record: {type(last).__name__} at {last.span.offset:#x}; "
                        f"{len(stream.sections)} sections are framed up to there"
                    )
                )
            raise click.exceptions.Exit(1)
        show(cell(f"whole: {stream.size_bytes} bytes, {len(stream.sections)} sections, {len(stream.pages)} pages"))
