"""Notes about RISC-V processors (target/riscv/arch_dump.c)."""

import struct

from ..registers import RiscvRegisters
from .target import CLASS64, Target

_NT_PRSTATUS = 1


def prstatus(cpu: RiscvRegisters, target: Target) -> bytes:
    """Linux's ``elf_prstatus``."""
    layout = "<32xI76x32Q8x" if target.elf_class == CLASS64 else "<24xI44x32I4x"
    return target.note(b"CORE", _NT_PRSTATUS, struct.pack(layout, cpu.number + 1, cpu.pc, *cpu.gpr[1:]))
