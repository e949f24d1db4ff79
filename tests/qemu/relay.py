"""A relay between two QEMUs that keeps what passes: each connection of the source becomes one to the destination."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_CHUNK_BYTES = 1 << 18


class Channels:
    """The files of all connections of one migration: ``chN.fwd`` (source to destination) and ``chN.rev``.

    Args:
        folder: where they go.

    Attributes:
        forward: what went to the destination, in the order in which the source connected.
        reverse: what came back.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.forward: list[Path] = []
        self.reverse: list[Path] = []

    def add(self) -> tuple[Path, Path]:
        """Take the next number."""
        number = len(self.forward)
        self.forward.append(self._folder / f"ch{number}.fwd")
        self.reverse.append(self._folder / f"ch{number}.rev")
        return self.forward[-1], self.reverse[-1]


class Relay:
    """Listens where the source connects to, and forwards to where the destination listens.

    Use it in an ``async with`` block.

    Args:
        path: the socket to listen on.
        target: the destination's socket.
        channels: keep what passes.
    """

    def __init__(self, path: Path, target: Path, channels: Channels) -> None:
        self.path = path
        self._target = target
        self._channels = channels
        self._in_order = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=_CHUNK_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def finish(self) -> None:
        """Wait until both sides have closed every connection.

        Raises:
            OSError: the destination could not be reached, or a file can't be written.
        """
        await asyncio.gather(*self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # No coroutine: the next number must be taken as the connection comes.
        task = asyncio.ensure_future(self._serve(reader, writer, self._channels.add()))
        self._connections.add(task)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, files: tuple[Path, Path]
    ) -> None:
        with ExitStack() as stack:
            stack.callback(writer.close)
            forward, reverse = (stack.enter_context(path.open("wb", buffering=0)) for path in files)
            async with self._in_order:
                far_reader, far_writer = await asyncio.open_unix_connection(self._target, limit=_CHUNK_BYTES)
            stack.callback(far_writer.close)
            await asyncio.gather(_copy(reader, far_writer, forward), _copy(far_reader, writer, reverse))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, file: BinaryIO) -> None:
    """Copy one direction; what is sent to a side that has gone away (a paused migration) is still kept."""
    is_open = True
    while True:
        try:
            chunk = await reader.read(_CHUNK_BYTES)
        except ConnectionError:
            chunk = b""
        file.write(chunk)
        if is_open:
            try:
                if chunk:
                    writer.write(chunk)
                    await writer.drain()
                else:
                    writer.write_eof()
            except (ConnectionError, OSError):
                is_open = False
        if not chunk:
            return
