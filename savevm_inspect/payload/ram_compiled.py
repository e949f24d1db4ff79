"""The walk over pages, compiled by numba; imported only when there is enough to scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from ..wire import ENCODING_FLAG_XBZRLE, RamSaveFlag
from .page_log import PageKind
from .prefetch import prefetch

if TYPE_CHECKING:
    from ..stream.cursor import Cursor
    from .page_log import PageLog, Stretch

_CONTINUE = int(RamSaveFlag.RAM_SAVE_FLAG_CONTINUE)
_PAGE = int(RamSaveFlag.RAM_SAVE_FLAG_PAGE) | _CONTINUE
_ZERO = int(RamSaveFlag.RAM_SAVE_FLAG_ZERO) | _CONTINUE
_XBZRLE = int(RamSaveFlag.RAM_SAVE_FLAG_XBZRLE) | _CONTINUE
_NORMAL_KIND, _ZERO_KIND, _XBZRLE_KIND = int(PageKind.NORMAL), int(PageKind.ZERO), int(PageKind.XBZRLE)
_ENCODING = ENCODING_FLAG_XBZRLE
_FIRST_ROWS = 1 << 12
_MOST_ROWS = 1 << 16
_AHEAD_ROWS = 32
"""How far ahead words are brought: far enough for memory to answer meanwhile."""


def take_pages(cursor: Cursor, log: PageLog, stretch: Stretch) -> None:
    """Take pages of any kind but compressed ones, as long as they continue the block; see :mod:`.ram_scan`."""
    if cursor.remaining <= 2 * stretch.page_size:
        return  # an empty buffer has no array, and little is no work
    data = np.frombuffer(cursor.buffer, np.uint8)
    same = (stretch.block, stretch.section, cursor.channel, stretch.epoch)
    room = _FIRST_ROWS
    while True:
        rows = log.reserve(room)
        numbers = (cursor.pos, cursor.end, cursor.base, stretch.page_size, stretch.used_bytes)
        found, offset = _walk(data, *map(np.uint64, numbers), same, rows)
        del rows  # so that the log can grow in place
        log.commit(found)
        cursor.pos = int(offset)
        if found < room:
            return
        room = min(8 * room, _MOST_ROWS)


def _read_be16(data: Any, offset: Any) -> Any:
    return np.uint64(data[offset]) << np.uint64(8) | np.uint64(data[offset + np.uint64(1)])


def _read_be64(data: Any, offset: Any) -> Any:
    word = np.uint64(0)
    for number in range(8):
        word = (word << np.uint64(8)) | np.uint64(data[offset + np.uint64(number)])
    return word


def _walk_plainly(
    data: Any, offset: Any, end: Any, base: Any, page_size: Any, used_bytes: Any, same: Any, rows: Any
) -> tuple[int, int]:
    """Fill rows with the pages that begin at an offset.

    All numbers are unsigned: an index that is never negative needs no check of its sign, and a word is then one load.

    Args:
        data: the channel's bytes, uint8.
        offset: of the first word in ``data``, uint64.
        end: of ``data``, uint64.
        base: added to offsets in rows, uint64.
        page_size: bytes of a page, uint64.
        used_bytes: the block's length, uint64.
        same: block, section, channel and epoch.
        rows: filled from the first one on.

    Returns:
        The number of rows, and the offset after the last page.
    """
    found = 0
    flag_mask = page_size - np.uint64(1)
    word_bytes = np.uint64(8)
    while found < len(rows) and end - offset > word_bytes:
        if found >= _AHEAD_ROWS:  # pages are likely to lie as those before did
            prefetch(data, offset + (offset - (rows[found - _AHEAD_ROWS].offset - base - word_bytes)))  # type: ignore[call-arg]
        word = _be64(data, offset)
        flags = word & flag_mask
        addr = word - flags
        content = offset + word_bytes
        if addr >= used_bytes:
            break
        if flags == np.uint64(_PAGE):
            kind, length = _NORMAL_KIND, page_size
        elif flags == np.uint64(_ZERO):
            kind, length = _ZERO_KIND, np.uint64(1)
            if data[content] != 0:
                break
        elif flags == np.uint64(_XBZRLE) and end - content >= np.uint64(3):
            kind, length = _XBZRLE_KIND, _be16(data, content + np.uint64(1))
            if data[content] != _ENCODING or length > page_size:
                break
            content += np.uint64(3)
        else:
            break
        if length > end - content:
            break
        row = rows[found]
        row.offset = base + content
        row.length = length
        row.addr = addr
        row.block, row.section, row.channel, row.epoch = same
        row.kind = kind
        found += 1
        offset = content + length
    return found, offset


def _compile(function: Any) -> Any:
    try:
        return numba.njit(cache=True)(function)
    except RuntimeError:  # no folder that a cache could be in
        return numba.njit(function)


_be16 = _compile(_read_be16)
_be64 = _compile(_read_be64)
_walk = _compile(_walk_plainly)
