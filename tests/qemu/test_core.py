"""Memory by address, registers and cores of real QEMUs, next to what QEMU itself, readelf and gdb say of them."""

import asyncio
import io
import os
import re
import runpy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from savevm_pair import Qemu

import savevm_inspect as si
from savevm_inspect.memory.address_map import build_map
from savevm_inspect.memory.ranges import AddressMap
from savevm_inspect.recorder.process import QemuProcess
from savevm_inspect.recorder.running import run_to_end
from savevm_inspect.recorder.session import QmpSession

pytestmark = pytest.mark.qemu

GUEST = runpy.run_path(str(Path(__file__).parents[1] / "captures" / "boot_sector.py"))
LINUX = os.environ.get("SAVEVM_LINUX", "")
REQUIRED = os.environ.get("SAVEVM_REQUIRE", "").split(",")
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
START_S = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A guest, and how far it runs before it is stopped.

    Attributes:
        options: QEMU's options; ``{folder}`` is the run's folder.
        until: what it must have said on its serial port; never started if empty.
        capabilities: of the migration.
        dump: whether QEMU dumps its memory, too.
    """

    options: str
    until: str = ""
    capabilities: tuple[str, ...] = ()
    dump: bool = True


def shared(machine: str, size: str, options: str = "") -> Machine:
    """RAM of any size whose content stays out of the stream; only where it lies is of interest."""
    backend = f"-object memory-backend-file,id=pc.ram,size={size},share=on,mem-path={{folder}}/ram -m {size}"
    return Machine(
        options=f"-machine {machine},memory-backend=pc.ram{options} {backend}",
        capabilities=("x-ignore-shared",),
        dump=False,
    )


MACHINES = {
    "pc, paused": Machine(options="-machine pc -m 16"),
    "pc, running": Machine(options="-machine pc -m 16 -smp 2 {boot}", until="booted"),
    "pc with VGA, firmware done": Machine(options="-machine pc -m 32 -vga std {boot}", until="booted", dump=False),
    "q35, firmware done": Machine(options="-machine q35 -m 24 {boot}", until="booted"),
    "pc, a split by hand": Machine(options="-machine pc,max-ram-below-4g=32M -m 80 {boot}", until="booted"),
    "q35, a split by hand, paused": Machine(options="-machine q35,max-ram-below-4g=32M -m 80"),
    "microvm": Machine(options="-machine microvm -m 64"),
    "pc, just not split": shared("pc", "3583M"),
    "pc, split": shared("pc", "3584M"),
    "pc, large": shared("pc", "9G"),
    "q35, just not split": shared("q35", "2815M"),
    "q35, split": shared("q35", "2816M"),
    "microvm, split": shared("microvm", "4G"),
    "pc, NUMA": Machine(
        options="-machine pc,max-ram-below-4g=32M -m 96 -object memory-backend-ram,id=ram-node0,size=64M "
        "-object memory-backend-ram,id=ram-node1,size=32M -numa node,memdev=ram-node0 -numa node,memdev=ram-node1"
    ),
    "Linux": Machine(
        options="-machine pc -m 128 -smp 2 -device vmcoreinfo -kernel {linux}/vmlinuz -initrd {linux}/initramfs "
        "-append 'console=ttyS0 quiet'",
        until="count 2",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A guest that was stopped and migrated into a file.

    Attributes:
        stream: the file.
        mtree: QEMU's flat views of memory.
        registers: what QEMU says of all processors.
        low: the guest's first MiB.
        core: the core that QEMU wrote.
        said: what the guest wrote to its serial port.
    """

    stream: Path
    mtree: str
    registers: str
    low: bytes
    core: Path
    said: str


