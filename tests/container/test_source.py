"""Where a stream may lie: the same bytes come out of every container, and what is none is said in one line."""

import gzip
import io
import lzma
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from savevm_inspect.container import spool
from savevm_inspect.container.capture_writer import CaptureWriter
from savevm_inspect.container.source import Source
from savevm_inspect.errors import SavevmError, Unsupported

from ..open_files import open_files

STREAM = b"QEVM\0\0\0\3" + bytes(range(256)) * 40


def read(source: object, **how: object) -> tuple[str, bytes]:
    with Source(source, **how) as opened:  # type: ignore[arg-type]
        return opened.container, bytes(opened.buffer)


def test_a_raw_file_is_mapped_and_read_only(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    path.write_bytes(STREAM)
    with Source(path) as source:
        assert (source.container, source.name) == ("raw", str(path))
        assert bytes(source.buffer) == STREAM
        assert source.buffer.readonly
        assert (dict(source.facts), dict(source.documents), source.notes, source.problems) == ({}, {}, (), ())
        kept = source.buffer[4:8]
    assert bytes(kept) == STREAM[4:8], "a slice that is still held keeps its bytes"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read(tmp_path / "empty") == ("raw", b"")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_at_hand(kind: Callable[[bytes], object]) -> None:
    assert read(kind(STREAM)) == ("memory", STREAM)
    with Source(bytearray(STREAM)) as source:
        assert source.buffer.readonly


def test_a_capture_folder(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "capture", made_by="test") as writer:
        writer.open_channel(1).write(b"second")
        writer.open_channel(0).write(STREAM)
    assert read(tmp_path / "capture") == ("capture", STREAM)


def test_what_a_channel_of_a_capture_starts_with_is_left_to_the_framer(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "capture", made_by="test") as writer:
        writer.open_channel(0).write(gzip.compress(STREAM))
    assert read(tmp_path / "capture") == ("capture", gzip.compress(STREAM))


def test_a_capture_without_a_forward_channel(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "capture", made_by="test"):
        pass
    with pytest.raises(SavevmError, match="nothing was sent"):
        Source(tmp_path / "capture")


def feed(path: Path, content: bytes) -> threading.Thread:
    thread = threading.Thread(target=lambda: path.write_bytes(content))
    thread.start()
    return thread


@pytest.mark.parametrize(("content", "container"), [(STREAM, "pipe"), (gzip.compress(STREAM), "gzip")])
def test_a_named_pipe(tmp_path: Path, content: bytes, container: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = feed(path, content)
    assert read(path) == (container, STREAM)
    writer.join()


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out:
        out.write(STREAM)
    with os.fdopen(reading) as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        with Source("-") as source:
            assert (source.container, source.name, bytes(source.buffer)) == ("pipe", "standard input", STREAM)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(STREAM)))
    assert read("-") == ("pipe", STREAM)
    (tmp_path / "stream").write_bytes(STREAM)
    with (tmp_path / "stream").open() as redirected:
        monkeypatch.setattr(sys, "stdin", redirected)
        assert read("-") == ("raw", STREAM)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SavevmError, match="standard input is no pipe"):
        Source("-")


def test_a_device_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MAX_SPOOL_BYTES", 8 << 20)
    for device in ("/dev/zero", "/dev/urandom"):
        with pytest.raises(Unsupported, match="longer than 8388608 bytes, the most that is ever unpacked"):
            Source(device)
    assert read("/dev/null") == ("pipe", b"")


def test_an_image_within_a_compressed_file(tmp_path: Path) -> None:
    image = b"LibvirtQemudSave" + b"".join(n.to_bytes(4, "little") for n in (2, 4, 0, 1, 0)) + bytes(56)
    image += b"<a/>" + gzip.compress(STREAM)
    path = tmp_path / "image.xz"
    path.write_bytes(lzma.compress(image))
    with Source(path) as source:
        assert (source.container, source.facts["within"], bytes(source.buffer)) == ("libvirt", "xz", STREAM)


def test_compressed_twice_is_opened_once() -> None:
    assert read(lzma.compress(gzip.compress(STREAM))) == ("xz", gzip.compress(STREAM))


@pytest.mark.parametrize("make", [bytes, gzip.compress])
def test_a_snapshot_of_what_has_none(make: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SavevmError, match="this is no qcow2 image"):
        Source(make(STREAM), snapshot="before")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "absent: No such file or directory"),
        ("a\0b", "null byte"),
        ("n" * 5000, "File name too long"),
        ("file/below", "Not a directory"),
        ("socket", "socket: No such device or address"),
        ("folder", "folder: not a capture folder"),
    ],
)
def test_what_can_not_be_opened(tmp_path: Path, name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
        with pytest.raises(SavevmError, match=message) as caught:
            Source(name)
    assert "\n" not in str(caught.value)


def test_no_file_stays_open(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(STREAM)
    (tmp_path / "packed").write_bytes(gzip.compress(STREAM))
    (tmp_path / "cut").write_bytes(gzip.compress(STREAM)[:-9])
    before = open_files()
    for _ in range(3):
        read(tmp_path / "raw")
        read(tmp_path / "packed")
        with pytest.raises(SavevmError):
            Source(tmp_path / "cut")
    assert open_files() <= before


def test_bytes_that_do_not_lie_in_one_piece_are_copied() -> None:
    with Source(memoryview(b"QxExVxMx")[::2]) as source:
        assert bytes(source.buffer) == b"QEVM"
