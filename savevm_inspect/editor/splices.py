"""Runs of bytes that take the place of others, all at offsets of the stream as it was read."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from ..errors import SavevmError


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """Bytes in the place of others.

    Attributes:
        start: offset of the first byte that goes.
        end: offset of the first one after them that stays.
        data: what comes in their place.
        what: what it does, for the message when two of them meet.
    """

    start: int
    end: int
    data: bytes
    what: str = field(compare=False)

    @property
    def growth(self) -> int:
        """By how many bytes the stream becomes longer."""
        return len(self.data) - (self.end - self.start)


class Splices:
    """Those of one channel, none of which touches the bytes of another.

    Args:
        splices: in any order.

    Raises:
        SavevmError: two of them change some of the same bytes.
    """

    def __init__(self, splices: Iterable[Splice] = ()) -> None:
        self._splices: list[Splice] = []
        for each in splices:
            self._add(each)

    def with_more(self, splices: Iterable[Splice]) -> "Splices":
        """These and others.

        Raises:
            SavevmError: two of them change some of the same bytes.
        """
        return Splices((*self._splices, *splices))

    def before(self, end: int) -> "Splices":
        """Those that lie before an offset as a whole."""
        return Splices(each for each in self._splices if each.end <= end)

    def _add(self, new: Splice) -> None:
        at = bisect_left(self._splices, new.end, key=attrgetter("start"))
        before = self._splices[at - 1] if at else None
        if before is not None and before.end > new.start and before.start < new.end:
            raise SavevmError(f"{new.what} changes bytes at {new.start:#x} that {before.what} changes, too")
        insort(self._splices, new)

    def growth(self, start: int, end: int) -> int:
        """By how many bytes a run becomes longer.

        Args:
            start: its offset.
            end: offset of the first byte after it.
        """
        return sum(each.growth for each in self._splices if start <= each.start and each.end <= end)

    @property
    def first_growth(self) -> Splice | None:
        """The first one that moves what follows it; ``None`` if none does."""
        return next((each for each in self._splices if each.growth), None)

    def apply(self, buffer: memoryview, start: int) -> bytes:
        """The bytes with all of them done.

        Args:
            buffer: the channel.
            start: offset of the first byte that is wanted.
        """
        pieces: list[bytes | memoryview] = []
        at = start
        for each in self._splices:
            pieces += (buffer[at : each.start], each.data)
            at = each.end
        pieces.append(buffer[at:])
        return b"".join(pieces)
