"""Real QEMUs for the tests, each test once with every one of them, and migrations that are made once.

Environment:
    SAVEVM_QEMU: the commands of the QEMUs, with ``;`` between them; ``qemu-system-x86_64`` if unset. A command may
        have several words, such as ``chroot DIR qemu-system-x86_64``; bring_qemus.sh brings such ones.
    SAVEVM_QEMU_WORK: the folder for the runs' files, which every QEMU must see at the same path (mounted into each
        chroot); the system's folder for temporary files if unset. Its path must be short: sockets lie in it.
    SAVEVM_LINUX: the folder of a Linux guest, which bring_linux.sh brings.
    SAVEVM_REQUIRE: with ``userfaultfd`` among its words, a kernel without it is a failure and no reason to skip; with
        ``linux``, so is SAVEVM_LINUX that is not set.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from savevm_inspect.errors import RecordError
from savevm_inspect.recorder.running import run_to_end

from ..captures.boot_sector import boot_disk
from . import pair, ways
from . import stopped as stopped_guests

COMMANDS = [each.strip() for each in os.environ.get("SAVEVM_QEMU", "qemu-system-x86_64").split(";") if each.strip()]

REQUIRED = os.environ.get("SAVEVM_REQUIRE", "").split(",")


def _name(command: str) -> str:
    """A command's name in the tests' ids: QEMU's version, if it can be started."""
    try:
        return ".".join(str(part) for part in pair.version_of(shlex.split(command)))
    except (OSError, ValueError, subprocess.SubprocessError):
        return command


def _is_there(command: tuple[str, ...]) -> bool:
    """Whether a QEMU of another target is installed, on the machine or in its chroot."""
    if command[0] == "chroot":
        return (Path(command[1]) / "usr/bin" / command[-1]).exists()
    return shutil.which(command[0]) is not None


TRIES = 3
"""How often a migration is tried whose course could not be followed."""


@pytest.fixture(scope="session", params=COMMANDS, ids=_name)
def qemu_command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The words of one QEMU's command."""
    return tuple(shlex.split(request.param))


@pytest.fixture(scope="session")
def work_folder() -> Iterator[Path]:
    """A private folder that all QEMUs see."""
    with tempfile.TemporaryDirectory(prefix="sv-", dir=os.environ.get("SAVEVM_QEMU_WORK")) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def migrated(qemu_command: tuple[str, ...], work_folder: Path) -> Callable[..., Any]:
    """Makes a migration of a kind, once a session and QEMU; a name tells runs of equal kinds apart."""
    version = pair.version_of(qemu_command)
    disk = boot_disk()
    runs: dict[Any, Any] = {}

    def run(name: str, kind: Any) -> Any:
        if not kind.since <= version < kind.until:
            pytest.skip(f"QEMU {version[0]}.{version[1]} has no {name}")
        if name not in runs:
            # On a busy machine QEMU may be past a state before the test sees it; what it wrote is judged once.
            for _ in range(TRIES):
                folder = Path(tempfile.mkdtemp(prefix="", dir=work_folder))
                try:
                    runs[name] = run_to_end(ways.migrate(qemu_command, version, kind, folder, disk))
                    break
                except (pair.UnavailableError, RecordError, TimeoutError) as error:
                    runs[name] = error
        made = runs[name]
        if isinstance(made, pair.UnavailableError) and "userfaultfd" not in REQUIRED:
            pytest.skip(f"this machine lacks userfaultfd: {made}")
        if isinstance(made, Exception):
            raise made
        return made

    return run


@pytest.fixture(scope="session")
def stopped(qemu_command: tuple[str, ...], work_folder: Path) -> Callable[[str], Any]:
    """Makes a guest that is stopped and migrated into a file, once a session and QEMU."""
    made: dict[str, Any] = {}

    def make(name: str) -> Any:
        machine = stopped_guests.MACHINES[name]
        command = tuple(word.replace("x86_64", machine.target) for word in qemu_command)
        if pair.version_of(qemu_command) < machine.since:
            pytest.skip(f"this QEMU has no {name}, or can't migrate it")
        if machine.linux and not stopped_guests.LINUX:
            remedy = "tests/qemu/bring_linux.sh brings one; SAVEVM_LINUX names its folder"
            (pytest.fail if "linux" in REQUIRED else pytest.skip)(f"no Linux guest on this machine; {remedy}")
        if machine.linux and not (Path(stopped_guests.LINUX) / machine.linux / "initramfs").exists():
            remedy = f"SAVEVM_LINUX_ARCHITECTURES={machine.linux} tests/qemu/bring_linux.sh brings it"
            pytest.skip(f"no Linux guest for {machine.linux}; {remedy}")
        if machine.needs_tpm and shutil.which("swtpm") is None:
            (pytest.fail if "linux" in REQUIRED else pytest.skip)(
                "no swtpm on this machine; Debian's package brings it"
            )
        if command != qemu_command and not _is_there(command):
            required = "linux" in REQUIRED and len(command) == 1 and machine.linux
            remedy = "Debian's packages qemu-system-* bring it, into a chroot with bring_qemus.sh's SAVEVM_PACKAGES"
            (pytest.fail if required else pytest.skip)(f"no {' '.join(command)} on this machine; {remedy}")
        if name not in made:
            folder = Path(tempfile.mkdtemp(prefix="", dir=work_folder))
            made[name] = run_to_end(stopped_guests.stop_and_migrate(command, machine, folder))
        return made[name]

    return make
