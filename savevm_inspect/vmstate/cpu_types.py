"""What the bits of processor state say (Arm architecture reference manual; target/arm/machine.c)."""

_AARCH32_STATE = 1 << 4

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
_ROUNDING = ("nearest", "plus infinity", "minus infinity", "zero")


def describe_cpsr(value: int) -> str:
    """Name the bits that are set, and the mode.

    Args:
        value: 32 bits; PSTATE in AArch64 state, told by bit 4 being clear, else CPSR.
    """
    if value & _AARCH32_STATE:
        return f"{_names(value, _CPSR_BITS)} mode={_CPSR_MODES.get(value & 0x1F, hex(value & 0x1F))}".lstrip()
    return f"{_names(value, _PSTATE_BITS)} EL{value >> 2 & 3}{'h' if value & 1 else 't'}".lstrip()


def describe_fpscr(value: int) -> str:
    """Name the bits that are set, and the rounding mode."""
    return f"{_names(value, _FPSCR_BITS)} round to {_ROUNDING[value >> 22 & 3]}".lstrip()


def _names(value: int, bits: dict[int, str]) -> str:
    return " ".join(name for bit, name in bits.items() if value >> bit & 1)
