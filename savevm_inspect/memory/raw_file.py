"""What a block of memory and an address space have in common as files: one reads them at any place."""

import io
import os
from abc import ABC, abstractmethod

from ..errors import AddressError


class RawFile(io.RawIOBase, ABC):
    """A read-only file that reads only what is asked for."""

    limit: int
    """The place behind the last byte."""

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    @abstractmethod
    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer from a place on, without moving the place of the next read.

        Args:
            start: place of the first byte.
            view: writable bytes.

        Raises:
            SavevmError: something of it can't be read.
        """

    @abstractmethod
    def _check_place(self, place: int) -> None:
        """Raise an AddressError if a read can't begin at a place."""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read at any place."""
        return True

    def tell(self) -> int:
        """The place of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place of the next read.

        Args:
            offset: bytes from the place that ``whence`` names.
            whence: as in :meth:`io.IOBase.seek`.

        Returns:
            The new place.

        Raises:
            AddressError: there is no such place.
        """
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.limit}
        if whence not in bases:
            raise AddressError(f"whence {whence}, expected {', '.join(map(str, bases))}")
        place = bases[whence] + offset
        self._check_place(place)
        self._position = place
        return place

    def readinto(self, target: object, /) -> int:
        """Fill a buffer from the current place on.

        Args:
            target: a writable buffer of bytes.

        Returns:
            The number of bytes read: the buffer's length, or what is left up to :attr:`limit`.

        Raises:
            SavevmError: something of it can't be read.
        """
        view = memoryview(target).cast("B")  # type: ignore[arg-type]  # io types buffers as object
        view = view[: max(self.limit - self._position, 0)]
        self.read_at(self._position, view)
        self._position += len(view)
        return len(view)
