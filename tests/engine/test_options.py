"""What users set: which capabilities go together, and what a parameter does to a run, as upstream has it."""

from dataclasses import replace
from itertools import combinations

import pytest

from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.engine.scenarios.parts import FULL_DEVICES
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.options import Capability, MigrationParameters, Options
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind

from .running import run

_C = Capability

REQUIRED = {_C.POSTCOPY_PREEMPT: _C.POSTCOPY_RAM, _C.SWITCHOVER_ACK: _C.RETURN_PATH}
"""Read off migrate_caps_check (QEMU 10.2, migration/options.c), of the capabilities that the engine has."""

REFUSED = {
    frozenset(pair)
    for pair in (
        (_C.POSTCOPY_RAM, _C.X_IGNORE_SHARED),
        (_C.MULTIFD, _C.XBZRLE),
        (_C.MAPPED_RAM, _C.XBZRLE),
        (_C.MAPPED_RAM, _C.POSTCOPY_RAM),
        (_C.BACKGROUND_SNAPSHOT, _C.POSTCOPY_RAM),
        (_C.BACKGROUND_SNAPSHOT, _C.DIRTY_BITMAPS),
        (_C.BACKGROUND_SNAPSHOT, _C.RETURN_PATH),
        (_C.BACKGROUND_SNAPSHOT, _C.MULTIFD),
        (_C.BACKGROUND_SNAPSHOT, _C.PAUSE_BEFORE_SWITCHOVER),
        (_C.BACKGROUND_SNAPSHOT, _C.AUTO_CONVERGE),
        (_C.BACKGROUND_SNAPSHOT, _C.XBZRLE),
        (_C.BACKGROUND_SNAPSHOT, _C.VALIDATE_UUID),
    )
}
"""The same of those that exclude each other (with check_caps_background_snapshot)."""


def _with_needs(*capabilities: Capability) -> frozenset[Capability]:
    return frozenset(capabilities) | {REQUIRED[each] for each in capabilities if each in REQUIRED}


def _refused(capabilities: frozenset[Capability]) -> str:
    try:
        Options(capabilities=capabilities)
    except SavevmError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("capability", Capability)
def test_a_capability_is_refused_alone_exactly_if_it_requires_another(capability: Capability) -> None:
    needed = REQUIRED.get(capability)
    assert _refused(frozenset({capability})) == (f"capability {capability} requires {needed}" if needed else "")
    assert not _refused(_with_needs(capability))


@pytest.mark.parametrize(("one", "other"), list(combinations(Capability, 2)))
def test_two_capabilities_are_refused_exactly_if_they_exclude_each_other(one: Capability, other: Capability) -> None:
    together = _with_needs(one, other)
    clash = any(frozenset(pair) in REFUSED for pair in combinations(together, 2))
    assert ("is not compatible with" in _refused(together)) is clash
    assert bool(_refused(together)) is clash


def _looks(parameters: MigrationParameters) -> list[Event]:
    return run(replace(SCENARIOS["quickstart"], parameters=parameters)).of(Side.SOURCE, EventKind.PENDING)


@pytest.mark.parametrize("available", [0, 3_000_000])
def test_the_threshold_is_what_fits_into_the_downtime_limit(available: int) -> None:
    """At avail-switchover-bandwidth if it is set, else at what was measured (migration_update_counters)."""
    limit_ms = 80
    parameters = replace(
        SCENARIOS["quickstart"].parameters,
        downtime_limit_ms=limit_ms,
        avail_switchover_bandwidth_bytes_per_s=available,
    )
    looks = _looks(parameters)
    first = next(index for index, event in enumerate(looks) if event.threshold_bytes)
    assert not any(event.threshold_bytes or event.bandwidth_bytes_per_s for event in looks[:first])
    assert len(looks) > first + 1
    for event in looks[first:]:
        bandwidth = event.bandwidth_bytes_per_s or 0
        assert event.threshold_bytes == bandwidth * limit_ms // 1000
        if available:
            assert bandwidth == available
        else:
            assert bandwidth not in (0, 3_000_000)


@pytest.mark.parametrize("capabilities", [frozenset[Capability](), _with_needs(_C.SWITCHOVER_ACK)])
def test_devices_are_asked_for_their_consent_with_switchover_ack_alone(capabilities: frozenset[Capability]) -> None:
    made = run(replace(SCENARIOS["devices"], devices=FULL_DEVICES, capabilities=capabilities))
    asked = [
        event.idstr for event in made.of(Side.DESTINATION, EventKind.CALL) if event.handler == "switchover_ack_needed"
    ]
    willing = [
        entry.idstr for entry in made.migration.destination.machine.registry if entry.has("switchover_ack_needed")
    ]
    assert willing
    assert asked == (willing if capabilities else [])
