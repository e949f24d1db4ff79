"""Unpacking lzop files: a header, then blocks of LZO1X, each with its lengths and checksums.

The format is lzop 1.x's own (its src/lzop.c, src/conf.h). LZO itself comes with the package lzallright; without it
an lzop file is known by name and not read.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from ..errors import BadPayload, MissingPackage, StreamError, Truncated, Unsupported
from .magic import LZOP_MAGIC

_F_ADLER32_D: Final = 0x1
_F_ADLER32_C: Final = 0x2
_F_H_EXTRA_FIELD: Final = 0x40
_F_CRC32_D: Final = 0x100
_F_CRC32_C: Final = 0x200
_F_MULTIPART: Final = 0x400
_F_H_FILTER: Final = 0x800
_F_H_CRC32: Final = 0x1000

_VERSION_LONG_HEADER: Final = 0x0940
_LZO1X_METHODS: Final = frozenset({1, 2, 3})
_MAX_BLOCK_BYTES: Final = 1 << 20
"""lzop writes blocks of 256 KiB. LZO expands 255 times at most, which bounds a hostile block's memory."""

_U8, _BE16, _BE32 = Struct(">B"), Struct(">H"), Struct(">I")


@dataclass(slots=True)
class _Reader:
    """A position in the packed bytes, and how much was unpacked so far."""

    packed: memoryview
    position: int
    produced: int = 0

    def take(self, length: int) -> memoryview:
        if length > len(self.packed) - self.position:
            raise Truncated(f"the lzop data is cut at its end, byte {len(self.packed)}", offset=self.produced)
        self.position += length
        return self.packed[self.position - length : self.position]

    def number(self, struct: Struct) -> int:
        value: int = struct.unpack(self.take(struct.size))[0]
        return value

    def damaged(self, message: str) -> StreamError:
        return BadPayload(f"the lzop data is damaged before byte {self.position}: {message}", offset=self.produced)


def unpack_lzop(packed: memoryview) -> Iterator[bytes]:
    """Unpack an lzop file.

    Args:
        packed: the whole file.

    Yields:
        What its blocks hold.

    Raises:
        Truncated: it ends before its end mark; ``offset`` counts in what was unpacked.
        BadPayload: it is damaged: a length or a checksum is wrong.
        MissingPackage: lzallright is not installed.
        Unsupported: the method is not LZO1X.
    """
    decompress = _library()
    reader = _Reader(packed=packed, position=0)
    flags = _read_header(reader)
    sums_plain = [name for flag, name in ((_F_ADLER32_D, "adler32"), (_F_CRC32_D, "crc32")) if flags & flag]
    sums_packed = [name for flag, name in ((_F_ADLER32_C, "adler32"), (_F_CRC32_C, "crc32")) if flags & flag]
    while length := reader.number(_BE32):
        packed_length = reader.number(_BE32)
        if length > _MAX_BLOCK_BYTES or not 0 < packed_length <= length:
            raise reader.damaged(f"a block of {length} bytes packed into {packed_length}")
        expected_plain = [(name, reader.number(_BE32)) for name in sums_plain]
        stored = packed_length == length
        expected_packed = [] if stored else [(name, reader.number(_BE32)) for name in sums_packed]
        data = reader.take(packed_length)
        _verify(reader, data, expected_packed)
        plain = bytes(data) if stored else decompress(reader, data, length)
        if len(plain) != length:
            raise reader.damaged(f"a block unpacks to {len(plain)} bytes, expected {length}")
        _verify(reader, plain, expected_plain)
        reader.produced += length
        yield plain
    if reader.position != len(packed):
        raise reader.damaged(f"{len(packed) - reader.position} bytes follow its end mark")


def _read_header(reader: _Reader) -> int:
    reader.take(len(LZOP_MAGIC))
    start = reader.position
    version = reader.number(_BE16)
    reader.take(_BE16.size)  # the LZO library's version
    long_header = version >= _VERSION_LONG_HEADER
    if long_header:
        reader.take(_BE16.size)  # the version needed to extract
    method = reader.number(_U8)
    if long_header:
        reader.take(_U8.size)  # the level
    flags = reader.number(_BE32)
    if flags & (_F_H_FILTER | _F_MULTIPART) or method not in _LZO1X_METHODS:
        raise Unsupported(f"an lzop file of method {method} and flags {flags:#x}, expected plain LZO1X", offset=0)
    reader.take((3 if long_header else 2) * _BE32.size)  # mode and time
    reader.take(reader.number(_U8))  # the file's name
    header = bytes(reader.packed[start : reader.position])
    checksum = zlib.crc32(header) if flags & _F_H_CRC32 else zlib.adler32(header)
    if reader.number(_BE32) != checksum:
        raise reader.damaged("its header's checksum is wrong")
    if flags & _F_H_EXTRA_FIELD:
        reader.take(reader.number(_BE32) + _BE32.size)
    return flags


def _verify(reader: _Reader, data: bytes | memoryview, expected: list[tuple[str, int]]) -> None:
    for name, checksum in expected:
        if (zlib.adler32(data) if name == "adler32" else zlib.crc32(data)) != checksum:
            raise reader.damaged(f"a block's {name} is wrong")


def _library() -> Callable[[_Reader, memoryview, int], bytes]:
    try:
        import lzallright  # noqa: PLC0415 - optional, and only lzop needs it
    except ImportError as error:
        raise MissingPackage("lzop", "lzallright", extra="lzop") from error
    codec: Any = lzallright.LZOCompressor
    failure: type[Exception] = lzallright.LZOError

    def decompress(reader: _Reader, data: memoryview, length: int) -> bytes:
        try:
            plain: bytes = codec.decompress(bytes(data), length)
        except failure as error:
            raise reader.damaged(f"a block is no LZO1X ({error.args[0] if error.args else error})") from error
        return plain

    return decompress
