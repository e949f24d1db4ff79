"""What the bits of processor state say (the architectures' manuals; target/*/machine.c)."""

from struct import Struct

_AARCH32_STATE = 1 << 4
_DOUBLE = Struct(">d")

_PSTATE_BITS = {31: "N", 30: "Z", 29: "C", 28: "V", 21: "SS", 20: "IL", 9: "D", 8: "A", 7: "I", 6: "F"}
_CPSR_BITS = {31: "N", 30: "Z", 29: "C", 28: "V", 27: "Q", 24: "J", 9: "E", 8: "A", 7: "I", 6: "F", 5: "T"}
_CPSR_MODES = {
    0x10: "usr",
    0x11: "fiq",
    0x12: "irq",
    0x13: "svc",
    0x16: "mon",
    0x17: "abt",
    0x1A: "hyp",
    0x1B: "und",
    0x1F: "sys",
}
_FPSCR_BITS = {31: "N", 30: "Z", 29: "C", 28: "V", 27: "QC", 26: "AHP", 25: "DN", 24: "FZ", 19: "FZ16"}
_AVR_SREG_BITS = dict(enumerate("CZNVSHTI"))
_SPARC_PSR_BITS = {23: "N", 22: "Z", 21: "V", 20: "C", 13: "EC", 12: "EF", 7: "S", 6: "PS", 5: "ET"}
_SPARC_XCC_BITS = {23: "N", 22: "Z", 21: "V", 20: "C"}
_OR1K_SR_BITS = dict(enumerate(("SM", "TEE", "IEE", "DCE", "ICE", "DME", "IME", "LEE", "CE", "F", "CY", "OV", "OVE")))
_ROUNDING = ("nearest", "plus infinity", "minus infinity", "zero")


def describe_cpsr(value: int) -> str:
    """Name the bits that are set, and the mode.

    Args:
        value: 32 bits; PSTATE in AArch64 state, where bit 4 is clear, else CPSR.
    """
    if value & _AARCH32_STATE:
        return f"{_names(value, _CPSR_BITS)} mode={_CPSR_MODES.get(value & 0x1F, hex(value & 0x1F))}".lstrip()
    return f"{_names(value, _PSTATE_BITS)} EL{value >> 2 & 3}{'h' if value & 1 else 't'}".lstrip()


def describe_fpscr(value: int) -> str:
    """Name the bits that are set, and the rounding mode."""
    return f"{_names(value, _FPSCR_BITS)} round to {_ROUNDING[value >> 22 & 3]}".lstrip()


def describe_sreg(value: int) -> str:
    """Name the bits of an AVR's status register that are set."""
    return _names(value, _AVR_SREG_BITS)


def describe_psr(value: int) -> str:
    """Name the bits of a SPARC's processor state that are set, its interrupt level and its window."""
    return f"{_names(value, _SPARC_PSR_BITS)} PIL={value >> 8 & 0xF} CWP={value & 0x1F}".lstrip()


def describe_xcc(value: int) -> str:
    """Name the 64-bit condition codes of a SPARC that are set."""
    return _names(value, _SPARC_XCC_BITS)


def describe_sr(value: int) -> str:
    """Name the bits of an OpenRISC's supervision register that are set."""
    return _names(value, _OR1K_SR_BITS)


def describe_double(value: int) -> str:
    """The number that 64 bits are as a floating-point number of double precision."""
    return repr(_DOUBLE.unpack(value.to_bytes(8))[0])


def _names(value: int, bits: dict[int, str]) -> str:
    return " ".join(name for bit, name in bits.items() if value >> bit & 1)
