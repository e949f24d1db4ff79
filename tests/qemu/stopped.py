"""Guests that are stopped, with what QEMU says of their memory and processors, and then migrated into a file."""

import asyncio
import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from savevm_inspect.recorder.process import QemuProcess
from savevm_inspect.recorder.session import QmpSession

from ..captures.boot_sector import DIRTIED, boot_disk
from .pair import Qemu
from .paravirtual import GUESTS

MIB = 1 << 20
RUN_S = 300
LINUX = os.environ.get("SAVEVM_LINUX", "")
LAST_DIRTIED = DIRTIED[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A guest, and how far it runs before it is stopped.

    Attributes:
        options: QEMU's options; ``{folder}`` is the run's folder, ``{boot}`` a disk with the dirtying guest.
        until: ``loop``: it dirties memory; ``io-error``: QEMU stopped it for one; else what it must have said on its
            serial port; empty: it never starts.
        capabilities: of the migration.
        dump: whether QEMU dumps its memory, too.
        linux: Debian's name of the architecture of a Linux guest; empty if it is none.
        ask: what else to ask the human monitor; ``{text}`` is where the kernel's text starts, by its own account.
        answered: what the answer has in it; the guest goes on for a moment until it has.
        target: QEMU's name of the architecture.
        since: the first QEMU of the tests that has the machine and can migrate it.
        ram: where RAM lies that QEMU saves to a file after the migration: guest-physical address and bytes.

    Its TPM, if the options name one, is swtpm's, which listens on ``{folder}/tpm``.
    """

    options: str
    until: str = ""
    capabilities: tuple[str, ...] = ()
    dump: bool = True
    linux: str = ""
    ask: str = ""
    answered: str = ""
    target: str = "x86_64"
    since: tuple[int, int] = (0, 0)
    ram: tuple[int, int] = (0, 0)

    @property
    def needs_tpm(self) -> bool:
        """Whether it has a TPM."""
        return "-tpmdev emulator" in self.options


@contextmanager
def tpm(folder: Path) -> Iterator[None]:
    """The emulator of a TPM 2.0, which listens on a socket in a folder until QEMU disconnects."""
    state = folder / "tpm-state"
    state.mkdir()
    control = f"type=unixio,path={folder}/tpm"
    argv = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--ctrl", control, "--terminate"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            while not (folder / "tpm").exists():
                assert process.poll() is None, "swtpm ended"
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def _ignored(machine: str, size: str) -> Machine:
    """RAM of any size, whose content stays out of the stream; only where it lies is of interest."""
    backend = f"-object memory-backend-file,id=pc.ram,size={size},share=on,mem-path={{folder}}/ram"
    options = f"-machine {machine},memory-backend=pc.ram -m {size} {backend}"
    return Machine(options=options, capabilities=("x-ignore-shared",), dump=False)


def _linux(options: str) -> Machine:
    kernel = "-kernel {folder}/vmlinuz -initrd {folder}/initramfs -append 'console=ttyS0 quiet'"
    return Machine(options=f"{options} {kernel}", until="count 2", linux="amd64", ask="info tlb")


def _linux_arm(options: str) -> Machine:
    kernel = "-kernel {folder}/vmlinuz -initrd {folder}/initramfs -append 'console=ttyAMA0 quiet'"
    return Machine(
        options=f"{options} {kernel}",
        until="count 2",
        linux="arm64",
        ask="gva2gpa 0x{text}",
        answered="gpa:",  # not while a program runs that the kernel is not mapped for
        target="aarch64",
    )


def _linux_other(
    architecture: str, target: str, options: str, console: str, since: tuple[int, int] = (0, 0)
) -> Machine:
    kernel = f"-kernel {{folder}}/vmlinuz -initrd {{folder}}/initramfs -append 'console={console} quiet'"
    return Machine(options=f"{options} {kernel}", until="count 2", linux=architecture, target=target, since=since)


_NODES = " ".join(
    f"-object memory-backend-ram,id=ram-node{number},size={size} -numa node,memdev=ram-node{number}"
    for number, size in enumerate(("64M", "32M"))
)
BARE_MACHINES = {
    "pc, paused": Machine(options="-machine pc -m 16"),
    "pc, running": Machine(options="-machine pc -m 16 -smp 2 {boot}", until="loop"),
    "pc with a VGA": Machine(options="-machine pc -m 32 -vga std {boot}", until="loop", dump=False),
    "q35, running": Machine(options="-machine q35 -m 24 {boot}", until="loop"),
    "pc, a split of its own": Machine(options="-machine pc,max-ram-below-4g=32M -m 80 {boot}", until="loop"),
    "q35, a split of its own, paused": Machine(options="-machine q35,max-ram-below-4g=32M -m 80"),
    "microvm": Machine(options="-machine microvm -m 64"),
    "pc, NUMA": Machine(options=f"-machine pc,max-ram-below-4g=32M -m 96 {_NODES}"),
}
LARGE_MACHINES = {
    "pc, just not split": _ignored("pc", "3583M"),
    "pc, split": _ignored("pc", "3584M"),
    "pc, large": _ignored("pc", "9G"),
    "q35, just not split": _ignored("q35", "2815M"),
    "q35, split": _ignored("q35", "2816M"),
    "microvm, split": _ignored("microvm", "4G"),
}
LINUX_MACHINES = {
    "Linux": _linux("-machine pc -m 128 -smp 2"),
    "Linux, five levels": _linux("-machine q35 -m 128 -cpu qemu64,+la57"),
}
ARM_MACHINES = {
    "Linux, arm": _linux_arm("-machine virt -cpu cortex-a57 -m 256 -smp 2"),
    "Linux, arm, a host": _linux_arm("-machine virt,virtualization=on,gic-version=3 -cpu neoverse-n1 -m 256"),
}
OTHER_LINUX_MACHINES = {
    "Linux, armhf": _linux_other("armhf", "arm", "-machine virt -cpu cortex-a15 -m 256 -smp 2", "ttyAMA0"),
    "Linux, ppc64el": _linux_other("ppc64el", "ppc64", "-machine pseries -m 512 -smp 2", "hvc0"),
    "Linux, s390x": _linux_other("s390x", "s390x", "-machine s390-ccw-virtio -m 256 -smp 2", "ttysclp0", (10, 0)),
}
OTHER_PROCESSORS = {
    "aarch64, EL3": Machine(options="-machine virt,secure=on -cpu cortex-a57 -m 64", target="aarch64"),
    "riscv64": Machine(options="-machine virt -m 64 -smp 2", target="riscv64"),
    "riscv32": Machine(options="-machine virt -bios none -m 64", target="riscv32"),
}


def _board(target: str, machine: str, size: str = "", options: str = "", since: tuple[int, int] = (0, 0)) -> Machine:
    size = f"-m {size}" if size else ""
    return Machine(options=f"-machine {machine} {size} {options}", target=target, dump=False, since=since)


_SINCE = (10, 0)
_SILENT = "-audiodev none,id=silent"


_MEMORY_DEVICES = " ".join((
    "-object memory-backend-ram,id=big,size=192M -object memory-backend-ram,id=small,size=64M",
    "-numa node,memdev=small -numa node,memdev=big",
    "-object memory-backend-ram,id=module1,size=128M -device pc-dimm,memdev=module1",
    "-object memory-backend-ram,id=module2,size=256M -device pc-dimm,memdev=module2",
    "-object memory-backend-ram,id=elastic,size=1G -device virtio-mem-pci,memdev=elastic,requested-size=64M",
    "-object memory-backend-ram,id=lasting,size=64M -device nvdimm,memdev=lasting",
))  # fmt: skip
BOARDS = {
    "q35, memory devices": _board("x86_64", "q35,nvdimm=on", "256M,slots=8,maxmem=8G", _MEMORY_DEVICES),
    "pc, one module": _board(
        "x86_64",
        "pc",
        "64M,slots=2,maxmem=1G",
        "-object memory-backend-ram,id=module,size=128M -device pc-dimm,memdev=module",
    ),
    "ast2400": _board("arm", "palmetto-bmc"),
    "ast2500": _board("arm", "romulus-bmc"),
    "ast2600": _board("arm", "ast2600-evb"),
    "isapc": _board("i386", "isapc", "64M", "-vga std"),
    "g3beige": _board("ppc", "g3beige", "256M"),
    "loongarch virt": _board("loongarch64", "virt", "1G", since=_SINCE),
    "m68k virt": _board("m68k", "virt", "64M"),
    "mac99": _board("ppc", "mac99", "256M"),
    "malta": _board("mips", "malta", "256M"),
    "malta, all of its RAM": _board("mips64el", "malta", "2G"),
    "powernv8": _board("ppc64", "powernv8", "1G"),
    "powernv9, two chips": _board("ppc64", "powernv9", "2G", "-smp 2,sockets=2"),
    "powernv10": _board("ppc64", "powernv10", "1G"),
    "pseries": _board("ppc64", "pseries", "256M"),
    "raspi3b": _board("aarch64", "raspi3b"),
    "raspi4b": _board("aarch64", "raspi4b", since=_SINCE),
    "riscv virt": _board("riscv64", "virt", "128M"),
    "s390x": _board("s390x", "s390-ccw-virtio", "128M"),
    "sbsa-ref": _board("aarch64", "sbsa-ref", "1G"),
    "sifive_u": _board("riscv64", "sifive_u", "128M"),
    "sun4u": _board("sparc64", "sun4u", "128M", since=_SINCE),
    "zcu102": _board("aarch64", "xlnx-zcu102,audiodev=silent", "3G", _SILENT, since=_SINCE),
}
MEMORY_MACHINES = {
    "pc, all of its RAM": Machine(
        options="-machine pc -m 64 {boot}", until="loop", dump=False, ram=(1 << 20, 63 << 20)
    ),
    "arm virt, all of its RAM": Machine(
        options="-machine virt -cpu cortex-a57 -m 64", target="aarch64", dump=False, ram=(1 << 30, 64 << 20)
    ),
    "pseries, in its firmware": Machine(
        options="-machine pseries -m 256", until="SLOF", target="ppc64", dump=False, ram=(0, 256 << 20)
    ),
    "riscv virt, in its firmware": Machine(
        options="-machine virt -m 64", until="OpenSBI", target="riscv64", dump=False, ram=(1 << 31, 64 << 20)
    ),
    "s390x, all of its RAM": Machine(
        options="-machine s390-ccw-virtio -m 128", target="s390x", dump=False, ram=(0, 128 << 20)
    ),
    "sun4u, in its firmware": Machine(
        options="-machine sun4u -m 64",
        until="OpenBIOS",
        target="sparc64",
        dump=False,
        since=_SINCE,
        ram=(0, 64 << 20),
    ),
}
PARAVIRTUAL_MACHINES = {
    name: Machine(options=options, until="io-error", linux=architecture, target=target, dump=False)
    for name, (architecture, target, options) in GUESTS.items()
}
MACHINES = {
    **BARE_MACHINES,
    **LARGE_MACHINES,
    **LINUX_MACHINES,
    **ARM_MACHINES,
    **BOARDS,
    **OTHER_LINUX_MACHINES,
    **OTHER_PROCESSORS,
    **PARAVIRTUAL_MACHINES,
    **MEMORY_MACHINES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A guest that was stopped and migrated into a file.

    Attributes:
        stream: the file.
        machine: what it is.
        views: QEMU's flat views of memory (``info mtree -f``).
        registers: what QEMU says of all processors (``info registers -a``).
        answer: what it said to :attr:`Machine.ask`.
        low: the guest's first MiB.
        ram: what lies at :attr:`Machine.ram`.
        core: the core that QEMU wrote.
        said: what the guest wrote to its serial port.
    """

    stream: Path
    machine: Machine
    views: str
    registers: str
    answer: str
    low: bytes
    ram: bytes
    core: Path
    said: str


async def stop_and_migrate(command: tuple[str, ...], machine: Machine, folder: Path) -> Stopped:
    """Run a guest, stop it, ask QEMU about it, and migrate it into a file.

    Args:
        command: QEMU's command.
        machine: the guest.
        folder: an empty folder that QEMU sees at the same path.
    """
    (folder / "boot.img").write_bytes(boot_disk())
    if machine.linux:
        for name in ("vmlinuz", "initramfs"):
            shutil.copy(Path(LINUX) / machine.linux / name, folder / name)
    boot = f"-drive file={folder}/boot.img,format=raw,if=ide,snapshot=on"
    options = re.findall(r"'[^']*'|\S+", machine.options.format(folder=folder, boot=boot))
    serial = folder / "serial"
    argv = [*command, "-accel", "tcg", "-nodefaults", "-display", "none", "-S", "-serial", f"file:{serial}"]
    argv += [word.strip("'") for word in options]
    emulator = tpm(folder) if machine.needs_tpm else nullcontext()
    async with asyncio.timeout(RUN_S), QmpSession(io.StringIO(), lambda *_: None) as session:
        fd = session.peer_fd
        argv += ["-chardev", f"socket,id=qmp,fd={fd}", "-mon", "chardev=qmp,mode=control"]
        with emulator, QemuProcess(argv, pass_fds=[fd]) as process:
            await session.connect()
            qemu = Qemu(session, process, folder)
            await _run(qemu, machine, serial)
            answer = await _answer(qemu, machine, serial)
            facts = {
                "views": await qemu.hmp("info mtree -f"),
                "registers": await qemu.hmp("info registers -a"),
                "answer": answer,
                "low": await qemu.read_memory(0, MIB),
            }
            if machine.dump:
                await qemu.execute("dump-guest-memory", paging=False, protocol=f"file:{folder}/core")
            await qemu.prepare(machine.capabilities, {})
            await qemu.execute("migrate", uri=f"exec:cat >{folder}/stream")
            await qemu.wait_for("completed")
            ram = await qemu.read_memory(*machine.ram) if machine.ram[1] else b""
            await qemu.execute("quit")
    said = serial.read_text(errors="replace")
    return Stopped(stream=folder / "stream", machine=machine, core=folder / "core", said=said, ram=ram, **facts)


async def _run(qemu: Qemu, machine: Machine, serial: Path) -> None:
    """Let a guest run as far as it must, and stop it."""
    if machine.until:
        await qemu.execute("cont")
    while machine.until == "loop" and " 0x00" in await qemu.hmp(f"xp /1xb {LAST_DIRTIED:#x}"):
        await asyncio.sleep(0.05)
    while machine.until == "io-error" and (await qemu.execute("query-status"))["status"] != "io-error":
        await asyncio.sleep(0.05)
    while machine.until not in ("", "loop", "io-error") and machine.until not in serial.read_text(errors="replace"):
        await asyncio.sleep(0.05)
    if machine.until != "io-error":
        await qemu.execute("stop")


async def _answer(qemu: Qemu, machine: Machine, serial: Path) -> str:
    """Ask the stopped guest's QEMU; the guest goes on for a moment as long as the answer is not of the kind."""
    while machine.ask:
        answer = await qemu.hmp(machine.ask.format(text=_text(serial)))
        if machine.answered in answer:
            return answer
        await qemu.execute("cont")
        await asyncio.sleep(0.01)
        await qemu.execute("stop")
    return ""


def _text(serial: Path) -> str:
    """Where the kernel's text starts, if the guest has said it."""
    found = re.search(r"^([0-9a-f]{16}) \w _stext", serial.read_text(errors="replace"), re.M)
    return found[1] if found else ""
