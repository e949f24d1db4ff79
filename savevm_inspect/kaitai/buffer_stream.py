"""A Kaitai stream over bytes that are mapped, so that reading one copies no page."""

from struct import Struct

from kaitaistruct import EndOfStreamError, InvalidArgumentError, KaitaiStream, NoTerminatorFoundError

from .._ksy.devices import Devices

_U2BE = Struct(">H").unpack_from
_U4BE = Struct(">I").unpack_from
_U8BE = Struct(">Q").unpack_from
_SCAN_STEP_BYTES = 1 << 8


class BufferStream(KaitaiStream):  # type: ignore[misc] # the runtime has no types
    """Reads one channel's bytes where they lie.

    The compiled modules take it for the runtime's own stream. It also says what is known of the devices, for the type
    that reads their payloads.

    Args:
        view: the channel's bytes; positions count from its first.
        position: of the first read, in bytes.
        channel: number of the channel.

    Attributes:
        view: the bytes.
        start: position of the first read, in bytes.
        devices: says how long a device's payload is and what it consists of.
    """

    def __init__(self, view: memoryview, *, position: int = 0, channel: int = 0) -> None:
        self.view = view
        self._position = position
        self._end = len(view)
        self.start = position
        self.channel = channel
        self.devices = Devices()
        super().__init__(self)  # the runtime asks its file for position and size; both are here

    def close(self) -> None:
        """Let go of the bytes; whoever mapped them unmaps them."""
        self.view = memoryview(b"")
        self._end = 0

    def size(self) -> int:
        """Number of bytes."""
        return self._end

    def pos(self) -> int:
        """Where the next read starts."""
        return self._position

    def seek(self, n: int) -> None:
        """Go to a position; one after the end is allowed, and nothing can be read there."""
        if n < 0:
            raise InvalidArgumentError(f"cannot seek to invalid position {n}")
        self._position = n

    def is_eof(self) -> bool:
        """Whether all bytes were read."""
        return self._position >= self._end

    def read_bytes(self, n: int) -> bytes:
        """Read a run of bytes, as a copy.

        Raises:
            EndOfStreamError: fewer are left; none is allocated.
            InvalidArgumentError: the length is negative.
        """
        if n < 0:
            raise InvalidArgumentError(f"requested invalid {n} amount of bytes")
        start = self._step(n)
        return bytes(self.view[start : start + n])

    _read_bytes_not_aligned = read_bytes  # no format of ours reads single bits

    def read_bytes_full(self) -> bytes:
        """Read all that is left."""
        return self.read_bytes(max(self._end - self._position, 0))

    def read_bytes_term(self, term: int, include_term: bool, consume_term: bool, eos_error: bool) -> bytes:
        """Read up to a byte, or to the end.

        Args:
            term: the byte.
            include_term: whether it belongs to what is read.
            consume_term: whether to step over it.
            eos_error: whether it must be there.

        Raises:
            NoTerminatorFoundError: it must, and is not.
        """
        length, is_there = self._bytes_before(term)
        if eos_error and not is_there:
            raise NoTerminatorFoundError(bytes((term,)), 0)
        start = self._step(length + (is_there and consume_term))
        return bytes(self.view[start : start + length + (is_there and include_term)])

    def _bytes_before(self, term: int) -> tuple[int, bool]:
        """How many bytes lie before the next one of a value, or before the end, and whether there is such a byte."""
        for start in range(self._position, self._end, _SCAN_STEP_BYTES):
            found = bytes(self.view[start : start + _SCAN_STEP_BYTES]).find(term)
            if found >= 0:
                return start + found - self._position, True
        return self._end - self._position, False

    def read_u1(self) -> int:
        """Read one unsigned byte."""
        return self.view[self._step(1)]

    def read_u2be(self) -> int:
        """Read a big-endian unsigned 16-bit number."""
        value: int = _U2BE(self.view, self._step(2))[0]
        return value

    def read_u4be(self) -> int:
        """Read a big-endian unsigned 32-bit number."""
        value: int = _U4BE(self.view, self._step(4))[0]
        return value

    def read_u8be(self) -> int:
        """Read a big-endian unsigned 64-bit number; most reads are this one, once a page."""
        value: int = _U8BE(self.view, self._step(8))[0]
        return value

    def _step(self, n: int) -> int:
        start = self._position
        if n and n > self._end - start:  # nothing can be read anywhere, as from the runtime's own
            left = max(self._end - start, 0)
            raise EndOfStreamError(f"requested {n} bytes, but only {left} bytes available", n, left)
        self._position = start + n
        return start
