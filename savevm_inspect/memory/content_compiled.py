"""The counting of bytes in pages, compiled by numba; imported only when there is enough to count."""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt


def histograms(pages: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How often each byte value comes in each page.

    Args:
        pages: shape (n, page size).

    Returns:
        Shape (n, 256).
    """
    found = np.zeros((len(pages), 256), np.int64)
    _count(pages, found)
    return found


def _count_plainly(pages: Any, found: Any) -> None:
    for number in range(pages.shape[0]):
        for index in range(pages.shape[1]):
            found[number, pages[number, index]] += 1


_count = numba.njit(nogil=True)(_count_plainly)
