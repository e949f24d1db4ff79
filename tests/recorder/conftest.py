"""A guest for the recorder, and one recording of it."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.recorder.qemu import record_qemu

from ..captures import boot_sector
from ..open_files import open_files
from .programs import running_with

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recording.

    Attributes:
        path: the capture folder.
        capture: the same, opened.
        memory: the stopped source's guest-physical memory from 0 to the end of its RAM.
    """

    path: Path
    capture: CaptureFolder
    memory: bytes

    @property
    def stream(self) -> Path:
        """The file of the main channel."""
        return self.capture.forward()[0]

    @property
    def dirtied(self) -> bytes:
        """The bytes that the guest counts in."""
        return bytes(self.memory[addr] for addr in boot_sector.DIRTIED)


@pytest.fixture(scope="session")
def boot_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image that boots the dirtying guest."""
    path = tmp_path_factory.mktemp("boot") / "boot.img"
    path.write_bytes(boot_sector.boot_disk())
    return path


@pytest.fixture(scope="session")
def pc_command(boot_disk: Path) -> str:
    """The command line of a pc with 16 MiB that runs the dirtying guest."""
    disk = f"-drive file={boot_disk},format=raw,if=ide,snapshot=on"
    return f"qemu-system-x86_64 -machine pc -m 16 -nodefaults -display none {disk}"


@pytest.fixture(scope="session")
def recorded_pc(tmp_path_factory: pytest.TempPathFactory, pc_command: str) -> Recorded:
    """A live migration of the dirtying guest, slow enough for several passes, with its ground truth."""
    path = tmp_path_factory.mktemp("recorded") / "pc"
    for run_seconds in (1, 4, 16):  # a slow machine may need longer to boot
        record_qemu(
            pc_command,
            path,
            run_seconds=run_seconds,
            bandwidth_bytes_per_s=8 * MIB,
            downtime_limit_ms=1000,
            truth=True,
        )
        recorded = Recorded(path=path, capture=CaptureFolder(path), memory=(path / "memory.bin").read_bytes())
        if any(recorded.dirtied):
            return recorded
    pytest.fail("the guest never ran its loop")


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for the output; afterwards no process and no file of the recording may be left."""
    scratch, output = tmp_path / "scratch", tmp_path / "output"
    scratch.mkdir()
    output.mkdir()
    marker = f"SAVEVM_TEST_{tmp_path.name}_{time.monotonic_ns()}"
    monkeypatch.setenv("SAVEVM_TEST_MARKER", marker)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = open_files()
    yield output / "capture"
    assert running_with(marker) == []
    assert list(scratch.iterdir()) == []
    assert [path.name for path in output.iterdir()] in ([], ["capture"])
    assert open_files() <= before
