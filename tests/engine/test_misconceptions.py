"""What the scenarios of misconceptions show is there to be seen."""

from itertools import pairwise
from typing import Any

import pytest

import savevm_inspect as si


def test_one_page_decides_whether_a_hot_set_converges() -> None:
    fits, too_large = si.run("hot-set"), si.run("hot-set-too-large")
    assert fits.outcome is si.Outcome.COMPLETED
    assert too_large.outcome is si.Outcome.CANCELLED
    assert too_large.rounds > 3 * fits.rounds


def test_a_sequential_writer_leaves_a_geometric_series() -> None:
    left = [event.dirty_pages or 0 for event in si.run("sequential-writer").exact]
    assert len(left) >= 3
    assert all(after < 0.8 * before for before, after in pairwise(left))


@pytest.mark.parametrize(("name", "limit_ms"), [("avail-bandwidth-lie", 60), ("downtime-by-latency", 30)])
def test_the_downtime_limit_does_not_bound_the_downtime(name: str, limit_ms: int) -> None:
    run = si.run(name)
    assert run.outcome is si.Outcome.COMPLETED
    assert run.downtime_us is not None
    assert run.downtime_us > limit_ms * 1000


def test_postcopy_ends_what_does_not_converge() -> None:
    assert si.run("postcopy-rescue").outcome is si.Outcome.COMPLETED
    without = si.run("postcopy-rescue", script=[], time_limit_us=3_000_000)
    assert without.outcome is si.Outcome.NOT_CONVERGED


def test_each_pass_over_a_growing_guest_finds_more() -> None:
    run = si.run("growing")
    left = [event.dirty_pages or 0 for event in run.exact][1:-2]
    assert run.outcome is si.Outcome.COMPLETED
    assert len(left) > 5
    assert left == sorted(left)


def of(run: si.Run, kind: str) -> tuple[Any, Any]:
    devices = zip(run.source.devices, run.destination.devices, strict=True)
    return next(each for each in devices if type(each[0]).__name__ == kind)


def test_swapped_fields_are_completed_and_exchanged() -> None:
    run = si.run("swapped-fields", stops_after_us=100_000)
    source, destination = of(run, "Lamp")
    assert run.outcome is si.Outcome.COMPLETED
    assert (destination.colour, destination.brightness) == (source.brightness, source.colour)


def test_a_field_without_a_version_costs_the_footer() -> None:
    run = si.run("field-without-version")
    assert run.outcome is si.Outcome.FAILED
    assert "must be" in str(run.migration.destination.error)
    assert "lamp, instance 0" in str(run.migration.destination.error)


def test_without_footers_a_byte_too_many_ends_the_load() -> None:
    run = si.run("no-footers")
    assert run.outcome is si.Outcome.COMPLETED
    loaded = {call.call.idstr for call in run.calls(handler="load_state") if call.call is not None}
    assert "stray" in loaded
    assert run.source.devices[-1].writes > 0
    assert run.destination.devices[-1].writes == 0  # the processor was never loaded
    footers = si.scenarios["quickstart"].machine
    assert si.run("no-footers", machine=footers, capabilities=["return-path"]).outcome is si.Outcome.FAILED


def test_a_device_without_save_complete_loses_its_last_entries() -> None:
    run = si.run("lossy-device", stops_after_us=310_000)
    source, destination = of(run, "Journal")
    assert run.outcome is si.Outcome.COMPLETED
    assert destination.entries == source.entries[: len(destination.entries)] != source.entries
