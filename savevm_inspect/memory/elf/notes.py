"""What a core says of processors, byte by byte as QEMU's dump-guest-memory lays it out."""

from collections.abc import Callable, Sequence
from typing import Any

from ..registers import (
    Aarch64Registers,
    ArmRegisters,
    Ppc64Registers,
    Registers,
    RiscvRegisters,
    S390xRegisters,
    X86Registers,
)
from . import arm, ppc, riscv, s390x, target, x86
from .target import Target

_Maker = Callable[[Any, Target], bytes]
"""Makes a note about a processor of its architecture; nothing, if there is nothing to say."""

_NOTES: dict[int, tuple[tuple[_Maker, ...], ...]] = {
    target.X86_64.machine: ((x86.prstatus_x86_64,), (x86.qemu_state,)),
    target.I386.machine: ((x86.prstatus_i386,), (x86.qemu_state,)),
    target.AARCH64.machine: ((arm.prstatus_aarch64, arm.fpregset_aarch64),),
    target.ARM.machine: ((arm.prstatus_arm, arm.vfp_arm),),
    target.PPC64.machine: ((ppc.prstatus, ppc.fpregset, ppc.vmx, ppc.vsx, ppc.spe),),
    target.S390.machine: ((s390x.notes,),),
    target.RISCV64.machine: ((riscv.prstatus,),),
}
"""By e_machine: rounds over all processors, and the notes of each in a round."""


def target_of(cpu: Registers) -> Target:
    """What kind of file a core is by its first processor, whose mode may decide."""
    match cpu:
        case X86Registers():
            return target.X86_64 if cpu.is_long else target.I386
        case Aarch64Registers():
            return target.AARCH64
        case ArmRegisters():
            return target.ARM
        case Ppc64Registers():
            return target.PPC64LE if cpu.is_little_endian else target.PPC64
        case S390xRegisters():
            return target.S390
        case RiscvRegisters():
            return target.RISCV64 if cpu.xlen == 64 else target.RISCV32


def cpu_notes(cpus: Sequence[Registers], kind: Target) -> bytes:
    """The notes of all processors, in the order in which QEMU writes them.

    Args:
        cpus: the registers; may be none. Of those of another architecture than the first one's, nothing is said.
        kind: the file.
    """
    alike = [cpu for cpu in cpus if type(cpu) is type(cpus[0])]
    rounds = _NOTES[kind.machine] if cpus else ()
    return b"".join(make(cpu, kind) for makers in rounds for cpu in alike for make in makers)
