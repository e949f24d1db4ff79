"""Memory as an address space: a read-only file whose offsets are addresses, with holes where nothing is."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping

from ..errors import AddressError, FileError
from .ranges import AddressMap
from .raw_file import RawFile
from .rebuild import BlockImage
from .search import find_bytes


class AddressSpace(RawFile):
    """An address space; reads only what is asked for.

    A read gives all the bytes that it asks for, up to where the address space ends, or raises
    :class:`~savevm_inspect.errors.AddressError`: it never stops short at a hole.
    """

    @abstractmethod
    def extents(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What of a range of addresses has memory.

        Args:
            start: the first address.
            end: the address after the last.

        Yields:
            Address and length in bytes of each piece, ascending.
        """

    @abstractmethod
    def _fill(self, view: memoryview, address: int) -> int:
        """Fill the start of a buffer from an address on; returns how many bytes, at least one."""

    def readall(self) -> bytes:
        """Refused: an address space is too large to be read as a whole, and has holes."""
        self._check_open()
        raise FileError("an address space is not read to its end; say how many bytes")

    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer from an address on, without moving the position of the next read.

        Args:
            start: address of the first byte.
            view: writable bytes.

        Raises:
            FileError: the file is closed.
            AddressError: at some address of it there is no memory.
        """
        self._check_open()
        self._check(start, len(view))
        done = 0
        while done < len(view):
            done += self._fill(view[done:], start + done)

    def read_bytes(self, address: int, length: int) -> bytes:
        """Read from an address on, without moving the position of the next read.

        Args:
            address: of the first byte.
            length: bytes.

        Raises:
            FileError: the file is closed.
            AddressError: at some address of it there is no memory.
        """
        self._check_open()
        self._check(address, length)
        content = bytearray(length)
        self.read_at(address, memoryview(content))
        return bytes(content)

    def _check(self, address: int, length: int) -> None:
        if not 0 <= address <= address + length <= self.limit:
            raise AddressError(f"{length} bytes at {address:#x} do not lie within 0 to {self.limit:#x}")

    def search(self, pattern: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
        """Find bytes, also where they cross from one page to its neighbour here.

        Args:
            pattern: what to look for; at least one byte.
            start: the first address that is looked at.
            end: the address after the last; that of the address space if ``None``.

        Yields:
            Each address where it begins, ascending.

        Raises:
            AddressError: the address space can't be walked.
        """
        for first, stop in _runs(self.extents(start, self.limit if end is None else end)):
            filled = self._filled(first, stop)
            yield from find_bytes(pattern, start=first, size=stop, filled=filled, read=self.read_at)

    def _filled(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What of a range without holes may be other than zero: address, and the one after it; ascending."""
        yield start, end


def _runs(extents: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Addresses and lengths, ascending, as runs without holes: the first address, and the one after the last."""
    first = stop = 0
    for address, length in extents:
        if address != stop:
            if first < stop:
                yield first, stop
            first = address
        stop = address + length
    if first < stop:
        yield first, stop


class PhysicalMemory(AddressSpace):
    """Guest-physical memory.

    Args:
        blocks: the RAM blocks by name.
        address_map: where they lie.
    """

    def __init__(self, blocks: Mapping[str, BlockImage], address_map: AddressMap) -> None:
        super().__init__()
        self.address_map = address_map
        self.limit = max((each.end for each in address_map.ranges), default=0)
        self._images = {each.block: blocks[each.block] for each in address_map.ranges}

    def holds(self, gpa: int) -> bool:
        """Whether there is memory at an address whose content is in the stream."""
        found = self.address_map.find(gpa)
        return found is not None and not self._images[found.block].ignored

    def extents(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges of the map whose content is in the stream."""
        for each in self.address_map.ranges:
            part = each.part(start, end)
            if part is not None and not self._images[each.block].ignored:
                yield part.gpa, part.length

    def _filled(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What was sent of the blocks; a block may claim far more than anybody could read."""
        for each in self.address_map.ranges:
            part = each.part(start, end)
            if part is not None:
                shift = part.gpa - part.addr
                for first, stop in self._images[part.block].filled():
                    if first < part.addr + part.length and stop > part.addr:
                        yield max(first + shift, part.gpa), min(stop + shift, part.end)

    def _fill(self, view: memoryview, address: int) -> int:
        found = self.address_map.find(address)
        if found is None:
            raise AddressError(f"there is no memory at gpa {address:#x}")
        image = self._images[found.block]
        if image.ignored:
            raise AddressError(
                f"gpa {address:#x} lies in block {found.block!r}, shared memory that x-ignore-shared left out"
            )
        length = min(len(view), found.end - address)
        image.read_at(found.addr + address - found.gpa, view[:length])
        return length
