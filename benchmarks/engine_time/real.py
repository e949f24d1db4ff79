"""One row on a pair of real QEMUs: what it took, by their own figures and by the times of their events."""

import asyncio
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from paced_guest import READY, boot_sector
from rows import MB, SWITCHED_AFTER_BYTES, Row

from savevm_inspect.recorder.process import QemuProcess
from savevm_inspect.recorder.session import QmpSession

MEMORY_MIB: Final = 32
_UNLIMITED: Final = 10**11
_LINK_WITHOUT_LIMIT: Final = 10**10
_GIVEN_UP_AFTER_S: Final = 12
_SETTLE_S: Final = 0.3
_REQUEST = re.compile(r"^(?:\d+@)?(\d+\.\d+):postcopy_ram_fault_thread_request Request for HVA=0x([0-9a-f]+)", re.M)
_RESOLVED = re.compile(r"^(?:\d+@)?(\d+\.\d+):postcopy_page_req_del resolved page req 0x([0-9a-f]+)", re.M)


class Qemu:
    """One QEMU that runs, and the log of all that was said over QMP."""

    def __init__(self, session: QmpSession, log: io.StringIO) -> None:
        self._session = session
        self._log = log

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command; ``_`` in the names of arguments stands for ``-``."""
        return await self._session.execute(command, {key.replace("_", "-"): each for key, each in arguments.items()})

    async def writes(self) -> int:
        """How often the guest has written."""
        said = await self.ask("human-monitor-command", command_line="info registers")
        found = re.search(r"ESI=([0-9a-f]+)", said)
        if found is None:
            raise SystemExit(f"no ESI in {said!r}")
        return int(found[1], 16)

    def time_of(self, event: str) -> float | None:
        """When an event came last, in seconds since 1970."""
        times = [
            line["timestamp"]["seconds"] + line["timestamp"]["microseconds"] / 1e6
            for line in map(json.loads, self._log.getvalue().splitlines())
            if line["kind"] == "event" and line["event"] == event
        ]
        return times[-1] if times else None


@asynccontextmanager
async def _qemu(command: Sequence[str], folder: Path, name: str, *options: str) -> AsyncIterator[Qemu]:
    log = io.StringIO()
    argv = [
        *command,
        *("-accel", "tcg", "-machine", "pc", "-m", str(MEMORY_MIB), "-smp", "1", "-nodefaults", "-display", "none"),
        *("-drive", f"file={folder}/disk,format=raw,if=ide,snapshot=on,file.locking=off"),
        *("-debugcon", f"file:{folder}/{name}.said", "-msg", "timestamp=on"),
        *("-trace", "postcopy_ram_fault_thread_request", "-trace", "postcopy_page_req_del"),
        *("-D", f"{folder}/{name}.trace"),
        *options,
    ]
    async with QmpSession(log, lambda *_: None) as session:
        monitor = ("-chardev", f"socket,id=qmp,fd={session.peer_fd}", "-mon", "chardev=qmp,mode=control")
        with QemuProcess([*argv, *monitor], pass_fds=[session.peer_fd]):
            await session.connect()
            yield Qemu(session, log)


async def measure(command: Sequence[str], row: Row, work: Path, hz: float) -> Mapping[str, Any]:
    """Make the migration of a row once.

    Args:
        command: of QEMU, for both ends.
        row: what is migrated, and over what.
        work: a folder that QEMU sees at the same path.
        hz: of the time stamp counter.

    Returns:
        ``outcome`` and the figures; ``pace`` is how often the guest wrote, of how often it was to.
    """
    with tempfile.TemporaryDirectory(dir=work, prefix="time-") as name:
        folder = Path(name)
        (folder / "disk").write_bytes(boot_sector(row.workload, hz).ljust(MB, b"\0"))
        async with asyncio.timeout(_GIVEN_UP_AFTER_S * 3), AsyncExitStack() as stack:
            return await _migrate(command, row, folder, stack)


async def _migrate(command: Sequence[str], row: Row, folder: Path, stack: AsyncExitStack) -> Mapping[str, Any]:
    target = await stack.enter_async_context(_qemu(command, folder, "destination", "-incoming", "defer"))
    source = await stack.enter_async_context(_qemu(command, folder, "source"))
    said = folder / "source.said"
    while not said.exists() or not said.read_bytes().endswith(READY):  # the BIOS talks there, too
        await asyncio.sleep(0.02)
    for side in (source, target):
        await side.ask("migrate-set-capabilities", capabilities=_capabilities(row))
    speed = row.link_mb_per_s * MB
    limit = speed if row.limited_by == "qemu" else _UNLIMITED
    await source.ask(
        "migrate-set-parameters",
        max_bandwidth=limit,
        max_postcopy_bandwidth=limit if row.limited_by == "qemu" else 0,
        downtime_limit=row.downtime_limit_ms,
    )
    await target.ask("migrate-incoming", uri=f"unix:{folder}/d")
    _start_link(folder, _LINK_WITHOUT_LIMIT if row.limited_by == "qemu" else speed, row.delay_ms / 1000, stack)
    await asyncio.sleep(_SETTLE_S)
    before, then = await source.writes(), time.time()
    await source.ask("migrate", uri=f"unix:{folder}/l")
    if row.postcopy:
        await _switch(source)
    figures = await _ended(source)
    if figures["status"] != "completed":
        return {"outcome": "endless", "rounds": figures["ram"]["dirty-sync-count"]}
    stopped, went_on = source.time_of("STOP"), None
    while went_on is None:
        await asyncio.sleep(0.01)
        went_on = target.time_of("RESUME")
    assert stopped is not None
    due = row.workload.writes_per_s * (stopped - then)
    return {
        "outcome": "completed",
        "total_ms": figures["total-time"],
        "downtime_ms": figures["downtime"],
        "gap_ms": round((went_on - stopped) * 1000, 3),
        "rounds": figures["ram"]["dirty-sync-count"],
        "bytes": figures["ram"]["transferred"],
        "pace": None if row.postcopy or not due else round((await source.writes() - before) / due, 3),
        "waits_ms": _waits(folder / "destination.trace") if row.postcopy else [],
    }


def _capabilities(row: Row) -> list[dict[str, Any]]:
    names = ["return-path", "events"]
    if row.postcopy:
        names += ["postcopy-ram"]
    if row.preempt:
        names += ["postcopy-preempt"]
    return [{"capability": name, "state": True} for name in names]


def _start_link(folder: Path, bytes_per_s: float, delay_s: float, stack: AsyncExitStack) -> None:
    script = Path(__file__).with_name("slow_link.py")
    argv = [sys.executable, str(script), f"{folder}/l", f"{folder}/d", str(bytes_per_s), str(delay_s)]
    link = subprocess.Popen(argv, stdout=subprocess.PIPE)
    stack.callback(link.wait)
    stack.callback(link.kill)
    assert link.stdout is not None
    link.stdout.readline()  # it listens


async def _switch(source: Qemu) -> None:
    """Switch to postcopy when a quarter of a MiB has gone, in the first round."""
    while (await source.ask("query-migrate")).get("ram", {}).get("transferred", 0) < SWITCHED_AFTER_BYTES:
        await asyncio.sleep(0.002)
    await source.ask("migrate-start-postcopy")


async def _ended(source: Qemu) -> Mapping[str, Any]:
    """Wait for the end, or give up on what has none."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _GIVEN_UP_AFTER_S
    while True:
        figures: Mapping[str, Any] = await source.ask("query-migrate")
        if figures["status"] == "completed":
            return figures
        if figures["status"] == "failed":
            raise SystemExit(f"failed: {figures.get('error-desc')}")
        if loop.time() > until:
            await source.ask("migrate_cancel")
            return figures
        await asyncio.sleep(0.005)


def _waits(trace: Path) -> list[float]:
    """How long each page that was asked for took to come, in ms."""
    text = trace.read_text(errors="replace")
    asked: dict[str, float] = {}
    for when, address in _REQUEST.findall(text):
        asked.setdefault(address, float(when))
    came = {address: float(when) for when, address in _RESOLVED.findall(text)}
    return [round((came[each] - asked[each]) * 1000, 3) for each in asked if each in came]
