"""A block of memory as a map: so many pages a cell, so many cells a row, whatever the block's length."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..memory.content import classify_final
from ..reader.stream import Stream

COLUMNS: Final = 128
"""Cells in a row."""

CELLS_LIMIT: Final = 128 * COLUMNS
"""A map has no more cells; in larger blocks several pages share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMap:
    """A number for each run of pages of a block.

    Attributes:
        block: name of the RAM block.
        cell_pages: how many pages a cell stands for.
        cell_bytes: how many bytes.
        values: shape (rows, columns), float32; NaN where there is nothing to show, and after the block's end.
    """

    block: str
    cell_pages: int
    cell_bytes: int
    values: npt.NDArray[np.float32]

    def addrs(self) -> npt.NDArray[np.int64]:
        """Where each cell begins, in bytes in the block; shape (rows, columns)."""
        return np.arange(self.values.size).reshape(self.values.shape) * self.cell_bytes


def sent_map(stream: Stream, block: str) -> PageMap:
    """How often pages were sent: of those that share a cell, the one that was sent most often.

    Args:
        stream: the stream.
        block: name of the RAM block.

    Raises:
        NotFound: there is no such block.
    """
    addrs = stream.pages.of_block(stream.block_index(block))["addr"] // np.uint64(stream.pages.page_size)
    pages, times = np.unique(addrs.astype(np.int64), return_counts=True)
    found, cells, cell_pages = _empty(stream, block)
    found[:cells] = 0
    np.maximum.at(found, pages // cell_pages, times.astype(np.float32))
    return _shaped(stream, block, found, cell_pages)


def entropy_map(stream: Stream, block: str) -> PageMap:
    """The entropy of the block's final pages, in bits a byte: the mean of those that share a cell.

    Args:
        stream: the stream; the block is read for it.
        block: name of the RAM block.

    Raises:
        NotFound: there is no such block.
        BadPayload: a page can't be unpacked.
    """
    image = stream.memory[block]
    content = classify_final(image)
    found, _, cell_pages = _empty(stream, block)
    cells = image.sent // cell_pages
    counts = np.bincount(cells, minlength=len(found))
    sums = np.bincount(cells, weights=content.entropy, minlength=len(found))
    found[counts > 0] = sums[counts > 0] / counts[counts > 0]
    return _shaped(stream, block, found, cell_pages)


def _empty(stream: Stream, block: str) -> tuple[npt.NDArray[np.float32], int, int]:
    """Cells without numbers, in whole rows; how many of them the block has; and the pages of one."""
    pages = -(-stream.memory[block].block.used_bytes // stream.pages.page_size)
    cell_pages = max(-(-pages // CELLS_LIMIT), 1)
    cells = -(-pages // cell_pages)
    return np.full(-(-cells // COLUMNS) * COLUMNS, np.nan, np.float32), cells, cell_pages


def _shaped(stream: Stream, block: str, found: npt.NDArray[np.float32], cell_pages: int) -> PageMap:
    return PageMap(
        block=block,
        cell_pages=cell_pages,
        cell_bytes=cell_pages * stream.pages.page_size,
        values=found.reshape(-1, COLUMNS),
    )
