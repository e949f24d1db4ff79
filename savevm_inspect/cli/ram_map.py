"""``savevm-inspect ram map``, and the option that gives an address map by hand."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..memory.ranges import Range
from ..reader.guest_memory import GuestMemory
from ..reader.stream import Stream
from .options import cell, print_json, show, table, takes_json
from .source import Chosen, takes_source

F = TypeVar("F", bound=Callable[..., Any])

_KEYS = ("gpa", "length", "block", "addr", "source")


def takes_map(function: F) -> F:
    """Give a verb the ``--map`` option."""
    return click.option(
        "--map",
        "given",
        multiple=True,
        metavar="BLOCK=GPA[:ADDR:LENGTH]",
        help="Where a RAM block lies in guest-physical memory, or LENGTH bytes from ADDR on of it. Takes the place "
        "of what is known about that block; again for each piece.",
    )(function)


def mapped(stream: Stream, given: tuple[str, ...]) -> GuestMemory:
    """A stream's memory, with a map by hand if one is given.

    Args:
        stream: the stream.
        given: the values of ``--map``.

    Raises:
        BadParameter: one is not of the form that it must have.
    """
    sizes = {block.name: block.used_bytes for block in stream.blocks}
    ranges = []
    for each in given:
        name, _, range_text = each.rpartition("=")
        try:
            gpa, *part = (int(number, 0) for number in range_text.split(":"))
            addr, length = part or (0, sizes.get(name, 0))
            if not name or min(gpa, addr, length) < 0:
                raise ValueError(each)
        except ValueError:
            raise click.BadParameter(f"{each!r} is not BLOCK=GPA or BLOCK=GPA:ADDR:LENGTH") from None
        ranges.append(Range(block=name, addr=addr, gpa=gpa, length=length, source="given"))
    return stream.memory.mapped(ranges) if ranges else stream.memory


@click.command("map")
@takes_source
@takes_map
@takes_json
def command(chosen: Chosen, given: tuple[str, ...], as_json: bool) -> None:
    """Show where the RAM blocks of SOURCE lie in guest-physical memory, and who says so.

    After them come the blocks of which no address is known: what only firmware reads, video memory that the guest
    may place, memory modules that were plugged in.
    """
    with chosen.open_as_far_as_sound() as stream:
        _show(mapped(stream, given), as_json=as_json)


def _show(memory: GuestMemory, *, as_json: bool) -> None:
    unplaced = [(name, memory[name].block.used_bytes) for name in memory.unplaced]
    ranges = memory.address_map.ranges
    if as_json:
        rows: list[dict[str, Any]] = [{key: getattr(each, key) for key in _KEYS} for each in ranges]
        rows += [dict.fromkeys(_KEYS) | {"block": name, "addr": 0, "length": size} for name, size in unplaced]
        print_json(rows)
        return
    grid = table(*_KEYS, numbers=("gpa", "length", "addr"))
    for each in ranges:
        numbers = f"{each.gpa:#x}", f"{each.length:#x}", cell(each.block), f"{each.addr:#x}"
        grid.add_row(*numbers, cell(each.source))
    for name, size in unplaced:
        grid.add_row("", f"{size:#x}", cell(name), "0x0", "none is known; --map gives one")
    show(grid)
