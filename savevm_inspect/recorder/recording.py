"""One recording of a real QEMU, from the first process to the last file."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ..container.capture_folder import CaptureOutcome
from ..container.capture_writer import CaptureWriter
from ..container.whole_file import draft_folder
from ..errors import RecordError, printable
from ..rules.status import MigrationStatus
from .figures import EventList, FigureEvents
from .options import RecordOptions
from .process import QemuCommand, QemuProcess
from .replies import count, flag, mapping, text
from .session import QmpSession
from .spool import PipeSpool
from .traces import merge_traces
from .truth import take_truth

QMP_LOG = "qmp.jsonl"
TRACE_LOG = "qemu.log"
RECORDING = "recording.json"

_FIRST_POLL_S = 0.01
_LAST_POLL_S = 0.5
_POLLS_PER_AGE = 50
_QUIT_S = 10.0
_REASON_CHARACTERS = 2000

_STREAM_NAME = "savevm-inspect-stream"
_ENDED_BADLY = frozenset({CaptureOutcome.FAILED, CaptureOutcome.CANCELLED})


class Recording:
    """One recording.

    Args:
        command: QEMU's command line.
        output: the folder to make.
        options: how.
    """

    def __init__(self, command: QemuCommand, output: Path, options: RecordOptions) -> None:
        self._command = command
        self._output = output
        self._options = options
        self._stage = "starting QEMU"
        self._stream: Path | None = None
        self._outcome, self._error = CaptureOutcome.COMPLETED, ""

    async def run(self) -> None:
        """Make the recording; when this raises, what was recorded until then is kept, if a byte was."""
        made_by = f"savevm-inspect record --qemu, {Path(self._command.argv[0]).name}"
        with (
            CaptureWriter(
                self._output, made_by=made_by, force=self._options.force, discard=self._options.discard
            ) as writer,
            draft_folder(Path(tempfile.gettempdir())) as scratch,
            (writer.folder / QMP_LOG).open("w", encoding="utf-8") as qmp_log,
        ):
            reported = EventList()
            figures = FigureEvents(reported)
            log = scratch / TRACE_LOG
            try:
                async with QmpSession(qmp_log, figures.on_event) as session:
                    argv = self._command.recorded(qmp_fd=session.peer_fd, log=log)
                    with QemuProcess(argv, pass_fds=(session.peer_fd,)) as process:
                        async with self._watched(process):
                            await self._record(session, process, writer, figures, log)
            finally:
                writer.outcome, writer.error = self._outcome, self._error
                if log.exists():
                    shutil.move(log, writer.folder / TRACE_LOG)
                if self._stream is not None:
                    self._write_events(writer, reported, self._stream, figures.started_unix_us)

    def _write_events(self, writer: CaptureWriter, reported: EventList, stream: Path, started_unix_us: int) -> None:
        self._tell("reading QEMU's log")
        for event in merge_traces(reported.events, writer.folder / TRACE_LOG, stream, started_unix_us):
            writer.add_event(event)

    @asynccontextmanager
    async def _watched(self, process: QemuProcess) -> AsyncIterator[None]:
        """Bound the time, and put QEMU's last words to what goes wrong."""
        limit = self._options.timeout_seconds
        try:
            async with asyncio.timeout(limit) as deadline:
                yield
        except TimeoutError as error:
            if not deadline.expired():
                raise
            message = f"the recording took longer than {limit:g} s; it stopped at {self._stage}"
            raise RecordError(message, last_words=process.last_words()) from error
        except RecordError as error:
            raise RecordError(str(error), last_words=process.last_words()) from error

    async def _record(
        self,
        session: QmpSession,
        process: QemuProcess,
        writer: CaptureWriter,
        figures: FigureEvents,
        log: Path,
    ) -> None:
        """Migrate, and keep all that came of it."""
        options = self._options
        self._tell("waiting for QEMU's greeting")
        await session.connect()
        version = await session.execute("query-version")
        parameters = await self._prepare(session)
        state = mapping(await session.execute("query-status"), "query-status")
        if flag(state.get("running"), "query-status's running"):
            self._tell(f"letting the guest run for {options.run_seconds:g} s")
            await asyncio.sleep(options.run_seconds)
        file = writer.open_channel(0)
        self._stream = Path(file.name)
        with PipeSpool(file) as spool:
            self._tell("starting the migration")
            await session.pass_fd(spool.write_fd, _STREAM_NAME)
            spool.give_away()
            figures.start()
            await session.execute("migrate", {"uri": f"fd:{_STREAM_NAME}"})
            migration = await self._follow(session, spool, figures, log)
            if options.truth:
                self._tell("taking the ground truth")
                await take_truth(session, writer.folder)
            self._tell("ending QEMU")
            await self._quit(session, process)
            await spool.finish()
            file.flush()
            figures.arrive(spool.written_bytes)
        recording = {
            "command": list(self._command.argv),
            "run_seconds": options.run_seconds,
            "migration_started_unix_us": figures.started_unix_us,
            "query-version": version,
            "query-migrate-parameters": parameters,
            "query-migrate": migration,
        }
        (writer.folder / RECORDING).write_text(json.dumps(recording, indent=1) + "\n", encoding="utf-8")

    async def _prepare(self, session: QmpSession) -> Mapping[str, Any]:
        """Set capabilities and parameters of the migration, and return the latter as QEMU has them."""
        switched_on = [{"capability": name, "state": True} for name in ("events", *self._options.capabilities)]
        await session.execute("migrate-set-capabilities", {"capabilities": switched_on})
        wanted = self._options.migration_parameters()
        if wanted:
            await session.execute("migrate-set-parameters", wanted)
        return mapping(await session.execute("query-migrate-parameters"), "query-migrate-parameters")

    async def _follow(
        self, session: QmpSession, spool: PipeSpool, figures: FigureEvents, log: Path
    ) -> Mapping[str, Any]:
        """Ask for the figures until the migration has completed, and return the last ones.

        The pauses grow with its age, so that a short migration is seen closely and a long one leaves a
        bounded number of events.
        """
        start = time.monotonic()
        logging = True
        while True:
            migration = mapping(await session.execute("query-migrate"), "query-migrate")
            figures.on_figures(migration, spool.written_bytes)
            spool.check()
            status = text(migration.get("status", ""), "query-migrate's status")
            if status == MigrationStatus.COMPLETED:
                return migration
            if status in _ENDED_BADLY:
                self._outcome = CaptureOutcome(status)
                self._error = printable(str(migration.get("error-desc", "QEMU gave no reason"))[:_REASON_CHARACTERS])
                raise RecordError(f"the migration {status}: {self._error}")
            self._tell(_progress_line(status, migration.get("ram", {})))
            if logging and log.exists() and log.stat().st_size > self._options.log_limit_bytes:
                await _switch_logging_off(session)
                logging = False
            await asyncio.sleep(min(_LAST_POLL_S, max(_FIRST_POLL_S, (time.monotonic() - start) / _POLLS_PER_AGE)))

    async def _quit(self, session: QmpSession, process: QemuProcess) -> None:
        await session.execute("quit")
        deadline = time.monotonic() + _QUIT_S
        while not process.has_ended():
            if time.monotonic() > deadline:
                raise RecordError(f"QEMU did not end within {_QUIT_S:g} s after quit")
            await asyncio.sleep(_FIRST_POLL_S)

    def _tell(self, stage: str) -> None:
        self._stage = stage
        if self._options.progress is not None:
            self._options.progress(stage)


async def _switch_logging_off(session: QmpSession) -> None:
    # Two, because trace events go into the log whatever its mask says (util/log.c, qemu_set_log).
    every = {"name": "*", "enable": False, "ignore-unavailable": True}
    await session.execute("trace-event-set-state", every)
    await session.execute("human-monitor-command", {"command-line": "log none"})


def _progress_line(status: str, ram: Mapping[str, Any]) -> str:
    sent_mib, left_mib, passes = (
        count(ram.get(key, 0), f"query-migrate's {key}") / unit
        for key, unit in (("transferred", 1 << 20), ("remaining", 1 << 20), ("dirty-sync-count", 1))
    )
    return (
        f"migration {printable(status) or 'starting'}: pass {passes:.0f}, "
        f"{sent_mib:.1f} MiB sent, {left_mib:.1f} MiB left"
    )
