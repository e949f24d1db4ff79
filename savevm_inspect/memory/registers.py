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
        regime: whose translation the following registers are, such as ``EL1&0``; empty if it is not read.
        sctlr, tcr, ttbr0, ttbr1: what rules translation, in the form that EL1 has.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRegisters:
    """An Arm processor that has no AArch64 state.

    Attributes:
        number: which processor, from 0 on.
        regs: r0 to r15 of the current mode.
        cpsr: the processor state.
        dregs: d0 to d31; none if it has no floating point.
        fpscr: floating-point status and control.
    """

    number: int
    regs: tuple[int, ...]
    cpsr: int
    dregs: tuple[int, ...]
    fpscr: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ppc64Registers:
    """A POWER processor of 64 bits.

    Attributes:
        number: which processor, from 0 on.
        gpr: r0 to r31.
        nip: the address of the next instruction.
        msr: the machine state.
        ctr, lr, xer, cr: count, link, exception and condition registers.
        fpr: f0 to f31.
        fpscr: floating-point status and control.
        avr: v0 to v31, each as its low and its high half.
        vscr: vector status and control.
        vsr: the low halves of vs0 to vs31; the high ones are :attr:`fpr`.
        spe_acc: the accumulator of the signal processing engine.
        is_little_endian: whether its interrupts are taken little-endian, as a Linux guest's memory then is.
    """

    number: int
    gpr: tuple[int, ...]
    nip: int
    msr: int
    ctr: int
    lr: int
    xer: int
    cr: int
    fpr: tuple[int, ...]
    fpscr: int
    avr: tuple[tuple[int, int], ...]
    vscr: int
    vsr: tuple[int, ...]
    spe_acc: int
    is_little_endian: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RiscvRegisters:
    """A RISC-V processor.

    Attributes:
        number: which processor, from 0 on.
        xlen: bits of a register.
        gpr: x0 to x31.
        pc: the program counter.
    """

    number: int
    xlen: int
    gpr: tuple[int, ...]
    pc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class S390xRegisters:
    """An s390x processor.

    Attributes:
        number: which processor, from 0 on.
        psw_mask, psw_addr: the program status word.
        gprs, acrs, crs: general, access and control registers.
        fpc: floating-point control.
        vregs: v0 to v31, each as its high and its low half; the first sixteen high ones are f0 to f15.
        prefix: where its first 8 KiB lie.
        timer, todcmp, todpreg: CPU timer, clock comparator, TOD programmable register.
        gscb: the guarded-storage control block.
    """

    number: int
    psw_mask: int
    psw_addr: int
    gprs: tuple[int, ...]
    acrs: tuple[int, ...]
    crs: tuple[int, ...]
    fpc: int
    vregs: tuple[tuple[int, int], ...]
    prefix: int
    timer: int
    todcmp: int
    todpreg: int
    gscb: tuple[int, ...]


Registers = X86Registers | Aarch64Registers | ArmRegisters | Ppc64Registers | RiscvRegisters | S390xRegisters
"""What a core file has notes for."""
