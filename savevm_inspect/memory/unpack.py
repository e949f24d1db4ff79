"""A page that does not lie bare in the stream: inflated, or put together from what was sent of it before."""

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..errors import BadPayload
from ..payload import xbzrle
from ..payload.page_log import PageKind

Buffers = Mapping[int, memoryview]
"""The bytes of each channel by its number."""

UNPACKED_CHANNEL = 0x80
"""Added to a channel's number: where the pages are that were compressed on it."""


def unpack_page(buffers: Buffers, history: npt.NDArray[np.void], page_size: int) -> bytes:
    """Put a page together.

    Args:
        buffers: the bytes of each channel.
        history: shape (n,), dtype ``PAGE_DTYPE``: all that was sent of this page, in order; at least one row.
        page_size: bytes of a page.

    Returns:
        Its final content, ``page_size`` bytes.

    Raises:
        BadPayload: a difference to nothing, one that runs past the page, or a zlib stream that is no page.
    """
    whole = np.flatnonzero(history["kind"] != PageKind.XBZRLE)
    if not len(whole):
        raise BadPayload("an xbzrle page of which nothing was sent before", offset=int(history[0]["offset"]))
    base = int(whole[-1])
    page = bytearray(_whole_page(buffers, history[base], page_size))
    for row in history[base + 1 :]:
        try:
            xbzrle.decode(_content(buffers, row), page)
        except ValueError as error:
            raise BadPayload(f"an xbzrle page with {error}", offset=int(row["offset"])) from error
    return bytes(page)


def _whole_page(buffers: Buffers, row: np.void, page_size: int) -> bytes | memoryview:
    if row["kind"] == PageKind.ZERO:
        return bytes(page_size)
    if row["kind"] == PageKind.NORMAL:
        return _content(buffers, row)
    inflater = zlib.decompressobj()
    try:
        page = inflater.decompress(_content(buffers, row), page_size + 1)
    except zlib.error as error:
        raise BadPayload(f"a compressed page that is no zlib stream ({error})", offset=int(row["offset"])) from error
    if len(page) != page_size or not inflater.eof:
        size = f"more than {page_size}" if len(page) > page_size else str(len(page))
        raise BadPayload(f"a compressed page of {size} bytes, expected {page_size}", offset=int(row["offset"]))
    return page


def _content(buffers: Buffers, row: np.void) -> memoryview:
    offset = int(row["offset"])
    return buffers[int(row["channel"])][offset : offset + int(row["length"])]
