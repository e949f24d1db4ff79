"""``savevm-inspect ram export``."""

from collections.abc import Iterator
from pathlib import Path

import click

from ..errors import AddressError, NotFound, SavevmError, printable
from ..memory.elf.core import core_target, write_core
from ..memory.elf.notes import cpu_notes
from ..memory.families import find_family
from ..memory.registers import Registers
from ..reader.guest_memory import GuestMemory
from .options import say, takes_output
from .progress import writing
from .ram_map import mapped, takes_map
from .source import Chosen, takes_source


@click.command("export")
@takes_source
@click.option("--elf", is_flag=True, help="An ELF core, as QEMU's dump-guest-memory writes it.")
@takes_map
@takes_output(content="the core, sparse")
@click.option("--partial", is_flag=True, help="Also of a stream that was cut; list the ranges that are missing.")
def command(chosen: Chosen, elf: bool, given: tuple[str, ...], output: Path, partial: bool) -> None:
    """Write the memory of SOURCE by guest-physical address, with the processors' registers."""
    if not elf:
        raise click.UsageError("say in which format: --elf")
    with chosen.open(strict=not partial) as stream:
        if not partial and not stream.complete:
            raise SavevmError(
                f"{chosen.name}: not whole, so this is not the guest's memory; nothing was written (--partial does)"
            )
        if not stream.blocks and stream.problems:
            raise stream.problems[0]
        memory = mapped(stream, given)
        cpus, lacking = _cpus(memory)
        target = core_target(find_family(memory.evidence), cpus, memory.address_map)
        guest_note, lacking_note = _vmcoreinfo(memory, target.order)
        notes = cpu_notes(cpus, target) + guest_note
        with writing(output, sum(each.length for each in memory.address_map.ranges)) as progress:
            write_core(output, memory, memory.address_map, target, notes, progress)
        said = [f"the core has no registers: {lacking}"] if lacking else []
        said += [f"the core has no VMCOREINFO: {lacking_note}"] if lacking_note else []
        said += [*(f"savevm-inspect: {problem}" for problem in stream.problems), *_remarks(memory)]
        if partial:
            for start, length in _missing(memory):
                say(f"gpa {start:#x} to {start + length - 1:#x} never sent", output)
    for line in said:
        click.echo(printable(line), err=True)


def _cpus(memory: GuestMemory) -> tuple[tuple[Registers, ...], str]:
    """The processors, or none and why."""
    try:
        return memory.cpus, ""
    except (NotFound, AddressError) as error:
        return (), str(error)


def _vmcoreinfo(memory: GuestMemory, order: str) -> tuple[bytes, str]:
    """The guest's own note, or none and why."""
    try:
        return memory.vmcoreinfo(order).note, ""
    except NotFound as error:
        return b"", str(error)


def _remarks(memory: GuestMemory) -> Iterator[str]:
    """What the core does not hold."""
    unplaced = memory.unplaced
    missing = sum(memory[name].missing_pages for name in set(memory) - set(unplaced))
    if unplaced:
        yield (
            f"not in the core, since the guest sees them at no known address (--map gives one): {', '.join(unplaced)}"
        )
    if missing:
        yield f"{missing} pages were never sent; they are zero in the file"


def _missing(memory: GuestMemory) -> Iterator[tuple[int, int]]:
    """The ranges of guest-physical memory that were never sent: address and length in bytes."""
    for each in memory.address_map.ranges:
        for start, length in memory[each.block].missing():
            part = each.part(each.gpa + start - each.addr, each.gpa + start + length - each.addr)
            if part is not None:
                yield part.gpa, part.length
