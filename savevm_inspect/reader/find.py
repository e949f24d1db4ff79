"""Devices and fields by the names that people give them: exact ones first, then patterns, then what is near."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from ..errors import NotFound, listed
from ..stream.values import FieldValue
from .device import Device

_WILDCARDS: Final = frozenset("*?[")
_NEAR: Final = 3


def find_devices(devices: Sequence[Device], wanted: str) -> tuple[Device, ...]:
    """The devices that a name means.

    The exact idstr (its first instance) comes first; then the last ``@`` splits off the instance, as in ``serial@1``;
    then a pattern with ``*`` and ``?``, or else the last part of an idstr: ``virtio-net`` finds
    ``0000:00:05.0/virtio-net``.

    Args:
        devices: where to look.
        wanted: the name.

    Raises:
        NotFound: no device is meant; the message names those that are near.
    """
    exact = [each for each in devices if each.idstr == wanted][:1]
    if exact:
        return tuple(exact)
    idstr, at, instance = wanted.rpartition("@")
    if at and instance.isdecimal():
        within = [each for each in devices if each.instance_id == int(instance)]
        exact = [each for each in within if each.idstr == idstr]
        found = exact or [each for each in within if _means(idstr, each.idstr)]
        if found:
            return tuple(found)
    found = [each for each in devices if _means(wanted, each.idstr)]
    if not found:
        names = list(dict.fromkeys(name for each in devices for name in (each.idstr, _last(each.idstr))))
        raise NotFound(f"no section {wanted!r} in the stream; {_offer(wanted, names)}")
    return tuple(found)


def find_fields(fields: Iterable[FieldValue], wanted: str) -> Iterator[FieldValue]:
    """The fields whose path, or the end of it, a pattern matches.

    Args:
        fields: where to look.
        wanted: a path or the end of one, with ``*`` and ``?`` for what may stand there.
    """
    for field in fields:
        if _means(wanted, field.path) or fnmatchcase(field.path, f"*/{wanted}"):
            yield field


def no_field(wanted: str, paths: Iterable[str]) -> NotFound:
    """What to raise where no path matches a pattern.

    Args:
        wanted: the pattern.
        paths: those that there are.
    """
    names = list(dict.fromkeys(name for path in paths for name in (path, _last(path))))
    return NotFound(f"no field {wanted!r}; {_offer(wanted, names)}")


def _means(wanted: str, name: str) -> bool:
    if _WILDCARDS & set(wanted):
        return fnmatchcase(name, wanted) or fnmatchcase(_last(name), wanted)
    return name == wanted or _last(name) == wanted


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _offer(wanted: str, names: list[str]) -> str:
    near = get_close_matches(wanted, names, n=_NEAR) or [each for each in names if wanted.lower() in each.lower()]
    return f"did you mean {' or '.join(near[:_NEAR])}?" if near else f"there are {listed(names)}"
