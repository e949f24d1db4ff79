"""A destination alone: it loads what it loads in a run, and says what a file does not have."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import StreamError
from savevm_inspect.stream.events import Event, EventKind

SMALL: dict[str, Any] = {"ram_bytes": 16 << 12, "filled": 0.5}
SENT = bytes(si.run("none").stream.buffer)


@pytest.mark.parametrize("name", ["quickstart", "none", "bitmaps", "mapped-ram", "background-snapshot", "savevm"])
def test_what_a_run_sent_is_loaded_into_the_same_memory(name: str) -> None:
    run = si.run(name, writes_per_s=0)
    load = si.load(run.stream, name)
    assert load.outcome is si.Outcome.COMPLETED
    assert (load.error, load.remarks) == (None, ())
    blocks = zip(load.destination.guest.blocks, run.source.guest.blocks, strict=True)
    assert all(bytes(ours.memory) == bytes(theirs.memory) for ours, theirs in blocks)
    assert "completed" in repr(load)


def without_times(events: tuple[Event, ...]) -> list[Any]:
    return [(each.handler, each.idstr, each.offset, each.length) for each in events if each.event is EventKind.RETURN]


def test_its_calls_are_those_of_the_run() -> None:
    run = si.run("quickstart", **SMALL)
    load = si.load(run.stream, "quickstart", **SMALL)
    assert without_times(load.events) == without_times(tuple(e for e in run.events if e.side == "destination"))
    assert len(load.timeline) == len(load.events)


@settings(max_examples=40)
@given(st.integers(1, len(SENT)))
def test_a_file_that_was_cut_fails_where_it_was_cut(length: int) -> None:
    load = si.load(SENT[:length], "none")
    whole = length > SENT.rindex(b"\x7e") + 5  # the end mark is there; a description that is cut is worth a remark
    assert load.outcome is (si.Outcome.COMPLETED if whole else si.Outcome.FAILED)
    if not whole:
        assert load.error is not None
        assert load.error.phase


def test_a_file_has_nobody_who_hears_answers() -> None:
    load = si.load(si.run("return-path").stream, "return-path")
    assert load.outcome is si.Outcome.FAILED
    assert "MIG_CMD_OPEN_RETURN_PATH: a return path, which a file has not" in load.remarks[0]
    assert load.remarks[0] in repr(load)


def test_a_file_has_one_channel() -> None:
    with pytest.raises(si.SavevmError, match="2 further channels, and a file has one"):
        si.load(si.run("multifd", **SMALL).stream, "multifd", **SMALL)


def test_another_machine_refuses_it_and_says_where() -> None:
    load = si.load(SENT, "quickstart")
    assert load.outcome is si.Outcome.FAILED
    assert load.error is not None
    assert isinstance(load.error.__cause__, StreamError)
    assert "machine type 'none'" in str(load.error)
