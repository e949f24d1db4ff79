"""What is known of a machine type's memory layout, and what a stream states of its machine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..payload.ram_blocks import RamBlock
from .elf.target import Target
from .srat import Affinity

FOUR_GIB = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a stream states of its machine.

    Attributes:
        machine: the machine type, as the configuration names it; empty if it does not.
        blocks: the block list.
        devices: the idstrs of its devices.
        cmos: how much RAM lies below and above 4 GiB, by the CMOS; ``None`` if that is not decoded or says nothing.
        pam: the seven PAM registers of the host bridge; ``None`` if they are not decoded.
        affinities: what ACPI's SRAT says of memory; empty if there is no such table.
        virtio_mem: path of each virtio-mem device -> where its memory lies.
    """

    machine: str
    blocks: Sequence[RamBlock]
    devices: frozenset[str] = frozenset()
    cmos: tuple[int, int] | None = None
    pam: bytes | None = None
    affinities: tuple[Affinity, ...] = ()
    virtio_mem: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a block that the guest sees at an address.

    Attributes:
        gpa: where the guest sees it.
        addr: where it starts in the block; in RAM of several blocks, in all of them laid end to end.
        length: its bytes; ``None`` if it goes on to the end of the block.
    """

    gpa: int
    addr: int = 0
    length: int | None = None

    def __str__(self) -> str:
        if not self.addr and self.length is None:
            return f"{self.gpa:#x}"
        end = "" if self.length is None else f"{self.addr + self.length:#x}"
        return f"{self.gpa:#x} ({self.addr:#x} to {end or 'the end'})"


def whole(blocks: Mapping[str, int]) -> dict[str, tuple[Piece, ...]]:
    """Blocks that are seen whole: name -> guest-physical address, as :attr:`Family.fixed` takes them."""
    return {name: (Piece(gpa=gpa),) for name, gpa in blocks.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a machine divides RAM that does not fit below 4 GiB.

    Attributes:
        from_bytes: RAM of this size or more is divided.
        low_bytes: then this much lies below 4 GiB, and the rest from 4 GiB on.
    """

    from_bytes: int
    low_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Machine types that lay out memory alike.

    Attributes:
        name: what to call them.
        machine: a pattern that their names match as a whole.
        devices: what the idstrs of a device that only they have start with; machine types of several targets are
            called ``virt``.
        ram: the name of their RAM block, where no memory backend is given.
        pieces: where RAM lies; several pieces may show the same bytes.
        split: how RAM is divided; ``None`` if that does not depend on its size.
        fixed: other blocks, each with its places.
        top: blocks that lie below 4 GiB without gaps, the topmost first.
        isa_bios: whether the end of the topmost block is seen below 1 MiB, too.
        own_device: idstr of a device that only they have, which shows them where the machine type is not named.
        pam: idstr and first PAM register of the host bridge that decides what is seen below 1 MiB.
        upstream: QEMU's file that says so.
        target: what kind of core they make, where no processor shows it; ``None`` if that is not known.
    """

    name: str
    machine: str
    ram: str
    upstream: str
    target: Target | None = None
    devices: str = ""
    own_device: str = ""
    pieces: tuple[Piece, ...] = (Piece(gpa=0),)
    split: Split | None = None
    fixed: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)
    top: tuple[str, ...] = ()
    isa_bios: bool = False
    pam: tuple[str, int] | None = None

    def covers(self, evidence: Evidence) -> bool:
        """Whether a stream is of one of these machine types.

        Machine types up to 2.2 do not name themselves; then a device of their own shows it, as the host bridge is.
        """
        names = {block.name for block in evidence.blocks}
        if not evidence.machine:
            own_device = self.pam[0] if self.pam else self.own_device
            return own_device in evidence.devices and self.ram in names
        if not re.fullmatch(self.machine, evidence.machine):
            return False
        return (
            not self.devices or self.ram in names or any(each.startswith(self.devices) for each in evidence.devices)
        )

    def source(self, evidence: Evidence) -> str:
        """Who says where the memory of a stream's machine lies, as :attr:`Range.source` has it."""
        if evidence.machine or self.pam is None:
            return f"machine type {evidence.machine} ({self.upstream})"
        return f"{self.name}, by its {self.pam[0].partition('/')[2]} ({self.upstream})"
