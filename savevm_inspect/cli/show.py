"""``savevm-inspect show``."""

from collections.abc import Iterator, Sequence

import click

from ..errors import SavevmError
from ..payload import ram
from ..reader.device import Device
from ..reader.find import find_devices, find_fields, no_field
from ..reader.stream import Stream
from ..stream.records import Framing
from ..stream.values import FieldValue, Undecoded
from ..views.json_documents import field_row
from .options import cell, print_json, show, table, takes_json
from .source import Chosen, takes_source


@click.command("show")
@takes_source
@click.argument("device", metavar="[IDSTR[@INSTANCE]|PATTERN]", required=False)
@click.option("--field", "wanted", metavar="PATTERN", help="Only fields whose path, or the end of it, is like this.")
@click.option("--whole", is_flag=True, help="Spell out long buffers and arrays.")
@takes_json
def command(chosen: Chosen, device: str | None, wanted: str | None, whole: bool, as_json: bool) -> None:
    """Show the decoded fields of devices of SOURCE, with their offsets; of all devices if none is named.

    A bare virtio-net finds 0000:00:05.0/virtio-net; in a PATTERN, * and ? stand for what may be there.
    """
    with chosen.open_as_far_as_sound() as stream:
        devices = _chosen(stream, device)
        rows = [(each, field) for each in devices for field in _fields(stream, each)]
        if wanted is not None:
            matching = [(each, field) for each, field in rows if any(find_fields((field,), wanted))]
            if not matching:
                raise no_field(wanted, (field.path for _, field in rows))
            rows = matching
        if as_json:
            print_json([field_row(each.idstr, each.instance_id, field) for each, field in rows])
        else:
            _show(rows, whole=whole, several=len(devices) > 1)


def _chosen(stream: Stream, name: str | None) -> Sequence[Device]:
    if name is None:
        return [each for each in stream.devices if each.idstr != ram.IDSTR]
    found = find_devices(stream.devices, name)
    if len(found) == 1:
        if found[0].idstr == ram.IDSTR:
            raise SavevmError("ram holds pages, not fields; see savevm-inspect ram stats")
        if any(section.framing is Framing.INFERRED for section in found[0].sections):
            unknown = SavevmError(f"{found[0].idstr} can't be decoded: the stream has no description of it")
            raise stream.problems[0] if stream.problems else unknown  # of one that was cut the description is lost
    return [each for each in found if each.idstr != ram.IDSTR]


def _fields(stream: Stream, device: Device) -> Iterator[FieldValue]:
    """The fields of a device; a section that nothing describes stands for itself."""
    for section in device.sections:
        if section.framing is Framing.INFERRED:
            data = bytes(stream.buffers[section.payload.channel][section.payload.offset : section.payload.end])
            value = Undecoded(why="nothing describes this section", data=data)
            yield FieldValue(parts=(), type="", value=value, span=section.payload)
        else:
            yield from device.decode(section)


def _show(rows: Sequence[tuple[Device, FieldValue]], *, whole: bool, several: bool) -> None:
    columns = (*(("device",) if several else ()), "offset", "length", "field", "type", "value")
    grid = table(*columns, numbers=("offset", "length"), spare=("length", "type"))
    for device, field in rows:
        grid.add_row(
            *((cell(_name(device)),) if several else ()),
            f"{field.span.offset:#x}",
            str(field.span.length),
            cell(field.path),
            cell(field.type),
            cell(field.text(whole=whole)),
        )
    show(grid)


def _name(device: Device) -> str:
    return f"{device.idstr}@{device.instance_id}" if device.instance_id else device.idstr
