"""Unpacking gzip, bzip2, xz and zstd step by step, in bounded memory.

All of them may be several members one after the other, as their own tools write and read them, followed by
zero padding. The libraries' decoders are incremental and take a bound for each step's output; the window that a
file asks for is bounded too.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from ..errors import BadPayload, MissingPackage, StreamError, Truncated
from .lzop import unpack_lzop
from .magic import PACKED_AS
from .opened import Opened, Request
from .spool import STEP_BYTES, Spool

XZ_MEMORY_BYTES: Final = 128 << 20
"""The most memory that an xz file may ask for; ``xz -9`` asks for 65 MiB."""

_FIRST_READ_BYTES: Final = 4 << 10
_LAST_READ_BYTES: Final = 256 << 10


class Decompressor(Protocol):
    """One member's decoder, as :class:`bz2.BZ2Decompressor` has it."""

    @property
    def eof(self) -> bool:
        """Whether the member's end was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to come out before more goes in."""

    @property
    def unused_data(self) -> bytes:
        """What was given to it and follows its end."""

    def decompress(self, data: bytes, max_length: int = ...) -> bytes:
        """Give it more, and get at most so many bytes."""


class _GzipDecoder:
    """:func:`zlib.decompressobj` with the methods of the other decoders."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail and not self._full

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        out = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length and not self._zlib.eof
        return out


def zstd_module() -> Any:
    """The standard library's zstd module, or its backport for the Pythons before 3.14.

    Raises:
        MissingPackage: neither is installed.
    """
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - late: only where something is packed with it
        else:
            from backports import zstd  # noqa: PLC0415
    except ImportError as error:
        raise MissingPackage("zstd", "backports.zstd") from error
    return zstd


def unpack_members(
    packed: memoryview, name: str, decoder: Callable[[], Decompressor], failures: tuple[type[Exception], ...]
) -> Iterator[bytes]:
    """Unpack all members of a compressed file.

    Args:
        packed: the whole file.
        name: the compression, for messages.
        decoder: makes a decoder for one member.
        failures: what a decoder raises where the data is damaged.

    Yields:
        What it holds, piece by piece.

    Raises:
        Truncated: the last member is cut; ``offset`` counts in what was unpacked.
        BadPayload: it is damaged, or followed by something else.
    """
    position = produced = 0
    while position < len(packed):
        member, start, read_bytes, stalled = decoder(), position, _FIRST_READ_BYTES, False
        while not member.eof:
            data = b""
            if member.needs_input:
                data = bytes(packed[position : position + read_bytes])
                position += len(data)
                read_bytes = min(2 * read_bytes, _LAST_READ_BYTES)
            try:
                piece = member.decompress(data, STEP_BYTES)
            except failures as error:
                raise BadPayload(
                    f"the {name} data that starts at byte {start} is damaged: {error}", offset=produced
                ) from error
            produced += len(piece)
            if piece:
                yield piece
            # A decoder may have had a full step and then nothing more: only the second time is an end.
            if stalled and not (piece or data or member.eof):
                raise Truncated(f"the {name} data is cut at its end, byte {len(packed)}", offset=produced)
            stalled = not (piece or data)
        position = _after_zeros(packed, position - len(member.unused_data))


def _after_zeros(packed: memoryview, position: int) -> int:
    """The offset of the next byte that is not zero, or the end."""
    read_bytes = _FIRST_READ_BYTES  # little at first: there may be very many members
    while position < len(packed):
        step = bytes(packed[position : position + read_bytes])
        rest = len(step.lstrip(b"\0"))
        position += len(step) - rest
        if rest:
            break
        read_bytes = STEP_BYTES
    return position


def _unpack_gzip(packed: memoryview) -> Iterator[bytes]:
    return unpack_members(packed, "gzip", _GzipDecoder, (zlib.error,))


def _unpack_bzip2(packed: memoryview) -> Iterator[bytes]:
    import bz2  # noqa: PLC0415 - late, as all libraries that few files need

    return unpack_members(packed, "bzip2", bz2.BZ2Decompressor, (OSError, ValueError))


def _unpack_xz(packed: memoryview) -> Iterator[bytes]:
    import lzma  # noqa: PLC0415

    def decoder() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)

    return unpack_members(packed, "xz", decoder, (lzma.LZMAError,))


def _unpack_zstd(packed: memoryview) -> Iterator[bytes]:
    zstd = zstd_module()
    return unpack_members(packed, "zstd", zstd.ZstdDecompressor, (zstd.ZstdError,))


UNPACKERS: Final[dict[str, Callable[[memoryview], Iterator[bytes]]]] = {
    "gzip": _unpack_gzip,
    "bzip2": _unpack_bzip2,
    "xz": _unpack_xz,
    "zstd": _unpack_zstd,
    "lzop": unpack_lzop,
}
"""By name: what yields piece by piece what is packed, be it a stream or the stream within a libvirt image."""


def spool_pieces(pieces: Iterator[bytes | memoryview | int], spool: Spool) -> StreamError | None:
    """Write pieces to a spool until they end or can't be read.

    Args:
        pieces: bytes, or the number of zeros that lie there.
        spool: gets them.

    Returns:
        What ended them before their end; ``None`` if nothing did.

    Raises:
        Unsupported: they are longer than a spool may be, or of a kind that can't be read here.
    """
    try:
        for piece in pieces:
            if isinstance(piece, int):
                spool.skip(piece)
            else:
                spool.write(piece)
    except (Truncated, BadPayload) as error:
        return error
    return None


def unpack_whole(request: Request) -> Opened:
    """Open a compressed file: spool what it holds.

    Args:
        request: its bytes, which start with a magic of :data:`~savevm_inspect.container.magic.PACKED_AS`.

    Raises:
        MissingPackage: the library for it is not installed.
        Unsupported: it unpacks to more than a spool may hold.
    """
    name = next(name for magic, name in PACKED_AS.items() if bytes(request.view[: len(magic)]) == magic)
    spool = Spool(request.resources, packed_bytes=len(request.view))
    problem = spool_pieces(UNPACKERS[name](request.view), spool)
    return Opened(
        container=name,
        buffer=spool.view(),
        facts={"compression": name, "packed_bytes": len(request.view)},
        problems=(problem,) if problem else (),
    )
