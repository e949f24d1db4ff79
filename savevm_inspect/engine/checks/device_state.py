"""What a device keeps, and how two of them differ."""

from collections.abc import Iterator, Mapping, Sized
from copy import deepcopy
from typing import Any, Final

_WIDTHS: Final = (2, 4, 8)
_SHOWN: Final = 60
_PLAIN: Final = (int, float, str, bytes, bytearray, list, tuple, dict, set)
"""What a class has for values that its objects begin with."""


def state_of(device: object) -> dict[str, Any]:
    """The attributes of a device that are its state: those without an underscore, but for its machine.

    Returns:
        Copies of the values; what can't be copied by its text.
    """
    names = [*getattr(device, "__dict__", ()), *getattr(type(device), "__slots__", ())]
    names += [name for name, value in vars(type(device)).items() if isinstance(value, _PLAIN)]
    wanted = (name for name in dict.fromkeys(names) if not name.startswith("_") and name not in ("machine", "idstr"))
    return {name: _copy(getattr(device, name)) for name in wanted if hasattr(device, name)}


def differences(saved: Mapping[str, Any], loaded: Mapping[str, Any]) -> Iterator[str]:
    """What differs in the state of two devices, each with what it looks like.

    Args:
        saved: state of the one on the source when the VM had stopped.
        loaded: of the one on the destination before the VM ran.
    """
    for name in dict.fromkeys((*saved, *loaded)):
        before, after = saved.get(name), loaded.get(name)
        if before != after:
            yield f"{name} {_compared(before, after)}"


def _compared(before: Any, after: Any) -> str:
    if type(before) is int and type(after) is int:
        swapped = any(_swapped(before, width) == after for width in _WIDTHS)
        why = ", its bytes in the opposite order: the stream is big-endian (put_be32, get_be32)" if swapped else ""
        return f"was {before} and is {after}{why}"
    if isinstance(before, Sized) and isinstance(after, Sized) and len(before) != len(after):
        return f"has {len(after)} of {len(before)} entries"
    return f"was {_short(before)} and is {_short(after)}"


def _swapped(value: int, width: int) -> int | None:
    if not 0 <= value < 1 << 8 * width:
        return None
    return int.from_bytes(value.to_bytes(width, "little"), "big")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _copy(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:  # noqa: BLE001 - it is somebody else's, and only looked at
        return repr(value)
