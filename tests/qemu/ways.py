"""The ways in which a guest is migrated: over sockets, postcopy, broken and resumed, into a file, as a snapshot."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from savevm_inspect.recorder.spool import PipeSpool

from .pair import ENDLESS, MEMORY_BYTES, MIB, Kind, Qemu, Run, Scene, Truth
from .relay import Channels

RUN_S = 300.0
"""For a whole run, whatever happens."""


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
