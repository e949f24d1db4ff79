"""What lines mean: whole logs, of each program, halves of lines, lines of others, and hostile ones."""

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.answers import table

LOGS = {each["name"]: each for each in tomllib.loads(Path(__file__).with_name("logs.toml").read_text())["log"]}


@pytest.mark.parametrize("name", LOGS)
def test_the_lines_of_reports(name: str) -> None:
    log = LOGS[name]
    explanation = si.explain(log["lines"])
    assert [each.row.key for each in explanation.reasons] == log["reasons"]
    assert log["values"].items() <= dict(explanation.reasons[0].values).items()
    assert explanation.unknown == ()
    assert all(table.rows()[key].cause in str(explanation) for key in log["reasons"])


@pytest.mark.parametrize(
    "line",
    [
        "Segmentation fault (core dumped)",
        "Die Migration ist fehlgeschlagen: falsches Argument",
        "\u8fc1\u79fb\u5931\u8d25",
        "ssh: connect to host a port 22: Connection timed out",
    ],
)
def test_lines_of_others_are_unknown(line: str) -> None:
    explanation = si.explain(line)
    assert explanation.errors == ()
    (unknown,) = explanation.unknown
    assert "unknown" in str(unknown)
    assert "\n" not in str(unknown)


def test_what_is_near_is_named() -> None:
    (unknown,) = si.explain("the section footer for serial is missing in this migration").unknown
    assert "Missing section footer" in str(unknown)


def test_each_error_is_explained_once() -> None:
    line = "qemu-kvm: Missing section footer for serial\n"
    assert len(si.explain(line * 50).errors) == 1
    assert len(si.explain(line + "qemu-kvm: Missing section footer for ram\n").errors) == 2


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    explanation = si.explain(text)
    assert str(explanation).isprintable() or "\n" in str(explanation)
    assert explanation.reasons or explanation.errors == ()


HOSTILE = {
    "one line": "Missing section footer for " + "a" * 4_000_000,
    "words of all wordings": (" ".join(word for each in table.wordings() for word in sorted(each.words)) + "\n")
    * 200,
    "many lines": "".join(f"line {number} of a log that says nothing about it\n" for number in range(40_000)),
    "beginnings": "error while loading state for instance 0x" * 100_000,
    "controls": "\x1b[31m\x00\x07: " * 300_000,
    "colons": "a: " * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_megabytes_take_seconds(name: str) -> None:
    start = time.process_time()
    explanation = si.explain(HOSTILE[name])
    assert time.process_time() - start < 10
    assert len(explanation.errors) <= 100
    assert str(explanation).replace("\n", " ").isprintable()
