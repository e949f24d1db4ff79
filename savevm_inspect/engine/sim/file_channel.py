"""A file as the target of a migration or a snapshot: written from its start on, or at any offset."""

from typing import Final

from .scheduler import Scheduler

_NS_PER_S: Final = 1_000_000_000


class FileChannel:
    """A file in memory.

    Args:
        scheduler: the threads that write to it, which takes their time.
        bandwidth_bytes_per_s: how fast that is, positive.

    Attributes:
        data: its bytes.
        closed: nothing more is written.
    """

    channel = 0

    def __init__(self, scheduler: Scheduler, bandwidth_bytes_per_s: int) -> None:
        self._scheduler = scheduler
        self._bandwidth = bandwidth_bytes_per_s
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
        self.spend(len(data))

    def spend(self, length: int) -> None:
        """Have the thread that writes take the time that so many bytes need."""
        self._scheduler.spend(length * _NS_PER_S // self._bandwidth)

    def close(self) -> None:
        """Nothing more is written."""
        self.closed = True
