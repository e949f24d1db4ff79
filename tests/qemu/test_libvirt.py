"""Save images that a real libvirtd writes, in every format that it knows.

The daemon runs as qemu:///session, with all its files in a temporary folder, and as nobody if the tests run as
root: a session is what users other than root have. It needs no network, no D-Bus, no virtlogd.
"""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.views.summary import problems, summary

from ..captures.boot_sector import DIRTIED, boot_disk

pytestmark = [pytest.mark.libvirt, pytest.mark.qemu]

MIB = 1 << 20
MEMORY_BYTES = 16 * MIB
USER = "nobody" if os.geteuid() == 0 else getpass.getuser()

PROGRAMS = {
    "raw": None,
    "gzip": "gzip",
    "bzip2": "bzip2",
    "xz": "xz",
    "lzop": "lzop",
    "zstd": "zstd",  # not libvirt 9
    "sparse": None,  # libvirt 11 with QEMU 9
}
"""save_image_format -> the program that libvirt packs it with."""

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='B'>{memory_bytes}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>{emulator}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Libvirt:
    """A running libvirtd of its own.

    Attributes:
        folder: where all its files are.
        env: what virsh needs to find it.
    """

    folder: Path
    env: dict[str, str]

    def virsh(self, *words: str) -> str:
        result = subprocess.run(
            ["virsh", "--quiet", *words], env=self.env, user=USER, capture_output=True, text=True, check=False
        )
        if "Invalid save image format" in result.stderr:
            pytest.skip(f"this libvirtd does not know the format: {result.stderr.strip()}")
        assert result.returncode == 0, f"virsh {words}: {result.stderr}"
        return result.stdout

    def monitor(self, name: str, line: str) -> str:
        return self.virsh("qemu-monitor-command", "--hmp", name, line)

    def start(self, name: str) -> None:
        """Start the dirtying guest, and wait until it has gone over its memory a few times."""
        domain = self.folder / f"{name}.xml"
        emulator = shutil.which("qemu-system-x86_64")
        domain.write_text(
            DOMAIN.format(name=name, memory_bytes=MEMORY_BYTES, emulator=emulator, disk=self.folder / "boot.img")
        )
        self.virsh("create", str(domain))
        seen: set[str] = set()
        for _ in range(3000):
            seen.add(self.monitor(name, f"xp /1xb {DIRTIED[-1]}"))
            if len(seen) > 3:
                return
            time.sleep(0.1)
        pytest.fail("the guest never ran its loop")

    def save(self, name: str, *options: str) -> tuple[Path, bytes]:
        """Stop the guest, keep its memory, and save it; returns the image and the memory."""
        self.virsh("suspend", name)
        memory, image = self.folder / f"{name}.memory", self.folder / f"{name}.save"
        self.monitor(name, f'pmemsave 0 {MEMORY_BYTES} "{memory}"')
        self.virsh("save", name, str(image), *options)
        return image, memory.read_bytes()


@contextmanager
def libvirt(folder: Path, save_image_format: str) -> Iterator[Libvirt]:
    env = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LIBVIRT_DEFAULT_URI": "qemu:///session"}
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        env[name] = str(folder / name.lower())
        (folder / name.lower()).mkdir(mode=0o700)
    config = folder / "xdg_config_home" / "libvirt"
    config.mkdir()
    (config / "qemu.conf").write_text(
        f'security_driver = "none"\nstdio_handler = "file"\nsave_image_format = "{save_image_format}"\n'
    )
    (folder / "boot.img").write_bytes(boot_disk())
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, pwd.getpwnam(USER).pw_uid)
    log = folder / "libvirtd.log"
    with (
        log.open("wb") as words,
        subprocess.Popen(
            ["libvirtd"], env=env, user=USER, stdout=words, stderr=words, start_new_session=True
        ) as daemon,
    ):
        try:
            wait_for(daemon, folder / "xdg_runtime_dir" / "libvirt" / "libvirt-sock", log)
            daemon_of_ours = Libvirt(folder=folder, env=env)
            try:
                yield daemon_of_ours
            finally:
                for name in daemon_of_ours.virsh("list", "--name").split():
                    daemon_of_ours.virsh("destroy", name)
        finally:
            daemon.terminate()


def wait_for(daemon: "subprocess.Popen[bytes]", socket: Path, log: Path) -> None:
    for _ in range(3000):
        if daemon.poll() is not None:
            break
        if socket.exists():
            return
        time.sleep(0.1)
    pytest.fail(f"libvirtd did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of short name, for the socket, that another user may enter."""
    with tempfile.TemporaryDirectory(prefix="libvirt-", dir="/var/tmp") as path:
        yield Path(path)


def assert_memory(image: Path, memory: bytes, name: str) -> None:
    with si.open_stream(image) as stream:
        facts = summary(stream)
        assert not problems(stream)
        assert stream.container == "libvirt"
        got = stream.memory["pc.ram"].read()
        assert stream.source.facts["domain"] == name
        assert f"<name>{name}</name>" in stream.source.documents["domain"]
        assert stream.source.documents["cookie"].startswith("<cookie>")
        assert not stream.source.facts["partial"]
    assert (facts["complete"], facts["opaque_bytes"]) == (True, 0)
    assert facts["decoded_bytes"] + facts["hole_bytes"] == facts["size_bytes"]
    assert got[: 640 << 10] == memory[: 640 << 10]
    assert got[MIB:] == memory[MIB:]
    assert any(got[MIB : 6 * MIB : 4096])


@pytest.mark.parametrize("save_image_format", PROGRAMS)
def test_memory_in_every_format(save_image_format: str, folder: Path) -> None:
    program = PROGRAMS[save_image_format]
    if program and not shutil.which(program):
        pytest.skip(f"libvirt packs with {program}, which is not on this machine")
    name = f"guest-{save_image_format}"
    with libvirt(folder, save_image_format) as daemon:
        daemon.start(name)
        image, memory = daemon.save(name, "--running")
        with si.open_stream(image) as stream:
            assert stream.source.facts["compression"] == save_image_format
            assert stream.source.facts["was_running"] is True
        assert_memory(image, memory, name)


def test_a_description_that_virsh_edited_and_a_guest_restored_and_saved_again(folder: Path) -> None:
    with libvirt(folder, "raw") as daemon:
        daemon.start("guest")
        image, memory = daemon.save("guest", "--paused")
        edited = folder / "edited.xml"
        edited.write_text(
            daemon.virsh("save-image-dumpxml", str(image)).replace(
                "</name>", "</name><title>title &amp; &lt;entities&gt;</title>", 1
            )
        )
        edited.chmod(0o644)
        daemon.virsh("save-image-define", str(image), str(edited))
        with si.open_stream(image) as stream:
            assert "title &amp; &lt;entities&gt;" in stream.source.documents["domain"]
            assert stream.source.facts["was_running"] is False
        assert_memory(image, memory, "guest")
        daemon.virsh("restore", str(image))
        again, same = daemon.save("guest")
        assert same == memory
        assert_memory(again, memory, "guest")
