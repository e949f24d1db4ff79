"""The processors' registers, out of the fields of the ``cpu`` sections.

Field names have been the same from QEMU 7.2 to 11.1 (each target's machine.c). What is read is
the state that the description names; without one there is nothing to read.
"""

from collections.abc import Callable, Mapping

from ..errors import NotFound
from ..memory.registers import (
    SEGMENTS,
    Aarch64Registers,
    ArmRegisters,
    Ppc64Registers,
    Registers,
    RiscvRegisters,
    S390xRegisters,
    Segment,
    X86Registers,
)
from ..stream.records import Framing
from ..stream.values import Value
from .device import Device

IDSTR = "cpu"


class _Fields:
    """The decoded fields of one processor by their paths."""

    def __init__(self, device: Device) -> None:
        self.number = device.instance_id
        fields = device.fields
        self._values: Mapping[str, Value] = {field.path: field.value for field in fields}
        self._bytes = {field.path: field.span.length for field in fields}

    def __contains__(self, path: str) -> bool:
        return path in self._values

    def number_of(self, path: str) -> int:
        value = self._values.get(path)
        if not isinstance(value, int):
            raise self._lacking(path, "a number")
        return value

    def run(self, path: str, length: int | None = None) -> tuple[int, ...]:
        """A run of numbers, of one length if that is given."""
        value = self._values.get(path)
        if not isinstance(value, tuple) or length not in (None, len(value)):
            raise self._lacking(path, f"{length or 'several'} numbers")
        return value

    def is_64_bit(self, path: str) -> bool:
        """Whether a number takes eight bytes."""
        return self._bytes[path] == 8

    def _lacking(self, path: str, wanted: str) -> NotFound:
        found = "not there" if path not in self._values else "something else"
        return NotFound(
            f"the registers of cpu {self.number} can't be read: field {path!r} must be {wanted}, is {found}"
        )


def _segment(fields: _Fields, path: str) -> Segment:
    return Segment(
        selector=fields.number_of(f"{path}/selector"),
        base=fields.number_of(f"{path}/base"),
        limit=fields.number_of(f"{path}/limit"),
        flags=fields.number_of(f"{path}/flags"),
    )


def _read_x86(fields: _Fields) -> X86Registers:
    """An x86 processor; qemu-system-i386 has eight registers and no 64-bit state."""
    regs = fields.run("env.regs")
    has_long_mode = "env.efer" in fields
    return X86Registers(
        number=fields.number,
        regs=(*regs, *(0,) * (16 - len(regs)))[:16],
        rip=fields.number_of("env.eip"),
        rflags=fields.number_of("env.eflags"),
        segments=tuple(_segment(fields, f"env.segs[{number}]") for number in range(len(SEGMENTS))),
        ldt=_segment(fields, "env.ldt"),
        tr=_segment(fields, "env.tr"),
        gdt=_segment(fields, "env.gdt"),
        idt=_segment(fields, "env.idt"),
        **{f"cr{number}": fields.number_of(f"env.cr[{number}]") for number in (0, 2, 3, 4)},
        efer=fields.number_of("env.efer") if has_long_mode else 0,
        kernel_gs_base=fields.number_of("env.kernelgsbase") if has_long_mode else 0,
    )


_AARCH32 = 1 << 4
_HCR_VM, _HCR_TGE, _HCR_E2H = 1 << 0, 1 << 27, 1 << 34
_FPSR, _FPCR = 0xF800_009F, 0x07FF_9F00
"""Which bits of FPSCR are in which register (target/arm/vfp_helper.c)."""


def _register_id(op1: int, crn: int, crm: int, op2: int) -> int:
    """The number of a system register with op0 of 3, as the stream lists it (KVM's; target/arm/kvm-consts.h)."""
    return 0x6030_0000_0013_0000 | 3 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


_ID_AA64DFR0_EL1 = _register_id(0, 0, 5, 0)
"""Zero, or not there, on a processor that has no AArch64 state."""

_HCR_EL2 = _register_id(4, 1, 1, 0)
_REGIMES = {
    "EL1&0": {"sctlr": (0, 1, 0, 0), "tcr": (0, 2, 0, 2), "ttbr0": (0, 2, 0, 0), "ttbr1": (0, 2, 0, 1)},
    "EL2&0": {"sctlr": (4, 1, 0, 0), "tcr": (4, 2, 0, 2), "ttbr0": (4, 2, 0, 0), "ttbr1": (4, 2, 0, 1)},
    "EL2": {"sctlr": (4, 1, 0, 0), "tcr": (4, 2, 0, 2), "ttbr0": (4, 2, 0, 0)},
    "EL3": {"sctlr": (6, 1, 0, 0), "tcr": (6, 2, 0, 2), "ttbr0": (6, 2, 0, 0)},
}
"""The registers of each regime of translation, as op1, CRn, CRm, op2 (op0 is 3); some have one half only."""


