"""Inputs that something failed on once: every verb that reads a stream ends soon, with an answer or a line."""

import lzma
import time
from pathlib import Path

import pytest

from .command_line import READING_VERBS, call, reading

FOLDER = Path(__file__).parent.parent / "captures" / "hostile"
SAID = {
    "dirty-bitmap-2000-parts": "whole: 22059 bytes, 2002 sections, 0 pages",
    "fake-footers-2MB": "consistent: 2000042 bytes, 1 sections, 0 pages; 2000001 bytes in 1 section are opaque",
    "htab-2000-parts": "whole: 44071 bytes, 2002 sections, 0 pages",
    "html-names": "consistent: 6541 bytes, 5 sections, 3 pages; 4 bytes in 1 section are opaque",
    "probe-4MB-zeros": "0x40: 4194304 bytes follow the end and are no part of the stream: unknown bytes",
    "ram-started-twice-IndexError": "0x67: section 3 (ram, instance 0) is started, which was started as section 2",
    "ram-started-twice-silent": "0x1070: section 3 (ram, instance 0) is started, which was started as section 2",
    "zero-size-fields-2000": "0x21 in section x (instance 0): more values of no bytes than any device has",
}
"""What `check` says of each."""
LIMIT_SECONDS = 20.0
"""Of CPU time; the slowest took 231 MiB and 15 s once, and less than one now."""


@pytest.fixture
def source(name: str, tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(lzma.decompress((FOLDER / f"{name}.mig.xz").read_bytes()))
    return path


def test_all_of_them_are_tried() -> None:
    assert {path.name.removesuffix(".mig.xz") for path in FOLDER.glob("*.xz")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_of_it(name: str, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = call("check", source)
    said = capsys.readouterr()
    assert status == (0 if SAID[name].startswith(("whole", "consistent")) or "no part of" in SAID[name] else 1)
    assert SAID[name] in said.out + said.err


@pytest.mark.parametrize("verb", READING_VERBS, ids=" ".join)
@pytest.mark.parametrize("name", SAID)
def test_every_verb_ends_with_an_answer_or_a_line(
    name: str, verb: tuple[str, ...], source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.process_time()
    status = call(*reading(verb, source, tmp_path))
    assert time.process_time() - start < LIMIT_SECONDS
    said = capsys.readouterr()
    assert status in (0, 1), said.err
    assert "Traceback" not in said.err
    assert said.out or said.err or any(tmp_path.glob("out-*")), "no word, and nothing written"
    assert all(mark not in said.out + said.err for mark in ("\x1b", "\u202e")), "what a terminal would obey"
