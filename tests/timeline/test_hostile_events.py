"""Lines of events that somebody else wrote: refused in one line, or harmless."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind, read_events
from savevm_inspect.timeline.timeline import Timeline

KEYS = [*Event.__dataclass_fields__, "unknown"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([*Side, *EventKind]),
    st.just(1 << 64),
)
START = {"seq": 0, "time_us": 0, "side": "source", "event": "record"}


@settings(max_examples=400)
@given(lines=st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), max_size=4))
def test_any_line_is_an_event_or_refused(lines: list[dict[str, object]]) -> None:
    try:
        events = list(read_events(json.dumps(START | line) for line in lines))
    except SavevmError:
        return
    timeline = Timeline(events)
    timeline.at(len(events))
    timeline.phases()
    for index in range(len(events)):
        timeline.call_at(index)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("offset", -9),
        ("offset", 1 << 70),
        ("offset", "a"),
        ("time_us", 1.5),
        ("length", True),
        ("bql", 1),
        ("idstr", 3),
    ],
)
def test_a_value_of_a_wrong_type_is_named_with_its_line(tmp_path: Path, key: str, value: object) -> None:
    with CaptureWriter(tmp_path / "capture", made_by="test") as writer:
        writer.open_channel(0)
    (tmp_path / "capture" / "events.jsonl").write_text(json.dumps(START) + "\n" + json.dumps(START | {key: value}))
    with pytest.raises(SavevmError, match=f"events.jsonl line 2: .*{key} is invalid"):
        list(CaptureFolder(tmp_path / "capture").events())
