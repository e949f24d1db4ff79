"""Numbers with units as text for people."""

from typing import Final

_STEP: Final = 1024
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_US_PER_MS: Final = 1000


def bytes_text(length_bytes: int) -> str:
    """A number of bytes, exact below 10 KiB and with three digits above."""
    if abs(length_bytes) < 10 * _STEP:
        return f"{length_bytes} byte{'' if length_bytes == 1 else 's'}"
    value, unit = float(length_bytes), 0
    while abs(value) >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.3g} {_UNITS[unit]}" if abs(value) < 1000 else f"{value:.0f} {_UNITS[unit]}"


def time_text(time_us: int) -> str:
    """A time since the migration's start, in milliseconds."""
    return f"{time_us / _US_PER_MS:.3f} ms"
