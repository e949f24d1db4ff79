"""Runs that are asked and changed: figures, calls, branches, steps that wait, the order of threads."""

import gc
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import EngineError, NotFound
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

SMALL: dict[str, Any] = {"ram_bytes": 64 << 12, "filled": 0.5, "hot_pages": 16}
SHORT = si.run("quickstart", **SMALL)


def events_of(run: si.Run, kind: EventKind, side: Side = Side.SOURCE) -> list[si.Event]:
    return [event for event in run.events if event.event is kind and event.side is side]


@pytest.mark.parametrize("name", ["quickstart", "postcopy", "return-path", "savevm", "cancel-active", "unmigratable"])
def test_figures_follow_from_the_events(name: str) -> None:
    run = si.run(name)
    stops = [event for event in events_of(run, EventKind.QMP) if event.name == "STOP"]
    resumed = [
        e for e in run.events if e.event is EventKind.QMP and e.name == "RESUME" and stops and e.seq > stops[-1].seq
    ]
    assert run.gap_us == (resumed[0].time_us - stops[-1].time_us if resumed else None)
    assert (run.downtime_us is None) <= (not stops or run.outcome is not si.Outcome.COMPLETED)
    assert run.pending == tuple(events_of(run, EventKind.PENDING))
    assert [event.name for event in run.exact] == ["exact"] * len(run.exact)
    assert run.rounds == run.source.stats.dirty_sync_count
    assert run.total_us <= run.events[-1].time_us
    if run.downtime_us is not None and stops[-1].phase is not Phase.POSTCOPY:
        assert 0 <= run.downtime_us <= run.total_us


def test_postcopy_ends_the_downtime_long_before_the_migration_ends() -> None:
    run = si.run("postcopy")
    assert run.downtime_us is not None
    assert run.gap_us is not None
    assert run.downtime_us < run.total_us / 10
    assert run.gap_us < run.total_us / 10


def test_the_stream_of_a_run_is_what_was_sent_and_goes_with_the_run() -> None:
    run = si.run("multifd", **SMALL)
    stream = run.stream
    assert stream.complete
    assert stream.size_bytes == run.sent_bytes
    folder = Path(stream.name)
    assert folder.is_dir()
    stream.close()
    del run, stream
    gc.collect()
    assert not folder.exists()


def test_a_run_that_sent_nothing_has_no_stream() -> None:
    with pytest.raises(NotFound, match="nothing was sent"):
        si.run("unmigratable").stream  # noqa: B018 - it raises


def test_calls_are_found_by_handler_device_and_side() -> None:
    every = SHORT.calls()
    assert len(every) == sum(event.event is EventKind.CALL for event in SHORT.events)
    of_ram = SHORT.calls(handler="save_live_iterate", idstr="ram", side="source")
    assert of_ram
    assert [
        call for call in every if call.call and (call.call.handler, call.call.idstr) == ("save_live_iterate", "ram")
    ] == [*of_ram]
    assert SHORT.calls(handler="load_state", side=Side.SOURCE) == ()
    for call in every:
        assert call.call is not None
        assert call.returned is not None
        assert call.call.call_id == call.returned.call_id


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"handler": "save_iterate"}, "save_live_iterate"),
        ({"idstr": "rm"}, "did you mean ram"),
        ({"side": "sourec"}, "did you mean source"),
    ],
)
def test_calls_of_what_is_not_there_are_refused(wanted: dict[str, str], said: str) -> None:
    with pytest.raises(NotFound, match=said):
        SHORT.calls(**wanted)


