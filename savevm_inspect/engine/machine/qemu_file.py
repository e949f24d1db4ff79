"""QEMU's view of a channel: numbers go in and out, errors stick, and a rate limit says when to pause.

A QEMUFile is a writing or a reading half (migration/qemu-file.c); the rate limit is migration/migration-stats.c.
"""

from collections.abc import Callable
from typing import Final

from ...errors import Truncated
from ...stream.cursor import Cursor
from ...stream.writer import SeekableWriter, Writer
from ..sim.connection import ByteSink, IncomingChannel
from ..sim.file_channel import FileChannel
from ..sim.scheduler import Result, Steps

IO_BUF_SIZE: Final = 32768
"""Bytes that are gathered before they go out (migration/qemu-file.c)."""

BUFFER_DELAY_MS: Final = 100
"""Length of the window that the rate limit counts in (migration/migration.c)."""

RATE_LIMIT_DISABLED: Final = 0
"""As a rate: send as fast as the link allows (migration/migration-stats.h)."""

_WINDOWS_PER_S: Final = 1000 // BUFFER_DELAY_MS
_KEPT_BYTES: Final = 32
"""Bytes that have been read and can still be stepped back over when more have arrived."""


class RateLimit:
    """How much may go out within a window, over all channels of a side together (migration/migration-stats.c)."""

    def __init__(self) -> None:
        self.transferred = 0
        """Bytes that went out on all channels (migration_transferred_bytes)."""
        self._limit_max = RATE_LIMIT_DISABLED
        self._start = 0

    def set(self, limit_bytes_per_s: int) -> None:
        """Limit the rate, in bytes a second; :data:`RATE_LIMIT_DISABLED` lifts the limit (migration_rate_set)."""
        self._limit_max = limit_bytes_per_s // _WINDOWS_PER_S

    @property
    def limit_bytes_per_s(self) -> int:
        """The limit, in bytes a second."""
        return self._limit_max * _WINDOWS_PER_S

    def reset(self) -> None:
        """Begin a new window (migration_rate_reset)."""
        self._start = self.transferred

    def exceeded(self) -> bool:
        """Whether this window's share is used up (migration_rate_exceeded)."""
        return bool(self._limit_max) and self.transferred - self._start > self._limit_max

    def room_bytes(self) -> int | None:
        """What may still go out within this window; ``None`` without a limit."""
        return self._limit_max - (self.transferred - self._start) if self._limit_max else None


class QEMUFile(Writer):
    """The writing half of a channel.

    What is written is gathered and goes out when the buffer is full or :meth:`fflush` is called; only
    then does it take time on the link and count against the rate limit.

    Args:
        out: takes the bytes that go out.
        rate: counts them; one for all channels of a side.
    """

    def __init__(self, out: ByteSink, rate: RateLimit | None = None) -> None:
        super().__init__(self._gather, channel=out.channel)
        self._out = out
        self.rate = RateLimit() if rate is None else rate
        self.placed = True
        """Whether offsets are those on the channel; they are not in a buffer that goes out some time later."""
        self.tamper: Callable[[bytes], bytes] | None = None
        """What bytes go through before they are gathered; a device that goes wrong on purpose loses some there."""
        self._buffer = bytearray()
        self._error = 0

    def _gather(self, data: bytes | memoryview) -> None:
        if self.tamper is not None:
            data = self.tamper(bytes(data))
        if len(data) >= IO_BUF_SIZE:  # a large piece goes out as it is, without another copy
            self.fflush()
            self._send(data)
            return
        self._buffer += data
        if len(self._buffer) >= IO_BUF_SIZE:
            self.fflush()

    def fflush(self) -> int:
        """Send what was gathered; returns 0, or the error that sticks.

        After an error nothing goes out any more, as upstream.
        """
        if self._buffer:
            data, self._buffer = bytes(self._buffer), bytearray()
            self._send(data)
        return self._error

    def _send(self, data: bytes | memoryview) -> None:
        if not self._error:
            self.rate.transferred += len(data)
            self.set_error(self._out.write(data))

    def set_error(self, error: int) -> None:
        """Remember a failure, a negative errno; the first one stays (qemu_file_set_error)."""
        if not self._error:
            self._error = error

    def get_error(self) -> int:
        """The failure that sticks, a negative errno, or 0 (qemu_file_get_error)."""
        return self._error

    def rate_exceeded(self) -> bool:
        """Whether to pause; also after an error, which ends all loops (migration_rate_exceeded)."""
        return bool(self._error) or self.rate.exceeded()


class _Memory:
    """A buffer that a file is written to before it is sent as one (io/channel-buffer.c)."""

    def __init__(self, channel: int) -> None:
        self.channel = channel
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> int:
        self.data += data
        return 0


class BufferFile(QEMUFile):
    """The writing half of a buffer in memory (qemu_file_new_output on a QIOChannelBuffer).

    Args:
        channel: number of the channel that the bytes will go over in the end.
        base: where on it they will lie, in bytes; ``None`` if that is not known yet.
    """

    def __init__(self, channel: int = 0, *, base: int | None = None) -> None:
        self._memory = _Memory(channel)
        super().__init__(self._memory)
        self.placed = base is not None
        self.transferred = base or 0

    def content(self) -> bytes:
        """All that was written."""
        self.fflush()
        return bytes(self._memory.data)


