"""Logs that somebody else wrote, or cut, or filled with anything: read as far as they go, in bounded memory."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.timeline.timeline import Timeline
from savevm_inspect.trace.facts import scan_log
from savevm_inspect.trace.follow import Follower
from savevm_inspect.trace.lines import parse_line, read_lines
from savevm_inspect.trace.recorded import Recorded
from savevm_inspect.trace.table import MEANINGS
from savevm_inspect.views.perfetto import perfetto_events

LINES = tuple(
    line
    for each in (
        "migrate_set_state new state {state}",
        "savevm_section_start {idstr}, section_id {id}",
        "savevm_section_end {idstr}, section_id {id} -> {id}",
        "vmstate_save {idstr}, (old)",
        "vmstate_load {idstr}, (old)",
        "qemu_loadvm_state_section {id}",
        "qemu_loadvm_state_section_startfull {id}({idstr}) 0 1",
        "qemu_loadvm_state_section_partend {id}",
        "loadvm_process_command com=POSTCOPY_LISTEN len=0",
        "loadvm_process_command com=PING len=4",
        "migrate_pending_estimate estimate pending size 8 (pre = {id} post=1)",
        "migrate_handle_rp_req_pages in (null) at 0x10 len 0x1000",
        "migrate_send_rp_message {id}: len 4",
        *MEANINGS,
    )
    for line in {
        each.replace("{state}", state).replace("{id}", number).replace("{idstr}", idstr)
        for state in ("active", "postcopy-active", "cancelled", "no such state")
        for number in ("1", "4", "-3", "99999999999999999999999999")
        for idstr in ("ram", "", "a, b")
    }
)
ANY_LINE = st.sampled_from(LINES) | st.text(max_size=30)
PREFIX = st.sampled_from(["", "7@5.000001:", "8@4.000000:", "2026-11-23T00:57:31.061887Z ", "9999-99-99T99:99:99Z "])


@settings(max_examples=300)
@given(lines=st.lists(st.tuples(PREFIX, ANY_LINE), max_size=40), side=st.sampled_from([None, *Side]))
def test_any_lines_are_events(lines: list[tuple[str, str]], side: Side | None) -> None:
    data = "\n".join(prefix + line for prefix, line in lines).encode("utf-8", "surrogatepass")
    parsed = list(read_lines(memoryview(data)))
    facts = scan_log(parsed, side)
    events = list(Follower(facts, facts.start_us).follow(parsed))
    emitted = sum(event.observed and not event.repeats for event in events)
    again = sum((event.repeats or 0) * len((event.upstream or "").split("; ")) for event in events)
    assert emitted + again == len(parsed)
    assert all(event.time_us >= 0 for event in events)
    for event in events:
        assert Event.from_json(event.to_json()) == event
    timeline = Timeline(events)
    timeline.at(len(events))
    list(perfetto_events(events))


@pytest.mark.parametrize("cut", [0, 1, 37, 5000, 12345])
def test_a_cut_log_is_told_up_to_the_cut(cut: int, capture_path: Callable[..., Path], tmp_path: Path) -> None:
    data = capture_path("trace-pc-10.0-postcopy", "dst.trace").read_bytes()[: -cut or None]
    (tmp_path / "cut.dst.trace").write_bytes(data)
    events = list(Recorded.open(tmp_path / "cut.dst.trace").events())
    observed = sum(event.observed for event in events)
    assert observed == len([line for line in data.split(b"\n") if line.strip()])


def test_bytes_that_are_no_log_are_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.trace").write_bytes(bytes(range(256)) * 1000)
    with pytest.raises(SavevmError, match="holds no trace event of QEMU's"):
        list(Recorded.open(tmp_path / "noise.trace").events())


def test_memory_does_not_grow_with_the_log() -> None:
    """Devices, threads and open calls that never end are forgotten, or never kept."""
    text = "".join(
        f"{number}@{number}.000000:savevm_section_start d{number}, section_id {number}\n"
        f"{number}@{number}.000000:savevm_section_end d{number}, section_id {number} -> 0\n"
        f"{number}@{number}.000000:migrate_send_rp_message 3: len 4\n"
        for number in range(12_000)
    )
    data = memoryview(("migrate_set_state new state setup\nsavevm_state_setup\n" + text).encode())
    del text
    tracemalloc.start()
    try:
        facts = scan_log(read_lines(data))
        count = sum(1 for _ in Follower(facts, facts.start_us).follow(read_lines(data)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count > 36_000
    assert peak < 10 << 20


def test_a_thread_is_what_most_of_its_lines_say() -> None:
    lines = [
        parse_line(f"5@1.000000:{each}")
        for each in ("savevm_state_header", "savevm_state_setup", "migration_cleanup")
    ]
    facts = scan_log(lines)
    assert facts.threads == {5: Thread.MIGRATION}
    kinds = {event.event for event in Follower(facts, facts.start_us).follow(lines)}
    assert kinds <= {EventKind.LOG, EventKind.LOCK, EventKind.CALL, EventKind.RETURN}