@settings(max_examples=25)
@given(st.integers(0, len(SHORT.events) - 1), st.sampled_from(["the network fails", "migrate_cancel"]))
def test_a_branch_is_the_same_run_up_to_its_event(number: int, do: str) -> None:
    branch = SHORT.branch(at=SHORT.events[number], do=do)
    assert branch.events[: number + 1] == SHORT.events[: number + 1]
    done = [event for event in branch.events if event.event is EventKind.QMP and event.name == do]
    assert len(done) + len(branch.remarks) == 1
    if done and do == "the network fails":  # what was emitted up to the next checkpoint comes before
        assert set(SHORT._turns[number : done[0].seq]) == {SHORT._turns[number]}


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_the_order_of_the_threads_is_the_students_and_a_branch_keeps_it(seed: int) -> None:
    run = si.run("quickstart", **SMALL, choose=random.Random(seed).choice)
    assert run.outcome is si.Outcome.COMPLETED
    number = seed % len(run.events)
    assert run.branch(at=number, do="the network fails").events[: number + 1] == run.events[: number + 1]
    assert run.at(number + 1).event == run.events[number]


def test_another_order_is_another_run() -> None:
    assert len({si.run("quickstart", **SMALL, choose=random.Random(seed).choice).events for seed in range(4)}) > 1


@pytest.mark.parametrize(
    ("choose", "said"),
    [(lambda ready: 1 / 0, "choose: ZeroDivisionError"), (lambda ready: None, "choose: None is none of the")],
)
def test_a_choice_that_is_none_is_refused(choose: Any, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        si.run("quickstart", **SMALL, choose=choose)


@pytest.mark.parametrize(
    ("at", "do", "said"),
    [
        (len(SHORT.events), "migrate_cancel", "no event"),
        (-1, "migrate_cancel", "no event"),
        (3, "migrate-cancel", "did you mean migrate_cancel"),
    ],
)
def test_a_branch_that_can_not_be_is_refused(at: int, do: str, said: str) -> None:
    with pytest.raises(si.SavevmError, match=said):
        SHORT.branch(at=at, do=do)


def test_a_recovery_is_two_branches() -> None:
    run = si.run("postcopy")
    running = next(e for e in run.events if e.side is Side.SOURCE and e.phase is Phase.POSTCOPY)
    broken = run.branch(at=running, do="the network fails", after_us=50_000)
    assert broken.outcome is si.Outcome.UNFINISHED
    healed = broken.branch(at=broken.events[-1], do=["migrate-recover"])
    assert healed.outcome is si.Outcome.COMPLETED


# Script steps -----------------------------------------------------------------------------------------------------

CANCEL = si.UserAction.MIGRATE_CANCEL


def cancelled(step: si.Step, **changes: Any) -> si.Run:
    return si.run("quickstart", **SMALL, script=[step], **changes)


@settings(max_examples=25)
@given(st.integers(0, len(SHORT.events) + 40))
def test_a_step_waits_for_an_event(number: int) -> None:
    run = cancelled(si.Step(do=CANCEL, event=number))
    came = number < len(SHORT.events)
    assert (run.remarks == ()) == came
    if not came:
        assert f"event {number} never came" in run.remarks[0]
        assert run.remarks[0] in repr(run)
        assert run.events == SHORT.events


@pytest.mark.parametrize(
    ("handler", "idstr", "at_call"),
    [("save_live_iterate", "ram", 1), ("load_state", "", 3), ("save_setup", "ram", 1)],
)
def test_a_step_waits_for_a_call(handler: str, idstr: str, at_call: int) -> None:
    run = cancelled(si.Step(do=CANCEL, handler=handler, idstr=idstr, at_call=at_call))
    done = next(event for event in run.events if event.event is EventKind.QMP and event.name == CANCEL)
    calls = [call.call.seq for call in run.calls(handler=handler, idstr=idstr) if call.call]
    assert calls[at_call - 1] < done.seq


def test_a_call_that_never_comes_is_a_remark() -> None:
    run = cancelled(si.Step(do=CANCEL, handler="resume_prepare", idstr="ram"))
    assert run.outcome is si.Outcome.COMPLETED
    assert "call 1 of resume_prepare of ram never came" in run.remarks[0]
