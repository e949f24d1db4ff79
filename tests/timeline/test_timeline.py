"""The laws of going forward and back."""

import time
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.errors import NotFound
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.timeline.fold import OPEN_LIMIT, apply
from savevm_inspect.timeline.state import GuestState, State
from savevm_inspect.timeline.timeline import CHECKPOINT_EVERY, Timeline

SMALL = st.integers(min_value=0, max_value=1 << 20)


def optional(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


EVENTS = st.lists(
    st.builds(
        Event,
        seq=SMALL,
        time_us=SMALL,
        side=st.sampled_from(Side),
        event=st.sampled_from(EventKind),
        phase=optional(st.sampled_from(Phase)),
        thread=optional(st.sampled_from(Thread)),
        bql=optional(st.booleans()),
        call_id=optional(st.integers(0, 5)),
        handler=optional(st.sampled_from(["save_setup", "load_state"])),
        idstr=optional(st.sampled_from(["ram", "timer"])),
        section_id=optional(st.integers(0, 5)),
        channel=optional(st.integers(0, 2)),
        offset=optional(SMALL),
        length=optional(SMALL),
        must_precopy=optional(SMALL),
        name=optional(st.sampled_from(["start", "end", "STOP", "RESUME", "bql_lock", "bql_unlock", "active"])),
    ),
    max_size=3 * CHECKPOINT_EVERY,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Event, ...]:
    path = record_scenario("quickstart", tmp_path_factory.mktemp("run") / "quickstart")
    return tuple(CaptureFolder(path).events())


@settings(max_examples=60)
@given(events=EVENTS, data=st.data())
def test_a_state_is_the_fold_of_the_events_before_it(events: list[Event], data: st.DataObject) -> None:
    timeline = Timeline(events)
    for _ in range(5):
        index = data.draw(st.integers(0, len(events)))
        assert timeline.at(index) == reduce(apply, events[:index], State())


@settings(max_examples=40)
@given(events=EVENTS, data=st.data())
def test_forward_and_back_again_is_where_one_was(events: list[Event], data: st.DataObject) -> None:
    timeline = Timeline(events)
    start = data.draw(st.integers(0, len(events)))
    steps = data.draw(st.integers(0, len(events) - start))
    forward = [timeline.at(index) for index in range(start, start + steps + 1)]
    back = [timeline.at(index) for index in range(start + steps, start - 1, -1)]
    assert forward == back[::-1]
    assert [state.index for state in forward] == list(range(start, start + steps + 1))


@settings(max_examples=60)
@given(events=EVENTS)
def test_phases_are_the_runs_of_each_sides_phase(events: list[Event]) -> None:
    timeline = Timeline(events)
    for side in Side:
        runs = [run for run in timeline.phases() if run.side is side]
        for index, event in enumerate(events):
            if event.side is side:
                inside = [run.phase for run in runs if run.first <= index <= run.last]
                assert inside == [phase for phase in (timeline.at(index + 1).side(side).phase,) if phase is not None]
        assert all(one.phase is not two.phase for one, two in pairwise(runs))


@settings(max_examples=60)
@given(events=EVENTS)
def test_every_phase_is_reached_by_going_to_the_next_one(events: list[Event]) -> None:
    timeline = Timeline(events)
    places = [run.first for run in timeline.phases()]
    found, index = [], timeline.next_phase(-1)
    while index is not None:
        found.append(index)
        index = timeline.next_phase(index)
    assert found == places
    back = [timeline.previous_phase(place) for place in places]
    assert back == [None, *places[:-1]][: len(places)]


@settings(max_examples=60)
@given(events=EVENTS)
def test_the_call_of_an_event_is_open_around_it(events: list[Event]) -> None:
    timeline = Timeline(events)
    for index, event in enumerate(events):
        call = timeline.call_at(index)
        if call is not None:
            each = call.call or call.returned
            assert each is not None
            assert each.side is event.side


def test_a_run_of_the_engine_closes_all_it_opens(run: tuple[Event, ...]) -> None:
    last = Timeline(run).at(len(run))
    for side in (last.source, last.destination):
        assert side.calls == ()
        assert side.open_sections == ()
        assert side.status == "completed"
        assert side.phase is Phase.CLEANUP
    assert last.source.channel_bytes == last.destination.channel_bytes
    assert (last.source.guest, last.destination.guest) == (GuestState.STOPPED, GuestState.RUNNING)


def test_the_lock_is_held_by_the_thread_that_says_so(run: tuple[Event, ...]) -> None:
    timeline = Timeline(run)
    for index, event in enumerate(run):
        holder = timeline.at(index + 1).side(event.side).lock_holder
        assert (holder is event.thread) == bool(event.bql)


def test_back_is_as_cheap_as_forward(run: tuple[Event, ...]) -> None:
    events = (run * (10_000 // len(run) + 1))[:10_000]
    timeline = Timeline(events)
    start = time.process_time()
    for index in range(len(events) + 1):
        timeline.at(index)
    for index in range(len(events), -1, -1):
        timeline.at(index)
    assert time.process_time() - start < 10


def test_to_and_fro_over_a_checkpoint_walks_no_stretch_again(
    run: tuple[Event, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline = Timeline(run)
    applied = []
    monkeypatch.setattr(
        "savevm_inspect.timeline.timeline.apply", lambda state, event: applied.append(event) or apply(state, event)
    )
    for _ in range(50):
        timeline.at(CHECKPOINT_EVERY)
        timeline.at(CHECKPOINT_EVERY - 1)
    assert len(applied) <= 3 * CHECKPOINT_EVERY


def test_calls_that_never_return_do_not_pile_up() -> None:
    events = [
        Event(seq=number, time_us=0, side=Side.SOURCE, event=EventKind.CALL, call_id=number, handler="save_setup")
        for number in range(3 * OPEN_LIMIT)
    ]
    last = Timeline(events).at(len(events)).source
    assert len(last.calls) == OPEN_LIMIT
    assert last.calls[-1].index == len(events) - 1


@pytest.mark.parametrize("index", [-1, 3])
def test_a_state_that_is_not_there_is_named(index: int) -> None:
    events = [Event(seq=number, time_us=0, side=Side.SOURCE, event=EventKind.LOG) for number in range(2)]
    with pytest.raises(NotFound, match=f"no state {index} in a run of 2 events"):
        Timeline(events).at(index)
    with pytest.raises(NotFound, match="in a run of 2"):
        Timeline(events).call_at(2)


def test_a_run_without_events_has_its_beginning() -> None:
    timeline = Timeline(())
    assert len(timeline) == 0
    assert timeline.at(0) == State()
    assert timeline.phases() == ()
    assert timeline.next_phase(0) is None