def _regime(pstate: int, hcr: int) -> str:
    """Which of the regimes translates (target/arm/helper.c, arm_mmu_idx_el); none of them where two stages do."""
    level = pstate >> 2 & 3
    host = bool(hcr & _HCR_E2H)
    if level == 3:
        return "EL3"
    if host and (level == 2 or (level == 0 and hcr & _HCR_TGE)):
        return "EL2&0"
    if level == 2:
        return "EL2"
    return "" if hcr & _HCR_VM else "EL1&0"


_EPD1 = 1 << 23
_ONE_HALF = ((0, 6, 0), (14, 2, 14), (16, 3, 32), (20, 1, 37), (32, 1, 59))
"""What TCR_EL2 and TCR_EL3 say of addresses: place, bits, and the place in TCR_EL1."""


def _as_two_halves(tcr: int) -> int:
    """TCR_EL2 or TCR_EL3 in the form of TCR_EL1, whose upper half is then off (Arm's manual, D19.2)."""
    return _EPD1 | sum((tcr >> place & (1 << bits) - 1) << to for place, bits, to in _ONE_HALF)


def _fpscr(fields: _Fields) -> int:
    return fields.number_of("cpu/vfp/fpscr") if "cpu/vfp/fpscr" in fields else 0


def _vector(fields: _Fields, number: int) -> tuple[int, ...]:
    return fields.run(f"cpu/vfp/env.vfp.zregs[{number}].d", 2)


def _read_arm(fields: _Fields) -> Aarch64Registers | ArmRegisters:
    indexes, values = fields.run("cpreg_vmstate_indexes"), fields.run("cpreg_vmstate_values")
    system = dict(zip(indexes, values, strict=False))
    if system.get(_ID_AA64DFR0_EL1, 0):
        return _read_aarch64(fields, system)
    has_vfp = "cpu/vfp/env.vfp.zregs[0].d" in fields
    return ArmRegisters(
        number=fields.number,
        regs=fields.run("env.regs", 16),
        cpsr=fields.number_of("cpsr"),
        dregs=tuple(half for number in range(16) for half in _vector(fields, number)) if has_vfp else (),
        fpscr=_fpscr(fields),
    )


def _read_aarch64(fields: _Fields, system: Mapping[int, int]) -> Aarch64Registers:
    pstate = fields.number_of("cpsr")
    is_aarch32 = bool(pstate & _AARCH32)
    regime = "" if is_aarch32 else _regime(pstate, system.get(_HCR_EL2, 0))
    xregs = _aarch32_as_xregs(fields, pstate) if is_aarch32 else fields.run("env.xregs", 32)
    fpscr = _fpscr(fields)
    rules = {name: system.get(_register_id(*encoding), 0) for name, encoding in _REGIMES.get(regime, {}).items()}
    if regime in ("EL2", "EL3"):
        rules["tcr"] = _as_two_halves(rules["tcr"])
    return Aarch64Registers(
        number=fields.number,
        xregs=xregs[:31],
        sp=0 if is_aarch32 else xregs[31],
        pc=fields.run("env.regs", 16)[15] if is_aarch32 else fields.number_of("env.pc"),
        pstate=pstate,
        vregs=tuple(half for number in range(32) for half in _vector(fields, number)),
        fpsr=fpscr & _FPSR,
        fpcr=fpscr & _FPCR,
        regime=regime,
        **dict.fromkeys(("sctlr", "tcr", "ttbr0", "ttbr1"), 0) | rules,
    )


_BANKS = {0x10: 0, 0x1F: 0, 0x13: 1, 0x17: 2, 0x1B: 3, 0x12: 4, 0x11: 5, 0x1A: 6, 0x16: 7}
"""Mode -> its index among the banked registers (target/arm/internals.h, bank_number)."""

_FIQ, _HYP = 0x11, 0x1A


def _aarch32_as_xregs(fields: _Fields, cpsr: int) -> tuple[int, ...]:
    """Where AArch64 sees the registers of all AArch32 modes (target/arm/helper.c, aarch64_sync_32_to_64)."""
    mode = cpsr & 0x1F
    bank = _BANKS.get(mode, 0)
    regs = fields.run("env.regs", 16)
    r13, r14 = list(fields.run("env.banked_r13", 8)), list(fields.run("env.banked_r14", 8))
    r13[bank] = regs[13]
    r14[0 if mode == _HYP else bank] = regs[14]
    plain = fields.run("env.usr_regs", 5) if mode == _FIQ else regs[8:13]
    fiq = regs[8:13] if mode == _FIQ else fields.run("env.fiq_regs", 5)
    xregs = [*regs[:8], *plain, r13[0], r14[0], r13[6], r14[4], r13[4]]
    xregs += [each for number in (1, 2, 3) for each in (r14[number], r13[number])]
    return (*xregs, *fiq, r13[5], r14[5])


