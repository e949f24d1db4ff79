"""The history of RAM: each time a page was sent, with its iteration, its cost, and whether it was in vain.

All of it is columns beside the page table: at its making up to 65 bytes a page, afterwards 13.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import NotFound
from ..markup import html_table
from ..payload.page_log import PageKind
from ..payload.ram import IDSTR
from ..stream.events import Event
from ..stream.records import Record, Section
from .cost import ram_bytes, sending_costs
from .iterations import IterationsFrom, infer_iterations, is_postcopy, iterations_of_events, last_section_of, units_of
from .page_table import PAGE_DTYPE, PageTable
from .unpack import Buffers

HISTORY_DTYPE = np.dtype(
    [
        ("order", "<u8"),
        ("iteration", "<u4"),
        ("postcopy", "?"),
        ("cost_bytes", "<u4"),
        ("overwritten", "?"),
        *((name, PAGE_DTYPE[name].str) for name in PAGE_DTYPE.names or ()),
    ]
)
"""A sending: its index in the order of all, from 0; the iteration, from 1; whether it lies after the start of
postcopy; what it cost, in bytes; whether a later one made it useless; and the columns of ``PAGE_DTYPE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """What one iteration sent; all of it in precopy, or all in postcopy.

    Attributes:
        number: from 1, the count of dirty bitmap synchronisations; see :mod:`~savevm_inspect.memory.iterations`.
        postcopy: whether the guest ran on at the destination.
        sent_pages: how many pages.
        kind_pages: how many as each :class:`~savevm_inspect.payload.page_log.PageKind`.
        resent_pages: of them, how many had been sent before.
        page_bytes: what they cost.
        overwritten_pages: of them, how many a later sending made useless.
        wasted_bytes: what those cost.
    """

    number: int
    postcopy: bool
    sent_pages: int
    kind_pages: dict[PageKind, int]
    resent_pages: int
    page_bytes: int
    overwritten_pages: int
    wasted_bytes: int


