"""What is read off real traces, held against the streams of the same migrations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.reader.stream import open_stream
from savevm_inspect.rules.threads import Side, Thread

from .truth import course, read_truth

Traced = Callable[[str], Path]


@pytest.mark.parametrize("name", ["trace-pc-11.1-precopy", "trace-pc-7.2-postcopy", "trace-pc-10.0-bgsnap"])
def test_the_inventory_is_the_streams(
    name: str, traced: Traced, capture_options: Callable[[str], dict[str, object]]
) -> None:
    truth = read_truth(traced(name))
    with open_stream(**capture_options(name)) as stream:
        devices = {(each.idstr, each.instance_id, each.version_id) for each in stream.devices}
        ids = {section.section_id for section in stream.sections}
    saved = [each for each in truth.inventory if not each.skipped]
    assert {(each.idstr, each.instance_id, each.version_id) for each in saved} == devices
    assert {each.section_id for each in saved} == ids
    assert [each.idstr for each in truth.inventory if each.iterates] == ["ram"]
    assert [each.instance_id for each in truth.inventory if each.idstr == "smbus-eeprom"] == list(range(8))


@pytest.mark.parametrize("version", ["7.2", "10.0", "11.1"])
def test_the_instances_that_are_counted_are_those_that_the_destination_gets(version: str, traced: Traced) -> None:
    truth = read_truth(traced(f"trace-pc-{version}-xbzrle"))
    counted = {
        (event.section_id, event.idstr, event.instance_id)
        for event in truth.events
        if event.side is Side.SOURCE and event.event == "record" and event.section_id is not None
    }
    stated = {
        (event.section_id, event.idstr, event.instance_id)
        for event in truth.events
        if event.side is Side.DESTINATION and event.event == "record" and event.section_id is not None
    }
    assert counted == stated
    assert len(counted) > 25


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("trace-pc-10.0-multifd", {"multifd"}),
        ("trace-pc-11.1-postcopy", {"return-path", "postcopy-ram"}),
        ("trace-pc-10.0-switchover-ack", {"return-path", "switchover-ack"}),
        ("trace-pc-7.2-bgsnap", {"background-snapshot"}),
        ("trace-pc-7.2-precopy", {"return-path"}),
        ("trace-pc-11.1-tofile", set()),
    ],
)
def test_capabilities_give_themselves_away(name: str, capabilities: set[str], traced: Traced) -> None:
    assert read_truth(traced(name)).capabilities == capabilities


def test_figures_are_those_of_the_log(traced: Traced) -> None:
    truth = read_truth(traced("trace-pc-7.2-precopy"))
    assert truth.source is not None
    first = truth.source.pending[0]
    assert (first.must_precopy, first.can_postcopy, first.threshold_bytes) == (17309696, 0, 0)
    assert first.name == "estimate"  # the bitmap was synchronised before, but in the setup
    assert {each.name for each in truth.source.pending} == {"estimate", "exact"}
    postcopy = read_truth(traced("trace-pc-10.0-postcopy"))
    assert postcopy.source is not None
    assert postcopy.destination is not None
    assert all(each.must_precopy == 0 for each in postcopy.source.pending)
    assert {block for block, _ in postcopy.source.requests} == {"pc.ram"}
    assert len(postcopy.source.requests) == len(postcopy.destination.requests) > 10
    sent, obeyed = postcopy.source.commands, postcopy.destination.commands
    assert sorted(sent) == sorted(obeyed)


@pytest.mark.parametrize(("version", "thread"), [("7.2", Thread.LISTEN), ("10.0", Thread.LISTEN), ("11.1", None)])
def test_who_says_goodbye_in_postcopy_is_told_by_threads_numbers_alone(
    version: str, thread: Thread | None, traced: Traced
) -> None:
    truth = read_truth(traced(f"trace-pc-{version}-postcopy"))
    last = [each for each in truth.events if each.side is Side.DESTINATION and each.name == "MIG_RP_MSG_SHUT"]
    assert [each.thread for each in last] == [thread]


def test_a_course_is_made_of_events_alone(traced: Traced) -> None:
    truth = read_truth(traced("trace-pc-11.1-postcopy"))
    assert course(truth.events, Side.SOURCE) == truth.source
    assert course((), Side.SOURCE).order == []
