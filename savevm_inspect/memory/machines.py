"""Machine types whose memory layout is known: what each family's source file lays down, as data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..payload.ram_blocks import RamBlock

GIB = 1 << 30
FOUR_GIB = 4 * GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a stream tells of its machine.

    Attributes:
        machine: the machine type, as the configuration names it; empty if it does not.
        blocks: the block list.
        devices: the idstrs of its devices.
        cmos: how much RAM lies below and above 4 GiB, by the CMOS; ``None`` if that is not decoded or says nothing.
        pam: the seven PAM registers of the host bridge; ``None`` if they are not decoded.
    """

    machine: str
    blocks: Sequence[RamBlock]
    devices: frozenset[str] = frozenset()
    cmos: tuple[int, int] | None = None
    pam: bytes | None = None


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
        ram_gpa: where RAM starts.
        split: how RAM is divided; ``None`` if it is one piece.
        fixed: other blocks, each with its address.
        top: blocks that lie below 4 GiB without gaps, the topmost first.
        isa_bios: whether the end of the topmost block is seen below 1 MiB, too.
        pam: idstr and first PAM register of the host bridge that decides what is seen below 1 MiB.
        upstream: QEMU's file that says so.
    """

    name: str
    machine: str
    ram: str
    upstream: str
    devices: str = ""
    ram_gpa: int = 0
    split: Split | None = None
    fixed: Mapping[str, int] = field(default_factory=dict)
    top: tuple[str, ...] = ()
    isa_bios: bool = False
    pam: tuple[str, int] | None = None

    def covers(self, evidence: Evidence) -> bool:
        """Whether a stream is of one of these machine types."""
        if not re.fullmatch(self.machine, evidence.machine):
            return False
        names = {block.name for block in evidence.blocks}
        return (
            not self.devices or self.ram in names or any(each.startswith(self.devices) for each in evidence.devices)
        )


_PC_FIRMWARE = ("pc.bios", "system.flash0", "system.flash1")
FAMILIES = (
    Family(
        name="x86 pc",
        machine=r"pc-i440fx-.+",
        ram="pc.ram",
        split=Split(from_bytes=0xE000_0000, low_bytes=0xC000_0000),
        fixed={"pc.rom": 0xC_0000},
        top=_PC_FIRMWARE,
        isa_bios=True,
        pam=("0000:00:00.0/I440FX", 0x59),
        upstream="hw/i386/pc_piix.c",
    ),
    Family(
        name="x86 q35",
        machine=r"pc-q35-.+",
        ram="pc.ram",
        split=Split(from_bytes=0xB000_0000, low_bytes=0x8000_0000),
        fixed={"pc.rom": 0xC_0000},
        top=_PC_FIRMWARE,
        isa_bios=True,
        pam=("0000:00:00.0/mch", 0x90),
        upstream="hw/i386/pc_q35.c",
    ),
    Family(
        name="x86 microvm",
        machine=r"microvm",
        ram="microvm.ram",
        split=Split(from_bytes=0xC000_0000, low_bytes=0xC000_0000),
        top=("pc.bios",),
        isa_bios=True,
        upstream="hw/i386/microvm.c",
    ),
    Family(
        name="arm virt",
        machine=r"virt(-\d.*)?",
        devices="arm_gic",
        ram="mach-virt.ram",
        ram_gpa=GIB,
        fixed={"virt.flash0": 0, "virt.flash1": 0x400_0000},
        upstream="hw/arm/virt.c",
    ),
    Family(
        name="riscv virt",
        machine=r"virt(-\d.*)?",
        devices="riscv_",
        ram="riscv_virt_board.ram",
        ram_gpa=2 * GIB,
        fixed={"virt.flash0": 0x2000_0000, "virt.flash1": 0x2200_0000, "riscv_virt_board.mrom": 0x1000},
        upstream="hw/riscv/virt.c",
    ),
    Family(name="ppc pseries", machine=r"pseries-.+", ram="ppc_spapr.ram", upstream="hw/ppc/spapr.c"),
    Family(name="s390x", machine=r"s390-ccw-virtio-.+", ram="s390.ram", upstream="hw/s390x/s390-virtio-ccw.c"),
)
"""The machine types whose memory layout is known."""


def find_family(evidence: Evidence) -> Family | None:
    """The family that a stream's machine type belongs to."""
    return next((family for family in FAMILIES if family.covers(evidence)), None)
