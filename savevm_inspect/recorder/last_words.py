"""The end of what a program prints on its standard error."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Final

_KEPT_BYTES: Final = 2000
_STEP_BYTES: Final = 64 << 10
_PATIENCE_S: Final = 1.0


class LastWords:
    """Reads a pipe as long as somebody writes into it, and keeps the last 2000 bytes; use it in a ``with`` block."""

    def __init__(self) -> None:
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        self._tail = b""
        self._lock = Lock()
        self._thread = Thread(target=self._follow, name="last words", daemon=True)
        self._thread.start()

    @contextmanager
    def write_fd(self) -> Iterator[int]:
        """The end to be inherited; our copy of it is closed at the end of the ``with`` block."""
        try:
            yield self._write_fd
        finally:
            os.close(self._write_fd)

    def text(self) -> str:
        """What was written last, also by a program that has just ended."""
        self._take()
        return self._tail.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Give back the pipe, once all that could write into it has ended."""
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            os.close(self._read_fd)

    def _follow(self) -> None:
        while self._take():
            select.select([self._read_fd], [], [])

    def _take(self) -> bool:
        """Read what is there; whether more may come."""
        with self._lock:
            try:
                while data := os.read(self._read_fd, _STEP_BYTES):
                    self._tail = (self._tail + data)[-_KEPT_BYTES:]
            except BlockingIOError:
                return True
            return False
