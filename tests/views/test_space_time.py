"""Rows, bars and arrows follow from the events alone."""

import pytest

import savevm_inspect as si
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.timeline.state import GuestState
from savevm_inspect.timeline.timeline import Timeline
from savevm_inspect.views.space_time import ArrowKind, arrows, call_bars, downtime, guest_runs, lock_bars, thread_rows


@pytest.fixture(scope="module", params=["quickstart", "postcopy-recover", "vfio-multifd"])
def timeline(request: pytest.FixtureRequest) -> Timeline:
    return Timeline(si.run(request.param).events)


def test_every_event_has_a_row_and_every_row_an_event(timeline: Timeline) -> None:
    rows = thread_rows(timeline)
    assert {(row.side, row.thread) for row in rows} == {(each.side, each.thread) for each in timeline.events}
    assert [row.side for row in rows] == sorted((row.side for row in rows), key=list(Side).index)


def test_every_call_is_a_bar_from_its_call_to_its_return(timeline: Timeline) -> None:
    bars = call_bars(timeline, thread_rows(timeline))
    assert [bar.first for bar in bars] == [
        index for index, event in enumerate(timeline.events) if event.event is EventKind.CALL
    ]
    for bar in bars:
        call, end = timeline.events[bar.first], timeline.events[bar.last]
        assert (call.call_id, call.handler) == (end.call_id, end.handler)


def test_a_row_has_the_lock_where_its_bars_are(timeline: Timeline) -> None:
    rows = thread_rows(timeline)
    for bar in lock_bars(timeline, tuple(timeline.states()), rows):
        for index in range(bar.first, bar.last):
            assert timeline.at(index + 1).side(rows[bar.row].side).lock_holder is rows[bar.row].thread


def test_an_arrow_leads_from_what_was_sent_to_the_same_received(timeline: Timeline) -> None:
    found = arrows(timeline)
    assert found
    for arrow in found:
        sent, received = timeline.events[arrow.sent], timeline.events[arrow.received]
        assert sent.side is not received.side
        assert arrow.sent < arrow.received
        assert (sent.addr, sent.offset) == (received.addr, received.offset)
        assert (sent.side is Side.SOURCE) == (arrow.kind is ArrowKind.RECORD)


def test_a_vm_runs_until_it_is_stopped_and_is_stopped_until_it_runs(timeline: Timeline) -> None:
    found = guest_runs(timeline, tuple(timeline.states()))
    for side, before, after in (
        (Side.SOURCE, GuestState.RUNNING, GuestState.STOPPED),
        (Side.DESTINATION, GuestState.STOPPED, GuestState.RUNNING),
    ):
        first, second = (each for each in found if each.side is side)
        assert (first.state, second.state) == (before, after)
        assert first.last == second.first
        assert timeline.events[first.last].name == {GuestState.STOPPED: "STOP", GuestState.RUNNING: "RESUME"}[after]


def test_the_downtime_is_from_stop_to_resume(timeline: Timeline) -> None:
    found = downtime(timeline)
    assert found is not None
    assert found.resumed is not None
    assert [timeline.events[each].name for each in (found.stopped, found.resumed)] == ["STOP", "RESUME"]
    assert found.length_us == timeline.events[found.resumed].time_us - timeline.events[found.stopped].time_us


def test_a_run_of_one_event_has_one_row_and_nothing_else() -> None:
    timeline = Timeline([Event(seq=0, time_us=0, side=Side.SOURCE, event=EventKind.LOG)])
    assert len(thread_rows(timeline)) == 1
    assert not call_bars(timeline, thread_rows(timeline))
    assert not lock_bars(timeline, tuple(timeline.states()), thread_rows(timeline))
    assert not arrows(timeline)
    assert downtime(timeline) is None


def test_a_page_that_is_requested_twice_gets_its_answers_in_order() -> None:
    sides = (Side.DESTINATION, Side.DESTINATION, Side.SOURCE, Side.SOURCE)
    requests = (
        Event(seq=seq, time_us=seq, side=side, event=EventKind.PAGE_REQUEST, addr=0x1000)
        for seq, side in enumerate(sides)
    )
    assert [(each.sent, each.received) for each in arrows(Timeline(requests))] == [(0, 2), (1, 3)]
