"""Migrations of real QEMUs, with all bytes of all channels and the ground truth to hold them against.

A run is data: a :class:`Kind` says what is switched on and in which way (see ways.py) the guest is migrated. The
guest is a ``pc`` of 16 MiB whose boot sector increments a byte in every page from 1 to 6 MiB, for ever.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from savevm_inspect.errors import RecordError
from savevm_inspect.recorder.process import QemuProcess
from savevm_inspect.recorder.session import QmpSession

from .relay import Channels, Relay

MIB = 1 << 20
MEMORY_BYTES = 16 * MIB
LAST_DIRTIED = 6 * MIB - 4096
BIOS_BYTES = 256 << 10
BIOS_GPA = (1 << 32) - BIOS_BYTES
DISK_BYTES = 8 * MIB
NODE, BITMAP, GRANULARITY_BYTES = "disk0", "bm0", 64 << 10

ENDLESS = {"max-bandwidth": 32 * MIB, "downtime-limit": 1}
"""What the guest dirties never fits into the downtime."""

LONG_DOWNTIME_MS = 2000
"""What the guest dirties fits into this."""

NO_USERFAULTFD = ("Postcopy is not supported", "Background-snapshot is not supported", "userfault")


class UnavailableError(Exception):
    """The machine, not QEMU's version, lacks what a kind needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of migration.

    Attributes:
        how: a key of WAYS in ways.py.
        capabilities: to switch on, on both sides.
        parameters: to set on both sides, over those of the way.
        options: QEMU's further options, on both sides; ``{folder}`` is the run's folder.
        offset: where in the file the stream starts (ways that write a file).
        bitmap: give the guest a disk with a dirty bitmap, and write to it.
        passes: how often memory is gone through before the migration is let end (precopy).
        since: first QEMU version that has it.
        until: first QEMU version that has it no more.
    """

    how: str = "pair"
    capabilities: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    options: str = ""
    offset: int = 0
    bitmap: bool = False
    passes: int = 4
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (99, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the stopped source says of itself, past the migration code.

    Attributes:
        memory: guest-physical memory from 0 to the end of RAM.
        bios: guest-physical memory up to 4 GiB, where the firmware lies.
        registers: the answer to ``info registers``.
    """

    memory: bytes = field(repr=False)
    bios: bytes = field(repr=False)
    registers: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A migration that was made.

    Attributes:
        folder: with all its files.
        forward: the forward channels in the order of their connections; one file for the ways without sockets.
        reverse: what came back on each of them; empty for the ways without sockets.
        resumed_at: index in ``forward`` of the main channel after a recovery; 0 if there was none.
        figures: the source's last answer to ``query-migrate``.
        truth: memory and registers at the moment that the stream shows.
        version: of QEMU.
    """

    folder: Path
    forward: tuple[Path, ...]
    reverse: tuple[Path, ...]
    resumed_at: int
    figures: Mapping[str, Any]
    truth: Truth
    version: tuple[int, int]

    @property
    def channels(self) -> list[Path]:
        """What :func:`open_stream` takes as its further channels."""
        return [path for number, path in enumerate(self.forward) if number not in (0, self.resumed_at)]

    @property
    def resumed(self) -> list[Path]:
        """What :func:`open_stream` takes as resumed."""
        return [self.forward[self.resumed_at]] if self.resumed_at else []


class Qemu:
    """One QEMU that runs, driven by QMP."""

    def __init__(self, session: QmpSession, process: QemuProcess, folder: Path) -> None:
        self._session = session
        self._process = process
        self._folder = folder

    async def execute(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command; ``_`` in the names of arguments stands for ``-``."""
        try:
            return await self._session.execute(command, {k.replace("_", "-"): v for k, v in arguments.items()})
        except RecordError as error:
            if any(text in str(error) for text in NO_USERFAULTFD):
                raise UnavailableError(str(error)) from error
            raise RecordError(str(error), last_words=self._process.last_words()) from error

    async def hmp(self, line: str) -> str:
        """Run a command of the human monitor."""
        return str(await self.execute("human-monitor-command", command_line=line)).replace("\r\n", "\n")

    async def prepare(self, capabilities: Sequence[str], parameters: Mapping[str, Any]) -> None:
        """Set capabilities and parameters of migrations."""
        if capabilities:
            switched_on = [{"capability": name, "state": True} for name in capabilities]
            await self.execute("migrate-set-capabilities", capabilities=switched_on)
        if parameters:
            await self.execute("migrate-set-parameters", **parameters)

    async def wait_until_running(self) -> None:
        """Wait until the guest has dirtied every page of its range."""
        while " 0x00" in await self.hmp(f"xp /1xb {LAST_DIRTIED:#x}"):
            await asyncio.sleep(0.05)

    async def wait_for(self, *statuses: str) -> Mapping[str, Any]:
        """Wait for a status of the migration, and return the figures with it."""
        while True:
            figures: Mapping[str, Any] = await self.execute("query-migrate")
            if figures.get("status") in statuses:
                return figures
            if figures.get("status") in ("failed", "cancelled", "completed"):
                said = figures.get("error-desc", f"expected {' or '.join(statuses)}")
                if any(text in said for text in NO_USERFAULTFD):
                    raise UnavailableError(said)
                raise RecordError(
                    f"the migration is {figures['status']}: {said}", last_words=self._process.last_words()
                )
            await asyncio.sleep(0.01)

    async def wait_for_figure(self, name: str, least: int) -> None:
        """Wait until one of the figures about RAM is large enough."""
        while (await self.wait_for("active", "postcopy-active")).get("ram", {}).get(name, 0) < least:
            await asyncio.sleep(0.01)

    async def let_it_end(self, passes: int) -> Mapping[str, Any]:
        """Let an endless precopy migration go on for some passes and then end; returns the last figures.

        Where pages become small, a pass may be over before the guest has dirtied anything: then it ends earlier.
        """
        while True:
            figures = await self.wait_for("active", "completed")
            if figures["status"] == "completed":
                return figures
            if figures.get("ram", {}).get("dirty-sync-count", 0) >= passes:
                break
            await asyncio.sleep(0.01)
        await self.execute("migrate-set-parameters", downtime_limit=LONG_DOWNTIME_MS)
        return await self.wait_for("completed")

    async def truth(self) -> Truth:
        """Ground truth of a stopped guest."""
        memory = await self.read_memory(0, MEMORY_BYTES)
        bios = await self.read_memory(BIOS_GPA, BIOS_BYTES)
        return Truth(memory=memory, bios=bios, registers=await self.hmp("info registers"))

    async def read_memory(self, gpa: int, length: int) -> bytes:
        """Guest-physical memory."""
        file = self._folder / "memory"
        await self.execute("pmemsave", val=gpa, size=length, filename=str(file))
        content = file.read_bytes()
        file.unlink()
        return content

    async def pass_fd(self, fd: int, name: str) -> None:
        """Give it a file descriptor."""
        await self._session.pass_fd(fd, name)

    async def quit(self) -> None:
        """End it, and see that it ends by itself."""
        await self.execute("quit")
        while not self._process.has_ended():
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a way of migrating works with.

    Attributes:
        command: QEMU's command.
        folder: of the run; its sockets are here too.
        kind: the kind.
        stack: ends what was started.
    """

    command: tuple[str, ...]
    folder: Path
    kind: Kind
    stack: AsyncExitStack

    async def start(self, name: str, *options: str) -> Qemu:
        """Start a QEMU with the guest."""
        disk = f"file={self.folder}/boot.img,format=raw,if=ide,file.locking=off"
        argv = [
            *self.command,
            *("-accel", "tcg", "-machine", "pc", "-m", f"{MEMORY_BYTES // MIB}", "-nodefaults", "-display", "none"),
            *("-drive", disk),
            *self.kind.options.format(folder=self.folder).split(),
            *options,
        ]
        if self.kind.bitmap:
            file = f"driver=file,node-name={NODE}-file,filename={self.folder}/{name}.img,locking=off"
            (self.folder / f"{name}.img").write_bytes(bytes(DISK_BYTES))
            argv += ["-blockdev", file, "-blockdev", f"driver=raw,node-name={NODE},file={NODE}-file"]
        return await self.stack.enter_async_context(_running(argv, self.folder, name))

    async def start_source(self, parameters: Mapping[str, Any]) -> Qemu:
        """Start the source, and let its guest come to its loop."""
        source = await self.start("source")
        await source.prepare(self.kind.capabilities, {**parameters, **self.kind.parameters})
        await source.wait_until_running()
        if self.kind.bitmap:
            await source.execute("block-dirty-bitmap-add", node=NODE, name=BITMAP, granularity=GRANULARITY_BYTES)
            for start, length in WRITTEN:
                said = await source.hmp(f'qemu-io {NODE} "write -P 7 {start} {length}"')
                assert "error" not in said.lower(), said
        return source

    async def start_destination(self, *options: str) -> tuple[Qemu, Path]:
        """Start the destination; also returns the socket that it listens on."""
        destination = await self.start("destination", "-incoming", "defer", *options)
        await destination.prepare(self.kind.capabilities, self.kind.parameters)
        path = self.folder / "d"
        await destination.execute("migrate-incoming", uri=f"unix:{path}")
        return destination, path

    async def start_relay(self, name: str, target: Path, channels: Channels) -> Relay:
        """Start a relay to a destination's socket."""
        return await self.stack.enter_async_context(Relay(self.folder / name, target, channels))


WRITTEN = ((0, 4096), (3 * GRANULARITY_BYTES - 512, 1024), (5 * MIB, 300_000))
"""What is written to the disk with the bitmap: place and length in bytes."""


@asynccontextmanager
async def _running(argv: Sequence[str], folder: Path, name: str) -> AsyncIterator[Qemu]:
    with (folder / f"{name}.qmp").open("w") as log:
        async with QmpSession(log, lambda *_: None) as session:
            fd = session.peer_fd
            monitor = ("-chardev", f"socket,id=qmp,fd={fd}", "-mon", "chardev=qmp,mode=control")
            with QemuProcess([*argv, *monitor], pass_fds=[fd]) as process:
                try:
                    await session.connect()
                except RecordError as error:
                    raise RecordError(str(error), last_words=process.last_words()) from error
                yield Qemu(session, process, folder)


def version_of(command: Sequence[str]) -> tuple[int, int]:
    """The version that a QEMU says it has."""
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = said.partition("version ")[2].split(".")[:2]
    return int(major), int(minor)