class FileQEMUFile(QEMUFile, SeekableWriter):
    """The writing half of a file, which can also seek (qemu_set_offset, qemu_put_buffer_at).

    Args:
        file: where to.
        rate: counts the bytes.
    """

    def __init__(self, file: FileChannel, rate: RateLimit) -> None:
        super().__init__(file, rate)
        self._file = file

    def get_offset(self) -> int:
        """Where the next byte goes, in bytes from the start of the file."""
        self.fflush()
        return self._file.position

    def set_offset(self, offset: int) -> None:
        """Continue at an offset, in bytes from the start of the file; what is left out becomes a hole."""
        self.fflush()
        self._file.position = self.transferred = offset

    def put_buffer_at(self, data: bytes, offset: int) -> None:
        """Write bytes at an offset and continue where the writer was.

        Args:
            data: the bytes.
            offset: of the first one, in bytes from the start of the file.
        """
        self.rate.transferred += len(data)
        self._file.write_at(data, offset)


Wrap = Callable[[Steps[bool]], Steps[bool]]
"""What is done around a wait for bytes: a main thread gives up its lock meanwhile."""


class QEMUFileInput(Cursor):
    """The reading half of a channel, over bytes that have arrived.

    A short read raises Truncated instead of a sticking error: it can't be overlooked. What reads a channel whose
    bytes go on arriving waits before it reads: for so many bytes (:meth:`fill`), or for a record (:meth:`record`).
    """

    _probing = False

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
        """Read a name after its length in one byte."""
        return self.counted_text("a name")

    def fail(self) -> None:
        """Nothing more can be read (qemu_file_set_error on a reading half)."""
        self.pos = self.end

    def more(self, least_bytes: int = 1) -> Steps[bool]:
        """Wait for bytes besides those that have arrived; returns False at the end, and of bytes that never grow.

        Args:
            least_bytes: how many are of use; the end of what was sent at once is enough, too.
        """
        del least_bytes
        yield from ()
        return False

    def fill(self, length: int) -> Steps[bool]:
        """Wait until so many bytes can be read; returns False if the channel ends before.

        Whoever reads them then reports a short read with its offset.

        Args:
            length: number of bytes.
        """
        while self.remaining < length:
            if not (yield from self.more(length - self.remaining)):
                return False
        return True

    def fill_counted(self) -> Steps[bool]:
        """Wait until a name can be read after its length in one byte."""
        return (yield from self.fill(1)) and (yield from self.fill(1 + self.peek()[0]))

    def probe(self, read: Callable[[], Result]) -> Result:
        """Read what has arrived, whatever that is.

        Args:
            read: reads it; where the bytes end, it does not wait, but gets Truncated.
        """
        before, self._probing = self._probing, True
        try:
            return read()
        finally:
            self._probing = before

    def record(self, read: Callable[[], Result]) -> Steps[Result]:
        """Read a record, once more from its start whenever it turns out that more of it is to come.

        Args:
            read: reads it, and has no effect besides if it raises Truncated.

        Raises:
            Truncated: the channel ends within it.
        """
        while True:
            start = self.pos
            try:
                return self.probe(read)
            except Truncated:
                self.pos, stopped = start, self.pos
                if not (yield from self.more()):
                    self.pos = stopped
                    raise


class ChannelInput(QEMUFileInput):
    """The reading half of a channel, over bytes that go on arriving.

    Args:
        incoming: where they come from.
        wrap: what is done around each wait; nothing unless said otherwise.
        wait_inside: waits in the middle of a plain function that reads what has not arrived; ``None`` where there is
            none, so that this is a short read.
    """

    def __init__(
        self,
        incoming: IncomingChannel,
        wrap: Wrap | None = None,
        wait_inside: Callable[[Steps[bool]], bool] | None = None,
    ) -> None:
        super().__init__(memoryview(b""), channel=incoming.channel)
        self._incoming = incoming
        self._wrap = wrap
        self._wait_inside = wait_inside

    def require(self, length: int, what: str) -> int:
        """Make sure that bytes are there, and step over them; a plain function waits for them where it stands."""
        if length > self.end - self.pos and self._wait_inside is not None and not self._probing:
            self._wait_inside(self.fill(length))
        return super().require(length, what)

    def fail(self) -> None:
        """Nothing more can be read, and who sends finds out."""
        self.pos = self.end
        self._incoming.hang_up()

    def more(self, least_bytes: int = 1) -> Steps[bool]:
        """Wait for bytes besides those that have arrived; returns False at the end.

        What was read is given up, but for a few bytes that can still be stepped back over.
        """
        wait = self._incoming.wait("more of the stream", least_bytes)
        if not (yield from self._wrap(wait) if self._wrap is not None else wait):
            return False
        kept, arrived = max(self.pos - _KEPT_BYTES, 0), self._incoming.take()
        if self.remaining or self.pos - kept:
            self.buffer = memoryview(b"".join((self.buffer[kept:], arrived)))
        else:
            self.buffer = memoryview(arrived)
        self.base, self.pos, self.end = self.base + kept, self.pos - kept, len(self.buffer)
        return True
