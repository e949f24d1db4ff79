"""Scenarios with some of their values changed; those of guest and parameters are named as if they were its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from enum import StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from ...errors import SavevmError, did_you_mean
from ...rules.compat import Version
from ...rules.options import Capability, MigrationParameters, Options
from ..devices.dirty_bitmap import DirtyBitmap
from ..devices.faulty import Fault
from ..machine.guest import Workload
from ..machine.machine import MachineType
from ..sim.costs import Costs
from .scenario import Scenario
from .script import Step

_NESTED: Final[Mapping[str, type]] = MappingProxyType(
    {"workload": Workload, "parameters": MigrationParameters, "costs": Costs}
)
"""Fields of a scenario whose own fields can be changed by their bare names."""


def _names() -> dict[str, tuple[str, Any]]:
    """For each name that can be changed: the nested field that it lies in, or nothing, and its type."""
    own = get_type_hints(Scenario)
    found = {each.name: ("", own[each.name]) for each in fields(Scenario)}
    for inside, kind in _NESTED.items():
        hints = get_type_hints(kind)
        found |= {each.name: (inside, hints[each.name]) for each in fields(kind)}
    return found


CHANGEABLE: Final[Mapping[str, tuple[str, Any]]] = MappingProxyType(_names())
"""Each name that can be changed, with the nested field it belongs to (empty for the scenario's own) and its type."""


def changed(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """A scenario with other values.

    Args:
        scenario: what to begin with; it stays as it is.
        changes: by name, of :data:`CHANGEABLE`. A machine type, capabilities and other enums can be given as text.

    Raises:
        SavevmError: a name is unknown, a value is not of the type that it must have, or the options contradict
            one another.
    """
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        if name not in CHANGEABLE:
            raise SavevmError(f"a scenario has no {name!r}; {did_you_mean(name, CHANGEABLE)}")
        if isinstance(value, str):
            _check_text(name, value)
        if name == "machine" and isinstance(value, str):
            value = _machine(scenario.machine, value)  # noqa: PLW2901 - what the text stands for
        inside, kind = CHANGEABLE[name]
        target = nested.setdefault(inside, {}) if inside else own
        target[name] = _checked(name, value, kind)
    for inside, values in nested.items():
        own[inside] = replace(own.get(inside, getattr(scenario, inside)), **values)
    made = replace(scenario, **own)
    try:
        Version.parse(made.interface)
    except ValueError as error:
        raise SavevmError(f"interface: {error}") from None
    Options(capabilities=made.capabilities, parameters=made.parameters)  # refuses what can't go together
    if made.ram_bytes % made.machine.page_size or made.shared_bytes % made.machine.page_size:
        raise SavevmError(f"ram_bytes and shared_bytes are multiples of the page size, {made.machine.page_size}")
    return made


def _check_text(name: str, value: str) -> None:
    """Names stand in streams, as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SavevmError(f"{name}={value!r}: must be text that UTF-8 has ({error.reason})") from None


def _machine(base: MachineType, name: str) -> MachineType:
    """A machine type by its name, which may end in the version that decides what its streams look like."""
    return replace(base, name=name, version=Version.of_machine(name) or base.version)


def _checked(name: str, value: Any, kind: Any) -> Any:
    """A value as its field has it; text in the place of an enum's member, and any collection of them, is taken."""
    if name == "capabilities":
        each = [value] if isinstance(value, str) else value
        if not isinstance(each, Iterable):
            raise SavevmError(f"{name}={value!r}: must be names of capabilities")
        return frozenset(_member(name, one, Capability) for one in each)
    accepted = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    if value is None and NoneType in accepted:
        return None
    wanted = accepted[0]
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return _member(name, value, wanted)
    if wanted in (int, float):
        return _number(name, value, wanted)
    bare = get_origin(wanted) or wanted
    if bare is tuple and isinstance(value, list):
        value = tuple(value)
    if not isinstance(value, bare):
        raise SavevmError(f"{name}={value!r}: must be {_article(bare.__name__)}")
    if name in _ELEMENTS:
        return tuple(_ELEMENTS[name](name, each) for each in value)
    if name in _SHAPES and not _SHAPES[name][0](value):
        raise SavevmError(f"{name}={value!r}: must be {_SHAPES[name][1]}")
    return value


def _device(name: str, value: Any) -> Any:
    """What builds a device in; a class that can be built in stands for its ``attach``."""
    builder = getattr(value, "attach", value) if isinstance(value, type) else value
    if not callable(builder) or isinstance(builder, type):
        raise SavevmError(f"{name}: {value!r} is none that builds a device in, like the attach of a si.device")
    return builder


def _of(kind: type) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise SavevmError(f"{name}: {value!r} is no {kind.__name__}")
        return value

    return check


def _disk(name: str, value: Any) -> Any:
    if not (isinstance(value, tuple) and [type(each) for each in value] == [str, int] and value[1] > 0):
        raise SavevmError(f"{name}: {value!r} is no pair of a name and a length in bytes")
    return value


_ELEMENTS: Final[Mapping[str, Callable[[str, Any], Any]]] = MappingProxyType(
    {
        "devices": _device,
        "destination_devices": _device,
        "script": _of(Step),
        "interventions": _of(Step),
        "bitmaps": _of(DirtyBitmap),
        "faults": _of(Fault),
        "disks": _disk,
    }
)
"""What the elements of a tuple must be; each is checked, and may be made from what stands for it."""

_UUID_SHAPE: Final = (lambda value: len(value) in (0, 16), "16 bytes, or none")
_SHAPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = MappingProxyType(
    {
        "uuid": _UUID_SHAPE,
        "destination_uuid": _UUID_SHAPE,
        "ram_block": (lambda value: 0 < len(value.encode()) < 256, "of 1 to 255 bytes"),
    }
)
"""What a value that is no number must be besides its type, and how that is said."""


def _member(name: str, value: Any, kind: type[StrEnum]) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise SavevmError(f"{name}={value!r}: {did_you_mean(str(value), kind)}") from None


def _number(name: str, value: Any, kind: type) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole or (kind is float and isinstance(value, float))):
        raise SavevmError(f"{name}={value!r}: must be {'a whole number' if kind is int else 'a number'}")
    low, high = _LIMITS.get(name, (0, None))
    if not (value >= low and (high is None or value <= high)):
        raise SavevmError(f"{name}={value!r}: must be at least {low}{'' if high is None else f', at most {high}'}")
    return value


_LIMITS: Final[Mapping[str, tuple[int, int | None]]] = MappingProxyType(
    {
        "seed": (0, 2**64 - 1),
        "ram_bytes": (0, 1 << 32),
        "shared_bytes": (0, 1 << 32),
        "filled": (0, 1),
        "link_bytes_per_s": (1, None),
        "multifd_channels": (1, 255),
        "throttle_trigger_threshold": (1, 100),
        "cpu_throttle_initial": (1, 99),
        "cpu_throttle_increment": (1, 99),
        "max_cpu_throttle": (1, 99),
        "xbzrle_cache_bytes": (1, None),
        "time_limit_us": (1, None),
    }
)
"""Least and greatest value of numbers that are not merely at least 0 (migrate_params_check has QEMU's)."""


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
