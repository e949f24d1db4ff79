"""Files of a capture folder that are none: links out of it, pipes, devices, folders; lines without end."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.container import capture_folder
from savevm_inspect.container.capture_folder import EVENTS, FORMAT, MANIFEST, CaptureFolder, CaptureOutcome
from savevm_inspect.container.source import Source
from savevm_inspect.errors import HostError, SavevmError
from savevm_inspect.trace.recorded import Recorded

EVENT = '{"seq":%d,"time_us":0,"side":"source","event":"qmp"}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "capture"
    path.mkdir()
    channels = [{"number": 0, "direction": "forward", "file": "channel0.fwd"}]
    manifest = {"format": FORMAT, "version": 1, "made_by": "test", "channels": channels}
    (path / MANIFEST).write_text(json.dumps(manifest))
    (path / "channel0.fwd").write_bytes(b"QEVM")
    (path / EVENTS).write_text(EVENT % 0)
    return path


def read(folder: CaptureFolder) -> tuple[bytes, int]:
    with Source(folder) as source:
        return bytes(source.buffer), sum(1 for _ in folder.events())


FILES = (MANIFEST, "channel0.fwd", EVENTS)
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "a pipe, expected a regular file"),
    "folder": (Path.mkdir, "Is a directory"),
    "socket": (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "No such device or address"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a link out of its folder"),
    "link": (lambda path: path.symlink_to("/etc/passwd"), "a link out of its folder"),
    "circle": (lambda path: path.symlink_to(path.name), "Too many levels|link out"),
    "nothing": (lambda path: path.symlink_to("nothing"), "No such file"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_one_error(kind: str, name: str, folder: Path) -> None:
    make, message = KINDS[kind]
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(SavevmError, match=message):
        read(CaptureFolder(folder))


@pytest.mark.parametrize("name", FILES)
def test_a_device_is_never_read_even_if_links_are_followed(name: str, folder: Path) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(SavevmError, match="a device, expected a regular file"):
        read(CaptureFolder(folder, follow=True))


def test_links_that_stay_or_that_the_user_named_are_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "channel0.fwd").rename(folder / "data")
    (folder / "channel0.fwd").symlink_to("data")
    (tmp_path / "link").symlink_to(folder)
    for path in (folder, tmp_path / "link"):
        assert read(CaptureFolder(path)) == (b"QEVM", 1)
    (tmp_path / "file").symlink_to(folder / "data")
    with Source(tmp_path / "file") as source:
        assert bytes(source.buffer) == b"QEVM"


def test_links_out_of_the_folder_are_followed_on_demand(folder: Path, tmp_path: Path) -> None:
    for name in FILES:
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(SavevmError, match="a link out of its folder; not read without --follow"):
        CaptureFolder(folder)
    assert read(CaptureFolder(folder, follow=True)) == (b"QEVM", 1)
    recorded = Recorded.open(CaptureFolder(folder, follow=True))
    assert len(list(recorded.events())) == 1
    with pytest.raises(SavevmError, match="0x4: "):
        recorded.open_stream()


def test_a_log_in_a_capture_that_is_a_link_out_of_it_is_refused(folder: Path) -> None:
    (folder / EVENTS).write_text("")
    (folder / "qemu.log").symlink_to("/etc/passwd")
    with pytest.raises(SavevmError, match=r"qemu\.log: a link out of its folder"):
        Recorded.open(folder)


def test_a_log_that_is_a_pipe_is_not_waited_for(folder: Path) -> None:
    (folder / EVENTS).write_text("")
    os.mkfifo(folder / "qemu.log")
    assert list(Recorded.open(folder).events()) == []


def test_lines_and_their_number_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / EVENTS).open("r+b") as file:
        file.truncate(1 << 40)  # sparse: the second line is one of zeros
    with pytest.raises(SavevmError, match=r"line 2 is longer than 1048576 bytes"):
        list(CaptureFolder(folder).events())
    monkeypatch.setattr(capture_folder, "_EVENTS_LIMIT", 3)
    (folder / EVENTS).write_text("".join(EVENT % seq for seq in range(3)))
    assert len(list(CaptureFolder(folder).events())) == 3
    (folder / EVENTS).write_text("".join(EVENT % seq for seq in range(4)))
    with pytest.raises(SavevmError, match="more than 3 events"):
        list(CaptureFolder(folder).events())


@pytest.mark.parametrize("name", ["n" * 300, "a\0b"])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(SavevmError):
        Recorded.open(name)
    with pytest.raises(SavevmError):
        Source(name)


def test_the_systems_no_has_its_number(tmp_path: Path) -> None:
    with pytest.raises(HostError) as raised:
        Source(tmp_path / "nothing")
    assert raised.value.errno == 2


@pytest.mark.parametrize(
    ("outcome", "error", "verdict"),
    [
        (None, "", ""),
        ("completed", "", ""),
        ("failed", "no room\x1b[2J", "the migration failed: no room\\x1b[2J"),
        ("cancelled", "", "the migration was cancelled"),
        ("interrupted", "Ctrl-C", "the migration was interrupted: Ctrl-C"),
    ],
)
def test_what_became_of_the_migration(outcome: str | None, error: str, verdict: str, folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    said = {"outcome": outcome, "error": error} if outcome else {}
    (folder / MANIFEST).write_text(json.dumps(manifest | said))
    capture = CaptureFolder(folder)
    assert capture.outcome == (CaptureOutcome(outcome) if outcome else None)
    assert capture.verdict == verdict
