"""Pieces of RAM blocks, and the guest-physical addresses at which a guest sees them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..errors import AddressError

_ADDRESS_LIMIT = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A piece of a RAM block that the guest sees at an address.

    Attributes:
        block: the block's name.
        addr: where it starts in the block, in bytes.
        gpa: where it starts in guest-physical memory.
        length: bytes.
        source: who says so.
    """

    block: str
    addr: int
    gpa: int
    length: int
    source: str

    @property
    def end(self) -> int:
        """The guest-physical address after it."""
        return self.gpa + self.length

    def part(self, start: int, end: int) -> "Range | None":
        """What of it lies between two guest-physical addresses."""
        start, end = max(start, self.gpa), min(end, self.end)
        if start >= end:
            return None
        return replace(self, addr=self.addr + start - self.gpa, gpa=start, length=end - start)


class AddressMap:
    """The ranges of guest-physical memory that RAM blocks back.

    Args:
        ranges: in any order; those without a byte are left out.

    Attributes:
        ranges: ascending; neighbours that continue each other are one.

    Raises:
        AddressError: two overlap, or one does not lie within 64 bits.
    """

    def __init__(self, ranges: Iterable[Range]) -> None:
        self.ranges = tuple(_join(sorted((each for each in ranges if each.length), key=lambda each: each.gpa)))
        self._starts = [each.gpa for each in self.ranges]
        for one, other in zip(self.ranges, self.ranges[1:], strict=False):
            if one.end > other.gpa:
                raise AddressError(
                    f"block {one.block!r} up to gpa {one.end:#x} ({one.source}) overlaps block {other.block!r} from "
                    f"{other.gpa:#x} on ({other.source})"
                )
        if self.ranges and self.ranges[0].gpa < 0:
            first = self.ranges[0]
            raise AddressError(f"block {first.block!r} of {first.length} bytes is too long to end at {first.end:#x}")
        if self.ranges and self.ranges[-1].end > _ADDRESS_LIMIT:
            last = self.ranges[-1]
            raise AddressError(f"block {last.block!r} from gpa {last.gpa:#x} on does not end within 64 bits")

    def find(self, gpa: int) -> Range | None:
        """The range that a guest-physical address lies in."""
        index = bisect_right(self._starts, gpa) - 1
        return self.ranges[index] if index >= 0 and gpa < self.ranges[index].end else None


def _join(ranges: Iterable[Range]) -> Iterator[Range]:
    """Make one of neighbours in a block that are neighbours for the guest, too, by the same source."""
    last: Range | None = None
    for each in ranges:
        if last is not None and each == replace(last, addr=last.addr + last.length, gpa=last.end, length=each.length):
            last = replace(last, length=last.length + each.length)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
