"""QEMU's command line."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import RecordError
from savevm_inspect.recorder.process import TRACE_PATTERNS, QemuCommand

words = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), max_size=5)


@given(words.filter(lambda found: not any(word.startswith("-") for word in found)))
def test_a_string_and_its_words_are_the_same_command(arguments: list[str]) -> None:
    whole = ["sh", *arguments]
    assert QemuCommand.parse(shlex.join(whole)) == QemuCommand.parse(whole)
    assert QemuCommand.parse(whole).argv[1:] == tuple(arguments)


def test_nothing_is_for_a_shell() -> None:
    assert QemuCommand.parse("sh '$HOME' `x` ; rm *").argv[1:] == ("$HOME", "`x`", ";", "rm", "*")


@pytest.mark.parametrize(
    ("command", "match"),
    [
        ("", "empty"),
        ([], "empty"),
        ("   ", "empty"),
        ("sh 'unclosed", "No closing quotation"),
        (["sh", "a\0b"], "zero byte"),
        ("sh -daemonize", "-daemonize: it would outlive"),
        ("sh --daemonize", "-daemonize: it would outlive"),
        ("sh -incoming tcp::4444", "-incoming"),
    ],
)
def test_what_can_not_be_recorded(command: str | list[str], match: str) -> None:
    with pytest.raises(RecordError, match=match):
        QemuCommand.parse(command)


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("/no/where/qemu-system-i386", "qemu-system-x86"),
        ("qemu-system-aarch64", "qemu-system-arm"),
        ("qemu-system-xtensa", "qemu-system"),
    ],
)
def test_a_missing_program_names_debians_package(program: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RecordError, match=f"^{program} was not found; on Debian: apt install {package}$"):
        QemuCommand.parse([program, "-m", "16"])


@pytest.mark.parametrize("option", ["-nographic", "-display none", "-vnc :1", "--display curses", "-spice port=1"])
def test_a_display_that_was_chosen_is_kept(option: str) -> None:
    argv = QemuCommand.parse(f"sh {option}").recorded(qmp_fd=3, log=Path("log"))
    assert argv[1 : 1 + len(option.split())] == tuple(option.split())
    assert sum("display" in word for word in argv) == ("display" in option)


def test_what_the_recorder_adds_comes_last() -> None:
    argv = QemuCommand.parse("sh -m 16").recorded(qmp_fd=7, log=Path("/log"))
    assert argv[1:3] == ("-m", "16")
    assert argv[argv.index("-display") + 1] == "none"
    assert argv[argv.index("-D") + 1] == "/log"
    assert "socket,id=savevm-inspect-qmp,fd=7" in argv
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "-trace"] == list(TRACE_PATTERNS)
