"""``savevm-inspect ram map`` and ``savevm-inspect ram export``: memory by guest-physical address."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.progress import Progress

from ..errors import AddressError, NotFound, SavevmError
from ..memory.elf_core import core_target, write_core
from ..memory.machines import find_family
from ..memory.ranges import Range
from ..memory.registers import Registers
from ..reader.guest_memory import GuestMemory
from ..reader.stream import Stream
from .options import cell, console, print_json, show, table, takes_json
from .source import Chosen, takes_source

F = TypeVar("F", bound=Callable[..., Any])


def _takes_map(function: F) -> F:
    """Give a verb the ``--map`` option."""
    return click.option(
        "--map",
        "given",
        multiple=True,
        metavar="BLOCK=GPA[:ADDR:LENGTH]",
        help="Where a RAM block lies in guest-physical memory, or LENGTH bytes from ADDR on of it. Takes the place "
        "of what is known about that block; again for each piece.",
    )(function)


def _mapped(stream: Stream, given: tuple[str, ...]) -> GuestMemory:
    """The stream's memory, with a map by hand if one is given."""
    sizes = {block.name: block.used_bytes for block in stream.blocks}
    ranges = []
    for each in given:
        name, _, place = each.rpartition("=")
        numbers = place.split(":")
        try:
            gpa, *part = (int(number, 0) for number in numbers)
            addr, length = part or (0, sizes.get(name, 0))
        except ValueError:
            raise click.BadParameter(f"{each!r} is not BLOCK=GPA or BLOCK=GPA:ADDR:LENGTH") from None
        if not name or min(gpa, addr, length) < 0:
            raise click.BadParameter(f"{each!r} is not BLOCK=GPA or BLOCK=GPA:ADDR:LENGTH")
        ranges.append(Range(block=name, addr=addr, gpa=gpa, length=length, source="given"))
    return stream.memory.mapped(ranges) if ranges else stream.memory


@click.command("map")
@takes_source
@_takes_map
@takes_json
def show_map(chosen: Chosen, given: tuple[str, ...], as_json: bool) -> None:
    """Show where the RAM blocks of SOURCE lie in guest-physical memory, and who says so."""
    with chosen.open() as stream:
        ranges = _mapped(stream, given).address_map.ranges
    if as_json:
        print_json(
            [
                {
                    "gpa": each.gpa,
                    "length": each.length,
                    "block": each.block,
                    "addr": each.addr,
                    "source": each.source,
                }
                for each in ranges
            ]
        )
        return
    columns = ("gpa", "length", "addr")
    grid = table("gpa", "length", "block", "addr", "source", numbers=columns)
    for each in ranges:
        grid.add_row(f"{each.gpa:#x}", f"{each.length:#x}", cell(each.block), f"{each.addr:#x}", cell(each.source))
    show(grid)


@click.command("export")
@takes_source
@click.option("--elf", is_flag=True, required=True, help="An ELF core, as QEMU's dump-guest-memory writes it.")
@_takes_map
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, sparse.",
)
def export(chosen: Chosen, elf: bool, given: tuple[str, ...], output: Path) -> None:  # noqa: ARG001 - the only format
    """Write the memory of SOURCE by guest-physical address, with the processors' registers."""
    with chosen.open() as stream:
        if not stream.complete:
            raise SavevmError(f"{chosen.name}: not whole, so this is not the guest's memory; nothing was written")
        memory = _mapped(stream, given)
        cpus, lacking = _cpus(memory)
        ranges = memory.address_map.ranges
        family = find_family(memory.evidence)
        target = core_target(family.name if family else "", cpus, memory.address_map)
        total = sum(each.length for each in ranges)
        with Progress(console=console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(f"writing {output.name}", total=total)
            write_core(
                output, memory, memory.address_map, target, cpus, lambda done: bar.update(task, completed=done)
            )
        unmapped = sorted(set(memory) - {each.block for each in ranges})
        missing = sum(memory[name].missing_pages for name in {each.block for each in ranges})
    if lacking:
        click.echo(f"the core has no registers: {lacking}", err=True)
    if unmapped:
        click.echo(
            str(cell(f"not in the core, since the guest sees them at no known address: {', '.join(unmapped)}")),
            err=True,
        )
    if missing:
        click.echo(f"{missing} pages were never sent; they are zero in the file", err=True)


def _cpus(memory: GuestMemory) -> tuple[tuple[Registers, ...], str]:
    """The processors, or none and why."""
    try:
        return memory.cpus, ""
    except (NotFound, AddressError) as error:
        return (), str(error)
