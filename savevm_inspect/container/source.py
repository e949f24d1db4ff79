"""Opening where a stream lives: a raw file, one compressed with gzip or xz, a capture folder, or bytes at hand.

Whatever it is, what comes out is one read-only view of the stream's bytes. Files are mapped, not read; what is
compressed is spooled to an unnamed temporary file first, so that memory stays bounded.
"""

import gzip
import lzma
import mmap
import shutil
import tempfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import IO, BinaryIO, cast

from ..errors import SavevmError, Truncated
from .capture_folder import CaptureFolder

SourceLike = str | PathLike[str] | bytes | bytearray | memoryview

_SPOOL_STEP_BYTES = 1 << 20


class Source:
    """The bytes of one channel.

    Attributes:
        container: ``raw``, ``gzip``, ``xz``, ``capture`` or ``memory``.
        name: what it was opened from, for messages.
        buffer: the bytes, from the first one of the file on.
        capture: the capture folder that it came from, if it did.
    """

    def __init__(self, source: SourceLike) -> None:
        self._resources = ExitStack()
        self.capture: CaptureFolder | None = None
        if isinstance(source, bytes | bytearray | memoryview):
            self.container, self.name = "memory", f"{len(source)} bytes"
            self.buffer = memoryview(source).cast("B")
            return
        path = Path(source)
        self.name = str(path)
        try:
            self.container, self.buffer = self._open(path)
        except OSError as error:
            self.close()
            raise SavevmError(f"{path}: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path) -> tuple[str, memoryview]:
        if path.is_dir():
            self.capture = CaptureFolder.open(path)
            channels = self.capture.forward()
            if not channels:
                raise SavevmError(f"{path}: a capture without a forward channel")
            return "capture", self._map(self._resources.enter_context(channels[0].open("rb")))
        if not path.is_file() and path.exists():
            raise SavevmError(f"{path}: neither a file nor a capture folder")
        file = self._resources.enter_context(path.open("rb"))
        start = file.read(max(map(len, _COMPRESSIONS)))
        for magic, (name, reader) in _COMPRESSIONS.items():
            if start.startswith(magic):
                return name, self._map(self._spool(path, reader))
        return "raw", self._map(file)

    def _spool(self, path: Path, reader: Callable[[Path], BinaryIO]) -> IO[bytes]:
        spool: IO[bytes] = self._resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        try:
            with reader(path) as plain:
                shutil.copyfileobj(plain, spool, _SPOOL_STEP_BYTES)
        except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
            raise Truncated(
                f"the compressed file {path} can't be read to its end: {error}", offset=spool.tell()
            ) from error
        spool.flush()
        return spool

    def _map(self, file: IO[bytes]) -> memoryview:
        if not file.seek(0, 2):
            return memoryview(b"")  # an empty file can't be mapped
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(mapping)
        self._resources.callback(_release, view, mapping)
        return view

    def close(self) -> None:
        """Give back the mapping and the files; views that are still held keep the mapping alive."""
        self._resources.close()


def _release(view: memoryview, mapping: mmap.mmap) -> None:
    try:
        view.release()
        mapping.close()
    except BufferError:
        return  # a slice is still in use; the mapping goes when that does


def _open_gzip(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb"))


def _open_xz(path: Path) -> BinaryIO:
    return cast("BinaryIO", lzma.open(path, "rb"))


_COMPRESSIONS: dict[bytes, tuple[str, Callable[[Path], BinaryIO]]] = {
    b"\x1f\x8b": ("gzip", _open_gzip),
    b"\xfd7zXZ\0": ("xz", _open_xz),
}
