"""``savevm-inspect explain``: a line, a log on standard input, JSON, and what it exits with."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .command_line import call, one_line, run

FOOTER = b"""2024-01-29T19:35:48Z qemu-kvm: Missing section footer for serial
qemu-kvm: load of migration failed: Invalid argument
"""


def test_a_line_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", "Missing section footer for serial") == 0
    said = capsys.readouterr().out
    assert "footer-missing" in said
    assert "idstr: serial" in said
    assert "remedy:" in said


def test_a_log_comes_from_standard_input() -> None:
    result = run("explain", "-", input=FOOTER)
    assert result.returncode == 0
    assert b"footer-missing" in result.stdout
    assert result.stdout.splitlines()[-1] == b"also: load-failed (reason Invalid argument)"


def test_what_is_unknown_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for lines in ("no line of QEMU", "one\ntwo\x1b[31m\nthree", "", "\udcff"):
        status = call("explain", lines)
        one_line(status, capsys.readouterr().err, 1, "unknown" if lines else "no line")


def test_json_has_the_errors_and_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("explain", "Missing section footer for serial", "--json") == 0
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (error["key"], error["values"]) == ("footer-missing", [{"name": "idstr", "text": "serial"}])
    assert call("explain", "the section footer for serial is missing", "--json") == 1
    (unknown,) = json.loads(capsys.readouterr().out)["unknown"]
    assert "Missing section footer for %s" in unknown["near"]


def test_with_a_stream_the_bytes_are_named(
    capsys: pytest.CaptureFixture[str], capture_path: Callable[[str], Path]
) -> None:
    path = capture_path("x86-10.0-paused")
    assert call("explain", "qemu-kvm: Missing section footer for serial", path) == 0
    assert "bytes:  0x3e1fe, 5 bytes, serial (instance 0): footer" in capsys.readouterr().out
    assert call("explain", "qemu-kvm: Missing section footer for serial", path, "--json") == 0
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["blamed"][0]["offset"] == 0x3E1FE
    assert call("explain", "-", "-") == 2


def test_it_takes_a_moment() -> None:
    """0.3 s for a whole process on an idle machine; what is held here is the work alone, with room to spare."""
    start = time.process_time()
    for _ in range(20):
        assert call("explain", FOOTER.decode()) == 0
    assert time.process_time() - start < 20 * 0.3
