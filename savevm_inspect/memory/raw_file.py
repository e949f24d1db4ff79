"""What a block of memory and an address space have in common as files: one reads them at any position."""

import io
import operator
import os
from abc import ABC, abstractmethod
from typing import NoReturn

import numpy as np

from ..errors import FileError


class RawFile(io.RawIOBase, ABC):
    """A read-only file that reads only what is asked for, and otherwise behaves as any raw file of :mod:`io`.

    What it refuses is a :class:`~savevm_inspect.errors.FileError`, and so each of the errors that :mod:`io` names.
    """

    limit: int
    """The position after the last byte."""

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    @abstractmethod
    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer from a position on, without moving that of the next read.

        Args:
            start: position of the first byte.
            view: writable bytes, no more than there are from the position on.

        Raises:
            FileError: the file is closed.
            SavevmError: something of it can't be read.
        """

    def _check_open(self) -> None:
        if self.closed:
            raise FileError("the file is closed")

    def readable(self) -> bool:
        """It can be read."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """It can be read at any position."""
        self._check_open()
        return True

    def writable(self) -> bool:
        """It can't be written."""
        self._check_open()
        return False

    def tell(self) -> int:
        """The position of the next read."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position of the next read. One after the end is allowed, as in any file; nothing is read there.

        Args:
            offset: bytes from the position that ``whence`` names.
            whence: as in :meth:`io.IOBase.seek`.

        Returns:
            The new position.

        Raises:
            FileError: it would be negative, ``whence`` is none, or the file is closed.
        """
        self._check_open()
        offset, whence = operator.index(offset), operator.index(whence)
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.limit}
        if whence not in bases:
            raise FileError(f"whence {whence}, expected {', '.join(map(str, bases))}")
        position = bases[whence] + offset
        if position < 0:
            raise FileError(f"position {position}: there is nothing before 0")
        self._position = position
        return position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read from the current position on.

        Args:
            size: how many bytes; all that are left if negative or ``None``.

        Returns:
            So many bytes, or what is left up to :attr:`limit`.

        Raises:
            FileError: the file is closed, or so much does not fit into memory.
            SavevmError: something of it can't be read.
        """
        self._check_open()
        if size is None or operator.index(size) < 0:
            return self.readall()
        return self._take(min(operator.index(size), self._left))

    def readall(self) -> bytes:
        """Read all that is left; as :meth:`read`."""
        self._check_open()
        return self._take(self._left)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read up to the next newline; as :meth:`io.IOBase.readline`."""
        self._check_open()
        return super().readline(size)

    def readinto(self, target: object, /) -> int:
        """Fill a buffer from the current position on.

        Args:
            target: a writable, contiguous buffer.

        Returns:
            The number of bytes read: the buffer's length, or what is left up to :attr:`limit`.

        Raises:
            FileError: the file is closed.
            SavevmError: something of it can't be read.
            TypeError: it is no such buffer.
        """
        self._check_open()
        view = _writable_bytes(target)[: self._left]
        self._read_on(view)
        return len(view)

    def write(self, _data: object, /) -> NoReturn:
        """Refused."""
        self._check_open()
        raise FileError("the file is read-only")

    def truncate(self, _size: int | None = None, /) -> NoReturn:
        """Refused."""
        self._check_open()
        raise FileError("the file is read-only")

    @property
    def _left(self) -> int:
        """How many bytes there are from the current position on."""
        return max(self.limit - self._position, 0)

    def _take(self, length: int) -> bytes:
        """Read so many bytes, which are there."""
        try:
            content = bytearray(length)
        except (MemoryError, OverflowError) as error:
            raise FileError(f"{length} bytes do not fit into memory") from error
        self._read_on(memoryview(content))
        return bytes(content)

    def _read_on(self, view: memoryview) -> None:
        """Fill a buffer from the current position on; an empty one wherever that is."""
        if view:
            self.read_at(self._position, view)
            self._position += len(view)


def _writable_bytes(target: object) -> memoryview:
    """A buffer as its bytes, of whatever items it consists."""
    try:
        view = memoryview(np.frombuffer(target, np.uint8))  # type: ignore[call-overload]  # io types buffers as object
    except (ValueError, BufferError) as error:
        raise TypeError(f"a contiguous buffer is needed: {error}") from error
    if view.readonly:
        raise TypeError("a writable buffer is needed")
    return view
