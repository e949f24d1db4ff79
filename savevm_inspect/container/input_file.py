"""A regular file as bytes that can be read at any offset: a copy that is ours alone, or the file itself, mapped.

Whoever reads a mapped file that another process makes shorter is killed by SIGBUS, between any two instructions; no
handler of Python's ever runs, since the access is repeated first. So what is read in somebody's own process is a
copy: in memory if it is small, else in an unnamed file, where holes stay holes. The command line maps what is large,
and goes on in a process of its own for that (``cli/supervision.py``).
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import IO, Final

from ..errors import SavevmError
from .spool import STEP_BYTES, Spool, map_file

COPIED_BYTES: Final = 64 << 20
"""A file no longer than this is copied into memory, whoever reads it."""


class InputFile:
    """The bytes of a file, as long as it was when it was opened.

    Args:
        file: open for reading.
        name: what it is called, for messages.
        resources: closed when the bytes are no longer needed.
        mapped: map a file that is too large to be copied into memory, instead of copying it to a file.

    Attributes:
        view: the bytes.

    Raises:
        SavevmError: it became shorter meanwhile, or there is no room for a copy.
    """

    def __init__(self, file: IO[bytes], name: str, resources: ExitStack, *, mapped: bool) -> None:
        self._descriptor, self._name = file.fileno(), name
        self._length = os.fstat(self._descriptor).st_size
        self._mapped = mapped and self._length > COPIED_BYTES
        if self._mapped:
            self.view = map_file(file, resources)
        elif self._length <= COPIED_BYTES:
            self.view = self._copy_to_memory()
            resources.callback(_release, self.view)
        else:
            self.view = self._copy_to_file(resources)

    def check_length(self) -> None:
        """See that nobody made the file shorter while it was read where it lies: what is missing may read as zeros.

        Raises:
            SavevmError: somebody did.
        """
        if self._mapped and os.fstat(self._descriptor).st_size < self._length:
            raise self._shrunk()

    def _copy_to_memory(self) -> memoryview:
        copy = bytearray(self._length)
        for start, step in self._steps(0, self._length):
            copy[start : start + len(step)] = step
        return memoryview(copy).toreadonly()

    def _copy_to_file(self, resources: ExitStack) -> memoryview:
        spool = Spool(resources, packed_bytes=None)
        for start, end in self._extents():
            spool.skip(start - spool.length)
            for _, step in self._steps(start, end):
                spool.write(step)
        spool.skip(self._length - spool.length)
        return spool.view()

    def _steps(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        while start < end:
            step = os.pread(self._descriptor, min(STEP_BYTES, end - start), start)
            if not step:
                raise self._shrunk()
            yield start, step
            start += len(step)

    def _extents(self) -> Iterator[tuple[int, int]]:
        """What of the file is no hole, as offset and end."""
        end = 0
        while end < self._length:
            try:
                start = os.lseek(self._descriptor, end, os.SEEK_DATA)
            except OSError:  # ENXIO: the rest is one hole
                return
            end = min(os.lseek(self._descriptor, start, os.SEEK_HOLE), self._length)
            yield start, end

    def _shrunk(self) -> SavevmError:
        return SavevmError(f"{self._name}: the file became shorter while it was read")


def _release(view: memoryview) -> None:
    with suppress(BufferError):  # a slice is still in use; the copy goes when that does
        view.release()
