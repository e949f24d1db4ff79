"""``savevm-inspect events``: lines as in events.jsonl, a table, and a file for Perfetto."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.engine.front import record_scenario
from savevm_inspect.stream.events import read_events
from savevm_inspect.trace.recorded import Recorded

Traced = Callable[[str], Path]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from savevm_inspect.cli import main; main()", "events", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_json_is_the_lines_of_events_jsonl(traced: Traced) -> None:
    name = traced("trace-pc-10.0-precopy")
    result = run(name, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    events = list(read_events(result.stdout.splitlines()))
    assert [event.seq for event in events] == list(range(len(events)))
    bare = list(Recorded.open(name).events())
    assert [event.upstream for event in events] == [event.upstream for event in bare]
    source = run(name, "--json", "--side", "source")
    assert [json.loads(line)["side"] for line in source.stdout.splitlines()] == ["source"] * sum(
        event.side == "source" for event in events
    )


def test_a_capture_folder_lists_what_its_file_says(tmp_path: Path) -> None:
    folder = record_scenario("quickstart", tmp_path / "run").path
    assert run(folder, "--json").stdout == (folder / "events.jsonl").read_text()


def test_a_migration_that_sent_nothing_has_events(tmp_path: Path) -> None:
    folder = record_scenario("unmigratable", tmp_path / "run").path
    result = run(folder, "--json")
    assert (result.returncode, result.stdout) == (0, (folder / "events.jsonl").read_text())


def test_an_error_that_repeats_what_was_returned_is_told_once(tmp_path: Path) -> None:
    lines = run(record_scenario("fail-load_state", tmp_path / "run").path).stdout.splitlines()
    failed = [line for line in lines if "returned -" in line and " return " in line]
    assert failed
    assert all(line.count("returned -") == 1 for line in failed)


def test_the_table_tells_what_is_derived(traced: Traced) -> None:
    log = traced("trace-pc-7.2-tofile").parent / "trace-pc-7.2-tofile.trace"
    lines = run(log).stdout.splitlines()
    assert lines[0].split()[:6] == ["seq", "time", "side", "phase", "thread", "event"]
    calls = [line for line in lines if " call " in line]
    assert calls
    assert all(line.endswith("derived") for line in calls)
    states = [line for line in lines if " state " in line]
    assert not any(line.endswith("derived") for line in states)


def test_a_stream_alone_tells_its_records(capture_path: Callable[..., Path]) -> None:
    lines = run(capture_path("none-11.1"), "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert {event["origin"] for event in events} == {"stream"}
    sections = [event["idstr"] for event in events if "section_id" in event]
    assert sections == ["ram", "ram", "timer", "slirp", "globalstate"]


def test_perfetto_writes_a_file(traced: Traced, tmp_path: Path) -> None:
    result = run(traced("trace-pc-11.1-cancel"), "--perfetto", tmp_path / "out.json")
    assert result.returncode == 0
    assert json.loads((tmp_path / "out.json").read_text())["traceEvents"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["nothing-there"], 1, "no such file"),
        (["{tmp}/empty"], 1, "holds no trace event"),
        (["{tmp}/noise"], 1, "holds no trace event"),
        (["{tmp}"], 1, "not a capture folder"),
        (["{tmp}/empty", "--json", "--perfetto", "x"], 2, "one of --json and --perfetto"),
        (["{tmp}/empty", "--side", "middle"], 2, "middle"),
    ],
)
def test_errors_are_one_line(arguments: list[str], status: int, says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 40)
    result = run(*(each.replace("{tmp}", str(tmp_path)) for each in arguments))
    assert result.returncode == status
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert status == 2 or len(result.stderr.splitlines()) == 1
