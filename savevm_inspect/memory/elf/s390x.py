"""Notes about s390x processors (target/s390x/arch_dump.c)."""

import struct

from ..registers import S390xRegisters
from .target import Target

_NT_PRSTATUS, _NT_FPREGSET = 1, 2
_NT_S390_TIMER, _NT_S390_TODCMP, _NT_S390_TODPREG, _NT_S390_CTRS, _NT_S390_PREFIX = range(0x301, 0x306)
_NT_S390_VXRS_LOW, _NT_S390_VXRS_HIGH, _NT_S390_GS_CB = 0x309, 0x30A, 0x30B


def notes(cpu: S390xRegisters, target: Target) -> bytes:
    """All that is said of a processor."""
    prstatus = struct.pack(">32xI76x2Q16Q16I16x", cpu.number + 1, cpu.psw_mask, cpu.psw_addr, *cpu.gprs, *cpu.acrs)
    fpregset = struct.pack(">I4x16Q", cpu.fpc, *(high for high, _ in cpu.vregs[:16]))
    linux = (
        (_NT_S390_PREFIX, struct.pack(">I", cpu.prefix & 0xFFFF_FFFF)),
        (_NT_S390_CTRS, struct.pack(">16Q", *cpu.crs)),
        (_NT_S390_TIMER, struct.pack(">Q", cpu.timer)),
        (_NT_S390_TODCMP, struct.pack(">Q", cpu.todcmp)),
        (_NT_S390_TODPREG, struct.pack(">I", cpu.todpreg)),
        (_NT_S390_VXRS_LOW, struct.pack(">16Q", *(low for _, low in cpu.vregs[:16]))),
        (_NT_S390_VXRS_HIGH, struct.pack(">32Q", *(half for each in cpu.vregs[16:] for half in each))),
        (_NT_S390_GS_CB, struct.pack(">4Q", *cpu.gscb)),
    )
    core = target.note(b"CORE", _NT_PRSTATUS, prstatus) + target.note(b"CORE", _NT_FPREGSET, fpregset)
    return core + b"".join(target.note(b"LINUX", kind, content) for kind, content in linux)
