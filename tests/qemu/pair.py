"""Migrations of real QEMUs, with all bytes of all channels and the ground truth to hold them against.

A run is data: a :class:`Kind` says what is switched on and in which way (:data:`WAYS`) the guest is migrated. The
guest is a ``pc`` of 16 MiB whose boot sector increments a byte in every page from 1 to 6 MiB, for ever.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from savevm_relay import Channels, Relay

from savevm_inspect.errors import RecordError
from savevm_inspect.recorder.process import QemuProcess
from savevm_inspect.recorder.session import QmpSession
from savevm_inspect.recorder.spool import PipeSpool

MIB = 1 << 20
MEMORY_BYTES = 16 * MIB
LAST_DIRTIED = 6 * MIB - 4096
BIOS_BYTES = 256 << 10
BIOS_GPA = (1 << 32) - BIOS_BYTES
DISK_BYTES = 8 * MIB
NODE, BITMAP, GRANULARITY_BYTES = "disk0", "bm0", 64 << 10

RUN_S = 60.0
"""For a whole run, whatever happens."""

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
        how: a key of :data:`WAYS`.
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
            words = folder / f"{name}.words"
            with QemuProcess([*argv, *monitor], words=words, pass_fds=[fd]) as process:
                try:
                    await session.connect()
                except RecordError as error:
                    raise RecordError(str(error), last_words=process.last_words()) from error
                yield Qemu(session, process, folder)


# Ways of migrating ----------------------------------------------------------------------------------------------


async def _pair(scene: Scene) -> dict[str, Any]:
    """A precopy migration over sockets."""
    return await _between_two(scene, ENDLESS, _straight)


async def _postcopy(scene: Scene) -> dict[str, Any]:
    """Postcopy, started in the second pass."""
    return await _between_two(scene, ENDLESS, _switch_to_postcopy)


async def _recovery(scene: Scene) -> dict[str, Any]:
    """Postcopy whose connection fails, and that goes on over another."""
    # The destination's guest stands still, so that it asks for no page and the pause comes in the middle.
    return await _between_two(scene, ENDLESS | {"max-postcopy-bandwidth": MIB // 2}, _break_and_resume, "-S")


async def _between_two(
    scene: Scene,
    parameters: Mapping[str, Any],
    act: Callable[[Scene, Qemu, Qemu, Channels], Awaitable[int]],
    *options: str,
) -> dict[str, Any]:
    destination, path = await scene.start_destination(*options)
    source = await scene.start_source(parameters)
    channels = Channels(scene.folder)
    relay = await scene.start_relay("s", path, channels)
    await source.execute("migrate", uri=f"unix:{relay.path}")
    resumed_at = await act(scene, source, destination, channels)
    figures = await source.wait_for("completed")
    await destination.wait_for("completed")
    truth = await source.truth()
    await source.quit()
    await destination.quit()
    await relay.finish()
    return {
        "forward": tuple(channels.forward),
        "reverse": tuple(channels.reverse),
        "resumed_at": resumed_at,
        "figures": figures,
        "truth": truth,
    }


async def _straight(scene: Scene, source: Qemu, *_: Any) -> int:
    await source.let_it_end(scene.kind.passes)
    return 0


async def _switch_to_postcopy(_scene: Scene, source: Qemu, *_: Any) -> int:
    await source.wait_for_figure("dirty-sync-count", 2)
    await source.execute("migrate-start-postcopy")
    return 0


async def _break_and_resume(scene: Scene, source: Qemu, destination: Qemu, channels: Channels) -> int:
    await _switch_to_postcopy(scene, source)
    before = (await source.wait_for("postcopy-active"))["ram"]["transferred"]
    await source.wait_for_figure("transferred", before + MIB // 4)
    await source.execute("migrate-pause")
    await source.wait_for("postcopy-paused")
    await destination.wait_for("postcopy-paused")
    path = scene.folder / "d2"
    await destination.execute("migrate-recover", uri=f"unix:{path}")
    relay = await scene.start_relay("s2", path, channels)
    resumed_at = len(channels.forward)
    await source.execute("migrate-set-parameters", max_postcopy_bandwidth=0)
    await source.execute("migrate", uri=f"unix:{relay.path}", resume=True)
    await destination.execute("cont")
    return resumed_at


async def _file(scene: Scene) -> dict[str, Any]:
    """A precopy migration into a file, which QEMU opens itself."""
    source = await scene.start_source(ENDLESS)
    path = scene.folder / "ch0.fwd"
    offset = f",offset={scene.kind.offset:#x}" if scene.kind.offset else ""
    await source.execute("migrate", uri=f"file:{path}{offset}")
    figures = await source.let_it_end(scene.kind.passes)
    truth = await source.truth()
    await source.quit()
    return _one_file(path, figures, truth)


async def _pipe(scene: Scene) -> dict[str, Any]:
    """A precopy migration into a pipe, as exec: does it."""
    source = await scene.start_source(ENDLESS)
    path = scene.folder / "ch0.fwd"
    with path.open("wb") as file, PipeSpool(file) as spool:
        await _start_into(source, spool)
        figures = await source.let_it_end(scene.kind.passes)
        truth = await source.truth()
        await source.quit()
        await spool.finish()
    return _one_file(path, figures, truth)


async def _snapshot(scene: Scene) -> dict[str, Any]:
    """A background snapshot of a guest that goes on while its memory is written."""
    source = await scene.start_source({"max-bandwidth": 4 * MIB})
    path = scene.folder / "ch0.fwd"
    await source.execute("stop")
    truth = await source.truth()
    with path.open("wb") as file, PipeSpool(file) as spool:
        await _start_into(source, spool)
        # The devices' state is taken first and written last: when pages come, the moment of the snapshot is over.
        while spool.written_bytes < MIB // 2:
            await source.wait_for("active")
            await asyncio.sleep(0.01)
        await source.execute("cont")
        figures = await source.wait_for("completed")
        await source.execute("stop")
        assert (await source.read_memory(0, MEMORY_BYTES))[MIB:] != truth.memory[MIB:], "the guest never went on"
        await source.quit()
        await spool.finish()
    return _one_file(path, figures, truth)


async def _start_into(source: Qemu, spool: PipeSpool) -> None:
    await source.pass_fd(spool.write_fd, "stream")
    spool.give_away()
    await source.execute("migrate", uri="fd:stream")


def _one_file(path: Path, figures: Mapping[str, Any], truth: Truth) -> dict[str, Any]:
    return {"forward": (path,), "reverse": (), "resumed_at": 0, "figures": figures, "truth": truth}


WAYS: dict[str, Callable[[Scene], Awaitable[dict[str, Any]]]] = {
    "pair": _pair,
    "postcopy": _postcopy,
    "recovery": _recovery,
    "file": _file,
    "pipe": _pipe,
    "snapshot": _snapshot,
}


def version_of(command: Sequence[str]) -> tuple[int, int]:
    """The version that a QEMU says it has."""
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    major, minor = said.partition("version ")[2].split(".")[:2]
    return int(major), int(minor)


async def migrate(command: Sequence[str], version: tuple[int, int], kind: Kind, folder: Path, disk: bytes) -> Run:
    """Make one migration.

    Args:
        command: QEMU's command.
        version: its version.
        kind: what to do.
        folder: an empty folder that QEMU sees at the same path; short, since sockets lie there.
        disk: the content of the boot disk.

    Raises:
        UnavailableError: the machine lacks what it needs.
        RecordError: QEMU refused or failed.
        TimeoutError: it took too long.
    """
    (folder / "boot.img").write_bytes(disk)
    async with asyncio.timeout(RUN_S), AsyncExitStack() as stack:
        scene = Scene(command=tuple(command), folder=folder, kind=kind, stack=stack)
        return Run(folder=folder, version=version, **await WAYS[kind.how](scene))