class History:
    """When and how each page was sent.

    Args:
        pages: the stream's pages.
        buffers: the bytes of each channel.
        records: of all channels.
        events: of the capture that the stream comes from, if it has any.

    Attributes:
        pages: the stream's pages; the columns below are of the same order and shape.
        iteration: number of the iteration, from 1; uint32.
        iterations_from: who says so.
        cost_bytes: what each sending cost (:mod:`~savevm_inspect.memory.cost`); uint32.
        resent: whether the page had been sent before; bool.
        overwritten: whether a later sending replaced it as a whole, or was the base of those that it replaced. A
            page that a difference (xbzrle) builds on is needed; bool.
        postcopy: whether it was sent after the guest ran on at the destination; bool.
        ram_bytes: length of everything that RAM was sent in.
    """

    def __init__(
        self, pages: PageTable, buffers: Buffers, records: tuple[Record, ...], events: Iterable[Event] = ()
    ) -> None:
        self.pages = pages
        rows = pages.rows
        sections = [each for each in records if isinstance(each, Section) and each.idstr == IDSTR]
        self.cost_bytes = sending_costs(pages, buffers, records)
        self.ram_bytes = ram_bytes(records, pages, self.cost_bytes)
        self.postcopy = is_postcopy(rows, records)
        before, self.overwritten = _sendings_before(rows)
        self.resent: npt.NDArray[np.bool_] = before >= 0
        units_are_sections = not rows["epoch"].any()
        stated: Mapping[int, int] = iterations_of_events(events, sections) if units_are_sections else {}
        last = last_section_of(sections, units_are_sections)
        self.iteration = infer_iterations(units_of(rows), before, self.postcopy, last, stated)
        self.iterations_from = IterationsFrom.EVENTS if stated else IterationsFrom.INFERRED
        if any(block.mapped for block in pages.blocks):
            self.iterations_from = IterationsFrom.UNKNOWN

    @property
    def other_bytes(self) -> int:
        """What RAM cost beside its pages: headers, footers, block list, marks, unused slots, bitmaps, holes."""
        return self.ram_bytes - int(self.cost_bytes.sum(dtype=np.int64))

    @property
    def wasted_bytes(self) -> int:
        """The cost of the sendings that a later one made useless."""
        return int(self.cost_bytes[self.overwritten].sum(dtype=np.int64))

    def of_page(self, block: str, addr: int) -> npt.NDArray[np.void]:
        """All sendings of one page.

        Args:
            block: name of the block.
            addr: any address in the page, in bytes in the block.

        Returns:
            Shape (n,), dtype :data:`HISTORY_DTYPE`, in the order in which they were sent; none if it never was.

        Raises:
            NotFound: there is no such block, or the address lies outside of it.
        """
        index = next((number for number, each in enumerate(self.pages.blocks) if each.name == block), None)
        if index is None:
            raise NotFound(f"no RAM block {block!r}; the stream has: {', '.join(self._names) or 'none'}")
        if not 0 <= addr < self.pages.blocks[index].used_bytes:
            raise NotFound(f"{addr:#x} lies outside of block {block!r}")
        rows = self.pages.rows
        first = addr - addr % self.pages.page_size
        return self.sendings(np.flatnonzero((rows["addr"] == first) & (rows["block"] == index)))

    def sendings(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
        """Sendings as one table.

        Args:
            numbers: their indices in the order of all; shape (n,).

        Returns:
            Shape (n,), dtype :data:`HISTORY_DTYPE`.

        Raises:
            NotFound: one of them is no index.
        """
        count = len(self.pages)
        if len(numbers) and not (-count <= numbers.min() and numbers.max() < count):
            raise NotFound(f"sendings {numbers.min()} to {numbers.max()}, and there are {count}")
        found = np.empty(len(numbers), HISTORY_DTYPE)
        for name in PAGE_DTYPE.names or ():
            found[name] = self.pages.rows[name][numbers]
        found["order"] = numbers
        for name in ("iteration", "postcopy", "cost_bytes", "overwritten"):
            found[name] = getattr(self, name)[numbers]
        return found

    def iterations(self) -> list[Iteration]:
        """What each iteration sent; those that sent no page are not there."""
        numbers, which = np.unique(self.iteration, return_inverse=True)
        count = len(numbers)

        def pages(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
            return np.bincount(which[chosen], minlength=count)

        kinds = [pages(self.pages.rows["kind"] == kind) for kind in PageKind]
        sent = np.bincount(which, minlength=count)
        resent, useless, postcopy = pages(self.resent), pages(self.overwritten), pages(self.postcopy)
        page_bytes = np.bincount(which, self.cost_bytes, count)  # as floats, which are exact up to 8 PiB
        wasted_bytes = np.bincount(which[self.overwritten], self.cost_bytes[self.overwritten], count)
        return [
            Iteration(
                number=int(numbers[index]),
                postcopy=bool(postcopy[index]),
                sent_pages=int(sent[index]),
                kind_pages={kind: int(kinds[kind][index]) for kind in PageKind},
                resent_pages=int(resent[index]),
                page_bytes=int(page_bytes[index]),
                overwritten_pages=int(useless[index]),
                wasted_bytes=int(wasted_bytes[index]),
            )
            for index in range(count)
        ]

    def __repr__(self) -> str:
        return (
            f"<History: {len(self.pages)} sendings in {len(np.unique(self.iteration))} iterations, "
            f"{self.ram_bytes} bytes, {self.wasted_bytes} of them wasted>"
        )

    def _repr_html_(self) -> str:
        columns = ("iteration", "pages sent", "sent before", "bytes", "wasted bytes")
        rows = (
            (each.number, each.sent_pages, each.resent_pages, each.page_bytes, each.wasted_bytes)
            for each in self.iterations()
        )
        return html_table(self, columns, rows)

    @property
    def _names(self) -> list[str]:
        return [block.name for block in self.pages.blocks]


def _sendings_before(rows: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Each sending's predecessor for the same page, and whether a later one made it useless.

    Returns:
        The index of the sending before, -1 if there is none, and the second; both of shape (pages,).
    """
    order = np.lexsort((rows["addr"], rows["block"]))  # stable: a page's sendings keep their order
    addrs, blocks = rows["addr"][order], rows["block"][order]
    same = np.zeros(len(rows), np.bool_)
    same[1:] = (addrs[1:] == addrs[:-1]) & (blocks[1:] == blocks[:-1])
    del addrs, blocks
    before = np.full(len(rows), -1, np.int64)
    again = np.flatnonzero(same)
    before[order[again]] = order[again - 1]
    # The last sending of a page that is whole, no difference, is where its final content begins.
    indices = np.arange(len(rows))
    whole = rows["kind"][order] != PageKind.XBZRLE
    pages = np.cumsum(~same) - 1
    begins = np.full(int(pages[-1]) + 1 if len(pages) else 0, -1, np.int64)
    np.maximum.at(begins, pages[whole], indices[whole])
    overwritten = np.zeros(len(rows), np.bool_)
    overwritten[order] = indices < begins[pages]
    return before, overwritten
