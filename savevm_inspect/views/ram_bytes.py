"""The bytes of RAM sections with their names; of pages that follow one another only the first is spelled out."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind
from ..payload.ram_blocks import RamBlock
from ..reader.stream import Stream
from ..rules.options import Capability
from ..span import Span
from ..stream.cursor import Cursor
from ..stream.records import PageRun, Section, SectionKind
from ..wire import RamSaveFlag
from .named import NamedBytes, Walk

Rows = npt.NDArray[np.void]

_WORD_BYTES: Final = 8
_CONTINUE: Final = int(RamSaveFlag.RAM_SAVE_FLAG_CONTINUE)

_KIND_TEXT: Final[Mapping[PageKind, str]] = {
    PageKind.ZERO: "all zero",
    PageKind.NORMAL: "with its content",
    PageKind.XBZRLE: "as what changed since it was sent before",
    PageKind.COMPRESSED: "as a zlib stream",
}

_Namer = Callable[[Walk], Iterator[NamedBytes]]


def _number(length: int, name: str) -> _Namer:
    return lambda walk: walk.number(length, name)


_BEFORE_CONTENT: Final[Mapping[PageKind, tuple[tuple[int, _Namer], ...]]] = {
    PageKind.XBZRLE: ((1, _number(1, "encoding")), (2, _number(2, "length"))),
    PageKind.COMPRESSED: ((4, _number(4, "length")),),
}
"""What lies between a page's header and its content: length in bytes, and what names it."""


