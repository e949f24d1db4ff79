"""A disk that is full, or read-only: one line, exit status 3, and nothing is left of what was begun."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .command_line import call, one_line
from .test_outputs import ONE_FILE

SMALL = ["-o", "size=64k", "-t", "tmpfs", "tmpfs"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, *SMALL, disk], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def main(capture_path: Callable[..., Path]) -> Path:
    return capture_path("x86-10.0-paused")


def commands(main: Path, disk: Path) -> Iterator[list[object]]:
    for path, options in ONE_FILE.items():
        # The block that is no hole: on a full disk a file of zeros has room.
        yield [*path, main, *("pc.bios" if each == "pc.ram" else each for each in options), disk / "file"]
    yield ["export", main, "--parquet", disk / "file"]
    yield ["record", "--engine", "quickstart", "--discard", "--output", disk / "file"]


def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk: Path, main: Path, capfd: Any) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4 << 10))
    for command in commands(main, small_disk):
        one_line(call(*command), capfd.readouterr().err, 3, "No space left on device")
        assert [each.name for each in small_disk.iterdir()] == ["filler"], command


def test_a_read_only_folder_is_one_line(small_disk: Path, main: Path, capfd: Any) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for command in commands(main, small_disk):
        one_line(call(*command), capfd.readouterr().err, 3, "Read-only file system")
    assert not any(small_disk.iterdir())
