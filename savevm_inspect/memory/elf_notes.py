"""Notes of an ELF core about processors, as QEMU's dump-guest-memory lays them out.

Facts: target/i386/arch_dump.c and target/arm/arch_dump.c; the structures are Linux's ``elf_prstatus``.
"""

import struct
from collections.abc import Callable, Iterator, Sequence

from .registers import Aarch64Registers, Registers, Segment, X86Registers

_NT_PRSTATUS, _NT_PRFPREG, _NT_QEMU = 1, 2, 0
_QEMU_VERSION = 1
_U32 = 0xFFFF_FFFF
_RAX, _RCX, _RDX, _RBX, _RSP, _RBP, _RSI, _RDI = range(8)
_ES, _CS, _SS, _DS, _FS, _GS = range(6)


def _note(name: bytes, kind: int, content: bytes) -> bytes:
    """A note; name and content are padded to four bytes."""
    name += b"\0"
    padded = name.ljust(-(-len(name) // 4) * 4, b"\0") + content.ljust(-(-len(content) // 4) * 4, b"\0")
    return struct.pack("<III", len(name), len(content), kind) + padded


def _prstatus_x86_64(cpu: X86Registers) -> bytes:
    regs, selectors = cpu.regs, [each.selector for each in cpu.segments]
    registers = (
        *(regs[15], regs[14], regs[13], regs[12], regs[_RBP], regs[_RBX], regs[11], regs[10], regs[9], regs[8]),
        *(regs[_RAX], regs[_RCX], regs[_RDX], regs[_RSI], regs[_RDI], 0, cpu.rip, selectors[_CS], cpu.rflags),
        *(regs[_RSP], selectors[_SS], cpu.segments[_FS].base, cpu.segments[_GS].base),
        *(selectors[_DS], selectors[_ES], selectors[_FS], selectors[_GS]),
    )
    return _note(b"CORE", _NT_PRSTATUS, struct.pack("<32xI76x27Q8x", cpu.number + 1, *registers))


def _prstatus_i386(cpu: X86Registers) -> bytes:
    regs, selectors = cpu.regs, [each.selector for each in cpu.segments]
    order = (_RBX, _RCX, _RDX, _RSI, _RDI, _RBP, _RAX)
    registers = (
        *(regs[number] & _U32 for number in order),
        *(selectors[number] & 0xFFFF for number in (_DS, _ES, _FS, _GS)),
        *(0, cpu.rip & _U32, selectors[_CS] & 0xFFFF, cpu.rflags & _U32, regs[_RSP] & _U32, selectors[_SS] & 0xFFFF),
    )
    return _note(b"CORE", _NT_PRSTATUS, struct.pack("<24xI44x7I4IIIIIII4x", cpu.number + 1, *registers))


def _qemu_segment(segment: Segment) -> bytes:
    return struct.pack("<IIIIQ", segment.selector, segment.limit, segment.flags, 0, segment.base)


def _qemu_state(cpu: X86Registers) -> bytes:
    """QEMUCPUState, in which the crash utility finds CR3 and the descriptor tables."""
    regs, segments = cpu.regs, cpu.segments
    order = (_RAX, _RBX, _RCX, _RDX, _RSI, _RDI, _RSP, _RBP, *range(8, 16))
    state = struct.pack("<18Q", *(regs[number] for number in order), cpu.rip, cpu.rflags)
    state += b"".join(map(_qemu_segment, (*(segments[number] for number in (_CS, _DS, _ES, _FS, _GS, _SS)),)))
    state += b"".join(map(_qemu_segment, (cpu.ldt, cpu.tr, cpu.gdt, cpu.idt)))
    state += struct.pack("<6Q", cpu.cr0, 0, cpu.cr2, cpu.cr3, cpu.cr4, cpu.kernel_gs_base)
    return _note(b"QEMU", _NT_QEMU, struct.pack("<II", _QEMU_VERSION, len(state) + 8) + state)


def _prstatus_aarch64(cpu: Aarch64Registers) -> bytes:
    registers = (*cpu.xregs, cpu.sp, cpu.pc, cpu.pstate)
    return _note(b"CORE", _NT_PRSTATUS, struct.pack("<32xI76x34QI4x", cpu.number + 1, *registers, 1))


def _prfpreg_aarch64(cpu: Aarch64Registers) -> bytes:
    return _note(b"CORE", _NT_PRFPREG, struct.pack("<64QII8x", *cpu.vregs, cpu.fpsr, cpu.fpcr))


EM_386, EM_X86_64, EM_AARCH64 = 3, 62, 183
_NOTES: dict[int, tuple[tuple[Callable[..., bytes], ...], ...]] = {
    EM_X86_64: ((_prstatus_x86_64,), (_qemu_state,)),
    EM_386: ((_prstatus_i386,), (_qemu_state,)),
    EM_AARCH64: ((_prstatus_aarch64, _prfpreg_aarch64),),
}
"""By e_machine: rounds over all processors, and the notes of each in a round."""


def machine_of(cpus: Sequence[Registers]) -> int:
    """The e_machine of a core; on x86 the first processor's mode decides."""
    if isinstance(cpus[0], X86Registers):
        return EM_X86_64 if cpus[0].is_long else EM_386
    return EM_AARCH64


def cpu_notes(cpus: Sequence[Registers]) -> Iterator[bytes]:
    """The notes of all processors, in the order in which QEMU writes them.

    Args:
        cpus: the registers, of one architecture; at least one.
    """
    for makers in _NOTES[machine_of(cpus)]:
        for cpu in cpus:
            for make in makers:
                yield make(cpu)
