"""Pages that lie at regular distances, in their block and on their channel, taken together."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


class RegularRun(NamedTuple):
    """Some of many pages, regular in both offset and addr.

    Attributes:
        first: index of its first page among the many.
        num_pages: how many.
        step: pages from one to the next in the block, at least 1.
        stride: bytes from one to the next on the channel.
    """

    first: int
    num_pages: int
    step: int
    stride: int


def find_runs(numbers: Numbers, offsets: Numbers, apart: npt.NDArray[np.bool_]) -> Iterator[RegularRun]:
    """Divide pages into runs.

    Args:
        numbers: of the pages in their block, ascending; shape (n,).
        offsets: where their contents are, in bytes; shape (n,).
        apart: whether a page can't be in one run with the next one; shape (n - 1,), or (0,) for no page.

    Yields:
        The runs, one after the other.
    """
    steps, strides = np.diff(numbers), np.diff(offsets)
    apart = apart | (strides <= 0)
    turns = np.append(False, (steps[1:] != steps[:-1]) | (strides[1:] != strides[:-1]))[: len(steps)]
    first = 0
    for gap in np.flatnonzero(apart | turns).tolist():
        if gap == first and not apart[gap]:
            continue  # only one page is in the run so far: this gap is what makes its step
        yield _run(first, gap + 1, steps, strides)
        first = gap + 1
    if first < len(numbers):
        yield _run(first, len(numbers), steps, strides)


def _run(first: int, stop: int, steps: Numbers, strides: Numbers) -> RegularRun:
    if stop - first == 1:
        return RegularRun(first, 1, 1, 1)
    return RegularRun(first, stop - first, int(steps[first]), int(strides[first]))
