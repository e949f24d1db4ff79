"""``savevm-inspect explain``."""

import sys
from collections.abc import Iterator
from typing import Any

import click

from ..answers.explain import ExplainedError, Explanation, explain
from ..errors import NotFound
from .options import cell, print_json, show, takes_json
from .source import Chosen, may_take_source

_FROM_STDIN = "-"


@click.command("explain")
@click.argument("lines", metavar="LINES")
@may_take_source
@takes_json
def command(chosen: Chosen | None, lines: str, as_json: bool) -> None:
    """Say what error LINES of a migration mean, and what to do; - reads a log from standard input.

    LINES are of QEMU's log, libvirt's or the kernel's, with or without what stands before them. With SOURCE, the
    stream that was refused, the bytes are named that they are about. Exit status 1: none of them is known.
    """
    if chosen is not None and chosen.name == lines == _FROM_STDIN:
        raise click.UsageError("LINES and SOURCE can't both be standard input")
    explanation = _explained(_read_log() if lines == _FROM_STDIN else lines, chosen)
    if as_json:
        from ..views.json_documents import marked  # noqa: PLC0415 - it takes its time, and text needs none of it

        print_json(marked("explain", _facts(explanation)))
        if not explanation.errors:
            raise click.exceptions.Exit(1)
        return
    if not explanation.errors:
        raise NotFound(_unknown(explanation))
    for line in _answer(explanation):
        show(cell(line))


def _explained(text: str, chosen: Chosen | None) -> Explanation:
    if chosen is None:
        return explain(text)
    with chosen.open(strict=False) as stream:
        return explain(text, stream)


def _read_log() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _unknown(explanation: Explanation) -> str:
    """One sentence, whatever the number of lines: of the line that something known is nearest to."""
    if not explanation.unknown:
        return "there is no line to explain"
    nearest = next((each for each in explanation.unknown if each.near), explanation.unknown[0])
    others = len(explanation.unknown) - 1
    return f"{nearest}; no other line is known either" if others else str(nearest)


def _answer(explanation: Explanation) -> Iterator[str]:
    for error in explanation.reasons:
        yield from _paragraph(error)
    if explanation.contexts:
        yield f"also: {', '.join(map(str, explanation.contexts))}"


def _paragraph(error: ExplainedError) -> Iterator[str]:
    yield f"line {error.line_number}: {error.line}"
    yield f"  error:  {error.row.key}, {' '.join(error.wording.versions)}: {error.wording.file}"
    for name, value in error.values.items():
        yield f"  {name}: {value}"
    if error.names:
        yield f"  missing: {error.names}"
    for each in error.blamed:
        yield f"  bytes:  {each}"
    yield f"  part:   {error.row.part}"
    yield f"  cause:  {error.row.cause}"
    yield f"  remedy: {error.row.remedy}"


def _facts(explanation: Explanation) -> dict[str, Any]:
    return {
        "errors": [
            {
                "key": each.row.key,
                "line": each.line,
                "line_number": each.line_number,
                "format": each.wording.format,
                "versions": list(each.wording.versions),
                "file": each.wording.file,
                "function": each.wording.function,
                "values": [{"name": name, "text": text} for name, text in each.values.items()],
                "names": each.names,
                "blamed": [
                    {
                        "channel": found.span.channel,
                        "offset": found.span.offset,
                        "length": found.span.length,
                        "section": found.section,
                        "field": found.field,
                        "value": found.value,
                    }
                    for found in each.blamed
                ],
                "part": each.row.part,
                "cause": each.row.cause,
                "remedy": each.row.remedy,
                "context": each.row.context,
                "cut": each.cut,
            }
            for each in explanation.errors
        ],
        "unknown": [
            {"line": each.line, "line_number": each.line_number, "near": [near.format for near in each.near]}
            for each in explanation.unknown
        ],
    }
