"""A walk through page tables: the same for every architecture, which says what its entries mean.

Tables are the guest's: they may loop, or lie where no memory is. A walk goes down one level a step, so it ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import AddressError
from .address_space import AddressSpace, PhysicalMemory

_MOST_TABLES_HELD = 4096
_MOST_STEPS = 1 << 24
"""Tables and pages in one walk over a range: tables that lead to themselves map more than can be listed."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a tree of tables.

    Attributes:
        name: as the architecture's manual calls it.
        shift: number of the lowest bit of a virtual address that chooses an entry.
        bits: how many bits choose it.
    """

    name: str
    shift: int
    bits: int


@dataclass(frozen=True, slots=True)
class Next:
    """What an entry leads to.

    Attributes:
        gpa: where the next table or the page starts.
        is_table: which of the two it is.
    """

    gpa: int
    is_table: bool


Decode = Callable[[int, Level, bool], Next | None]
"""Says what an entry means: its value, its level, and whether that is the last; ``None`` if it is not valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree of page tables, and the virtual addresses that it is for.

    Attributes:
        start: the first virtual address.
        end: the one after the last.
        root: guest-physical address of the first table.
        levels: from the first table to the last.
        entry_bytes: size of an entry, 4 or 8.
        decode: what an entry means.
    """

    start: int
    end: int
    root: int
    levels: tuple[Level, ...]
    entry_bytes: int
    decode: Decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A page that a virtual address lies in.

    Attributes:
        address: its first virtual address.
        gpa: where it lies.
        length: its size in bytes.
    """

    address: int
    gpa: int
    length: int


class PageTables:
    """The page tables of one processor.

    Args:
        physical: the memory that they lie in.
        trees: the trees, for ascending addresses.
        name: how translation is done, such as ``x86 4-level paging``.
        plain: makes an address that carries a tag plain.
    """

    def __init__(
        self,
        physical: PhysicalMemory,
        trees: tuple[Tree, ...],
        name: str,
        plain: Callable[[int], int] = lambda address: address,
    ) -> None:
        self.physical = physical
        self.trees = trees
        self.name = name
        self.plain = plain
        self._tables: dict[tuple[int, int], npt.NDArray[np.unsignedinteger]] = {}

    def translate(self, address: int) -> Mapping:
        """Find the page that holds a virtual address.

        Args:
            address: the virtual address.

        Raises:
            AddressError: it is not mapped; the message names the level that says so.
        """
        asked, address = address, self.plain(address)
        tree = next((each for each in self.trees if each.start <= address < each.end), None)
        if tree is None:
            raise AddressError(f"{asked:#x} is no address that {self.name} translates")
        table = tree.root
        for number, level in enumerate(tree.levels):
            index = address >> level.shift & ((1 << level.bits) - 1)
            entry_gpa = table + index * tree.entry_bytes
            entries = self._table(tree, level, table)
            if entries is None:
                raise AddressError(
                    f"{asked:#x} is not mapped: its {level.name} table at gpa {table:#x} is not in RAM"
                )
            step = tree.decode(int(entries[index]), level, number == len(tree.levels) - 1)
            if step is None:
                raise AddressError(
                    f"{asked:#x} is not mapped: the {level.name} entry at gpa {entry_gpa:#x} "
                    f"is {int(entries[index]):#x}"
                )
            if not step.is_table:
                length = 1 << level.shift
                return Mapping(address=address & -length, gpa=step.gpa, length=length)
            table = step.gpa
        raise AssertionError("the last level leads to a page or to nothing")

    def mappings(self, start: int, end: int) -> Iterator[Mapping]:
        """The pages of a range of virtual addresses.

        Args:
            start: the first address.
            end: the address after the last.

        Yields:
            Each page that is mapped, ascending; those whose tables are not in RAM are not.

        Raises:
            AddressError: there are more than can be walked.
        """
        budget = iter(range(_MOST_STEPS))
        for tree in self.trees:
            first, last = max(start, tree.start), min(end, tree.end)
            if first < last:
                size = 1 << tree.levels[0].shift + tree.levels[0].bits
                yield from self._walk(tree, 0, tree.root, (tree.start & -size, first, last), budget)

    def _walk(
        self, tree: Tree, number: int, table: int, wanted: tuple[int, int, int], budget: Iterator[int]
    ) -> Iterator[Mapping]:
        """The pages below a table; ``wanted`` is the address of its first entry, and the range that is asked for."""
        base, first, last = wanted
        level = tree.levels[number]
        entries = self._table(tree, level, table)
        if entries is None:
            return
        low = max(first - base, 0) >> level.shift
        high = min(last - 1 - base >> level.shift, len(entries) - 1)
        for index in (np.flatnonzero(entries[low : high + 1]) + low).tolist():
            step = tree.decode(int(entries[index]), level, number == len(tree.levels) - 1)
            address = base + (index << level.shift)
            if step is None:
                continue
            if next(budget, None) is None:
                raise AddressError(f"more than {_MOST_STEPS} pages and page tables; they may loop, ask for less")
            if step.is_table:
                yield from self._walk(tree, number + 1, step.gpa, (address, first, last), budget)
            else:
                yield Mapping(address=address, gpa=step.gpa, length=1 << level.shift)

    def _table(self, tree: Tree, level: Level, gpa: int) -> npt.NDArray[np.unsignedinteger] | None:
        """The entries of a table; ``None`` if it is not in RAM."""
        key = (gpa, level.bits)
        if key not in self._tables:
            if len(self._tables) >= _MOST_TABLES_HELD:
                self._tables.clear()
            try:
                content = self.physical.read_bytes(gpa, tree.entry_bytes << level.bits)
            except AddressError:
                return None
            self._tables[key] = np.frombuffer(content, f"<u{tree.entry_bytes}")
        return self._tables[key]


class VirtualMemory(AddressSpace):
    """Memory as a processor sees it; what its page tables map, whoever may read it.

    Args:
        tables: its page tables; ``None`` if it does not translate, so that addresses are guest-physical.
        physical: guest-physical memory.

    Attributes:
        tables: as given.
        translation: how translation is done, in words.
    """

    def __init__(self, tables: PageTables | None, physical: PhysicalMemory) -> None:
        super().__init__()
        self.tables = tables
        self._physical = physical
        self.limit = 1 << 64 if tables is not None else physical.limit
        self.translation = tables.name if tables is not None else "none, the MMU is off: addresses are guest-physical"

    def translate(self, address: int) -> int:
        """The guest-physical address of a virtual one.

        Raises:
            AddressError: it is not mapped; the message names the level that says so.
        """
        if self.tables is None:
            return address
        found = self.tables.translate(address)
        return found.gpa + (self.tables.plain(address) - found.address)

    def extents(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What is mapped to memory whose content is in the stream."""
        if self.tables is None:
            yield from self._physical.extents(start, end)
            return
        for each in self.tables.mappings(start, end):
            first = max(each.address, start)
            distance = each.gpa - each.address
            length = min(each.address + each.length, end) - first
            for gpa, size in self._physical.extents(first + distance, first + distance + length):
                yield gpa - distance, size

    def _fill(self, view: memoryview, address: int) -> int:
        if self.tables is None:
            length, gpa = len(view), address
        else:
            found = self.tables.translate(address)
            skip = self.tables.plain(address) - found.address
            length, gpa = min(len(view), found.length - skip), found.gpa + skip
        try:
            self._physical.read_at(gpa, view[:length])
        except AddressError as error:
            raise AddressError(f"{address:#x} leads to gpa {gpa:#x}: {error}") from error
        return length
