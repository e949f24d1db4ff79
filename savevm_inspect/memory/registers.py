"""A processor's registers, as far as a core file and translation need them; plain numbers, from wherever."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment register, or one of the tables' (target/i386/cpu.h, SegmentCache)."""

    selector: int
    base: int
    limit: int
    flags: int


SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
"""In the order of ``env.segs`` (target/i386/cpu.h, R_ES and following)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class X86Registers:
    """An x86 processor.

    Attributes:
        number: which processor, from 0 on.
        regs: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi and r8 to r15; the last eight are 0 where there are none.
        rip: the instruction pointer.
        rflags: the flags.
        segments: in the order of :data:`SEGMENTS`.
        ldt, tr, gdt, idt: where the tables are.
        cr0, cr2, cr3, cr4: control registers.
        efer: the extended feature register; 0 where there is none.
        kernel_gs_base: what ``swapgs`` exchanges; 0 where there is none.
    """

    number: int
    regs: tuple[int, ...]
    rip: int
    rflags: int
    segments: tuple[Segment, ...]
    ldt: Segment
    tr: Segment
    gdt: Segment
    idt: Segment
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    efer: int = 0
    kernel_gs_base: int = 0

    @property
    def is_long(self) -> bool:
        """Whether it is in long mode (EFER.LMA)."""
        return bool(self.efer >> 10 & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aarch64Registers:
    """An Arm processor in AArch64 state.

    Attributes:
        number: which processor, from 0 on.
        xregs: x0 to x30.
        sp: the stack pointer of the current exception level.
        pc: the program counter.
        pstate: the processor state.
        vregs: v0 to v31, each as its low and its high half.
        fpsr, fpcr: floating-point status and control.
        regime: whose translation the following registers are, such as ``EL1&0``.
        sctlr, tcr, ttbr0, ttbr1: what rules translation.
    """

    number: int
    xregs: tuple[int, ...]
    sp: int
    pc: int
    pstate: int
    vregs: tuple[int, ...]
    fpsr: int
    fpcr: int
    regime: str
    sctlr: int
    tcr: int
    ttbr0: int
    ttbr1: int


Registers = X86Registers | Aarch64Registers
"""What a core file has notes for, and what can be translated."""
