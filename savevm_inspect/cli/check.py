"""``savevm-inspect check``."""

from collections.abc import Iterator
from typing import Any

import click

from ..reader.readings import find_breakage, sound_records
from ..reader.stream import Stream
from ..stream.records import Section
from ..views.json_documents import marked
from ..views.summary import problems
from .options import cell, print_json, show, takes_json
from .source import Chosen, takes_source


@click.command("check")
@takes_source
@takes_json
def command(chosen: Chosen, as_json: bool) -> None:
    """Judge SOURCE: exit status 0 if it is whole and consistent, 1 if not, with where and why."""
    with chosen.open(strict=False) as stream:
        found = [str(problem) for problem in problems(stream)]
        found += [str(problem) for image in stream.memory.values() for problem in image.problems()]
        missing = stream.size_bytes - stream.account.accounted_bytes
        if not found and not stream.complete:
            found.append(f"{stream.offset + stream.size_bytes:#x}: the stream has no end")
        if not found and missing:
            found.append(f"{missing} bytes belong to no record")
        explanation = list(_explain(stream)) if found else []
        if as_json:
            print_json(marked("check", _facts(stream, found, explanation)))
        else:
            remarks = (f"remark: {remark}" for remark in _remarks(stream))
            for line in (*(found or [_praise(stream)]), *remarks, *explanation):
                show(cell(line))
        if found:
            raise click.exceptions.Exit(1)


def _facts(stream: Stream, found: list[str], explanation: list[str]) -> dict[str, Any]:
    return {
        "sound": not found,
        "problems": found,
        "remarks": _remarks(stream),
        "explanation": explanation,
        "size_bytes": stream.size_bytes,
        "opaque_bytes": stream.account.opaque_bytes,
        "section_count": len(stream.sections),
        "page_count": len(stream.pages),
    }


def _remarks(stream: Stream) -> list[str]:
    """What is no problem; first what became of the migration, if the capture says that it did not complete."""
    verdict = stream.source.capture.verdict if stream.source.capture else ""
    return [*([verdict] if verdict else []), *map(str, stream.remarks)]


def _praise(stream: Stream) -> str:
    counts = f"{stream.size_bytes} bytes, {len(stream.sections)} sections, {len(stream.pages)} pages"
    opaque = stream.account.opaque_bytes
    if not opaque:
        return f"whole: {counts}"
    sections = len(stream.account.opaque_sections)
    return f"consistent: {counts}; {opaque} bytes in {sections} section{'' if sections == 1 else 's'} are opaque"


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
