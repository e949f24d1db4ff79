"""The scenarios: what they promise, what a recording of one holds, and that real QEMUs write the same bytes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.engine.machine.machine import MachineType
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.errors import NotFound
from savevm_inspect.rules.compat import Behaviour
from savevm_inspect.stream.events import Event, EventKind

from .running import run

CLOCKS = (range(0x65, 0x6D), range(0x75, 0x7D))
"""Where the two clocks of the timer section lie in a stream of ``-machine none`` with SWITCHOVER_START."""


def stream_of(scenario: Scenario) -> tuple[bytes, list[Event]]:
    made = run(scenario)
    return made.data, made.events


def without_clocks(data: bytes, ranges: tuple[range, ...] = CLOCKS) -> bytes:
    return bytes(0 if any(index in clock for clock in ranges) else byte for index, byte in enumerate(data))


@pytest.mark.parametrize("name", ["none-10.0", "none-11.1"])
def test_a_machine_without_hardware_writes_what_a_real_qemu_wrote(
    name: str, capture_path: Callable[[str], Path]
) -> None:
    ours, _ = stream_of(SCENARIOS["none"])
    theirs = capture_path(name).read_bytes()
    assert without_clocks(ours) == without_clocks(theirs)
    assert json.loads(ours[ours.index(b'{"') :]) == json.loads(theirs[theirs.index(b'{"') :])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_says_what_it_is(name: str) -> None:
    scenario = SCENARIOS[name]
    assert scenario.name == name
    assert scenario.title
    assert scenario.teaches.endswith(".")


@pytest.mark.parametrize(
    ("name", "passes", "most_events"),
    [
        ("quickstart", range(4, 7), 500),
        ("idle", range(2, 4), 500),
        ("busy", range(7, 30), 1000),
        ("stopping", range(5, 12), 1000),
    ],
)
def test_scenarios_go_as_their_titles_say(name: str, passes: range, most_events: int) -> None:
    data, events = stream_of(SCENARIOS[name])
    looks = [event for event in events if event.event is EventKind.PENDING]
    assert looks[-1].iteration is not None
    assert looks[-1].iteration + 1 in passes  # the last pass is the one in the END section
    assert 50 < len(events) < most_events
    assert 1_000_000 < len(data) < 8_000_000


def test_a_quick_start_shrinks_from_pass_to_pass() -> None:
    _, events = stream_of(SCENARIOS["quickstart"])
    first, *looks = (event for event in events if event.event is EventKind.PENDING)
    passes = [look.must_precopy or 0 for look in (first, *looks) if look is first or look.name == "exact"]
    assert len(passes) >= 3
    assert passes == sorted(passes, reverse=True)


@pytest.mark.parametrize("name", ["none", "quickstart"])
def test_a_recording_holds_the_bytes_and_the_events(name: str, tmp_path: Path) -> None:
    heard: list[Event] = []
    folder = CaptureFolder(record_scenario(name, tmp_path / "capture", progress=heard.append))
    data, events = stream_of(SCENARIOS[name])
    assert folder.made_by == "savevm-inspect engine"
    assert [path.read_bytes() for path in folder.forward()] == [data]
    assert list(folder.events()) == events == heard


def test_an_unknown_scenario_is_refused_with_a_near_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no scenario 'quickstrat'; did you mean quickstart\?"):
        record_scenario("quickstrat", tmp_path / "capture")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("footers", [True, False])
@pytest.mark.parametrize("configuration", [True, False])
@pytest.mark.parametrize("switchover", [True, False])
@pytest.mark.parametrize("description", [True, False])
def test_what_a_machine_type_leaves_out_is_left_out(
    footers: bool, configuration: bool, switchover: bool, description: bool
) -> None:
    kind = MachineType(
        name="none",
        properties={
            Behaviour.SEND_SECTION_FOOTER: footers,
            Behaviour.SEND_CONFIGURATION: configuration,
            Behaviour.SEND_SWITCHOVER_START: switchover,
        },
        suppress_vmdesc=not description,
    )
    data, events = stream_of(replace(SCENARIOS["none"], machine=kind))
    full, _ = stream_of(SCENARIOS["none"])
    description_bytes = len(full) - full.index(b"\x06\0\0")
    configured = b'"configuration"' in data
    missing = (0 if footers else 5 * 5) + (0 if configuration else 1 + 4 + 4) + (0 if switchover else 5)
    if description:
        assert configured is configuration
        written = json.loads(data[data.index(b'{"') :])
        assert len(data) - data.index(b'{"') == len(json.dumps(written))
        missing += description_bytes - 5 - len(json.dumps(written))
    else:
        missing += description_bytes
    assert len(data) == len(full) - missing
    names = {event.name for event in events if event.event in (EventKind.RECORD, EventKind.COMMAND)}
    assert ("configuration" in names) is configuration
    assert ("MIG_CMD_SWITCHOVER_START" in names) is switchover
    assert ("description" in names) is description
