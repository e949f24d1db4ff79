"""The files that one migration is read from: the main channel's, and those of its further channels."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, BinaryIO

from ..container.source import Source, SourceLike
from ..errors import SavevmError
from ..memory.unpack import UNPACKED_CHANNEL
from ..stream.cursor import Cursor

if TYPE_CHECKING:
    from ..container.capture_folder import CaptureChannel


class Inputs:
    """Opens the channels of a migration.

    Args:
        source: the main channel, in any container, or a capture folder with all of them.
        offset: where the stream starts, in bytes: in the file, or in what its container holds.
        channels: the further forward channels, in the order in which the source connected.
        resumed: the main channel after each recovery, in order.
        return_path: what the destination sent back.
        snapshot: name or id of the internal snapshot, for a qcow2 image.
        strict: raise if only a part of a container can be read.
        mapped: map large files instead of copying them.

    Attributes:
        main: the main channel's container.
        offset: where in its buffer the stream starts.

    Raises:
        SavevmError: one of them can't be opened.
    """

    def __init__(
        self,
        source: SourceLike,
        offset: int = 0,
        *,
        channels: Sequence[SourceLike] = (),
        resumed: Sequence[SourceLike] = (),
        return_path: SourceLike | None = None,
        snapshot: str | None = None,
        strict: bool = True,
        mapped: bool = False,
    ) -> None:
        if offset < 0:
            raise SavevmError(f"offset {offset} is negative")
        self._opened = ExitStack()
        self._mapped = mapped
        self._sources: list[Source] = []
        try:
            self.main = self._open(source, snapshot, strict=strict)
            self.offset = self.main.offset + offset
            if self.offset > len(self.main.buffer):
                raise SavevmError(
                    f"{self.main.name}: offset {self.offset:#x} is past the end, {len(self.main.buffer)} bytes"
                )
            recorded = self.main.capture.connected()[1:] if self.main.capture else ()
            went_on = self.main.capture.connected(resumed=True) if self.main.capture else ()
            numbers = [each.number for each in (*recorded, *went_on)]
            free = count(1 + max(numbers, default=0))
            self._further = [
                *(self._open_channel(self._file(each), each.number, strict=strict) for each in recorded),
                *(self._open_channel(each, next(free), strict=strict) for each in channels),
            ]
            self._resumed = [
                *(self._open_channel(self._file(each), each.number, strict=strict) for each in went_on),
                *(self._open_channel(each, next(free), strict=strict) for each in resumed),
            ]
            back = self.main.capture.return_path() if self.main.capture else None
            if return_path is None and back is not None:
                return_path = self._file(back)
            self._return_path = None if return_path is None else self._open(return_path, None, strict=strict)
        except BaseException:
            self.close()
            raise

    def _file(self, channel: "CaptureChannel") -> BinaryIO:
        """The file of a recorded channel, opened."""
        return self._opened.enter_context(channel.open())

    def _open(self, source: SourceLike, snapshot: str | None, *, strict: bool) -> Source:
        opened = Source(source, snapshot=snapshot, strict=strict, mapped=self._mapped)
        self._opened.callback(opened.close)
        self._sources.append(opened)
        return opened

    def _open_channel(self, source: SourceLike, number: int, *, strict: bool) -> tuple[int, Source]:
        if not 0 < number < UNPACKED_CHANNEL:  # a page's row has eight bits for its channel
            raise SavevmError(f"channel {number}, expected 1 to {UNPACKED_CHANNEL - 1}")
        return number, self._open(source, None, strict=strict)

    def further_cursors(self) -> list[Cursor]:
        """A cursor on each further channel, with its number: as recorded, else counted on after those."""
        return [_cursor(source, number) for number, source in self._further]

    def resumed_cursors(self) -> list[Cursor]:
        """A cursor on each channel that resumed the main one; numbered as the further ones, and after those."""
        return [_cursor(source, number) for number, source in self._resumed]

    def return_path_cursor(self) -> Cursor | None:
        """A cursor on the return path of the main channel; ``None`` if it was not given."""
        return None if self._return_path is None else _cursor(self._return_path, 0)

    @property
    def size_bytes(self) -> int:
        """The length of all forward channels together, each from where its stream starts."""
        others = sum(len(source.buffer) - source.offset for _, source in (*self._further, *self._resumed))
        return len(self.main.buffer) - self.offset + others

    def check_lengths(self) -> None:
        """See that no file became shorter while it was read.

        Raises:
            SavevmError: one did, and what was read of it may be wrong.
        """
        for source in self._sources:
            source.check_length()

    def close(self) -> None:
        """Give back the files and their mappings."""
        self._opened.close()


def _cursor(source: Source, number: int) -> Cursor:
    return Cursor(source.buffer, pos=source.offset, channel=number)
