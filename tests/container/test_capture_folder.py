"""Capture folders: whole or not at all, and nobody's word trusted."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.container.capture_folder import (
    EVENTS,
    FORMAT,
    LOCK,
    MANIFEST,
    VERSION,
    CaptureFolder,
    CaptureOutcome,
    Direction,
)
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.errors import SavevmError
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind, Origin


def events(count: int) -> list[Event]:
    return [
        Event(
            seq=seq,
            time_us=seq * 10,
            side=Side.SOURCE,
            event=EventKind.STATE,
            origin=Origin.QMP,
            phase=Phase.SETUP,
            name=f"état {seq}",
        )
        for seq in range(count)
    ]


def record(path: Path, *, main: bytes = b"QEVM", made_by: str = "test") -> None:
    with CaptureWriter(path, made_by=made_by) as writer:
        writer.open_channel(0).write(main)
        for event in events(3):
            writer.add_event(event)


def write_manifest(folder: Path, **changes: object) -> None:
    manifest: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "made_by": "test",
        "channels": [{"number": 0, "direction": "forward", "file": "channel0.fwd"}],
    }
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


@given(
    channels=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(list(Direction)), st.binary(max_size=40)),
        max_size=6,
        unique_by=lambda channel: channel[:2],
    ),
    count=st.integers(0, 5),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, channels: list[tuple[int, Direction, bytes]], count: int
) -> None:
    path = tmp_path_factory.mktemp("round") / "deep" / "capture"
    with CaptureWriter(path, made_by="test") as writer:
        for number, direction, content in channels:
            writer.open_channel(number, direction).write(content)
        for event in events(count):
            writer.add_event(event)
        (writer.folder / "qemu.log").write_text("beside the stream")
        assert not path.exists()
    folder = CaptureFolder(path)
    assert folder.made_by == "test"
    read = [(channel.number, channel.direction, channel.path.read_bytes()) for channel in folder.channels]
    assert read == channels
    assert list(folder.events()) == events(count)
    assert (path / "qemu.log").read_text() == "beside the stream"
    forward = {number: content for number, direction, content in channels if direction is Direction.FORWARD}
    assert [file.read_bytes() for file in folder.forward()] == [forward[number] for number in sorted(forward)]
    assert [child.name for child in path.parent.iterdir()] == ["capture"]


def test_the_contract_of_the_manifest(tmp_path: Path) -> None:
    record(tmp_path / "capture")
    assert json.loads((tmp_path / "capture" / MANIFEST).read_text()) == {
        "format": "savevm-inspect/capture",
        "version": 1,
        "made_by": "test",
        "outcome": "completed",
        "channels": [{"number": 0, "direction": "forward", "file": "channel0.fwd"}],
        "files": ["channel0.fwd", "events.jsonl"],
    }


def interrupted(path: Path, data: bytes, error: BaseException, **options: bool) -> None:
    with CaptureWriter(path, made_by="test", **options) as writer:
        writer.open_channel(0).write(data)
        raise error


FAILURES = [
    (KeyboardInterrupt(), CaptureOutcome.INTERRUPTED),
    (SystemExit(), CaptureOutcome.INTERRUPTED),
    (RuntimeError("the disk went away"), CaptureOutcome.FAILED),
]


@pytest.mark.parametrize(("error", "outcome"), FAILURES)
def test_what_was_recorded_before_a_failure_is_kept(
    tmp_path: Path, error: BaseException, outcome: CaptureOutcome
) -> None:
    with pytest.raises(type(error)):
        interrupted(tmp_path / "capture", b"half", error)
    folder = CaptureFolder(tmp_path / "capture")
    assert (folder.outcome, folder.error) == (outcome, str(error))
    assert folder.forward()[0].read_bytes() == b"half"
    assert list(tmp_path.iterdir()) == [tmp_path / "capture"]


@pytest.mark.parametrize(("data", "discard"), [(b"", False), (b"half", True)])
def test_nothing_is_left_where_no_byte_came_or_nobody_wants_it(tmp_path: Path, data: bytes, discard: bool) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "capture", data, KeyboardInterrupt(), discard=discard)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_recording_never_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    record(path, main=b"first")
    for data in (b"second", b"third"):
        with pytest.raises(KeyboardInterrupt):
            interrupted(path, data, KeyboardInterrupt())
        assert CaptureFolder(path).forward()[0].read_bytes() == b"first"
        beside = tmp_path / "capture.interrupted"
        assert CaptureFolder(beside).forward()[0].read_bytes() == data
        assert sorted(tmp_path.iterdir()) == [path, beside]


def test_of_two_recorders_one_wins_and_the_other_says_so(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    with CaptureWriter(path, made_by="one") as writer:
        writer.open_channel(0).write(b"QEVM")
        with pytest.raises(SavevmError, match="another recorder writes there now"):
            CaptureWriter(path, made_by="other")
    assert CaptureFolder(path).made_by == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_that_goes_while_it_is_made_is_another_recorders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone_again(*_: object, **__: object) -> None:
        raise FileExistsError

    monkeypatch.setattr(os, "mkdir", gone_again)
    with pytest.raises(SavevmError, match="another recorder writes there now"):
        CaptureWriter(tmp_path / "capture", made_by="test")


def test_of_a_draft_the_lock_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next recorder may write as soon as it has gone, files of the same names."""
    removed: list[str] = []
    unlink = os.unlink

    def noted(path: Any, **more: Any) -> None:
        removed.append(Path(path).name)
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", noted)

    def give_up() -> None:
        with CaptureWriter(tmp_path / "capture", made_by="test", discard=True) as writer:
            for number in range(20):
                writer.open_channel(number).write(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert len(removed) == 22
    assert removed[-1] == LOCK
    assert not list(tmp_path.iterdir())


def test_what_a_killed_recorder_left_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    writer = CaptureWriter(path, made_by="killed")
    writer.open_channel(0).write(b"half")
    writer.folder.rename(tmp_path / "kept")  # SIGKILL: the lock goes, the files stay
    writer._lock.close()
    (tmp_path / "kept").rename(writer.folder)
    record(path)
    assert CaptureFolder(path).made_by == "test"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_to_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    record(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert CaptureFolder(tmp_path / "real").made_by == "test"


def test_a_full_disk_at_the_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"), CaptureWriter(tmp_path / "capture", made_by="t"):
        monkeypatch.setattr(Path, "write_text", full)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_capture_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    record(path, main=b"first")
    record(path, main=b"second", made_by="again")
    assert CaptureFolder(path).forward()[0].read_bytes() == b"second"
    assert CaptureFolder(path).made_by == "again"
    assert list(tmp_path.iterdir()) == [path]


def test_what_else_lies_in_an_earlier_capture_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    record(path, main=b"first")
    (path / "notes.txt").write_text("years")
    with pytest.raises(SavevmError, match=r"holds 'notes\.txt', .* without --force"):
        record(path, main=b"second")
    assert (path / "notes.txt").read_text() == "years"
    with CaptureWriter(path, made_by="forced", force=True):
        pass
    assert not (path / "notes.txt").exists()


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "capture").mkdir()
    record(tmp_path / "capture")
    assert CaptureFolder(tmp_path / "capture").forward()[0].read_bytes() == b"QEVM"


def test_a_foreign_folder_is_not_overwritten(tmp_path: Path) -> None:
    thesis = tmp_path / "capture" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.write_text("years")
    with pytest.raises(SavevmError, match="no capture; not overwritten"):
        CaptureWriter(thesis.parent, made_by="test")
    assert thesis.read_text() == "years"
    assert list(tmp_path.iterdir()) == [thesis.parent]


def test_a_foreign_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "capture").write_text("years")
    with pytest.raises(SavevmError, match="no capture; not overwritten"):
        CaptureWriter(tmp_path / "capture", made_by="test")
    assert (tmp_path / "capture").read_text() == "years"


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "..", ".", "", "a/b", "a\0b", 7, None, ["channel0.fwd"]]
)
def test_a_manifest_that_points_outside(tmp_path: Path, name: object) -> None:
    write_manifest(tmp_path, channels=[{"number": 0, "direction": "forward", "file": name}])
    with pytest.raises(SavevmError, match="not a file name within the folder"):
        CaptureFolder(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "someone-else/capture"},
        {"version": 2},
        {"channels": 3},
        {"channels": [3]},
        {"channels": [{}]},
        {"channels": [{"number": "x", "direction": "forward", "file": "c"}]},
        {"channels": [{"number": float("inf"), "direction": "forward", "file": "c"}]},
        {"channels": [{"number": 0, "direction": "sideways", "file": "c"}]},
    ],
)
def test_a_manifest_of_another_form(tmp_path: Path, changes: dict[str, object]) -> None:
    write_manifest(tmp_path, **changes)
    with pytest.raises(SavevmError, match=MANIFEST):
        CaptureFolder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'"text"', b"{}"])
