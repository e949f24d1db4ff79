"""Registers out of fields: which processor it is, whose translation counts, where AArch64 sees AArch32."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import NotFound
from savevm_inspect.memory.registers import Aarch64Registers, ArmRegisters, Ppc64Registers, RiscvRegisters
from savevm_inspect.reader.cpus import read_cpu
from savevm_inspect.span import Span
from savevm_inspect.stream.values import FieldValue

AA64DFR0, SCTLR3, TCR3, TTBR3, HCR = (
    0x603000000013C028,
    0x603000000013F080,
    0x603000000013F102,
    0x603000000013F100,
    0x603000000013E088,
)


@dataclass
class Processor:
    """As much of a device as its registers are read from."""

    values: dict[str, Any]
    lengths: dict[str, int] = field(default_factory=dict)
    instance_id: int = 0
    sections: tuple[()] = ()

    @property
    def fields(self) -> tuple[FieldValue, ...]:
        return tuple(
            FieldValue(
                parts=(path,),
                type="",
                value=value,
                span=Span(channel=0, offset=0, length=self.lengths.get(path, 8)),
            )
            for path, value in self.values.items()
        )


def read(values: dict[str, Any], **lengths: int) -> Any:
    return read_cpu(Processor(values, {path.replace("_", "."): size for path, size in lengths.items()}))  # type: ignore[arg-type]


def arm(cpsr: int, system: dict[int, int], **values: Any) -> dict[str, Any]:
    vectors = {f"cpu/vfp/env.vfp.zregs[{number}].d": (number, number << 8) for number in range(32)}
    return {
        "env.regs": tuple(range(100, 116)),
        "env.xregs": tuple(range(32)),
        "env.pc": 0x4000,
        "cpsr": cpsr,
        "env.banked_r13": tuple(range(200, 208)),
        "env.banked_r14": tuple(range(300, 308)),
        "env.usr_regs": tuple(range(400, 405)),
        "env.fiq_regs": tuple(range(500, 505)),
        "cpreg_vmstate_indexes": tuple(system),
        "cpreg_vmstate_values": tuple(system.values()),
        **vectors,
        **values,
    }


def test_a_processor_without_aarch64_is_one_of_32_bits() -> None:
    cpu = read(arm(0x1D3, {AA64DFR0: 0}))
    assert isinstance(cpu, ArmRegisters)
    assert (cpu.regs, cpu.cpsr, len(cpu.dregs)) == (tuple(range(100, 116)), 0x1D3, 32)


@given(st.integers(0, 63), st.sampled_from([0, 1, 2]), st.booleans(), st.integers(0, 6))
def test_el3_translates_by_one_half(size: int, granule: int, ignores_tags: bool, physical: int) -> None:
    tcr = size | granule << 14 | physical << 16 | ignores_tags << 20
    cpu = read(arm(0xD, {AA64DFR0: 6, SCTLR3: 1, TCR3: tcr, TTBR3: 0x8000}))
    assert isinstance(cpu, Aarch64Registers)
    assert (cpu.regime, cpu.sctlr, cpu.ttbr0, cpu.ttbr1) == ("EL3", 1, 0x8000, 0)
    assert cpu.tcr >> 23 & 1  # the upper half is off
    assert (cpu.tcr & 0x3F, cpu.tcr >> 14 & 3, cpu.tcr >> 32 & 7, cpu.tcr >> 37 & 1) == (
        *(size, granule, physical, ignores_tags),
    )


def test_two_stages_are_no_regime_but_have_registers() -> None:
    cpu = read(arm(0x5, {AA64DFR0: 6, HCR: 1}))
    assert (cpu.regime, cpu.xregs[:3], cpu.sp, cpu.pc) == ("", (0, 1, 2), 31, 0x4000)


MODES = {
    "user": (0x10, {8: 108, 12: 112, 13: 113, 14: 114, 19: 201, 24: 500, 29: 205}),
    "supervisor": (0x13, {8: 108, 13: 200, 14: 300, 18: 114, 19: 113, 24: 500}),
    "fast interrupt": (0x11, {8: 400, 12: 404, 13: 200, 24: 108, 28: 112, 29: 113, 30: 114}),
    "hypervisor": (0x1A, {13: 200, 14: 114, 15: 113}),
}


@pytest.mark.parametrize("mode", MODES)
def test_aarch32_registers_are_where_aarch64_sees_them(mode: str) -> None:
    cpsr, expected = MODES[mode]
    cpu = read(arm(cpsr, {AA64DFR0: 6}))
    assert isinstance(cpu, Aarch64Registers)
    assert len(cpu.xregs) == 31
    assert cpu.xregs[:8] == tuple(range(100, 108))
    assert {number: cpu.xregs[number] for number in expected} == expected
    assert (cpu.pc, cpu.sp, cpu.regime) == (115, 0, "")


def ppc(msr: int, **sprs: int) -> dict[str, Any]:
    spr = [0] * 1024
    for number, value in sprs.items():
        spr[int(number[1:])] = value
    return {
        "env.nip": 4, "env.msr": msr, "env.spr": tuple(spr), "env.gpr": tuple(range(32)), "env.crf": tuple(range(8)),
        "env.spe_acc": 0,
    }  # fmt: skip


ENDIANS = {
    "a guest's LPCR": (0, {"_318": 1 << 25}, True),
    "a guest without": (0, {"_1008": 1 << 59}, False),
    "POWER9's HID0": (1 << 60, {"_287": 0x4E1200, "_1008": 1 << 59}, True),
    "POWER8's HID0": (1 << 60, {"_287": 0x4D0200, "_1008": 1 << 44}, True),
    "POWER8 without": (1 << 60, {"_287": 0x4D0200, "_1008": 1 << 59}, False),
}


@pytest.mark.parametrize("name", ENDIANS)
def test_a_power_processor_is_of_the_byte_order_of_its_interrupts(name: str) -> None:
    msr, sprs, expected = ENDIANS[name]
    cpu = read(ppc(msr, **sprs))
    assert isinstance(cpu, Ppc64Registers)
    assert (cpu.is_little_endian, cpu.cr, cpu.gpr[31]) == (expected, 0x0123_4567, 31)
    with pytest.raises(NotFound, match="it is a PowerPC of 32 bits"):
        read(ppc(msr, **sprs), env_nip=4)


@pytest.mark.parametrize("length", [4, 8])
def test_a_riscv_processor_is_as_wide_as_its_registers(length: int) -> None:
    cpu = read({"env.misa_mxl": 2, "env.pc": 0x1000, "env.gpr": tuple(range(32))}, env_pc=length)
    assert isinstance(cpu, RiscvRegisters)
    assert (cpu.xlen, cpu.pc, cpu.gpr[1]) == (8 * length, 0x1000, 1)


def test_another_processor_is_not_read() -> None:
    with pytest.raises(NotFound, match="of an architecture that is not known"):
        read({"env/psw": 0})
