"""Unnamed temporary files for what can't be mapped where it lies, and the limits that they grow to.

A file that is small and unpacks into a huge one must fill neither the memory nor the disk. So what is spooled
goes to a file, runs of zeros become holes in it, and it may grow to the smallest of

- :data:`MAX_SPOOL_BYTES`,
- half of what was free on its file system when it was begun,
- :data:`MAX_EXPANSION` times the bytes that it is made of, but never less than :data:`MIN_LIMIT_BYTES`.
"""

import mmap
import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

from ..errors import Unsupported

MAX_SPOOL_BYTES: Final = 1 << 40
"""No spooled stream may be longer, wherever it lies."""

MAX_EXPANSION: Final = 1000
"""How many times its packed size a stream may have.

Pages of one repeated byte with their headers pack about 250 to 1 with deflate and less than 1000 to 1 with any other.
"""

MIN_LIMIT_BYTES: Final = 1 << 30
"""Up to this length no rule of expansion applies."""

STEP_BYTES: Final = 1 << 20
"""How much is held in memory at a time."""

_HOLE_BYTES: Final = 4096
_ZEROS: Final = bytes(STEP_BYTES)
_LARGE_TEMPORARY_FILES: Final = "/var/tmp"  # noqa: S108 - only an unnamed file is made there


class Spool:
    """An unnamed temporary file, written once from front to end and then mapped.

    Args:
        resources: closed when the file and its mapping are to go.
        packed_bytes: length of what it is made of; ``None`` if nobody knows, as for a pipe.
    """

    def __init__(self, resources: ExitStack, *, packed_bytes: int | None) -> None:
        # Late, because most streams are mapped where they lie.
        import shutil  # noqa: PLC0415
        import tempfile  # noqa: PLC0415

        folder = spool_folder()
        self._resources = resources
        self._file: IO[bytes] = resources.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - it does
        self._limits = {
            "the most that is ever unpacked": MAX_SPOOL_BYTES,
            f"half of what is free in {folder}": shutil.disk_usage(folder).free // 2,
        }
        if packed_bytes is not None:
            reason = f"{MAX_EXPANSION} times the {packed_bytes} bytes that it is made of"
            self._limits[reason] = max(MIN_LIMIT_BYTES, MAX_EXPANSION * packed_bytes)
        self.length = 0
        """Bytes written so far, holes included."""

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        Raises:
            Unsupported: it would grow past its limit.
        """
        for start in range(0, len(data), STEP_BYTES):
            step = data[start : start + STEP_BYTES]
            if len(step) >= _HOLE_BYTES and step == _ZEROS[: len(step)]:
                self.skip(len(step))
                continue
            self._grow(len(step))
            self._file.write(step)

    def skip(self, length: int) -> None:
        """Append zeros as a hole; raises as :meth:`write` does.

        Args:
            length: how many, in bytes.
        """
        self._grow(length)
        self._file.seek(length, os.SEEK_CUR)

    def _grow(self, length: int) -> None:
        reason, limit = min(self._limits.items(), key=lambda item: item[1])
        if self.length + length > limit:
            raise Unsupported(
                f"unpacked it is longer than {limit} bytes, {reason}; unpack it by hand to read it all the same",
                offset=self.length,
            )
        self.length += length

    def view(self) -> memoryview:
        """The bytes, read-only; nothing may be appended any more."""
        self._file.truncate(self.length)
        self._file.flush()
        return map_file(self._file, self._resources)


def map_file(file: IO[bytes], resources: ExitStack) -> memoryview:
    """Map a file read-only; the mapping goes with ``resources``, or with the last slice of it that is held."""
    if not file.seek(0, os.SEEK_END):
        return memoryview(b"")  # an empty file can't be mapped
    mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    view = memoryview(mapping)
    resources.callback(_release, view, mapping)
    return view


def _release(view: memoryview, mapping: mmap.mmap) -> None:
    try:
        view.release()
        mapping.close()
    except BufferError:
        return  # a slice is still in use; the mapping goes when that does


def spool_folder() -> str:
    """TMPDIR and its like if they are set; otherwise not /tmp, which is often memory."""
    import tempfile  # noqa: PLC0415

    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    usable = Path(_LARGE_TEMPORARY_FILES).is_dir() and os.access(_LARGE_TEMPORARY_FILES, os.W_OK | os.X_OK)
    return _LARGE_TEMPORARY_FILES if usable and not chosen else tempfile.gettempdir()