async def stop_and_migrate(command: tuple[str, ...], machine: Machine, folder: Path) -> Stopped:
    disk = folder / "boot.img"
    disk.write_bytes(GUEST["boot_disk"]())
    boot = f"-drive file={disk},format=raw,if=ide,snapshot=on"
    options = machine.options.format(boot=boot, linux=LINUX, folder=folder)
    serial = folder / "serial"
    argv = [*command, "-accel", "tcg", "-nodefaults", "-display", "none", "-S", "-serial", f"file:{serial}"]
    argv += [word.strip("'") for word in re.findall(r"'[^']*'|\S+", options)]
    async with asyncio.timeout(START_S), QmpSession(io.StringIO(), lambda *_: None) as session:
        fd = session.peer_fd
        argv += ["-chardev", f"socket,id=qmp,fd={fd}", "-mon", "chardev=qmp,mode=control"]
        with QemuProcess(argv, words=folder / "words", pass_fds=[fd]) as process:
            await session.connect()
            qemu = Qemu(session, process, folder)
            if machine.until:
                await qemu.execute("cont")
            while machine.until == "booted" and " 0x00" in await qemu.hmp(f"xp /1xb {GUEST['DIRTIED'][-1]}"):
                await asyncio.sleep(0.05)
            while machine.until not in ("", "booted") and machine.until not in serial.read_text(errors="replace"):
                await asyncio.sleep(0.05)
            await qemu.execute("stop")
            mtree, registers = await qemu.hmp("info mtree -f"), await qemu.hmp("info registers -a")
            low = await qemu.read_memory(0, MIB)
            core = folder / "qemu.core"
            if machine.dump:
                await qemu.execute("dump-guest-memory", paging=False, protocol=f"file:{core}")
            await qemu.prepare(machine.capabilities, {})
            stream = folder / "stream"
            await qemu.execute("migrate", uri=f"exec:cat >{stream}")
            await qemu.wait_for("completed")
            await qemu.execute("quit")
    return Stopped(
        stream=stream,
        mtree=mtree,
        registers=registers,
        low=low,
        core=core,
        said=serial.read_text(errors="replace"),
    )


@pytest.fixture(scope="session")
def stopped(qemu_command: tuple[str, ...], work_folder: Path) -> Callable[[str], Stopped]:
    """Makes a stopped guest, once a session and QEMU."""
    made: dict[str, Stopped] = {}

    def make(name: str) -> Stopped:
        if name == "Linux" and not LINUX:
            if "linux" in REQUIRED:
                pytest.fail("SAVEVM_REQUIRE asks for a Linux guest, SAVEVM_LINUX names none")
            pytest.skip("no Linux guest: tests/qemu/bring_linux.sh brings one, and says how SAVEVM_LINUX names it")
        if name not in made:
            folder = Path(tempfile.mkdtemp(prefix="", dir=work_folder))
            made[name] = run_to_end(stop_and_migrate(qemu_command, MACHINES[name], folder))
        return made[name]

    return make


# Where memory lies ----------------------------------------------------------------------------------------

FLAT_LINE = re.compile(
    r"^ *([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (?:ram|rom|romd)\): (.*?)(?: @([0-9a-f]{16}))?$", re.M
)


def flat_view(mtree: str) -> list[tuple[int, int, str, int]]:
    """QEMU's own view of guest-physical memory: start, end, memory region and the place in it."""
    views = mtree.split("FlatView #")
    text = next(view for view in views if re.search(r'^ *AS "memory"', view, re.M))
    return [
        (int(start, 16), int(end, 16) + 1, name, int(at or "0", 16))
        for start, end, name, at in FLAT_LINE.findall(text)
    ]


def joined(ranges: list[tuple[int, int, str, int]]) -> set[tuple[int, int, str, int]]:
    """Ranges with neighbours that continue each other made one."""
    result: list[tuple[int, int, str, int]] = []
    for start, end, name, at in sorted(ranges):
        last = result[-1] if result else (0, 0, "", 0)
        if (last[1], last[2], last[3] + last[1] - last[0]) == (start, name, at):
            result[-1] = (last[0], end, name, last[3])
        else:
            result.append((start, end, name, at))
    return set(result)


def as_flat_view(address_map: AddressMap) -> set[tuple[int, int, str, int]]:
    return joined([(each.gpa, each.end, each.block, each.addr) for each in address_map.ranges])


@pytest.mark.parametrize("name", [name for name in MACHINES if name != "Linux"])
def test_memory_lies_where_qemu_says(name: str, stopped: Callable[[str], Stopped]) -> None:
    guest = stopped(name)
    with si.open_stream(guest.stream) as stream:
        found = stream.memory.address_map
        by_machine_type = build_map(replace(stream.memory.evidence, cmos=None))
        blocks = {block.name for block in stream.blocks if not block.name.startswith("0000:")}
    expected = joined([each for each in flat_view(guest.mtree) if each[2] in blocks])
    assert len(expected) > 1
    assert as_flat_view(found) == expected
    assert (as_flat_view(by_machine_type) == expected) == ("max-ram-below-4g" not in MACHINES[name].options)
