"""The bytes of RAM sections with their names; of pages that follow one another only the first is spelled out."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind
from ..reader.stream import Stream
from ..stream.records import Section, SectionKind
from ..wire import RamSaveFlag
from .named import NamedBytes, Walk

_WORD_BYTES: Final = 8
_CONTINUE: Final = int(RamSaveFlag.RAM_SAVE_FLAG_CONTINUE)

_KIND_TEXT: Final[Mapping[int, str]] = {PageKind.ZERO: "all zero", PageKind.NORMAL: "with its content"}


def name_ram(stream: Stream, section: Section) -> Iterator[NamedBytes]:
    """Name the payload of a RAM section.

    Args:
        stream: the stream.
        section: one of its RAM sections.

    Yields:
        Runs in stream order, without gap or overlap.
    """
    walk = Walk(stream.buffer, section.payload, "ram")
    if section.kind is SectionKind.START:
        yield from _block_list(walk, stream)
    rows = _rows_within(stream, section)
    contents = np.where(rows["kind"] == PageKind.NORMAL, stream.pages.page_size, 1).astype(np.int64)
    starts = rows["offset"].astype(np.int64)
    for first, behind in _groups(rows, starts, contents, walk.cursor.offset, stream.pages.page_size):
        yield from _page(walk, stream, rows[first], int(starts[first]), int(contents[first]))
        if behind - first > 1:
            yield from _more_pages(
                walk, stream, rows[first + 1 : behind], int(starts[behind - 1] + contents[behind - 1])
            )
    while walk.cursor.remaining:
        yield from _mark(walk, stream)


def _block_list(walk: Walk, stream: Stream) -> Iterator[NamedBytes]:
    yield from walk.number(
        _WORD_BYTES, "total size", lambda word: f"{word & -stream.page_size} bytes, RAM_SAVE_FLAG_MEM_SIZE"
    )
    for number in range(len(stream.blocks)):
        yield from walk.text(1, f"block[{number}]")
        yield from walk.number(_WORD_BYTES, f"block[{number}] size", lambda size: f"{size} bytes")


def _rows_within(stream: Stream, section: Section) -> npt.NDArray[np.void]:
    """The rows of a section; they lie in stream order, so two binary searches find them."""
    rows = stream.pages.rows
    first, behind = (
        bisect_left(rows, offset, key=lambda row: int(row["offset"]))
        for offset in (section.payload.offset, section.payload.end)
    )
    found: npt.NDArray[np.void] = rows[first:behind]
    return found


def _groups(
    rows: npt.NDArray[np.void],
    starts: npt.NDArray[np.int64],
    contents: npt.NDArray[np.int64],
    position: int,
    page_size: int,
) -> Iterator[tuple[int, int]]:
    """Where the pages begin and end that are of one kind and block, and follow one another bare."""
    if not len(rows):
        return
    ends = np.concatenate(([position], (starts + contents)[:-1]))
    addr = rows["addr"].astype(np.int64)
    begins = starts - ends != _WORD_BYTES
    begins[0] = True
    begins[1:] |= (np.diff(addr) != page_size) | (np.diff(rows["block"].astype(np.int64)) != 0)
    begins[1:] |= np.diff(rows["kind"].astype(np.int64)) != 0
    borders = [*np.flatnonzero(begins).tolist(), len(rows)]
    yield from pairwise(borders)


def _page(walk: Walk, stream: Stream, row: Any, start: int, content_bytes: int) -> Iterator[NamedBytes]:
    """One page: its word, the block's name if it is there, and its content; marks that lie before it, too."""
    addr, block = int(row["addr"]), stream.blocks[row["block"]].name
    word = int.from_bytes(bytes(stream.buffer[start - _WORD_BYTES : start]))
    continues = bool(word & _CONTINUE) and word & -stream.page_size == addr
    header_bytes = _WORD_BYTES if continues else _WORD_BYTES + 1 + len(block.encode())
    while walk.cursor.offset < start - header_bytes:
        yield from _mark(walk, stream)
    yield from walk.number(_WORD_BYTES, "word", lambda word: f"page {addr:#x}, {_flags(word, stream.page_size)}")
    if not continues:
        yield from walk.text(1, "block name")
    yield from walk.run(content_bytes, "page", f"{addr:#x} of {block!r}, {_KIND_TEXT[int(row['kind'])]}")


def _more_pages(walk: Walk, stream: Stream, rows: npt.NDArray[np.void], end: int) -> Iterator[NamedBytes]:
    first, last = rows[0], rows[-1]
    block = stream.blocks[first["block"]].name
    kind = _KIND_TEXT[int(first["kind"])]
    meaning = f"{len(rows)} more of {block!r}, {int(first['addr']):#x} to {int(last['addr']):#x}, {kind}"
    yield from walk.run(end - walk.cursor.offset, "pages", meaning)


def _mark(walk: Walk, stream: Stream) -> Iterator[NamedBytes]:
    return walk.number(_WORD_BYTES, "mark", lambda word: _flags(word, stream.page_size))


def _flags(word: int, page_size: int) -> str:
    flags = RamSaveFlag(word & (page_size - 1))
    return " | ".join(flag.name or "" for flag in RamSaveFlag if flag in flags)
