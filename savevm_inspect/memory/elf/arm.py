"""Notes about Arm processors (target/arm/arch_dump.c)."""

import struct

from ..registers import Aarch64Registers, ArmRegisters
from .target import Target

_NT_PRSTATUS, _NT_PRFPREG, _NT_ARM_VFP = 1, 2, 0x400


def prstatus_aarch64(cpu: Aarch64Registers, target: Target) -> bytes:
    """Linux's ``elf_prstatus``."""
    registers = (*cpu.xregs, cpu.sp, cpu.pc, cpu.pstate)
    return target.note(b"CORE", _NT_PRSTATUS, struct.pack("<32xI76x34QI4x", cpu.number + 1, *registers, 1))


def fpregset_aarch64(cpu: Aarch64Registers, target: Target) -> bytes:
    """Linux's ``user_fpsimd_state``."""
    return target.note(b"CORE", _NT_PRFPREG, struct.pack("<64QII8x", *cpu.vregs, cpu.fpsr, cpu.fpcr))


def prstatus_arm(cpu: ArmRegisters, target: Target) -> bytes:
    """``elf_prstatus`` of 32-bit Linux."""
    content = struct.pack("<24xI44x17I4xI", cpu.number + 1, *cpu.regs, cpu.cpsr, bool(cpu.dregs))
    return target.note(b"CORE", _NT_PRSTATUS, content)


def vfp_arm(cpu: ArmRegisters, target: Target) -> bytes:
    """Linux's ``user_vfp``; nothing for a processor without floating point."""
    if not cpu.dregs:
        return b""
    return target.note(b"LINUX", _NT_ARM_VFP, struct.pack("<32QI", *cpu.dregs, cpu.fpscr))
