"""``savevm-inspect lab`` opens the notebook that is named, with or without its ending."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from savevm_inspect.cli import lab
from savevm_inspect.errors import SavevmError

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run."""
    commands: list[list[str]] = []

    def run(arguments: list[str], **_options: Any) -> SimpleNamespace:
        commands.append(arguments)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.mark.parametrize("notebook", [each.name for each in NOTEBOOKS] + [each.stem for each in NOTEBOOKS])
def test_each_notebook_can_be_opened_by_its_name(notebook: str, started: list[list[str]]) -> None:
    result = CliRunner().invoke(lab.command, [notebook])
    assert result.exit_code == 0, result.output
    (arguments,) = started
    assert arguments[:3] == [sys.executable, "-m", "jupyterlab"]
    assert Path(arguments[-1]).is_file()
    assert Path(arguments[-1]).stem == Path(notebook).stem


def test_a_notebook_that_is_not_there_is_said(started: list[list[str]]) -> None:
    with pytest.raises(SavevmError, match=r"no notebook 'nothing'; there are 00_quickstart.ipynb, "):
        CliRunner().invoke(lab.command, ["nothing"], catch_exceptions=False)
    assert not started


@pytest.mark.parametrize("name", ["../pyproject.toml", "captures"])
def test_nothing_else_is_opened(name: str, started: list[list[str]]) -> None:
    with pytest.raises(SavevmError):
        CliRunner().invoke(lab.command, [name], catch_exceptions=False)
    assert not started


def test_what_follows_two_dashes_goes_to_jupyter(started: list[list[str]]) -> None:
    given = ["--no-browser", "--ServerApp.port=9999", "--help", "-y"]
    for arguments in (["--", *given], ["13_kaitai", "--", *given]):
        result = CliRunner().invoke(lab.command, arguments)
        assert result.exit_code == 0, result.output
        assert started[-1][-5:-1] == given
    assert "[NOTEBOOK] [-- JUPYTER ARGS]" in CliRunner().invoke(lab.command, ["--help"]).output


@pytest.mark.parametrize(("user", "flags"), [(0, 1), (1000, 0)])
def test_root_gets_the_flag_that_jupyter_asks_for(
    user: int, flags: int, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    assert CliRunner().invoke(lab.command, []).exit_code == 0
    assert started[0].count("--allow-root") == flags


def test_an_argument_that_nobody_knows_is_wrong_usage(started: list[list[str]]) -> None:
    assert CliRunner().invoke(lab.command, ["--no-browser"]).exit_code == 2
    assert not started
