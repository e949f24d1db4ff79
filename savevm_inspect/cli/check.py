"""``savevm-inspect check``."""

from collections.abc import Iterator

import click

from ..reader.readings import find_breakage, sound_records
from ..reader.stream import Stream
from ..stream.records import Section
from ..views.summary import problems
from .options import cell, show
from .source import Chosen, takes_source


@click.command("check")
@takes_source
def command(chosen: Chosen) -> None:
    """Judge SOURCE: exit status 0 if it is whole and consistent, 1 if not, with where and why."""
    with chosen.open(strict=False) as stream:
        found = [str(problem) for problem in problems(stream)]
        found += [str(problem) for image in stream.memory.values() for problem in image.problems()]
        missing = stream.size_bytes - stream.account.accounted_bytes
        if not found and not stream.complete:
            found.append(f"{stream.offset + stream.size_bytes:#x}: the stream has no end")
        if not found and missing:
            found.append(f"{missing} bytes belong to no record")
        for line in found or [_praise(stream)]:
            show(cell(line))
        for remark in stream.remarks:
            show(cell(f"remark: {remark}"))
        if found:
            for line in _explain(stream):
                show(cell(line))
            raise click.exceptions.Exit(1)


def _praise(stream: Stream) -> str:
    return f"whole: {stream.size_bytes} bytes, {len(stream.sections)} sections, {len(stream.pages)} pages"


def _explain(stream: Stream) -> Iterator[str]:
    """The last good record, what is there instead of the next, how it could be read, and what is whole."""
    breakage = find_breakage(stream)
    if breakage is None:
        return
    sound = sound_records(stream)
    last = sound[-1]
    yield f"last good record: {type(last).__name__} at {last.span.offset:#x}, up to {last.span.end:#x}"
    where = f" of section {breakage.head}" if breakage.head else ""
    yield f"next record{where} at {breakage.start:#x} can't be read"
    yield f"at {breakage.offset:#x} is: {breakage.found.hex(' ') or 'the end of the file'}"
    yield from map(str, breakage.readings)
    whole = dict.fromkeys(f"{each.idstr} ({each.kind})" for each in sound if isinstance(each, Section))
    yield f"whole before it: {', '.join(whole) or 'no section'}"
