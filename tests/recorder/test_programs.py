"""Programs that are started as a QEMU and are none: each ends in one line, and leaves nothing."""

import shlex
import sys
from pathlib import Path

import pytest

from savevm_inspect.errors import RecordError, SavevmError
from savevm_inspect.recorder.qemu import record_qemu

from .programs import assert_ends_late, fake_qemu


def test_a_program_that_never_answers(clean: Path, tmp_path: Path) -> None:
    command = fake_qemu(tmp_path, "echo still thinking >&2\nsleep 10000 &\nexec sleep 10000")
    assert_ends_late(
        lambda limit: record_qemu(command, clean, timeout_seconds=limit),
        clean,
        r"it stopped at waiting .*said: still thinking\)",
    )
    assert not clean.exists()


def test_a_program_that_ends_at_once(clean: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"hung up \(QEMU said: line 1 line 2\)") as raised:
        record_qemu(fake_qemu(tmp_path, "echo line 1 >&2; echo line 2 >&2; exit 1"), clean)
    assert raised.value.last_words == "line 1\nline 2"
    assert not clean.exists()


def test_a_program_that_speaks_no_qmp(clean: Path, tmp_path: Path) -> None:
    find_fd = 'for word; do case "$word" in *fd=*) fd=${word##*fd=};; esac; done'
    script = f'{find_fd}\neval "echo hello >&$fd"\nsleep 100'
    with pytest.raises(RecordError, match="did not open a QMP session"):
        record_qemu(fake_qemu(tmp_path, script), clean)
    assert not clean.exists()


RUBBISH_OVER_QMP = r"""
import json, re, socket, sys
command, answer = sys.argv[1], open(sys.argv[2], "rb").read()
fd = next(re.search(r"fd=(\d+)", each)[1] for each in sys.argv[3:] if re.search(r"(?<!\w)fd=\d+", each))
monitor = socket.socket(fileno=int(fd))
greeting = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}'
monitor.sendall((answer if command == "greeting" else greeting) + b"\n")
for line in monitor.makefile("rb"):
    said = json.loads(line)
    version = {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}
    returned = version if said["execute"] == "query-version" else {}
    sound = json.dumps({"return": returned, "id": said.get("id")}).encode()
    number = json.dumps(said.get("id")).encode()
    monitor.sendall((answer.replace(b"ID", number) if said["execute"] == command else sound) + b"\n")
"""
RUBBISH: list[tuple[str, bytes]] = [
    ("greeting", b"[]"),
    ("greeting", b"7"),
    ("greeting", b'{"QMP": 7}'),
    ("greeting", b'{"QMP": {"version": []}}'),
    ("greeting", b"\xff\xfe"),
    ("greeting", b"[" * 100_000),
    ("qmp_capabilities", b'{"error": 7, "id": ID}'),
    ("query-version", b'{"return": [], "id": ID}'),
    ("query-version", b'{"return": {"qemu": []}, "id": ID}'),
    ("query-version", b'{"return": {"qemu": {"major": "\\ud800"}}, "id": ID}'),
    ("query-version", b'{"error": {"class": 7, "desc": "\\u001b[2J\\n"}, "id": ID}'),
    ("query-version", b"\xff\xfe"),
    ("query-version", b"[" * 100_000),
    ("query-version", b'{"return": {}, "id": {"a": []}}'),
    ("query-status", b'{"return": null, "id": ID}'),
    ("query-status", b'{"return": {"status": [], "running": 3}, "id": ID}'),
    ("query-status", b'{"event": 7, "timestamp": "now"}\n{"return": 7, "id": ID}'),
    ("query-migrate-parameters", b'{"return": "\xc3\xa9", "id": ID}'),
]


@pytest.mark.parametrize(("command", "answer"), RUBBISH)
def test_a_program_that_answers_rubbish(clean: Path, tmp_path: Path, command: str, answer: bytes) -> None:
    """Over a real socket: one printable line in the end, if need be that it took too long; nothing is left."""
    program, said = tmp_path / "rubbish.py", tmp_path / "answer"
    program.write_text(RUBBISH_OVER_QMP)
    said.write_bytes(answer)
    script = f'exec {shlex.quote(sys.executable)} {program} {command} {said} "$@"'
    with pytest.raises(SavevmError) as raised:
        record_qemu(fake_qemu(tmp_path, script), clean, run_seconds=0, timeout_seconds=5)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 3000
    assert not clean.exists()


def test_last_words_are_bounded(clean: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError) as raised:
        record_qemu(fake_qemu(tmp_path, "yes chatter | head -n 100000 >&2; echo the end >&2; exit 1"), clean)
    assert raised.value.last_words.endswith("the end")
    assert len(str(raised.value)) < 3000


def test_a_program_that_is_no_program(clean: Path, tmp_path: Path) -> None:
    program = tmp_path / "qemu-system-garbage"
    program.write_bytes(b"\x7fELF and no more")
    program.chmod(0o755)
    with pytest.raises(RecordError, match="can't be started"):
        record_qemu([str(program)], clean)
    assert not clean.exists()
