"""Notes about x86 processors (target/i386/arch_dump.c)."""

import struct

from ..registers import Segment, X86Registers
from .target import Target

_NT_PRSTATUS, _NT_QEMU = 1, 0
_QEMU_VERSION = 1
_U32 = 0xFFFF_FFFF
_RAX, _RCX, _RDX, _RBX, _RSP, _RBP, _RSI, _RDI = range(8)
_ES, _CS, _SS, _DS, _FS, _GS = range(6)


def prstatus_x86_64(cpu: X86Registers, target: Target) -> bytes:
    """A processor in long mode, as Linux's ``elf_prstatus``."""
    regs, selectors = cpu.regs, [each.selector for each in cpu.segments]
    registers = (
        *(regs[15], regs[14], regs[13], regs[12], regs[_RBP], regs[_RBX], regs[11], regs[10], regs[9], regs[8]),
        *(regs[_RAX], regs[_RCX], regs[_RDX], regs[_RSI], regs[_RDI], 0, cpu.rip, selectors[_CS], cpu.rflags),
        *(regs[_RSP], selectors[_SS], cpu.segments[_FS].base, cpu.segments[_GS].base),
        *(selectors[_DS], selectors[_ES], selectors[_FS], selectors[_GS]),
    )
    return target.note(b"CORE", _NT_PRSTATUS, struct.pack("<32xI76x27Q8x", cpu.number + 1, *registers))


def prstatus_i386(cpu: X86Registers, target: Target) -> bytes:
    """A processor in any other mode, as ``elf_prstatus`` of 32-bit Linux."""
    regs, selectors = cpu.regs, [each.selector for each in cpu.segments]
    order = (_RBX, _RCX, _RDX, _RSI, _RDI, _RBP, _RAX)
    registers = (
        *(regs[number] & _U32 for number in order),
        *(selectors[number] & 0xFFFF for number in (_DS, _ES, _FS, _GS)),
        *(0, cpu.rip & _U32, selectors[_CS] & 0xFFFF, cpu.rflags & _U32, regs[_RSP] & _U32, selectors[_SS] & 0xFFFF),
    )
    return target.note(b"CORE", _NT_PRSTATUS, struct.pack("<24xI44x7I4IIIIIII4x", cpu.number + 1, *registers))


def _segment(segment: Segment) -> bytes:
    return struct.pack("<IIIIQ", segment.selector, segment.limit, segment.flags, 0, segment.base)


def qemu_state(cpu: X86Registers, target: Target) -> bytes:
    """QEMUCPUState, in which the crash utility finds CR3 and the descriptor tables."""
    regs, segments = cpu.regs, cpu.segments
    order = (_RAX, _RBX, _RCX, _RDX, _RSI, _RDI, _RSP, _RBP, *range(8, 16))
    state = struct.pack("<18Q", *(regs[number] for number in order), cpu.rip, cpu.rflags)
    state += b"".join(map(_segment, (*(segments[number] for number in (_CS, _DS, _ES, _FS, _GS, _SS)),)))
    state += b"".join(map(_segment, (cpu.ldt, cpu.tr, cpu.gdt, cpu.idt)))
    state += struct.pack("<6Q", cpu.cr0, 0, cpu.cr2, cpu.cr3, cpu.cr4, cpu.kernel_gs_base)
    return target.note(b"QEMU", _NT_QEMU, struct.pack("<II", _QEMU_VERSION, len(state) + 8) + state)
