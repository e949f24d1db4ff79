"""What QMP says, as events."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.recorder.figures import PHASE_OF_STATUS, FigureEvents
from savevm_inspect.rules.phases import Phase
from savevm_inspect.stream.events import Event, EventKind

ACTIVE = {
    "status": "active",
    "ram": {"remaining": 40960, "page-size": 4096, "dirty-sync-count": 2, "mbps": 8.0, "transferred": 10},
}


def written(tmp_path: Path, *calls: tuple[str, Any, Any]) -> list[Event]:
    with CaptureWriter(tmp_path / "capture", made_by="test") as writer:
        figures = FigureEvents(writer)
        figures.start()
        for method, first, second in calls:
            getattr(figures, method)(first, second)
    return list(CaptureFolder(tmp_path / "capture").events())


def test_figures_become_a_pending_event(tmp_path: Path) -> None:
    events = written(tmp_path, ("on_event", "MIGRATION", {"status": "active"}), ("on_figures", ACTIVE, 0))
    pending = events[-1]
    assert pending.event is EventKind.PENDING
    assert (pending.must_precopy, pending.dirty_pages, pending.iteration) == (40960, 10, 2)
    assert pending.bandwidth_bytes_per_s == 1_000_000
    assert pending.phase is Phase.ITERATE
    assert pending.idstr == "ram"


def test_an_answer_that_comes_late_does_not_turn_time_back(tmp_path: Path) -> None:
    events = written(
        tmp_path,
        ("on_event", "MIGRATION", {"status": "active"}),
        ("on_event", "MIGRATION", {"status": "completed"}),
        ("on_figures", ACTIVE, 0),
    )
    assert [event.name for event in events if event.event is EventKind.STATE] == ["active", "completed"]
    assert events[-1].phase is Phase.ITERATE


@pytest.mark.parametrize(("status", "phase"), [("active", Phase.SWITCHOVER), ("setup", Phase.SETUP)])
def test_a_stop_switches_over_only_when_active(tmp_path: Path, status: str, phase: Phase) -> None:
    events = written(tmp_path, ("on_event", "MIGRATION", {"status": status}), ("on_event", "STOP", {}))
    assert events[-1].phase is phase


@pytest.mark.parametrize("status", [*PHASE_OF_STATUS, "a status of a later version"])
def test_every_status_is_a_state(tmp_path: Path, status: str) -> None:
    (_, state) = written(tmp_path, ("on_event", "MIGRATION", {"status": status}))
    assert (state.event, state.name, state.phase) == (EventKind.STATE, status, PHASE_OF_STATUS.get(status))


def test_figures_that_did_not_change_are_told_once(tmp_path: Path) -> None:
    events = written(tmp_path, *(("on_figures", ACTIVE, 0),) * 3)
    assert [event.event for event in events].count(EventKind.PENDING) == 1


@pytest.mark.parametrize("figures", [{}, {"status": "setup"}, {"status": "active", "ram": {"x": 1}}])
def test_figures_that_lack_numbers(tmp_path: Path, figures: dict[str, Any]) -> None:
    for event in written(tmp_path, ("on_figures", figures, 0)):
        assert event.must_precopy is None
        assert event.dirty_pages is None
        assert event.bandwidth_bytes_per_s is None


def test_what_was_said_before_the_migration_is_no_event_of_it(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "capture", made_by="test") as writer:
        figures = FigureEvents(writer)
        figures.on_event("RESUME", {})
        figures.start()
    assert [event.name for event in CaptureFolder(tmp_path / "capture").events()] == ["migrate"]


@given(st.lists(st.integers(0, 1 << 40), max_size=10))
def test_arrivals_tile_the_channel(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    calls = [("on_figures", {}, size) for size in sizes]
    arrivals = written(tmp_path_factory.mktemp("arrivals"), *calls)[1:]
    end = 0
    for event in arrivals:
        assert event.offset == end
        assert event.length
        end += event.length
    assert end == max(sizes, default=0)
