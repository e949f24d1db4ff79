"""The processors' registers, out of the fields of the ``cpu`` sections.

Field names have been the same from QEMU 7.2 to 11.1 (target/i386/machine.c, target/arm/machine.c). What is read is
the state that the description names; without one there is nothing to read.
"""

from collections.abc import Callable, Mapping

from ..errors import NotFound
from ..memory.registers import SEGMENTS, Aarch64Registers, Registers, Segment, X86Registers
from ..stream.records import Framing
from ..stream.values import Value
from .device import Device

IDSTR = "cpu"


class _Fields:
    """The decoded fields of one processor by their paths."""

    def __init__(self, device: Device) -> None:
        self.number = device.instance_id
        self._values: Mapping[str, Value] = {field.path: field.value for field in device.fields}

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


_HCR_EL2 = _register_id(4, 1, 1, 0)
_REGIMES = {
    "EL1&0": {"sctlr": (0, 1, 0, 0), "tcr": (0, 2, 0, 2), "ttbr0": (0, 2, 0, 0), "ttbr1": (0, 2, 0, 1)},
    "EL2&0": {"sctlr": (4, 1, 0, 0), "tcr": (4, 2, 0, 2), "ttbr0": (4, 2, 0, 0), "ttbr1": (4, 2, 0, 1)},
}
"""The registers of the translations that have two halves, as op1, CRn, CRm, op2 (op0 is 3)."""


def _regime(number: int, level: int, hcr: int) -> str:
    """Which of the regimes translates at an exception level (target/arm/helper.c, arm_mmu_idx_el)."""
    host = bool(hcr & _HCR_E2H)
    if host and (level == 2 or (level == 0 and hcr & _HCR_TGE)):
        return "EL2&0"
    if level >= 2 or hcr & _HCR_VM:
        raise NotFound(f"the registers of cpu {number} can't be read: it is at EL{level} with HCR_EL2 {hcr:#x}")
    return "EL1&0"


def _read_aarch64(fields: _Fields) -> Aarch64Registers:
    pstate = fields.number_of("cpsr")
    if pstate & _AARCH32:
        raise NotFound(f"the registers of cpu {fields.number} can't be read: it is in AArch32 state")
    indexes, values = fields.run("cpreg_vmstate_indexes"), fields.run("cpreg_vmstate_values")
    system = dict(zip(indexes, values, strict=False))
    regime = _regime(fields.number, pstate >> 2 & 3, system.get(_HCR_EL2, 0))
    xregs = fields.run("env.xregs", 32)
    fpscr = fields.number_of("cpu/vfp/fpscr") if "cpu/vfp/fpscr" in fields else 0
    return Aarch64Registers(
        number=fields.number,
        xregs=xregs[:31],
        sp=xregs[31],
        pc=fields.number_of("env.pc"),
        pstate=pstate,
        vregs=tuple(half for number in range(32) for half in fields.run(f"cpu/vfp/env.vfp.zregs[{number}].d", 2)),
        fpsr=fpscr & _FPSR,
        fpcr=fpscr & _FPCR,
        regime=regime,
        **{name: system.get(_register_id(*encoding), 0) for name, encoding in _REGIMES[regime].items()},
    )


_ARCHITECTURES: dict[str, Callable[[_Fields], Registers]] = {
    "env.eip": _read_x86,
    "cpreg_vmstate_indexes": _read_aarch64,
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
    raise NotFound(f"the registers of cpu {device.instance_id} can't be read: neither x86 nor AArch64")