class RamNames:
    """Names the payloads of a stream's RAM sections.

    Args:
        stream: the stream.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ordered: dict[int, tuple[Rows, npt.NDArray[np.int64]]] = {}

    def name(self, section: Section) -> Iterator[NamedBytes]:
        """Name the payload of a section.

        Args:
            section: a RAM section of the stream.

        Yields:
            Runs in stream order, without gap or overlap.
        """
        walk = self._walk(section.payload)
        if section.kind is SectionKind.START:
            yield from self._block_list(walk)
        yield from self._pages(walk)

    def name_run(self, run: PageRun) -> Iterator[NamedBytes]:
        """Name pages that lie on a channel of their own; yields as :meth:`name` does."""
        return self._pages(self._walk(run.span))

    def _walk(self, span: Span) -> Walk:
        return Walk(self._stream.buffers[span.channel], span, "ram")

    def _pages(self, walk: Walk) -> Iterator[NamedBytes]:
        rows = self._rows_between(walk.cursor, walk.cursor.end)
        for group in _groups(rows, walk.cursor.pos, self._stream.page_size):
            yield from self._page(walk, group[0])
            if len(group) > 1:
                yield from self._more_pages(walk, group[1:])
        while walk.cursor.remaining:
            yield from self._mark(walk)

    def _rows_between(self, cursor: Cursor, end: int) -> Rows:
        """The pages from a cursor to the end, in the order of their bytes."""
        if cursor.channel not in self._ordered:
            rows = self._stream.pages.rows
            rows = rows[rows["channel"] == cursor.channel]
            rows = rows[np.argsort(rows["offset"], kind="stable")]
            self._ordered[cursor.channel] = rows, rows["offset"].astype(np.int64)
        rows, offsets = self._ordered[cursor.channel]
        first, stop = np.searchsorted(offsets, (cursor.pos, end))
        between: Rows = rows[first:stop]
        return between

    # The block list ---------------------------------------------------------------------------------------

    def _block_list(self, walk: Walk) -> Iterator[NamedBytes]:
        stream = self._stream
        mapped = stream.configuration is not None and Capability.MAPPED_RAM in stream.configuration.capabilities
        yield from walk.number(
            _WORD_BYTES, "total size", lambda word: f"{word & -stream.page_size} bytes, RAM_SAVE_FLAG_MEM_SIZE"
        )
        for number, block in enumerate(stream.blocks):
            name = f"block[{number}]"
            yield from walk.text(1, name)
            yield from walk.number(_WORD_BYTES, f"{name} size", lambda size: f"{size} bytes")
            if block.page_size_bytes is not None:
                yield from walk.number(_WORD_BYTES, f"{name} page size", lambda size: f"{size} bytes")
            if block.gpa is not None:
                yield from walk.number(_WORD_BYTES, f"{name} guest-physical address", hex)
            if mapped:
                yield from self._mapped(walk, name, block)

    def _mapped(self, walk: Walk, name: str, block: RamBlock) -> Iterator[NamedBytes]:
        """The mapped-ram header of a block, its bitmap, and its pages at their offsets."""
        yield from walk.number(4, f"{name} mapped-ram version")
        yield from walk.number(_WORD_BYTES, f"{name} mapped-ram page size", lambda size: f"{size} bytes")
        yield from walk.number(_WORD_BYTES, f"{name} bitmap offset", hex)
        yield from walk.number(_WORD_BYTES, f"{name} pages offset", hex)
        if block.mapped is None:
            return
        cursor = walk.cursor
        yield from walk.run(block.mapped.bitmap_offset - cursor.pos, f"{name} hole", "alignment")
        yield from walk.run(block.mapped.bitmap_bytes, f"{name} bitmap", "which pages are there, a bit each")
        yield from walk.run(block.mapped.pages_offset - cursor.pos, f"{name} hole", "alignment")
        end = block.mapped.pages_offset + block.used_bytes
        rows = self._rows_between(cursor, end)
        offsets = rows["offset"].astype(np.int64)
        borders = [0, *(np.flatnonzero(np.diff(offsets) != self._stream.page_size) + 1).tolist(), len(rows)]
        for first, stop in pairwise(borders if len(rows) else [0]):
            addr = int(rows["addr"][first])
            yield from walk.run(int(offsets[first]) - cursor.pos, f"{name} hole", "absent pages")
            yield from walk.run(
                (stop - first) * self._stream.page_size,
                f"{name} pages",
                f"{stop - first} pages from {addr:#x} on",
            )
        yield from walk.run(end - cursor.pos, f"{name} hole", "absent pages")

    # Pages ------------------------------------------------------------------------------------------------

    def _page(self, walk: Walk, row: np.void) -> Iterator[NamedBytes]:
        """One page: marks that lie before it, its word, the block's name if it is there, and its content."""
        stream, kind, addr = self._stream, PageKind(int(row["kind"])), int(row["addr"])
        block = stream.blocks[int(row["block"])].name
        before_content = _BEFORE_CONTENT.get(kind, ())
        header_end = int(row["offset"]) - sum(length for length, _ in before_content)
        word = int.from_bytes(bytes(walk.cursor.buffer[header_end - _WORD_BYTES : header_end]))
        continues = bool(word & _CONTINUE) and word & -stream.page_size == addr
        header_bytes = _WORD_BYTES if continues else _WORD_BYTES + 1 + len(block.encode())
        while walk.cursor.pos < header_end - header_bytes:
            yield from self._mark(walk)
        yield from walk.number(_WORD_BYTES, "word", lambda word: f"page {addr:#x}, {_flags(word, stream.page_size)}")
        if not continues:
            yield from walk.text(1, "block name")
        for _, name in before_content:
            yield from name(walk)
        yield from walk.run(int(row["length"]), "page", f"{addr:#x} of {block!r}, {_KIND_TEXT[kind]}")

    def _more_pages(self, walk: Walk, rows: Rows) -> Iterator[NamedBytes]:
        first, last = rows[0], rows[-1]
        block, kind = self._stream.blocks[int(first["block"])].name, _KIND_TEXT[PageKind(int(first["kind"]))]
        addrs = f"{int(first['addr']):#x} to {int(last['addr']):#x}"
        end = int(last["offset"]) + int(last["length"])
        yield from walk.run(
            end - walk.cursor.pos,
            "pages",
            f"{len(rows)} more of {block!r}, {addrs}, each a word and the page, {kind}",
        )

    def _mark(self, walk: Walk) -> Iterator[NamedBytes]:
        return walk.number(_WORD_BYTES, "mark", lambda word: _flags(word, self._stream.page_size))


def _groups(rows: Rows, position: int, page_size: int) -> Iterator[Rows]:
    """Divide pages into such of one kind and block that follow one another, with nothing but words between them."""
    if not len(rows):
        return
    starts = rows["offset"].astype(np.int64)
    ends = np.concatenate(([position], (starts + rows["length"])[:-1]))
    headers = np.full(len(PageKind), _WORD_BYTES)
    for kind, parts in _BEFORE_CONTENT.items():
        headers[kind] += sum(length for length, _ in parts)
    begins = starts - ends != headers[rows["kind"]]
    begins[0] = True
    begins[1:] |= np.diff(rows["addr"].astype(np.int64)) != page_size
    begins[1:] |= (np.diff(rows["block"].astype(np.int64)) != 0) | (np.diff(rows["kind"].astype(np.int64)) != 0)
    for first, stop in pairwise([*np.flatnonzero(begins).tolist(), len(rows)]):
        yield rows[first:stop]


def _flags(word: int, page_size: int) -> str:
    flags = RamSaveFlag(word & (page_size - 1))
    return " | ".join(flag.name or "" for flag in RamSaveFlag if flag in flags)
