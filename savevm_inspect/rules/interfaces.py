"""SaveVMHandlers by QEMU version: which callbacks there are, what they are given, who calls them where.

The versions of Debian's QEMUs that streams and traces here come from. 10.2's table is :mod:`.callbacks`; here stands
what the others have instead. A job is what one call gets done: callbacks were split and merged between versions, and
a job bears the name of the callback that did nothing else in some version, so that the same job can be asked of any.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ..errors import NotFound
from .callbacks import CALLBACKS, Callback, Place, Returns
from .compat import REFERENCE, Version
from .phases import Phase
from .signatures import (
    COMPATIBLE,
    EXACT,
    F_IN,
    F_OUT,
    FINAL,
    OPAQUE,
    PENDING_DATA,
    POSTCOPY_ONLY,
    PRECOPY_ONLY,
    THRESHOLD,
    TYPEDEFS,
    Signature,
)
from .threads import Side, Thread


class FactSource(StrEnum):
    """How it is known what a version has."""

    HEADER = "header"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The structure of one version.

    Attributes:
        version: of QEMU, as ``major.minor``.
        source: whether its header was read, or what it says was inferred.
        evidence: what it was read off, or inferred from.
        callbacks: each by its name, in the order of the structure.
    """

    version: str
    source: FactSource
    evidence: str
    callbacks: Mapping[str, Callback]
    _doing: Mapping[str, Callback] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        doing = {job: callback for callback in reversed(tuple(self.callbacks.values())) for job in callback.jobs}
        object.__setattr__(self, "_doing", doing)

    def doing(self, job: str) -> Callback | None:
        """The callback that does a job, the first of them; ``None`` if this version has none for it."""
        return self._doing.get(job)

    @property
    def signatures(self) -> dict[str, Signature]:
        """What each callback is given, by name."""
        return {name: callback.signature for name, callback in self.callbacks.items()}


def _interface(version: str, source: FactSource, evidence: str, callbacks: Iterable[Callback]) -> Interface:
    named = {callback.name: callback for callback in callbacks}
    return Interface(version=version, source=source, evidence=evidence, callbacks=named)


def _like(name: str, other: str = "", **changes: object) -> Callback:
    """A callback as 10.2 has it, with another name or other facts."""
    return replace(CALLBACKS[name], **{"name": other or name, **changes})  # type: ignore[arg-type]


def _same(*names: str) -> tuple[Callback, ...]:
    return tuple(CALLBACKS[name] for name in names)


def _at(name: str, *phases: Phase, but: tuple[Phase, ...] = ()) -> tuple[Place, ...]:
    """Places of a callback of 10.2, those in some phases or all but some."""
    return tuple(
        place for place in CALLBACKS[name].places if (not phases or place.phase in phases) and place.phase not in but
    )


def _unlocked(places: Iterable[Place], phase: Phase) -> tuple[Place, ...]:
    """The same places, those of one phase of the source without the lock."""
    return tuple(
        replace(place, bql=False) if place.phase is phase and place.side is Side.SOURCE else place for place in places
    )


_COMPLETE_PRECOPY: Final = _like(
    "save_complete",
    "save_live_complete_precopy",
    promise="Writes all that is left while the VM stands still; devices that postcopy carries are passed over then.",
    places=_at("save_complete", Phase.COMPLETE),
    does=(),
)
_COMPLETE_POSTCOPY: Final = _like(
    "save_complete",
    "save_live_complete_postcopy",
    promise="Writes all that is left at the end of postcopy, while the destination runs.",
    places=_at("save_complete", Phase.POSTCOPY),
    does=(),
)
_PENDING_JOBS: Final = ("state_pending_estimate", "state_pending_exact")

_OF_7_2: Final = (
    *_same("save_state", "save_cleanup"),
    _COMPLETE_POSTCOPY,
    _COMPLETE_PRECOPY,
    _like("is_active", places=_unlocked(_at("is_active", but=(Phase.PREPARE,)), Phase.SETUP)),
    *_same("has_postcopy", "is_active_iterate", "save_live_iterate"),
    _like(
        "save_setup",
        signature=Signature(returns="int", parameters=(F_OUT, OPAQUE)),
        places=_unlocked(CALLBACKS["save_setup"].places, Phase.SETUP),
    ),
    Callback(
        name="save_live_pending",
        promise="Says how many bytes are left; synchronises first if it guesses less than the threshold.",
        signature=Signature(
            returns="void", parameters=(F_OUT, OPAQUE, THRESHOLD, PRECOPY_ONLY, COMPATIBLE, POSTCOPY_ONLY)
        ),
        places=CALLBACKS["state_pending_estimate"].places,
        returns=Returns.PENDING,
        absent="the device adds nothing, so the switchover may come while it still has data",
        does=_PENDING_JOBS,
    ),
    *_same("load_state"),
    _like("load_setup", signature=Signature(returns="int", parameters=(F_IN, OPAQUE))),
    _like(
        "load_cleanup",
        places=(
            *CALLBACKS["load_cleanup"].places,
            Place(side=Side.DESTINATION, phase=Phase.CLEANUP, thread=Thread.LISTEN, bql=False),
        ),
    ),
    *_same("resume_prepare"),
)

_OF_10_0: Final = (
    *_same("save_state", "save_prepare", "save_setup", "save_cleanup"),
    _COMPLETE_POSTCOPY,
    _COMPLETE_PRECOPY,
    _like(
        "save_complete_precopy_thread",
        "save_live_complete_precopy_thread",
        promise="Sends what is left over the multifd channels, in a thread beside save_live_complete_precopy.",
        signature=TYPEDEFS["SaveLiveCompletePrecopyThreadHandler"],
        does=("save_complete_precopy_thread",),
    ),
    *_same("is_active", "has_postcopy", "is_active_iterate", "save_live_iterate", *_PENDING_JOBS),
    *_same("load_state", "load_state_buffer", "load_setup", "load_cleanup", "resume_prepare"),
    *_same("switchover_ack_needed", "switchover_start"),
)

