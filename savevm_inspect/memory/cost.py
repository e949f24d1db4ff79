"""What each sending of a page cost: every byte of a stream that is there for this page alone.

On the main channel and that of postcopy-preempt these are its word, the name of its block where it is named, what
lies before its content, and the content. In a multifd packet they are its slot and its content; of compressed
content, which is one run of bytes a packet, each page has an equal share, and the first pages of the packet one byte
more until the sum is exact. In mapped-ram it is the content. The rest (sections' headers and footers, block list,
marks, the packets' headers and unused slots, bitmaps, holes) belongs to no page.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind
from ..payload.ram_blocks import RamBlock
from ..stream.records import Interrupted, MultifdInitial, MultifdPacket, PageRun, Record, Section
from ..wire import MULTIFD_FLAG_COMPRESSION_MASK, MultifdFlag, RamSaveFlag
from .page_table import PageTable
from .unpack import UNPACKED_CHANNEL, Buffers

Costs = npt.NDArray[np.uint32]
_Mask = npt.NDArray[np.bool_]

_WORD_BYTES = 8
_SLOT_BYTES = 8
_STEP_ROWS = 1 << 16

_BEFORE_CONTENT = {PageKind.ZERO: 0, PageKind.NORMAL: 0, PageKind.XBZRLE: 1 + 2, PageKind.COMPRESSED: 4}
"""Bytes between a page's header and its content (migration/ram.c, save_xbzrle_page and others)."""

_FLAGS = {
    PageKind.ZERO: RamSaveFlag.RAM_SAVE_FLAG_ZERO,
    PageKind.NORMAL: RamSaveFlag.RAM_SAVE_FLAG_PAGE,
    PageKind.XBZRLE: RamSaveFlag.RAM_SAVE_FLAG_XBZRLE,
    PageKind.COMPRESSED: RamSaveFlag.RAM_SAVE_FLAG_COMPRESS_PAGE,
}


def sending_costs(pages: PageTable, buffers: Buffers, records: Iterable[Record]) -> Costs:
    """The bytes that each sending cost.

    Args:
        pages: the stream's pages.
        buffers: the bytes of each channel.
        records: of all channels.

    Returns:
        Shape (pages,), bytes.
    """
    rows = pages.rows
    costs = rows["length"].copy()
    channels = rows["channel"]
    packets: dict[int, list[MultifdPacket]] = {}
    for record in records:
        if isinstance(record, MultifdInitial | MultifdPacket):
            of_channel = packets.setdefault(record.span.channel, [])
            if isinstance(record, MultifdPacket):
                of_channel.append(record)
    in_words = ~_is_mapped(rows, pages.blocks)
    for channel, of_channel in packets.items():
        on_channel = channels == channel
        unpacked = channels == channel | UNPACKED_CHANNEL
        costs[on_channel & (rows["kind"] == PageKind.NORMAL)] += _SLOT_BYTES  # a page of zeros is its slot
        if unpacked.any():
            costs[unpacked] = _SLOT_BYTES + _shares(of_channel, pages.page_size, rows["offset"][unpacked])
        in_words &= ~(on_channel | unpacked)
    if in_words.all():
        costs += _header_costs(rows, pages, buffers)
    elif in_words.any():
        costs[in_words] += _header_costs(rows[in_words], pages, buffers)
    return costs


def ram_bytes(records: Iterable[Record], pages: PageTable, costs: Costs) -> int:
    """The bytes of all that RAM was sent in: its sections with header and footer, and the channels for pages.

    Args:
        records: of all channels.
        pages: the stream's pages; what they take of a channel after its last record, where it broke, counts, too.
        costs: what they cost.
    """
    rows = pages.rows
    total = 0
    ends: dict[int, int] = {}
    unpacked: dict[int, int] = {}
    for record in records:
        channel = record.span.channel
        ends[channel] = record.span.end
        if isinstance(record, MultifdPacket) and record.flags & MULTIFD_FLAG_COMPRESSION_MASK:
            packed = channel | UNPACKED_CHANNEL
            unpacked[packed] = unpacked.get(packed, 0) + record.normal_pages * pages.page_size
        if _is_of_ram(record, rows):
            total += record.span.length
    for channel in np.unique(rows["channel"]).tolist():
        of_channel = rows["channel"] == channel
        if channel >= UNPACKED_CHANNEL:
            stop = of_channel & (rows["offset"] >= unpacked.get(channel, 0))
            total += int(costs[stop].sum(dtype=np.int64))
        else:
            end = int((rows["offset"][of_channel] + rows["length"][of_channel]).max())
            total += max(end - ends.get(channel, 0), 0)
    return total


