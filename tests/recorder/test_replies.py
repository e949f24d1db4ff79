"""What QEMU says over QMP may be of any type: it is taken as it must be, or refused in one line."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import RecordError
from savevm_inspect.recorder import replies
from savevm_inspect.recorder.figures import EventList, FigureEvents
from savevm_inspect.stream.events import Event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KINDS: list[tuple[Callable[[object, str], Any], tuple[type, ...]]] = [
    (replies.mapping, (dict,)),
    (replies.text, (str,)),
    (replies.flag, (bool,)),
    (replies.count, (int,)),
    (replies.rate, (int, float)),
]


@pytest.mark.parametrize(("take", "types"), KINDS)
@given(value=JSON)
def test_a_value_is_of_its_type_or_refused(
    take: Callable[[object, str], Any], types: tuple[type, ...], value: object
) -> None:
    taken, said = None, ""
    try:
        taken = take(value, "query-x's y")
    except RecordError as error:
        said = str(error)
    if said:
        assert re.match("query-x's y: QEMU said .{1,200}, expected ", said)
        assert said.isprintable()
    else:
        assert taken == value
        assert type(taken) in types


RAM = st.dictionaries(st.sampled_from(["remaining", "page-size", "dirty-sync-count", "mbps"]), JSON)


@given(
    figures=st.dictionaries(st.sampled_from(["ram", "status"]), JSON | RAM | st.just("active")),
    name=st.sampled_from(["MIGRATION", "MIGRATION_PASS", "STOP", "X"]),
    data=st.dictionaries(st.sampled_from(["status", "pass"]), JSON),
)
def test_whatever_qemu_says_becomes_events_that_can_be_read(
    figures: dict[str, Any], name: str, data: dict[str, Any]
) -> None:
    sink = EventList()
    events = FigureEvents(sink)
    events.start()
    for say in (lambda: events.on_event(name, data), lambda: events.on_figures(figures, 10)):
        try:
            say()
        except RecordError:
            continue
    for event in sink.events:
        assert Event.from_json(event.to_json()) == event
