"""docs/engine.md names every file of the engine, and as precopy's those that a precopy runs."""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

import savevm_inspect.engine
from savevm_inspect.engine.devices.cpu import Cpu
from savevm_inspect.engine.devices.globalstate import GlobalState
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.ram.device import RamDevice
from savevm_inspect.engine.scenarios import SCENARIOS

ENGINE: Final = Path(savevm_inspect.engine.__file__).parent
DOC: Final = (Path(__file__).parent.parent.parent / "docs" / "engine.md").read_text()

READ: Final = {name: int(lines) for name, lines in re.findall(r"^\| `(\S+\.py)` \| (\d+) \|", DOC, re.MULTILINE)}
NAMED: Final = set(re.findall(r"`((?:\w+/)?\w+\.py)`", DOC))
WORDS: Final = re.findall(r"\| `(\w+/\w+)\.py` `(\w+)` \|$", DOC, re.MULTILINE)
PASSED_OVER: Final = set(
    re.findall(r"`(\w+/\w+\.py)`", DOC.partition("These also run in a precopy")[2].partition("\n\n")[0])
)


@contextmanager
def files_run() -> Iterator[set[str]]:
    """Gathers the files of the engine of which a function is called."""
    paths: set[str] = set()
    files: set[str] = set()

    def note(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call":
            paths.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(before)
        inside = (Path(path) for path in paths)
        files.update(path.relative_to(ENGINE).as_posix() for path in inside if ENGINE in path.parents)


def test_precopy_runs_what_the_list_says() -> None:
    devices = (RamDevice.attach, Cpu.attach, GlobalState.attach)
    with files_run() as files:
        Migration(replace(SCENARIOS["busy"], devices=devices)).run()
    assert files == READ.keys() | PASSED_OVER
    assert not READ.keys() & PASSED_OVER


def test_every_file_is_named() -> None:
    files = {path.relative_to(ENGINE).as_posix() for path in ENGINE.rglob("*.py") if path.name != "__init__.py"}
    assert files == NAMED


@pytest.mark.parametrize("name", READ)
def test_lengths_are_about_right(name: str) -> None:
    lines = len((ENGINE / name).read_text().splitlines())
    assert abs(lines - READ[name]) <= max(20, lines // 5), lines


@pytest.mark.parametrize(("module", "name"), WORDS)
def test_the_words_are_there(module: str, name: str) -> None:
    found = importlib.import_module(f"savevm_inspect.engine.{module.replace('/', '.')}")
    assert hasattr(found, name)


def test_the_document_is_read_as_it_is_meant() -> None:
    assert len(READ) == 32
    assert len(PASSED_OVER) == 9
    assert len(WORDS) == 14
