"""What users ask of the engine: scenarios with changes, and runs of them, whatever comes of them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.engine.machine.guest import Workload
from savevm_inspect.engine.play.changes import CHANGEABLE
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.stepper import Stepper
from savevm_inspect.engine.sim.costs import Costs
from savevm_inspect.errors import NotFound
from savevm_inspect.rules.options import MigrationParameters

SMALL = {"ram_bytes": 16 << 12, "filled": 0.5}


def files(folder: si.CaptureFolder) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.path.iterdir()}


@pytest.mark.parametrize("name", ["quickstart", "postcopy-recover", "multifd", "network-fails", "cancel-active"])
def test_a_run_that_is_saved_is_what_is_recorded(tmp_path: Path, name: str) -> None:
    saved = si.run(name).save(tmp_path / "saved")
    assert files(saved) == files(record_scenario(name, tmp_path / "recorded"))


ENDS = (
    *("quickstart", "cancel-device", "network-fails", "uuid-mismatch", "postcopy-paused", "postcopy-recover"),
    *("unmigratable", "fail-save_prepare", "fail-save_cleanup", "fail-load_state", "fail-load_cleanup"),
)
"""Scenarios that end in each way there is."""


@pytest.mark.parametrize("name", ENDS)
def test_the_outcome_is_the_one_that_the_scenario_promises(name: str) -> None:
    run = si.run(name)
    promised = {"none": "failed", "postcopy-paused": "unfinished"}.get(run.scenario.ends, run.scenario.ends.value)
    if promised == "completed" and not run.scenario.arrives:
        promised = "failed"  # on the destination
    assert run.outcome == promised
    assert (run.outcome is si.Outcome.FAILED) <= (run.error is not None)
    assert f"{name}: {run.outcome}" in repr(run)


def test_a_run_that_does_not_converge_is_a_result_that_says_so() -> None:
    run = si.run("never-converges", script=(), time_limit_us=2_000_000)
    assert run.outcome is si.Outcome.NOT_CONVERGED
    assert "does not converge" in str(run.error)
    assert run.events[-1].time_us > 2_000_000
    assert len(run.timeline) == len(run.events)


def test_what_is_seen_of_both_machines_is_what_a_stepper_sees() -> None:
    run = si.run("quickstart", **SMALL)
    views = [Stepper(run.scenario).view, *Stepper(run.scenario)]
    assert [view.event for view in views[1:]] == list(run.events)
    for position in (len(run.events), 0, 7):
        assert run.at(position) == views[position]
    for position in (-1, len(run.events) + 1):
        with pytest.raises(NotFound):
            run.at(position)


def test_both_machines_are_there_at_the_end() -> None:
    run = si.run("idle", **SMALL)
    blocks = [machine.guest.blocks[0] for machine in (run.source, run.destination)]
    assert bytes(blocks[0].memory) == bytes(blocks[1].memory) != bytes(16 << 12)


def test_changes_reach_the_field_that_has_their_name() -> None:
    changed = si.scenario("quickstart", writes_per_s=7, hot_pages=3, downtime_limit_ms=11, latency_us=5, seed=9)
    assert (changed.workload.writes_per_s, changed.workload.hot_pages) == (7, 3)
    assert changed.parameters.downtime_limit_ms == 11
    assert (changed.latency_us, changed.seed) == (5, 9)
    kept = si.scenarios["quickstart"]
    assert changed.parameters.max_bandwidth_bytes_per_s == kept.parameters.max_bandwidth_bytes_per_s
    assert kept.latency_us == 0


def test_names_of_capabilities_and_enums_are_taken_as_text() -> None:
    changed = si.scenario(
        "quickstart", capabilities=["multifd"], multifd_compression="zstd", transport="file", interface="7.2"
    )
    assert changed.interface == "7.2"
    assert changed.capabilities == {"multifd"}
    assert (changed.parameters.multifd_compression, changed.transport) == ("zstd", "file")


def test_a_machine_type_is_taken_by_its_name() -> None:
    machine = si.scenario("quickstart", machine="pc-i440fx-8.0").machine
    assert (machine.name, machine.version) == ("pc-i440fx-8.0", (8, 0))
    kept = si.scenarios["quickstart"].machine
    assert si.scenario("quickstart", machine="none").machine.version == kept.version


def test_no_name_belongs_to_two_things() -> None:
    names = [each.name for kind in (Scenario, Workload, MigrationParameters, Costs) for each in fields(kind)]
    assert sorted(CHANGEABLE) == sorted(names)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"write_per_s": 1}, "writes_per_s"),
        ({"latency": 1}, "latency_us"),
        ({"latency_us": -1}, "at least 0"),
        ({"latency_us": "7"}, "whole number"),
        ({"latency_us": True}, "whole number"),
        ({"latency_us": 1.5}, "whole number"),
        ({"filled": 2.0}, "at most 1"),
        ({"filled": float("nan")}, "at least 0"),
        ({"link_bytes_per_s": 0}, "at least 1"),
        ({"capabilities": ["multi-fd"]}, "multifd"),
        ({"capabilities": ["multifd", "xbzrle"]}, "not compatible"),
        ({"capabilities": 7}, "names of capabilities"),
        ({"transport": "fil"}, "file"),
        ({"interface": "ten"}, "no version of QEMU"),
        ({"workload": 7}, "Workload"),
        ({"ram_bytes": 100}, "page size"),
        ({"zzzzzz": 1}, "there are"),
        ({"writes_per_s": -5}, "at least 0"),
        ({"multifd_channels": 0}, "at least 1, at most 255"),
        ({"capabilities": ["xbzlre"]}, "did you mean xbzrle"),
        ({"script": ["migrate_cancel"]}, "no Step"),
        ({"interventions": [7]}, "no Step"),
        ({"faults": ["ram"]}, "no Fault"),
        ({"devices": [7]}, "none that builds a device in"),
        ({"devices": [dict]}, "none that builds a device in"),
        ({"disks": [("disk0",)]}, "pair of a name and a length"),
        ({"uuid": b"short"}, "16 bytes"),
        ({"ram_block": ""}, "1 to 255 bytes"),
        ({"ram_bytes": 1 << 50}, "at most"),
    ],
)
def test_a_wrong_change_is_refused_with_what_is_near(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(si.SavevmError, match=said):
        si.run("quickstart", **changes)


def test_a_misspelt_scenario_is_answered_with_those_that_are_alike() -> None:
    with pytest.raises(NotFound, match="did you mean quickstart"):
        si.run("quikstart")
    with pytest.raises(NotFound, match="there are quickstart"):
        si.scenarios["?"]
    assert "quikstart" not in si.scenarios
    assert f"{len(si.scenarios)} scenarios: quickstart" in repr(si.scenarios)


SCALARS = {
    "writes_per_s": st.integers(0, 20_000),
    "hot_pages": st.integers(0, 40),
    "first_page": st.integers(0, 40),
    "sequential": st.booleans(),
    "latency_us": st.integers(0, 10_000),
    "link_bytes_per_s": st.integers(1, 10**9),
    "downtime_limit_ms": st.integers(0, 10**6),
    "max_bandwidth_bytes_per_s": st.integers(0, 10**9),
    "seed": st.integers(0, 2**64 - 1),
    "filled": st.floats(0, 1),
    "ram_bytes": st.integers(0, 16).map(lambda pages: pages << 12),
    "shared_bytes": st.integers(0, 3).map(lambda pages: pages << 12),
    "throttle_trigger_threshold": st.integers(1, 100),
    "xbzrle_cache_bytes": st.integers(1, 10**6),
}


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["quickstart", "postcopy", "xbzrle", "auto-converge", "multifd"]),
    changes=st.fixed_dictionaries({}, optional=SCALARS),
)
def test_whatever_is_changed_the_run_ends_in_an_outcome(name: str, changes: dict[str, Any]) -> None:
    run = si.run(name, **SMALL | changes, time_limit_us=300_000)
    assert run.outcome in si.Outcome
    assert (run.outcome is si.Outcome.COMPLETED) <= (run.error is None)
