"""A file as the target of a migration or a snapshot: written from its start on, or at any offset."""

from .clock import Link


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
        """Write at the file's position; what is between its end and that position is a hole."""
        self.write_at(data, self.position)
        self.position += len(data)
        return 0

    def write_at(self, data: bytes | memoryview, offset: int) -> None:
        """Write at an offset, in bytes from the start; the file's position is kept."""
        if offset > len(self.data):
            self.data += bytes(offset - len(self.data))
        self.data[offset : offset + len(data)] = data
        self._link.carry(len(data))

    def close(self) -> None:
        """Nothing more is written."""
        self.closed = True
