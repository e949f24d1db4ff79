"""A device held against what its callbacks promise: each by itself; saved, loaded, compared, cut, damaged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...errors import SavevmError, printable
from ...markup import html_table
from ..machine.machine import Attach
from ..play.run import Outcome
from .device_state import differences
from .trial import Trial

_TRIED: Final = 24
"""How many cuts, and how many damaged bytes, are tried of one section at most; evenly spread."""
_SECTIONS: Final = 4
"""Of how many of its sections, evenly spread."""
_LOSSY: Final = "; what changed after its last round is lost, since it has no save_complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check says.

    Attributes:
        check: what was looked at.
        passed: whether all is well; ``None`` if it could not be seen.
        reason: why not, or what was seen.
    """

    check: str
    passed: bool | None
    reason: str


class DeviceReport:
    """What became of the checks of one device.

    Args:
        name: of the device.
        findings: one a check.

    Attributes:
        findings: one a check: its callbacks, then what they do together.
        ok: whether no check failed.
    """

    def __init__(self, name: str, findings: Iterable[Finding]) -> None:
        self.name = name
        self.findings = tuple(findings)
        self.ok = all(each.passed is not False for each in self.findings)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The checks that failed."""
        return tuple(each for each in self.findings if each.passed is False)

    def __repr__(self) -> str:
        said = "; ".join(f"{each.check}: {each.reason}" for each in self.failed)
        return printable(f"<DeviceReport {self.name}: {said or f'{len(self.findings)} checks passed'}>")

    def _repr_html_(self) -> str:
        marks = {True: "passed", False: "failed", None: "not seen"}
        rows = ((each.check, marks[each.passed], each.reason) for each in self.findings)
        return html_table(self, ("check", "", "reason"), rows, most=len(self.findings))


def check_device(device: type | Attach) -> DeviceReport:
    """Check a device: it is migrated with a guest that writes, and then loaded by itself, whole, cut and damaged.

    Args:
        device: a class that :func:`device` has made one, or what builds one in.

    Returns:
        One finding a check. Each callback: called, and as it must be. Then: the migration's end; the state on both
        sides; whether each section is read to its last byte; whether one that is cut is refused, and how one with a
        damaged byte ends; whether it can be saved twice.

    Raises:
        SavevmError: it can't be built in.
    """
    attach: Any = getattr(device, "attach", device)
    if not callable(attach) or isinstance(attach, type):
        raise SavevmError(f"{device!r} is no device: decorate the class with si.device")
    trial = Trial(attach)
    return DeviceReport(str(trial.entry), (*_callbacks(trial), *_together(trial)))


def _callbacks(trial: Trial) -> Iterator[Finding]:
    """Each callback by itself."""
    ops = trial.entry.ops
    for name in ops.present if ops is not None else ():
        failure, calls = trial.failures.get(name), trial.calls[name]
        if failure is not None:
            yield Finding(check=name, passed=False, reason=failure)
        elif calls:
            yield Finding(check=name, passed=True, reason=f"called {calls} time{'' if calls == 1 else 's'}")
        else:
            yield Finding(check=name, passed=None, reason="not called in this migration")


def _together(trial: Trial) -> Iterator[Finding]:
    """What they do together."""
    completed = trial.outcome is Outcome.COMPLETED
    yield Finding(check="migration", passed=completed, reason=str(trial.error or trial.outcome))
    yield _same_state(trial)
    length = _length(trial)
    yield length
    if length.passed:
        yield _cuts(trial)
        yield _damage(trial)
    yield _twice(trial)


def _same_state(trial: Trial) -> Finding:
    if trial.saved is None or trial.loaded is None:
        return Finding(check="state", passed=None, reason="the destination's VM never ran")
    found = list(differences(trial.saved, trial.loaded))
    ops = trial.entry.ops
    iterates = ops is not None and ops.save_live_iterate is not None and ops.save_complete is None
    lossy = _LOSSY if found and iterates else ""
    names = ", ".join(trial.saved) or "nothing"
    return Finding(
        check="state", passed=not found, reason="; ".join(found) + lossy or f"the same on both sides: {names}"
    )


def _length(trial: Trial) -> Finding:
    """Whether each section is read to its last byte, and no further."""
    number, error, left = trial.load(trial.sections)
    if error is not None:
        said = f"section {number} of {len(trial.sections[number])} bytes: {_said(error)}"
        return Finding(check="length", passed=False, reason=said)
    if left:
        size = len(trial.sections[number])
        said = f"section {number}: reads {size - left} of the {size} bytes that were saved; no footer follows there"
        return Finding(check="length", passed=False, reason=said)
    count = len(trial.sections)
    return Finding(
        check="length", passed=True if count else None, reason=f"{count} sections are read to the last byte"
    )


def _cuts(trial: Trial) -> Finding:
    """Whether a section that ends early is refused."""
    tried = 0
    for number, payload, length in _somewhere(trial):
        _, error, _ = trial.load([*trial.sections[:number], payload[:length]])
        tried += 1
        if not isinstance(error, SavevmError):
            what = "takes it for whole" if error is None else f"raises {_said(error)}"
            said = f"section {number}, of which {length} of {len(payload)} bytes came: {what}"
            return Finding(check="cuts", passed=False, reason=said)
    return Finding(check="cuts", passed=True if tried else None, reason=f"{tried} cut sections are refused")


def _damage(trial: Trial) -> Finding:
    """Whether a damaged byte is loaded or refused, and nothing else."""
    tried = 0
    for number, payload, pos in _somewhere(trial):
        damaged = bytearray(payload)
        damaged[pos] ^= 0xFF
        _, error, _ = trial.load([*trial.sections[:number], bytes(damaged)])
        tried += 1
        if error is not None and not isinstance(error, SavevmError):
            said = f"section {number}, byte {pos} inverted: raises {_said(error)}"
            return Finding(check="damage", passed=False, reason=said)
    return Finding(
        check="damage", passed=True if tried else None, reason=f"{tried} damaged sections are loaded or refused"
    )


def _somewhere(trial: Trial) -> Iterator[tuple[int, bytes, int]]:
    """Sections and positions in them, evenly spread: the section's number, its payload, and the pos of a byte."""
    for number in _spread(len(trial.sections), _SECTIONS):
        payload = trial.sections[number]
        for pos in _spread(len(payload), _TRIED):
            yield number, payload, pos


def _twice(trial: Trial) -> Finding:
    """Whether saving changes what is saved: a migration may fail, and another one follow."""
    try:
        saved = trial.save_twice()
    except Exception as error:  # noqa: BLE001 - a handler is somebody else's code and may raise anything
        return Finding(check="twice", passed=False, reason=_said(error))
    if saved is None:
        return Finding(check="twice", passed=None, reason="it is not saved at once")
    first, second, before, after = saved
    changed = list(differences(before, after))
    if changed:
        return Finding(check="twice", passed=False, reason=f"to be saved changes it: {'; '.join(changed)}")
    if first != second:
        return Finding(
            check="twice", passed=False, reason=f"saved again it is other bytes: {first.hex()}, {second.hex()}"
        )
    return Finding(check="twice", passed=True, reason="saved again it is the same bytes")


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, SavevmError) else f"{type(error).__name__}: {error}"


def _spread(count: int, most: int) -> Sequence[int]:
    """Numbers up to a count, no more than a few, with the first and the last."""
    if count <= most:
        return range(count)
    return sorted({round(number * (count - 1) / (most - 1)) for number in range(most)})
