"""Processor state whose fields are more than one number (target/*/machine.c)."""

from .coder import Coder, FieldContext

_MIPS32_TLB_BYTES = 28
_MIPS_TLB_WITHOUT_MMID = 2
_KVM_S390_IRQ_BYTES = 72


def words(coder: Coder, context: FieldContext) -> None:
    """64-bit words: of a bitmap, a vector register, a segment (migration/vmstate-types.c, put_bitmap)."""
    coder.numbers("", "uint64", context.size // 8)


def mips_tlb_entry(coder: Coder, context: FieldContext) -> None:
    """target/mips/system/machine.c, put_tlb.

    The virtual page number is as wide as a register of the target; MMID came with version 3 of ``cpu/tlb``.
    """
    has_mmid = context.owner.version > _MIPS_TLB_WITHOUT_MMID
    coder.number("VPN", "uint32" if context.size == _MIPS32_TLB_BYTES + 4 * has_mmid else "uint64")
    coder.record(("PageMask", "uint32"), ("ASID", "uint16"))
    if has_mmid:
        coder.number("MMID")
    coder.number("flags", "uint16")
    coder.numbers("PFN", "uint64", 2)


def hppa_tlb_entry(coder: Coder, _context: FieldContext) -> None:
    """target/hppa/machine.c, put_tlb: of PA-RISC 2.0, as QEMU 10.0 and later write it."""
    coder.record(("itree.start", "uint64"), ("itree.last", "uint64"), ("pa", "uint64"), ("flags", "uint64"))


def hppa_tlb_entry_of_pa1(coder: Coder, _context: FieldContext) -> None:
    """target/hppa/machine.c of QEMU 7.2, put_tlb; the entry maps one page."""
    coder.record(("va_b", "uint64"), ("pa", "uint32"), ("flags", "uint32"))


def kvm_s390_irqs(coder: Coder, _context: FieldContext) -> None:
    """Floating interrupts as KVM gives them (hw/intc/s390_flic_kvm.c, kvm_flic_save; struct kvm_s390_irq)."""
    for _ in coder.indices("irq", coder.count("count", "uint64")):
        coder.number("type", "uint64")
        coder.buffer("parameters", _KVM_S390_IRQ_BYTES - 8)
