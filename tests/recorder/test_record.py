"""One door for recordings: scenarios, by themselves or by name, and QEMU's command lines."""

import sys
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import NotFound, RecordError


def test_a_scenario_is_recorded_by_its_name_and_as_it_is(tmp_path: Path) -> None:
    by_name = si.record("idle", str(tmp_path / "name"), ram_bytes=16 << 12)
    as_it_is = si.record(si.scenario("idle", ram_bytes=16 << 12), tmp_path / "scenario")
    assert (by_name.path / "channel0.fwd").read_bytes() == (as_it_is.path / "channel0.fwd").read_bytes()
    with si.open_stream(by_name) as stream:
        assert stream.complete


@pytest.mark.parametrize("command", [f"{sys.executable} -qmp", [sys.executable, "-qmp"], "'"])
def test_a_command_line_goes_to_the_recorder_of_qemus(tmp_path: Path, command: str | list[str]) -> None:
    with pytest.raises(RecordError):
        si.record(command, tmp_path / "run")


def test_one_word_that_is_no_program_is_taken_for_a_scenario(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="quickstart"):
        si.record("quickstar", tmp_path / "run")
    assert not list(tmp_path.iterdir())
