"""Every page of a stream as one numpy table; pages are never objects in bulk."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind, PageLog
from ..payload.ram_blocks import RamBlock

PAGE_DTYPE = np.dtype(
    [
        ("offset", "<u8"),
        ("length", "<u4"),
        ("addr", "<u8"),
        ("block", "<u2"),
        ("kind", "u1"),
        ("section", "<u4"),
        ("channel", "u1"),
    ]
)
"""A row: place and length of the content on its channel, place of the page in its block, all in bytes; index of
the block; a :class:`~savevm_inspect.payload.page_log.PageKind`; running number of the RAM section; the channel."""


class PageTable:
    """The pages of a stream in the order in which they were sent.

    Args:
        rows: shape (pages,), dtype :data:`PAGE_DTYPE`.
        blocks: the block list.
        page_size: bytes of a page.
    """

    def __init__(self, rows: npt.NDArray[np.void], blocks: Sequence[RamBlock], page_size: int) -> None:
        self.rows = rows
        self.blocks = tuple(blocks)
        self.page_size = page_size

    @classmethod
    def from_log(cls, log: PageLog, blocks: Sequence[RamBlock], page_size: int) -> "PageTable":
        """Make the table of what a RAM reader logged."""
        rows = np.zeros(len(log), PAGE_DTYPE)
        for name in PAGE_DTYPE.names or ():
            rows[name] = np.asarray(getattr(log, name))
        return cls(rows, blocks, page_size)

    def __len__(self) -> int:
        return len(self.rows)

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
