"""Notes about POWER processors of 64 bits (target/ppc/arch_dump.c)."""

import struct

from ..registers import Ppc64Registers
from .target import Target

_NT_PRSTATUS, _NT_PRFPREG, _NT_PPC_VMX, _NT_PPC_SPE, _NT_PPC_VSX = 1, 2, 0x100, 0x101, 0x102


def prstatus(cpu: Ppc64Registers, target: Target) -> bytes:
    """Linux's ``elf_prstatus``."""
    registers = (*cpu.gpr, cpu.nip, cpu.msr, 0, cpu.ctr, cpu.lr, cpu.xer, cpu.cr)
    content = struct.pack(f"{target.order}32xI76x39Q80x", cpu.number + 1, *registers)
    return target.note(b"CORE", _NT_PRSTATUS, content)


def fpregset(cpu: Ppc64Registers, target: Target) -> bytes:
    """The floating-point registers."""
    return target.note(b"CORE", _NT_PRFPREG, struct.pack(f"{target.order}33Q", *cpu.fpr, cpu.fpscr))


def vmx(cpu: Ppc64Registers, target: Target) -> bytes:
    """The vector registers, each as 128 bits in the byte order of the file."""
    little = target.order == "<"
    halves = (half for low, high in cpu.avr for half in ((low, high) if little else (high, low)))
    return target.note(b"CORE", _NT_PPC_VMX, struct.pack(f"{target.order}64Q12xI16x", *halves, cpu.vscr))


def vsx(cpu: Ppc64Registers, target: Target) -> bytes:
    """The halves of the vector-scalar registers that are not among the others."""
    return target.note(b"CORE", _NT_PPC_VSX, struct.pack(f"{target.order}32Q", *cpu.vsr))


def spe(cpu: Ppc64Registers, target: Target) -> bytes:
    """The accumulator of the signal processing engine; no processor of 64 bits has one."""
    return target.note(b"CORE", _NT_PPC_SPE, struct.pack(f"{target.order}128xQ4x", cpu.spe_acc))
