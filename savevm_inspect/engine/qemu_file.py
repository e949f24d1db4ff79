"""QEMU's view of a channel: numbers go in and out, errors stick, and a rate limit says when to pause.

A QEMUFile is a writing or a reading half (migration/qemu-file.c); the rate limit is migration/migration-stats.c.
"""

from collections.abc import Callable
from typing import Final

from ..stream.cursor import Cursor
from ..stream.writer import Writer
from .clock import Link

IO_BUF_SIZE: Final = 32768
"""Bytes that are gathered before they go out (migration/qemu-file.c)."""

BUFFER_DELAY_MS: Final = 100
"""Length of the window that the rate limit counts in (migration/migration.c)."""

RATE_LIMIT_DISABLED: Final = 0
"""As a rate: send as fast as the link allows (migration/migration-stats.h)."""

_WINDOWS_PER_S: Final = 1000 // BUFFER_DELAY_MS


class QEMUFile(Writer):
    """The writing half of a channel.

    What is written is gathered and goes out when the buffer is full or :meth:`fflush` is called; only
    then does it take time on the link and count against the rate limit.

    Args:
        sink: takes the bytes that go out.
        link: what they go over.
        channel: number of the channel.
    """

    def __init__(self, sink: Callable[[bytes], object], link: Link, *, channel: int = 0) -> None:
        self._buffer = bytearray()
        super().__init__(self._gather, channel=channel)
        self._out = sink
        self._link = link
        self._error = 0
        self._rate_limit_max = RATE_LIMIT_DISABLED
        self._rate_limit_start = 0
        self.sent = 0
        """Bytes that went out (upstream: qemu_file_transferred in mig_stats)."""

    def _gather(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= IO_BUF_SIZE:
            self.fflush()

    def fflush(self) -> int:
        """Send what was gathered; returns 0, or the error that sticks.

        After an error nothing goes out any more, as upstream.
        """
        if not self._error and self._buffer:
            data, self._buffer = bytes(self._buffer), bytearray()
            self._out(data)
            self.sent += len(data)
            self._link.carry(len(data))
        return self._error

    def set_error(self, error: int) -> None:
        """Remember a failure, a negative errno; the first one stays."""
        if not self._error:
            self._error = error

    def get_error(self) -> int:
        """The failure that sticks, a negative errno, or 0."""
        return self._error

    def rate_set(self, limit_bytes_per_s: int) -> None:
        """Limit the rate, in bytes a second; :data:`RATE_LIMIT_DISABLED` lifts the limit."""
        self._rate_limit_max = limit_bytes_per_s // _WINDOWS_PER_S

    def rate_reset(self) -> None:
        """Begin a new window."""
        self._rate_limit_start = self.sent

    def rate_exceeded(self) -> bool:
        """Whether this window's share is used up; also after an error, which ends all loops."""
        if self._error:
            return True
        return bool(self._rate_limit_max) and self.sent - self._rate_limit_start > self._rate_limit_max


class QEMUFileInput(Cursor):
    """The reading half of a channel, over bytes that have arrived.

    A short read raises Truncated instead of a sticking error: it can't be overlooked.
    """

    def get_byte(self) -> int:
        """Read one unsigned byte."""
        return self.u8()

    def get_be16(self) -> int:
        """Read an unsigned 16-bit number."""
        return self.be16()

    def get_be32(self) -> int:
        """Read an unsigned 32-bit number."""
        return self.be32()

    def get_be64(self) -> int:
        """Read an unsigned 64-bit number."""
        return self.be64()

    def get_buffer(self, length: int) -> bytes:
        """Read a run of bytes, as a copy.

        Args:
            length: number of bytes.
        """
        return bytes(self.take(length))

    def get_counted_string(self) -> str:
        """Read a name behind its length in one byte."""
        return self.counted_text("a name")
