"""Scenarios under the interface of another QEMU: its callbacks, in its places, and the same guest at the end."""

from collections import Counter
from dataclasses import replace

import pytest

from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.rules.interfaces import INTERFACES, PLAYED
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind

NAMES = (
    "idle",
    "none",
    "postcopy",
    "postcopy-recover",
    "postcopy-bitmaps",
    "vfio-multifd",
    "savevm",
    "background-snapshot",
)
OTHERS = tuple(version for version in INTERFACES if version != PLAYED)


def _run(name: str, version: str) -> tuple[Migration, list[Event]]:
    migration = Migration(replace(SCENARIOS[name], interface=version))
    events = list(migration.steps())
    assert migration.failure is None
    return migration, events


def _calls(events: list[Event]) -> Counter[str]:
    return Counter(event.handler or "" for event in events if event.event is EventKind.CALL)


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_calls_what_its_version_has_and_the_guest_arrives_whole(name: str, version: str) -> None:
    migration, events = _run(name, version)
    callbacks = INTERFACES[version].callbacks
    assert _calls(events).keys() <= callbacks.keys()
    for event in events:
        if event.event is EventKind.CALL:
            assert event.handler is not None
            here = (event.side, event.thread, event.bql)
            assert here in {(place.side, place.thread, place.bql) for place in callbacks[event.handler].places}
    assert migration.source.status is MigrationStatus.COMPLETED
    source, destination = migration.source.machine.guest, migration.destination.machine.guest
    if name != "background-snapshot" and not destination.running:
        assert [bytes(block.memory) for block in source.blocks] == [
            bytes(block.memory) for block in destination.blocks
        ]


@pytest.mark.parametrize("version", INTERFACES)
def test_pending_bytes_are_asked_for_by_the_versions_own_callback(version: str) -> None:
    _, events = _run("vfio-multifd", version)
    calls = _calls(events)
    asks = {INTERFACES[version].doing(job) for job in ("state_pending_estimate", "state_pending_exact")}
    assert all(callback is not None and calls[callback.name] for callback in asks)
    pending = [event for event in events if event.event is EventKind.PENDING]
    tells = version == "11.1"
    assert all((event.stopcopy_bytes is not None) is tells for event in pending)
    assert [event.name for event in pending].count("final") == tells
    assert all((event.stopcopy_bytes or 0) <= (event.must_precopy or 0) for event in pending)
    if tells:
        assert pending[-1].name == "final"
        assert pending[-1].bql


@pytest.mark.parametrize("version", ["7.2", "10.0"])
def test_completing_has_two_callbacks_up_to_10_0(version: str) -> None:
    _, events = _run("postcopy", version)
    calls = _calls(events)
    assert calls["save_live_complete_postcopy"] == 1
    assert calls["save_live_complete_precopy"] == 1
    assert not calls["save_complete"]


def test_setup_runs_without_the_lock_in_7_2_alone() -> None:
    for version in INTERFACES:
        _, events = _run("idle", version)
        held = {event.bql for event in events if event.handler == "save_setup" and event.event is EventKind.CALL}
        assert held == {version != "7.2"}


def test_who_counts_the_devices_that_must_agree_to_the_switchover() -> None:
    """The destination does up to 10.2, and the source from 11.1 on; in both it waits for the device's word."""
    for version in ("10.2", "11.1"):
        _, events = _run("vfio", version)
        assert bool(_calls(events)["switchover_ack_needed"]) is (version == "10.2")
        acks = [e.seq for e in events if e.side is Side.SOURCE and e.name == "MIG_RP_MSG_SWITCHOVER_ACK"]
        stops = [e.seq for e in events if e.side is Side.SOURCE and e.name == "STOP"]
        assert len(acks) == 1
        assert acks < stops
