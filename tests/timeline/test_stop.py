"""When no VM ran: the source's last stop counts, and the first VM that runs after it, on whichever side."""

import pytest

from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.timeline.stop import next_resume, source_stop

SIDES = {"s": Side.SOURCE, "d": Side.DESTINATION}
NAMES = {"S": "STOP", "R": "RESUME", "x": "MIGRATION"}


def events(words: str) -> list[Event]:
    """Two letters for each event: whose, and what."""
    return [
        Event(seq=seq, time_us=seq, observed=True, side=SIDES[side], event=EventKind.QMP, name=NAMES[name])
        for seq, (side, name) in enumerate(words.split())
    ]


@pytest.mark.parametrize(
    ("words", "stopped", "resumed"),
    [
        ("", None, None),
        ("sx dS dR", None, None),
        ("sS", 0, None),
        ("sS dR", 0, 1),
        ("sS sR sx sS dR sR", 3, 4),  # somebody stopped it before, and let it run again
        ("sx sS dS sR dR", 1, 3),
        ("dR sS", 1, None),
    ],
)
def test_the_last_stop_of_the_source_and_what_runs_next(words: str, stopped: int | None, resumed: int | None) -> None:
    run = events(words)
    assert source_stop(run) == stopped
    if stopped is not None:
        assert next_resume(run, stopped) == resumed


def test_a_record_of_that_name_stops_nothing() -> None:
    assert source_stop([Event(seq=0, time_us=0, side=Side.SOURCE, event=EventKind.LOG, name="STOP")]) is None
