"""One QEMU that starts paused and migrates into a file; all that it may take is limited in time."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from savevm_inspect.errors import RecordError
from savevm_inspect.recorder.process import QemuProcess
from savevm_inspect.recorder.running import run_to_end
from savevm_inspect.recorder.session import QmpSession

START_SECONDS, MIGRATE_SECONDS = 10, 60
_POLL_SECONDS = 0.02
_BANDWIDTH = 10**10
_BUSY = frozenset({"setup", "active", "device", "pre-switchover"})


class NotStartedError(Exception):
    """QEMU did not come so far that it could be asked to migrate."""


class NotMigratedError(Exception):
    """QEMU refused or failed to migrate."""


def ask(command: Sequence[str], commands: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    """Start a QEMU, run some QMP commands, and end it; what one refuses is an empty list."""

    async def talk() -> list[Any]:
        answers: list[Any] = []
        async with asyncio.timeout(MIGRATE_SECONDS), QmpSession(io.StringIO(), lambda *_: None) as session:
            with _process(command, session):
                await session.connect()
                for name, arguments in commands:
                    try:
                        answers.append(await session.execute(name, arguments))
                    except RecordError:
                        answers.append([])
        return answers

    return run_to_end(talk())


def _process(command: Sequence[str], session: QmpSession) -> QemuProcess:
    qmp = ("-chardev", f"socket,id=qmp,fd={session.peer_fd}", "-mon", "chardev=qmp,mode=control")
    argv = [*command, "-S", "-display", "none", "-serial", "null", "-parallel", "null", "-monitor", "none", *qmp]
    return QemuProcess(argv, pass_fds=[session.peer_fd])


async def migrate(command: Sequence[str], output: Path) -> None:
    """Start a QEMU paused, and let it migrate into a file.

    Args:
        command: its command line.
        output: the file, in a folder that QEMU sees at the same path.

    Raises:
        NotStartedError: it did not come up within 10 s; with its last words.
        NotMigratedError: it did not migrate; with its reason.
    """
    async with QmpSession(io.StringIO(), lambda *_: None) as session:
        with _process(command, session) as process:
            try:
                async with asyncio.timeout(START_SECONDS):
                    await session.connect()
            except TimeoutError as error:
                raise NotStartedError(f"no QMP greeting within {START_SECONDS} s") from error
            except RecordError as error:
                raise NotStartedError(process.last_words() or str(error)) from error
            try:
                async with asyncio.timeout(MIGRATE_SECONDS):
                    await _migrate(session, output)
            except TimeoutError as error:
                raise NotMigratedError(f"not done within {MIGRATE_SECONDS} s") from error
            except RecordError as error:
                raise NotMigratedError(f"{error} {process.last_words()}".strip()) from error


async def _migrate(session: QmpSession, output: Path) -> None:
    await session.execute("migrate-set-parameters", {"max-bandwidth": _BANDWIDTH})
    await session.execute("migrate", {"uri": f"exec:cat >{output}"})
    while (answer := await session.execute("query-migrate")).get("status") in _BUSY or not answer:
        await asyncio.sleep(_POLL_SECONDS)
    if answer["status"] != "completed":
        raise NotMigratedError(answer.get("error-desc", answer["status"]))
    await session.execute("quit")
