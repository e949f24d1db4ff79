"""``savevm-inspect show``."""

from collections.abc import Iterable

import click

from ..errors import NotFound, SavevmError
from ..payload import ram
from ..reader.device import Device
from ..reader.stream import Stream
from ..stream.records import Framing
from ..stream.values import FieldValue
from ..views.text import json_value
from .options import cell, print_json, show, table, takes_json
from .source import Chosen, takes_source


@click.command("show")
@takes_source
@click.argument("device", metavar="IDSTR[@INSTANCE]")
@click.option("--whole", is_flag=True, help="Spell out long buffers and arrays.")
@takes_json
def command(chosen: Chosen, device: str, whole: bool, as_json: bool) -> None:
    """Show the decoded fields of a device of SOURCE, with their offsets."""
    with chosen.open_as_far_as_sound() as stream:
        found = _find(stream, device)
        if found.idstr == ram.IDSTR:
            raise SavevmError("ram holds pages, not fields; see savevm-inspect ram stats")
        if any(section.framing is Framing.INFERRED for section in found.sections):
            unknown = SavevmError(f"{found.idstr} can't be decoded: the stream has no description of it")
            raise stream.problems[0] if stream.problems else unknown  # of one that was cut the description is lost
        _show(found.fields, whole=whole, as_json=as_json)


def _show(fields: Iterable[FieldValue], *, whole: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "path": field.path,
                    "type": field.type,
                    "value": json_value(field.value),
                    "meaning": field.meaning,
                    "channel": field.span.channel,
                    "offset": field.span.offset,
                    "length": field.span.length,
                }
                for field in fields
            ]
        )
        return
    grid = table("offset", "length", "field", "type", "value", numbers=("offset", "length"))
    for field in fields:
        grid.add_row(
            f"{field.span.offset:#x}",
            str(field.span.length),
            cell(field.path),
            cell(field.type),
            cell(field.text(whole=whole)),
        )
    show(grid)


def _find(stream: Stream, device: str) -> Device:
    """An idstr may hold ``@`` itself: the exact one comes first, then the last ``@`` splits off the instance."""
    try:
        return stream[device]
    except NotFound:
        idstr, at, instance = device.rpartition("@")
        if at and instance.isdecimal():
            return stream[idstr, int(instance)]
        raise
