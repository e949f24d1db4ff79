"""``savevm-inspect header``."""

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ..errors import SavevmError
from ..rules.register_h import LIMIT_BYTES, read_register_h
from ..views.header import header_document
from ..views.json_documents import marked
from .options import cell, print_json, show, table, takes_json


@click.command("header")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@takes_json
def command(file: Path, as_json: bool) -> None:
    """Say what is known of each callback that FILE, a register.h of QEMU, declares.

    And which version it equals, or how it differs from the nearest that is known.
    """
    with file.open("rb") as header:
        text = header.read(LIMIT_BYTES + 1).decode("utf-8", "replace")
    try:
        document = header_document(read_register_h(text))
    except SavevmError as error:
        raise SavevmError(f"{file}: {error}") from error
    if as_json:
        print_json(marked("header", {"file": str(file), **document}))
        return
    _show(document)


def _show(document: dict[str, Any]) -> None:
    grid = table("callback", "in", "called on", "lock", "what it does")
    for row in document["callbacks"]:
        known = row["known"]
        grid.add_row(
            cell(row["name"]),
            cell(", ".join(row["versions"]) or "-"),
            cell(" and ".join(row["sides"]) if known else "-"),
            cell(row["bql"] if known else "-"),
            cell(row["promise"] if known else _unknown(row["near"])),
        )
    show(grid)
    click.echo()
    for line in _verdict(document):
        show(Text(line))


def _unknown(near: list[str]) -> str:
    return "not known" + (f"; the nearest name is {near[0]}" if near else "")


def _verdict(document: dict[str, Any]) -> list[str]:
    """Which version it is, in some lines."""
    nearest = document["nearest"]
    version = f"QEMU {nearest['version']}" + (" (inferred)" if nearest["source"] == "inferred" else "")
    if document["equals"]:
        return [f"{len(document['callbacks'])} callbacks, as {version} has them"]
    lines = [f"{len(document['callbacks'])} callbacks; the nearest version is {version}, which differs:"]
    lines += [f"  it has {name}, which is not declared here" for name in nearest["missing"]]
    lines += [f"  it has no {cell(name)}" for name in nearest["more"]]
    lines += [
        f"  {each['name']} is {each['there']} there, {cell(each['here'])} here"
        for each in nearest["other_parameters"]
    ]
    return lines + ["  it has them in another order"] * nearest["other_order"]