def _is_of_ram(record: Record, rows: npt.NDArray[np.void]) -> bool:
    if isinstance(record, Interrupted):  # a RAM section, if it has pages
        span = record.span
        within = (rows["offset"] >= span.offset) & (rows["offset"] < span.end)
        return bool(np.any(within & (rows["channel"] == span.channel)))
    if isinstance(record, MultifdPacket):
        return not record.flags & MultifdFlag.MULTIFD_FLAG_DEVICE_STATE
    return isinstance(record, PageRun | MultifdInitial) or (isinstance(record, Section) and record.idstr == "ram")


def _is_mapped(rows: npt.NDArray[np.void], blocks: Sequence[RamBlock]) -> _Mask:
    """Which pages lie where mapped-ram keeps their block."""
    if not any(block.mapped for block in blocks):
        return np.zeros(len(rows), np.bool_)
    starts = np.array([block.mapped.pages_offset if block.mapped else 0 for block in blocks], np.uint64)
    found: _Mask = (rows["offset"] == rows["addr"] + starts[rows["block"]]) & (starts[rows["block"]] > 0)
    return found


def _shares(packets: Sequence[MultifdPacket], page_size: int, offsets: npt.NDArray[np.uint64]) -> Costs:
    """Each page's share of its packet's data, by the page's index among what was unpacked of the channel."""
    packed = [each for each in packets if each.flags & MULTIFD_FLAG_COMPRESSION_MASK and each.normal_pages]
    counts = np.array([each.normal_pages for each in packed], np.int64)
    lengths = np.array([each.data.length for each in packed], np.int64)
    ends = np.cumsum(counts)
    number = offsets.astype(np.int64) // page_size
    shares = np.zeros(len(number), np.uint32)
    whole = number < counts.sum()  # all but the pages of a packet that broke
    packet = np.searchsorted(ends, number[whole], side="right")
    within = number[whole] - (ends - counts)[packet]
    share, rest = np.divmod(lengths, counts)
    shares[whole] = share[packet] + (within < rest[packet])
    return shares


def _header_costs(rows: npt.NDArray[np.void], pages: PageTable, buffers: Buffers) -> Costs:
    """Word, name and what else lies before the content of pages that follow one another as words."""
    before = np.array([_BEFORE_CONTENT[kind] for kind in PageKind], np.uint64)[rows["kind"]] + np.uint64(_WORD_BYTES)
    ends = rows["offset"] + rows["length"]
    follows = np.zeros(len(rows), np.bool_)
    follows[1:] = (rows["channel"][1:] == rows["channel"][:-1]) & (rows["offset"][1:] == ends[:-1] + before[1:])
    unsure = np.flatnonzero(~follows)  # where there is room for more than a word
    named = unsure[~_continues(rows[unsure], before[unsure], buffers)]
    names = np.array([1 + len(block.name.encode()) for block in pages.blocks], np.uint64)
    before[named] += names[rows["block"][named]]
    headers: Costs = before.astype(np.uint32)
    return headers


def _continues(rows: npt.NDArray[np.void], before: npt.NDArray[np.uint64], buffers: Buffers) -> _Mask:
    """Whether the word of a page, which says that the block is not named again, lies right before its content.

    A name there can't be taken for the word: read as one, it would be an address that no block reaches.
    """
    flags = np.array([_FLAGS[kind] | RamSaveFlag.RAM_SAVE_FLAG_CONTINUE for kind in PageKind], np.uint64)
    found = np.zeros(len(rows), np.bool_)
    for channel in np.unique(rows["channel"]).tolist():
        numbers = np.flatnonzero(rows["channel"] == channel)
        data = np.frombuffer(buffers[channel], np.uint8)
        for start in range(0, len(numbers), _STEP_ROWS):
            step = numbers[start : start + _STEP_ROWS]
            starts = (rows["offset"][step] - before[step]).astype(np.int64)
            words = data[starts[:, None] + np.arange(_WORD_BYTES)].view(">u8")[:, 0]
            found[step] = words == (rows["addr"][step] | flags[rows["kind"][step]])
    return found
