"""A file as the target of a migration or a snapshot: written from its start on, or at any place."""

from ...stream.writer import SeekableWriter
from ..sim.clock import Link
from .qemu_file import QEMUFile, RateLimit


class FileChannel:
    """A file in memory.

    Args:
        link: what writing takes time on.

    Attributes:
        data: its bytes.
        closed: nothing more is written.
    """

    channel = 0

    def __init__(self, link: Link) -> None:
        self._link = link
        self.data = bytearray()
        self.position = 0
        self.closed = False

    def write(self, data: bytes | memoryview) -> int:
        """Write where the file stands; what lies between its end and that place is a hole."""
        self.write_at(data, self.position)
        self.position += len(data)
        return 0

    def write_at(self, data: bytes | memoryview, offset: int) -> None:
        """Write at a place, in bytes from the start; the file stands where it stood."""
        if offset > len(self.data):
            self.data += bytes(offset - len(self.data))
        self.data[offset : offset + len(data)] = data
        self._link.carry(len(data))

    def mark(self, offset: int) -> None:
        """A file is read when all of it is there."""

    def close(self) -> None:
        """Nothing more is written."""
        self.closed = True


class FileQEMUFile(QEMUFile, SeekableWriter):
    """The writing half of a file, which can also go to other places (qemu_set_offset, qemu_put_buffer_at).

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
        """Go on at a place, in bytes from the start of the file; what is left out becomes a hole."""
        self.fflush()
        self._file.position = self.transferred = offset

    def put_buffer_at(self, data: bytes, offset: int) -> None:
        """Write bytes at a place and go on where the writer stood.

        Args:
            data: the bytes.
            offset: their place in bytes from the start of the file.
        """
        self.rate.transferred += len(data)
        self._file.write_at(data, offset)
