"""Every page of a stream as one numpy table; pages are never objects in bulk."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..markup import html_table
from ..payload.page_log import PAGE_DTYPE, PageKind, PageLog
from ..payload.ram_blocks import RamBlock
from .final import Discard, FinalPages

__all__ = ["PAGE_DTYPE", "PageTable"]


class PageTable:
    """The pages of a stream in the order in which they were sent.

    Args:
        rows: shape (pages,), dtype :data:`PAGE_DTYPE`.
        blocks: the block list.
        page_size: bytes of a page.
        discards: what the destination was ordered to forget between the rows, in order.
    """

    def __init__(
        self,
        rows: npt.NDArray[np.void],
        blocks: Sequence[RamBlock],
        page_size: int,
        discards: Sequence[Discard] = (),
    ) -> None:
        self.rows = rows
        self.blocks = tuple(blocks)
        self.page_size = page_size
        self.discards = tuple(discards)

    @classmethod
    def from_logs(
        cls, logs: Sequence[PageLog], blocks: Sequence[RamBlock], page_size: int, discards: Sequence[Discard] = ()
    ) -> "PageTable":
        """Make one table of what was logged on several channels, ordered by epoch and then as they are given.

        Args:
            logs: each in the order of its epochs; taken over, and empty then if there are several.
            blocks: the block list.
            page_size: bytes of a page.
            discards: between the rows of the first log.
        """
        if len(logs) == 1:
            logs[0].trim()
            return cls(logs[0].rows, blocks, page_size, discards)
        further = [log.rows["epoch"] for log in logs[1:]]
        moved = [
            each.at_rows(each.rows_before + sum(bisect_left(epochs, each.epoch) for epochs in further))
            for each in discards
        ]
        del further  # so that the logs can shrink in place
        return cls(_merge(logs), blocks, page_size, moved)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<PageTable: {len(self)} pages of {self.page_size} bytes in {len(self.blocks)} blocks>"

    def _repr_html_(self) -> str:
        kinds = [kind for kind in PageKind if self.count(kind)]
        counts = (np.bincount(self.of_block(index)["kind"], minlength=256) for index in range(len(self.blocks)))
        rows = (
            (block.name, block.used_bytes, int(count.sum()), *(int(count[kind]) for kind in kinds))
            for block, count in zip(self.blocks, counts, strict=True)
        )
        names = [kind.name.lower() for kind in kinds]
        return html_table(self, ("block", "bytes", "pages sent", *names), rows)

    @cached_property
    def final(self) -> FinalPages:
        """Which row of each page counts in the end."""
        return FinalPages(self.rows, self.blocks, self.page_size, self.discards)

    def of_block(self, index: int) -> npt.NDArray[np.void]:
        """The rows of one block, in the order in which they were sent.

        Args:
            index: place of the block in the block list.
        """
        rows: npt.NDArray[np.void] = self.rows[self.rows["block"] == index]
        return rows

    def count(self, kind: PageKind) -> int:
        """How many pages were sent as this kind."""
        return int(np.count_nonzero(self.rows["kind"] == kind))


def _merge(logs: Sequence[PageLog]) -> npt.NDArray[np.void]:
    """Put logs together from their ends, so that what is moved is given back at once."""
    rows = np.empty(sum(map(len, logs)), PAGE_DTYPE)
    end = len(rows)
    while end:
        epoch = max(int(log.rows["epoch"][-1]) for log in logs if len(log))
        for log in reversed(logs):
            count = len(log) - bisect_left(log.rows["epoch"], epoch)
            log.move_last(rows[end - count : end])
            end -= count
    return rows
