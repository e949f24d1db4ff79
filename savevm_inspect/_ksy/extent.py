"""In place of what ``qemu_migration_extent.ksy`` compiles to: the bytes stay where they are."""

from kaitaistruct import EndOfStreamError, InvalidArgumentError, KaitaiStream, KaitaiStruct

_MANY_BYTES = 1 << 24
"""No page is as long; from here on the stream is asked for its size first, since files do not seek just anywhere."""


def read_at(io: KaitaiStream, offset: int, length: int) -> bytes:
    """Bytes from another offset of a stream; its position is kept."""
    position = io.pos()
    io.seek(offset)
    try:
        content: bytes = io.read_bytes(length)
    finally:
        io.seek(position)
    return content


class QemuMigrationExtent(KaitaiStruct):  # type: ignore[misc] # the runtime has no types
    """A position and a length, of a page or of a RAM block, in the stream it is part of.

    Args:
        len_content: in bytes.
        io: stands at the first byte; left after the last one.

    Attributes:
        len_content: in bytes.
        ofs_content: offset of the first byte in ``io``.

    Raises:
        EndOfStreamError: fewer bytes are left; the stream stands where it stood.
        InvalidArgumentError: the length is negative.
    """

    __slots__ = ("_io", "_parent", "_root", "len_content", "ofs_content")

    def __init__(
        self,
        len_content: int,
        io: KaitaiStream,
        parent: KaitaiStruct | None = None,
        root: KaitaiStruct | None = None,
    ) -> None:
        self._io = io
        self._parent = parent
        self._root = root
        self.len_content = len_content
        self.ofs_content = io.pos()
        if len_content < 0:
            raise InvalidArgumentError(f"an extent of {len_content} bytes")
        if len_content >= _MANY_BYTES:
            self._check_size()
        if len_content:
            # The cheapest check of bounds for a page: asking for the size empties the buffer of a file.
            io.seek(self.ofs_content + len_content - 1)
            try:
                io.read_bytes(1)
            except EndOfStreamError:
                io.seek(self.ofs_content)
                self._check_size()

    def _check_size(self) -> None:
        available = self._io.size() - self.ofs_content
        if available < self.len_content:
            raise EndOfStreamError(
                f"requested {self.len_content} bytes, but only {available} bytes available",
                self.len_content,
                available,
            )

    @property
    def content(self) -> bytes:
        """The bytes, read anew each time; the stream's position is kept."""
        return read_at(self._io, self.ofs_content, self.len_content)

    def _fetch_instances(self) -> None:
        """Nothing is kept, so there is nothing to fetch; compiled types ask every child."""