def test_a_manifest_that_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(SavevmError, match=MANIFEST):
        CaptureFolder(tmp_path)


def test_a_manifest_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    with (tmp_path / MANIFEST).open("r+b") as manifest:
        manifest.truncate(1 << 40)  # sparse: reading it would be noticed
    with pytest.raises(SavevmError, match="larger than any manifest"):
        CaptureFolder(tmp_path)


def test_no_folder_and_no_manifest(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SavevmError, match="not a capture folder"):
            CaptureFolder(path)


def test_a_capture_without_events_has_none(tmp_path: Path) -> None:
    record(tmp_path / "capture")
    (tmp_path / "capture" / EVENTS).unlink()
    assert list(CaptureFolder(tmp_path / "capture").events()) == []


@pytest.mark.parametrize(
    "line", [b"{}", b"nonsense", b"\xff\xfe", b'{"seq":0,"time_us":0,"side":"moon","event":"qmp"}']
)
def test_a_line_that_is_no_event(tmp_path: Path, line: bytes) -> None:
    record(tmp_path / "capture")
    with (tmp_path / "capture" / EVENTS).open("ab") as lines:
        lines.write(line + b"\n")
    with pytest.raises(SavevmError, match=r"line 4|UTF-8"):
        list(CaptureFolder(tmp_path / "capture").events())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"seq": 2}, "seq 2 after seq 2"),
        ({"seq": 3, "event": "return", "call_id": 0}, "a second return of the source with call_id 0"),
        ({"seq": 3, "event": "call", "call_id": 0}, "a second call of the source with call_id 0"),
    ],
)
def test_no_number_of_an_event_is_given_twice(tmp_path: Path, more: dict[str, object], message: str) -> None:
    numbers = {"time_us": 0, "observed": True, "side": "source"}
    lines = [
        numbers | {"seq": 0, "event": "call", "call_id": 0},
        numbers | {"seq": 1, "event": "return", "call_id": 0},
        numbers | {"seq": 2, "event": "qmp"},
        numbers | {"event": "qmp"} | more,
    ]
    record(tmp_path / "capture")
    (tmp_path / "capture" / EVENTS).write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    with pytest.raises(SavevmError, match=rf"line 4: {message}"):
        list(CaptureFolder(tmp_path / "capture").events())


@pytest.mark.parametrize("direction", Direction)
def test_two_channels_of_one_number(tmp_path: Path, direction: Direction) -> None:
    channels = [{"number": 1, "direction": direction, "file": name} for name in ("x", "y")]
    write_manifest(tmp_path, channels=channels)
    with pytest.raises(SavevmError, match=f"two {direction} channels have the number 1"):
        CaptureFolder(tmp_path)
