"""Internal snapshots that a real QEMU writes with savevm: the memory in them is the guest's at that moment."""

import asyncio
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.recorder.process import QemuCommand, QemuProcess
from savevm_inspect.recorder.running import run_to_end
from savevm_inspect.recorder.session import QmpSession
from savevm_inspect.views.summary import problems, summary

from ..captures.boot_sector import DIRTIED, boot_disk

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(not shutil.which("qemu-img"), reason="no qemu-img; Debian's package qemu-utils brings it"),
]

MIB = 1 << 20
MEMORY_BYTES = 16 * MIB

FORMS = {
    "version 2": "compat=0.10",
    "version 3": "compat=1.1",
    "smallest clusters": "compat=1.1,cluster_size=512",
    "largest clusters": "compat=1.1,cluster_size=2M",
    "subclusters": "compat=1.1,extended_l2=on,cluster_size=32k",
    "zstd": "compat=1.1,compression_type=zstd",
}


def make_disk(path: Path, options: str) -> None:
    raw = path.with_suffix(".raw")
    raw.write_bytes(boot_disk())
    subprocess.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", "-o", options, raw, path], check=True)
    subprocess.run(["qemu-img", "resize", "-q", path, "9M"], check=True)


async def monitor(session: QmpSession, line: str) -> str:
    said: str = await session.execute("human-monitor-command", {"command-line": line})
    return said


async def run_on(session: QmpSession) -> None:
    """Wait until the guest has gone over its memory again; a slow machine may need long to boot."""
    seen = set()
    for _ in range(300):
        seen.add(await monitor(session, f"xp /1xb {DIRTIED[-1]}"))
        if len(seen) > 3:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the guest never ran its loop")


async def take_snapshots(qemu_command: tuple[str, ...], disk: Path, names: tuple[str, ...]) -> None:
    """Run the dirtying guest, and stop it for each snapshot; its memory goes beside the disk."""
    machine = ["-machine", "pc", "-m", str(MEMORY_BYTES // MIB), "-nodefaults", "-display", "none"]
    command = QemuCommand.parse([*qemu_command, *machine, "-drive", f"file={disk},format=qcow2,if=ide"])
    async with QmpSession(io.StringIO(), lambda *_: None) as session:
        argv = command.recorded(qmp_fd=session.peer_fd, log=disk.with_suffix(".log"))
        with QemuProcess(argv, pass_fds=[session.peer_fd]):
            await session.connect()
            for name in names:
                await session.execute("cont")
                await run_on(session)
                await session.execute("stop")
                memory = {"val": 0, "size": MEMORY_BYTES, "filename": str(disk.with_suffix(f".{name}"))}
                await session.execute("pmemsave", memory)
                said = await monitor(session, f"savevm {name}")
                assert not said.strip(), said
            await session.execute("quit")


def assert_memory(disk: Path, name: str) -> bytes:
    """The snapshot's memory is the one that was saved beside it; returns the pages that the guest dirties."""
    expected = disk.with_suffix(f".{name}").read_bytes()
    with si.open_stream(disk, snapshot=name) as stream:
        facts = summary(stream)
        assert not problems(stream)
        memory = stream.memory["pc.ram"].read()
        assert stream.source.facts["snapshot"] == name
        assert stream.size_bytes == stream.source.facts["vm_state_size"]
    assert (facts["container"], facts["complete"], facts["opaque_bytes"]) == ("qcow2", True, 0)
    assert facts["decoded_bytes"] + facts["hole_bytes"] == facts["size_bytes"]
    assert len(memory) == MEMORY_BYTES
    assert memory[: 640 << 10] == expected[: 640 << 10]
    assert memory[MIB:] == expected[MIB:]
    return memory[MIB : 6 * MIB : 4096]


@pytest.fixture
def disk(work_folder: Path) -> Path:
    """Where the disk goes: a folder of its own that every QEMU sees."""
    return Path(tempfile.mkdtemp(prefix="", dir=work_folder)) / "disk.qcow2"


@pytest.mark.parametrize("form", FORMS)
def test_memory_in_every_form_of_image(form: str, qemu_command: tuple[str, ...], disk: Path) -> None:
    make_disk(disk, FORMS[form])
    run_to_end(take_snapshots(qemu_command, disk, ("only",)))
    with si.open_stream(disk) as stream:
        assert stream.source.facts["snapshot"] == "only"
    assert_memory(disk, "only")


def test_several_snapshots_of_a_disk_that_changes(qemu_command: tuple[str, ...], disk: Path) -> None:
    make_disk(disk, FORMS["version 3"])
    run_to_end(take_snapshots(qemu_command, disk, ("first", "second")))
    subprocess.run(["qemu-img", "snapshot", "-c", "disk", disk], check=True)
    subprocess.run(["qemu-img", "resize", "-q", disk, "2G"], check=True)
    run_to_end(take_snapshots(qemu_command, disk, ("third",)))
    dirtied = [assert_memory(disk, name) for name in ("first", "second", "third")]
    assert len(set(dirtied)) == 3, "the guest ran on between them"
    with pytest.raises(si.SavevmError, match=r"several snapshots with VM state.*'first'.*'second'.*'disk'.*'third'"):
        si.open_stream(disk)
    with pytest.raises(si.SavevmError, match="snapshot 'disk' has no VM state"):
        si.open_stream(disk, snapshot="disk")
    subprocess.run(["qemu-img", "snapshot", "-d", "first", disk], check=True)
    assert assert_memory(disk, "second") == dirtied[1]
