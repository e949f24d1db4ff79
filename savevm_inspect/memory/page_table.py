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
        ("epoch", "<u4"),
    ]
)
"""A row: place and length of the content on its channel, place of the page in its block, all in bytes; index of
the block; a :class:`~savevm_inspect.payload.page_log.PageKind`; running number of the RAM section; the channel; the
epoch, which is how many times all channels were brought into line before."""


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
    def from_logs(cls, logs: Sequence[PageLog], blocks: Sequence[RamBlock], page_size: int) -> "PageTable":
        """Make one table of what was logged on several channels, ordered by epoch and then as they are given."""
        parts = []
        for log in logs:
            rows = np.zeros(len(log), PAGE_DTYPE)
            for name in PAGE_DTYPE.names or ():
                rows[name] = np.asarray(getattr(log, name))
            parts.append(rows)
        together = np.concatenate(parts)
        if len(logs) > 1:
            together = together[np.argsort(together["epoch"], kind="stable")]
        return cls(together, blocks, page_size)

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