_SPR_XER, _SPR_LR, _SPR_CTR, _SPR_PVR, _SPR_LPCR, _SPR_HID0 = 1, 8, 9, 287, 318, 1008
_MSR_HV, _LPCR_ILE, _HID0_HILE_POWER9, _HID0_HILE_POWER8 = 1 << 60, 1 << 25, 1 << 59, 1 << 44
_HILE = {0x4B: _HID0_HILE_POWER8, 0x4C: _HID0_HILE_POWER8, 0x4D: _HID0_HILE_POWER8}
"""By the version of a processor (PVR) where HID0 says that a hypervisor's interrupts are little-endian."""


def _read_ppc64(fields: _Fields) -> Ppc64Registers:
    if not fields.is_64_bit("env.nip"):
        raise NotFound(f"the registers of cpu {fields.number} can't be read: it is a PowerPC of 32 bits")
    spr = fields.run("env.spr", 1024)
    msr = fields.number_of("env.msr")
    hile = _HILE.get(spr[_SPR_PVR] >> 16, _HID0_HILE_POWER9)
    little = spr[_SPR_HID0] & hile if msr & _MSR_HV else spr[_SPR_LPCR] & _LPCR_ILE
    has_altivec = "cpu/altivec/vscr" in fields
    avr = tuple(fields.run(f"cpu/altivec/env.vsr[{number}]", 2) for number in range(32)) if has_altivec else ()
    crf = fields.run("env.crf", 8)
    return Ppc64Registers(
        number=fields.number,
        gpr=fields.run("env.gpr", 32),
        nip=fields.number_of("env.nip"),
        msr=msr,
        ctr=spr[_SPR_CTR],
        lr=spr[_SPR_LR],
        xer=spr[_SPR_XER],
        cr=sum((each & 15) << 4 * (7 - number) for number, each in enumerate(crf)),
        fpr=fields.run("cpu/fpu/env.vsr", 32) if "cpu/fpu/env.vsr" in fields else (0,) * 32,
        fpscr=fields.number_of("cpu/fpu/env.fpscr") if "cpu/fpu/env.fpscr" in fields else 0,
        avr=tuple((low, high) for low, high in avr) or ((0, 0),) * 32,
        vscr=fields.number_of("cpu/altivec/vscr") if has_altivec else 0,
        vsr=fields.run("cpu/vsx/env.vsr", 32) if "cpu/vsx/env.vsr" in fields else (0,) * 32,
        spe_acc=fields.number_of("env.spe_acc"),
        is_little_endian=bool(little),
    )


def _read_riscv(fields: _Fields) -> RiscvRegisters:
    return RiscvRegisters(
        number=fields.number,
        xlen=64 if fields.is_64_bit("env.pc") else 32,
        gpr=fields.run("env.gpr", 32),
        pc=fields.number_of("env.pc"),
    )


def _read_s390x(fields: _Fields) -> S390xRegisters:
    def half(number: int, which: int) -> int:
        part = "fpu" if number < 16 and not which else "vregs"
        path = f"cpu/{part}/env.vregs[{number}][{which}]"
        return fields.number_of(path) if path in fields else 0

    return S390xRegisters(
        number=fields.number,
        psw_mask=fields.number_of("env.psw.mask"),
        psw_addr=fields.number_of("env.psw.addr"),
        gprs=fields.run("env.regs", 16),
        acrs=fields.run("env.aregs", 16),
        crs=fields.run("env.cregs", 16),
        fpc=fields.number_of("cpu/fpu/env.fpc") if "cpu/fpu/env.fpc" in fields else 0,
        vregs=tuple((half(number, 0), half(number, 1)) for number in range(32)),
        prefix=fields.number_of("env.psa"),
        timer=fields.number_of("env.cputm"),
        todcmp=fields.number_of("env.ckc"),
        todpreg=fields.number_of("env.todpr"),
        gscb=fields.run("cpu/gscb/env.gscb", 4) if "cpu/gscb/env.gscb" in fields else (0,) * 4,
    )


_ARCHITECTURES: dict[str, Callable[[_Fields], Registers]] = {
    "env.eip": _read_x86,
    "cpreg_vmstate_indexes": _read_arm,
    "env.nip": _read_ppc64,
    "env.misa_mxl": _read_riscv,
    "env.psw.addr": _read_s390x,
}
"""By a field that only its processors have."""


def read_cpu(device: Device) -> Registers:
    """Read a processor's registers.

    Args:
        device: one of the stream's ``cpu`` devices.

    Raises:
        NotFound: it is not decoded, of an architecture that is not read, or lacks a field.
        StreamError: its bytes contradict the schema.
    """
    if any(section.framing is Framing.INFERRED for section in device.sections):
        raise NotFound(
            f"the registers of cpu {device.instance_id} can't be read: the stream has no description of it"
        )
    fields = _Fields(device)
    for path, read in _ARCHITECTURES.items():
        if path in fields:
            return read(fields)
    raise NotFound(f"the registers of cpu {device.instance_id} can't be read: of an architecture that is not known")