_FINAL_QUERY: Final = Place(side=Side.SOURCE, phase=Phase.SWITCHOVER, thread=Thread.MIGRATION, bql=True)

_OF_11_1: Final = (
    *_same(
        "save_state", "save_prepare", "save_setup", "save_cleanup", "save_complete", "save_complete_precopy_thread"
    ),
    _like("is_active", places=(*CALLBACKS["is_active"].places, _FINAL_QUERY)),
    *_same("has_postcopy", "is_active_iterate"),
    Callback(
        name="save_query_pending",
        promise="Says how many bytes are left: guessed, exact, or for the last time with the VM stopped.",
        signature=Signature(returns="void", parameters=(OPAQUE, PENDING_DATA, EXACT, FINAL)),
        places=(*CALLBACKS["state_pending_estimate"].places, _FINAL_QUERY),
        returns=Returns.PENDING,
        absent="the device adds nothing, so the switchover may come while it still has data",
        does=_PENDING_JOBS,
    ),
    *_same("save_live_iterate", "save_postcopy_prepare", "load_state", "load_state_buffer", "load_setup"),
    *_same("load_cleanup", "resume_prepare", "switchover_start"),
)

INTERFACES: Final[Mapping[str, Interface]] = {
    each.version: each
    for each in (
        _interface("7.2", FactSource.HEADER, "include/migration/register.h of 7.2.0", _OF_7_2),
        _interface("10.0", FactSource.HEADER, "include/migration/register.h of 10.0.13", _OF_10_0),
        _interface("10.2", FactSource.HEADER, "include/migration/register.h of 10.2.2", CALLBACKS.values()),
        _interface(
            "11.1",
            FactSource.INFERRED,
            "its source could not be had: number, order and arguments are those of the handler tables of RAM and "
            "VFIO in Debian's binary of 11.1.3, names and types those that upstream's commits a94a867ee8, "
            "ff86cf43df, f267196712 and 3c11e33016 speak of, calls those of its traces",
            _OF_11_1,
        ),
    )
}
"""Each version's structure, the oldest first."""

PLAYED: Final = str(REFERENCE)
"""The version that the engine plays by default, and whose callbacks its devices have."""


def find_interface(version: str) -> Interface:
    """The structure of a version.

    Raises:
        NotFound: it is not known here.
    """
    found = INTERFACES.get(version)
    if found is None:
        raise NotFound(f"no interface of QEMU {version!r} is known; there are {', '.join(INTERFACES)}")
    return found


def interface_of(version: Version) -> Interface:
    """The structure of any version; between two that are known, that of the later one."""
    return next((each for each in INTERFACES.values() if Version.parse(each.version) >= version), _NEWEST)


def find_callback(name: str) -> Callback | None:
    """A callback of whatever version has it, 10.2's before all others; ``None`` if none has."""
    return next((found for each in _BY_PREFERENCE if (found := each.callbacks.get(name)) is not None), None)


_NEWEST: Final = tuple(INTERFACES.values())[-1]
_BY_PREFERENCE: Final = (INTERFACES[PLAYED], *(each for each in INTERFACES.values() if each.version != PLAYED))


class ChangeKind(StrEnum):
    """What can be different between two structures."""

    NEW = "new"
    GONE = "gone"
    RENAMED = "renamed"
    SPLIT = "split"
    MERGED = "merged"
    SIGNATURE = "other parameters"
    PLACES = "other places"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference between the structures of two versions.

    Attributes:
        change: of which kind.
        before: names in the older one.
        after: names in the newer one.
    """

    change: ChangeKind
    before: tuple[str, ...]
    after: tuple[str, ...]


def differences(old: Interface, new: Interface) -> tuple[Difference, ...]:
    """What changed between two versions: callbacks, their parameters, the places that call them.

    Args:
        old: the older one.
        new: the newer one.
    """
    found = [each for name in old.callbacks for each in _of_one(old, new, name)]
    jobs = {job for callback in old.callbacks.values() for job in callback.jobs}
    found += [
        Difference(change=ChangeKind.NEW, before=(), after=(callback.name,))
        for callback in new.callbacks.values()
        if not jobs.intersection(callback.jobs)
    ]
    return tuple(dict.fromkeys(found))


def _of_one(old: Interface, new: Interface, name: str) -> Iterable[Difference]:
    callback = old.callbacks[name]
    after = tuple(dict.fromkeys(each.name for job in callback.jobs if (each := new.doing(job)) is not None))
    if not after:
        yield Difference(change=ChangeKind.GONE, before=(name,), after=())
        return
    jobs = [job for each in after for job in new.callbacks[each].jobs]
    before = tuple(dict.fromkeys(each.name for job in jobs if (each := old.doing(job)) is not None))
    if before != after:
        kind = ChangeKind.MERGED if len(before) > 1 else ChangeKind.SPLIT if len(after) > 1 else ChangeKind.RENAMED
        yield Difference(change=kind, before=before, after=after)
        return
    now = new.callbacks[name]
    if callback.signature.types != now.signature.types:
        yield Difference(change=ChangeKind.SIGNATURE, before=(name,), after=(name,))
    if set(callback.places) != set(now.places):
        yield Difference(change=ChangeKind.PLACES, before=(name,), after=(name,))
