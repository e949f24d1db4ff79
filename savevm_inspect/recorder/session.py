"""A QMP session with one QEMU, over a socket that has no name, with a log of all that was said.

Built on the QEMU project's own library, qemu.qmp, which comes with the extra ``record``; only this module
imports it, and what imports this module is imported late.
"""

import json
import logging
import socket
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, Any, Self

from qemu.qmp import ConnectError, EventListener, ExecuteError, QMPClient, QMPError

from ..errors import RecordError
from .replies import mapping, text

# Without a handler Python prints the library's errors to stderr; ours say the same in one line.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())


class QmpSession:
    """One QMP connection; use it in an ``async with`` block that outlives the QEMU at its other end.

    Args:
        log: gets one JSON object a line: each command, reply, error and event with ``unix_us``, its time in
            microseconds since 1970.
        on_event: called with the name and the data of each event as it arrives.
    """

    def __init__(self, log: IO[str], on_event: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._client = QMPClient("savevm-inspect")
        self._log = log
        self._on_event = on_event
        self._connected = False
        self._complaint: RecordError | None = None
        self._ours, self._peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    @property
    def peer_fd(self) -> int:
        """The end of the socket that QEMU must inherit."""
        return self._peer.fileno()

    async def connect(self) -> None:
        """Wait for QEMU's greeting and negotiate; to be called when QEMU has inherited its end.

        Raises:
            RecordError: QEMU went away or does not speak QMP.
        """
        # Our copy would keep the connection open after QEMU's end.
        self._peer.close()
        # A filter that keeps nothing: events are written as they arrive and never pile up.
        self._client.register_listener(EventListener(event_filter=self._hear))
        try:
            await self._client.connect(self._ours)
        except ConnectError as error:
            raise RecordError(f"QEMU did not open a QMP session: {str(error.exc) or 'it hung up'}") from error
        self._connected = True

    async def execute(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Run a command.

        Args:
            command: its name.
            arguments: its arguments, by QMP's names.

        Returns:
            What QEMU returned, as parsed JSON.

        Raises:
            RecordError: QEMU refused it, or went away, or sent an event that is invalid.
        """
        self._write("command", {"name": command, "arguments": dict(arguments or {})})
        try:
            returned = await self._client.execute(command, dict(arguments) if arguments else None)
        except ExecuteError as error:
            self._write("error", {"name": command, "class": error.error_class, "desc": str(error)})
            raise RecordError(f"QEMU refused {command}: {error}") from error
        except (QMPError, EOFError, OSError) as error:
            raise RecordError(f"QEMU went away during {command}") from error
        self._write("reply", {"name": command, "return": returned})
        if self._complaint is not None:
            raise self._complaint
        return returned

    async def pass_fd(self, fd: int, name: str) -> None:
        """Give QEMU a file descriptor (QMP command ``getfd``).

        Args:
            fd: the descriptor; the caller's copy stays open.
            name: what it is called in a ``fd:`` URI.

        Raises:
            RecordError: QEMU refused it, or went away.
        """
        try:
            self._client.send_fd_scm(fd)
        except (QMPError, OSError) as error:
            raise RecordError("QEMU went away as it was given a file descriptor") from error
        await self.execute("getfd", {"fdname": name})

    def _hear(self, message: Mapping[str, Any]) -> bool:
        self._write("event", dict(message))
        try:
            name = text(message.get("event"), "an event's name")
            self._on_event(name, mapping(message.get("data", {}), f"the event {name}"))
        except RecordError as error:
            self._complaint = self._complaint or error  # raised here, it would end in the library
        return False

    def _write(self, kind: str, what: dict[str, Any]) -> None:
        line = {"unix_us": time.time_ns() // 1000, "kind": kind, **what}
        self._log.write(json.dumps(line, separators=(",", ":")) + "\n")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._peer.close()
        if self._connected:
            try:
                await self._client.disconnect()
            except (QMPError, EOFError, OSError):
                # The library repeats here how the connection ended; QEMU has ended by now, as it should.
                self._connected = False
        self._ours.close()
