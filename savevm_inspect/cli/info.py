"""``savevm-inspect info``."""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click

from ..errors import printable
from ..views.json_documents import marked
from ..views.summary import summary
from .options import cell, print_json, show, table, takes_json
from .source import Chosen, takes_source


@click.command("info")
@takes_source
@takes_json
@click.option("--xml", "as_xml", is_flag=True, help="Print the domain XML of a save image of libvirt's instead.")
def command(chosen: Chosen, as_json: bool, as_xml: bool) -> None:
    """Say what SOURCE is, whether it is whole, and whose its bytes are."""
    if as_json and as_xml:
        raise click.UsageError("give one of --json and --xml")
    with chosen.open(strict=False) as stream:
        if as_xml:
            _print_xml(stream.domain_xml)
            return
        if not stream.records:
            raise stream.problems[0]
        facts = summary(stream)
        about = [
            (f"{stream.container} {name.replace('_', ' ')}", value) for name, value in stream.source.facts.items()
        ]
        about += [("note", note) for note in stream.source.notes]
    if as_json:
        print_json(marked("info", facts))
        return
    grid = table("", "")
    grid.show_header = False
    for name, value in (*_lines(facts), *about):
        grid.add_row(cell(name), cell(value))
    show(grid)


def _print_xml(text: str) -> None:
    """As it was written; a terminal gets nothing that it would obey."""
    if sys.stdout.isatty():
        for line in text.splitlines():
            click.echo(printable(line))
    else:
        click.echo(text.encode("utf-8", "surrogateescape"))


_DESCRIPTIONS = {
    "stream": "in the stream",
    "given": "not in the stream, given",
    "none": "none: device state is opaque",
}
"""Where the schema of the devices comes from, in words; all others are names of the library."""


def _lines(facts: dict[str, Any]) -> list[tuple[str, object]]:
    page = f"{facts['page_size']} bytes, from the {facts['page_size_from']}" if facts["page_size"] else "unknown"
    memory = sum(block["used_bytes"] for block in facts["ramblocks"])
    devices = {(section["idstr"], section["instance_id"]) for section in facts["sections"]}
    shares = {
        "decoded": facts["decoded_bytes"],
        "opaque": facts["opaque_bytes"],
        "padding": facts["hole_bytes"],
        "not read": facts["size_bytes"] - facts["accounted_bytes"],
    }
    undecoded = [section["idstr"] for section in facts["sections"] if not section["decoded"]]
    return [
        ("machine", facts["machine"] or "not stated"),
        ("container", facts["container"]),
        ("stream version", facts["stream_version"]),
        ("complete", "yes" if facts["complete"] else "no"),
        ("page size", page),
        ("RAM", f"{memory} bytes in {_counted(len(facts['ramblocks']), 'block')}"),
        *((f"  {block['name']}", f"{block['used_bytes']} bytes") for block in facts["ramblocks"]),
        ("devices", f"{len(devices)} in {_counted(len(facts['sections']), 'section')}"),
        ("commands", ", ".join(_commands(facts)) or "none"),
        ("capabilities", ", ".join(facts["capabilities"]) or "none in the stream"),
        ("description", _DESCRIPTIONS.get(facts["schema"], f"not in the stream, from the {facts['schema']}")),
        ("size", f"{facts['size_bytes']} bytes"),
        ("  of these", ", ".join(f"{count} {kind}" for kind, count in shares.items())),
        *(("not decoded", name) for name in undecoded),
        *(("problem", problem) for problem in facts["problems"]),
        *(("remark", remark) for remark in facts["remarks"]),
    ]


def _commands(facts: dict[str, Any]) -> Iterator[str]:
    """Each command in the order of its first time; postcopy discards pages block by block, some ranges each."""
    for name, count in Counter(each["name"] for each in facts["commands"]).items():
        yield name if count == 1 else f"{name} ({count} times)"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
