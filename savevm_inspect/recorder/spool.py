"""A pipe that QEMU migrates into, written to a file as the bytes arrive.

A pipe, because ``fd:`` to a regular file is refused by newer versions (migration/fd.c), ``file:`` is
unknown to older ones, and ``exec:`` is a shell.
"""

import asyncio
import os
from types import TracebackType
from typing import BinaryIO, Self

_CHUNK_BYTES = 1 << 20


class PipeSpool:
    """Copies what is written into :attr:`write_fd` to a file; use it in a ``with`` block in an event loop.

    Args:
        file: where the bytes go.

    Attributes:
        write_fd: the end to hand to the writer before :meth:`give_away`.
        written_bytes: how many bytes arrived so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._read_fd, self.write_fd = os.pipe()
        self._is_given_away = False
        self.written_bytes = 0
        os.set_blocking(self._read_fd, False)
        self._loop.add_reader(self._read_fd, self._read)

    def give_away(self) -> None:
        """Close our copy of the writing end, so that the end of the writer is the end of the file."""
        if not self._is_given_away:
            os.close(self.write_fd)
            self._is_given_away = True

    def check(self) -> None:
        """Raise what writing the file raised, if it did.

        Raises:
            OSError: the file can't be written.
        """
        if self._finished.done():
            self._finished.result()

    async def finish(self) -> None:
        """Wait until every writer has closed its end and the last byte is in the file.

        Raises:
            OSError: the file can't be written.
        """
        await self._finished

    def _read(self) -> None:
        try:
            chunk = os.read(self._read_fd, _CHUNK_BYTES)
            self._file.write(chunk)
        except BlockingIOError:
            return
        except OSError as error:
            self._loop.remove_reader(self._read_fd)
            self._finished.set_exception(error)
            return
        self.written_bytes += len(chunk)
        if not chunk:
            self._loop.remove_reader(self._read_fd)
            self._finished.set_result(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_away()
        self._loop.remove_reader(self._read_fd)
        os.close(self._read_fd)
        if self._finished.done():
            self._finished.exception()  # marks it as seen; whoever had to know asked by check() or finish()
        else:
            self._finished.cancel()
