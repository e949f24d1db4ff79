"""Kaitai's reading of a stream held against ours: the same records, pages and values in the same bytes."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile, zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SavevmError
from ..memory.unpack import UNPACKED_CHANNEL
from ..payload import ram
from ..payload.page_log import PageKind
from ..payload.ram_blocks import RamBlock
from ..reader.stream import Stream
from ..span import Span
from ..stream.command import command_fields
from ..stream.cursor import Cursor
from ..stream.records import (
    AfterEnd,
    Broken,
    Command,
    Configuration,
    EndOfStream,
    FileHeader,
    Framing,
    Interrupted,
    MultifdInitial,
    MultifdPacket,
    Record,
    Section,
    VmDescription,
)
from ..stream.values import FieldValue
from .places import PlacedStream, leaves
from .spans import RecordSpan, spans
from .tree import ChannelTree, StreamTree

_KIND_OF_RECORD = {
    FileHeader: "header",
    Configuration: "configuration",
    Command: "command",
    EndOfStream: "eof",
    VmDescription: "description",
    AfterEnd: "padding",
}

_KIND_OF_PAGE = {
    "zero": PageKind.ZERO,
    "page": PageKind.NORMAL,
    "xbzrle": PageKind.XBZRLE,
    "compress_page": PageKind.COMPRESSED,
}


_PAGE_DTYPE = np.dtype([("offset", "<u8"), ("length", "<u4"), ("addr", "<u8"), ("block", "<u2"), ("kind", "u1")])
"""What of a page both readings say; the columns are those of our page table."""

_Pages = npt.NDArray[np.void]


class Disagreement(SavevmError):
    """The two readings of a stream differ."""


def compare(stream: Stream) -> Counter[str]:
    """Hold the two readings of a stream against each other.

    Args:
        stream: an open stream. One that is cut is compared up to where both readings stop.

    Returns:
        How much was compared, by what it is: ``records``, ``sections``, ``commands``, ``blocks``, ``pages``,
        ``packets``, ``messages``, ``fields`` (our values), ``values`` (Kaitai's) and the ``bytes`` of those: all but
        the names of subsections within a device, which are no values.

    Raises:
        Disagreement: they differ; the message says where first.
        SavevmError: Kaitai refuses what we read as sound.
    """
    tree = StreamTree(
        stream,
        page_size=stream.page_size,
        strict=not any(stream.problems),
        stream_class=PlacedStream,
    )
    return _Comparison(stream, tree).counts


class _Comparison:
    """One comparison; it is made with the object."""

    def __init__(self, stream: Stream, tree: StreamTree) -> None:
        self._stream = stream
        self.counts: Counter[str] = Counter()
        for channel in tree.channels:
            assert isinstance(channel.io, PlacedStream)
            self._values = [value for value in leaves(channel.tree, channel.io) if value.span.length]
            self._starts = [value.span.offset for value in self._values]
            self._compare_order(channel)
            _CHANNELS[channel.kind](self, channel)

    # All channels -------------------------------------------------------------------------------------------

    def _compare_order(self, channel: ChannelTree) -> None:
        """Whether Kaitai's values lie in the order of the bytes, and none on another."""
        end = 0
        for value in self._values:
            if value.span.offset < end:
                raise Disagreement(f"{end:#x}: {value.path} of the {channel.kind} channel lies on what is before it")
            end = value.span.end
            self.counts["bytes"] += value.span.length
        self.counts["values"] += len(self._values)

    def _same(self, theirs: object, ours: object, what: str, offset: int) -> None:
        if theirs != ours:
            raise Disagreement(f"{offset:#x}: {what}: Kaitai says {_short(theirs)}, we say {_short(ours)}")

    def _compare_fields(self, fields: Iterable[FieldValue], what: str) -> None:
        """Whether each of our values is one of Kaitai's, or several that together are its bytes."""
        for field in fields:
            if field.span.length:
                self._same(self._theirs(field), field.value, f"{what}/{field.path}", field.span.offset)
                self.counts["fields"] += 1

    def _theirs(self, field: FieldValue) -> object:
        """What Kaitai says lies in a field's bytes."""
        start = bisect_left(self._starts, field.span.offset)
        stop = bisect_left(self._starts, field.span.end)
        values = self._values[start:stop]
        if not values or values[0].span.offset != field.span.offset or values[-1].span.end != field.span.end:
            return f"other bytes: {', '.join(f'{each.path} at {each.span}' for each in values)}"
        if isinstance(field.value, bytes):
            return b"".join(_bytes(each) for each in values)
        if isinstance(field.value, str) and isinstance(values[-1].value, int):
            return ""  # nothing but its length
        if isinstance(field.value, str):
            return values[-1].value
        if isinstance(field.value, int) and isinstance(values[0].value, bytes):
            return int.from_bytes(values[0].value)  # a constant, which a format states as bytes
        return values[0].value if len(values) == 1 else [each.value for each in values]

    # The main channel and what resumed it ---------------------------------------------------------------------

    def _compare_main(self, channel: ChannelTree) -> None:
        records = self._records(channel)
        kept = [each for each in records if not isinstance(each, Interrupted)]
        for theirs, ours in zip_longest(spans(channel.tree), map(_as_a_span, kept)):
            self._same(theirs, ours, "record", (ours or theirs).offset)
            self.counts["records"] += 1
        if self._stream.configuration is not None and hasattr(channel.tree, "configuration"):
            self._compare_configuration(channel.tree.configuration, self._stream.configuration)
        self._compare_each(channel, kept)

    def _compare_resumed(self, channel: ChannelTree) -> None:
        kept = [each for each in self._records(channel) if not isinstance(each, Interrupted)]
        theirs = [(record.ofs_start, record.ofs_end) for record in getattr(channel.tree, "records", ())]
        self._same(theirs, [(each.span.offset, each.span.end) for each in kept], "records", 0)
        self.counts["records"] += len(kept)
        self._compare_each(channel, kept)

    def _compare_each(self, channel: ChannelTree, records: Sequence[Record]) -> None:
        found: dict[int, Any] = {each.ofs_start: each for each in getattr(channel.tree, "records", ())}
        ram_records = []
        for record in records:
            theirs: Any = found.get(record.span.offset)
            if isinstance(record, Command):
                self._compare_command(channel, theirs, record)
            elif isinstance(record, Section):
                if record.idstr == ram.IDSTR:
                    ram_records.append(theirs.body.payload)
                else:
                    self._compare_fields(self._fields(record), record.idstr)
                if channel.kind == "main":
                    self._compare_head(theirs, record)
        self._compare_ram([getattr(each, "content", each) for each in ram_records], channel)

    def _records(self, channel: ChannelTree) -> list[Record]:
        """Our records of a channel; Kaitai's reading goes no further than the first that can't be read."""
        ours = (record for record in self._stream.records if record.span.channel == channel.number)
        return list(takewhile(lambda record: not isinstance(record, Broken), ours))

    def _fields(self, section: Section) -> Iterator[FieldValue]:
        if section.framing is not Framing.INFERRED:
            yield from self._stream.decode(section)

    def _compare_configuration(self, theirs: Any, ours: Configuration) -> None:
        bodies = {each.name: each.body for each in getattr(theirs, "subsections", ())}
        found = (
            theirs.machine,
            _attribute(bodies.get("configuration/target-page-bits"), "page_bits", None),
            tuple(each.name for each in _attribute(bodies.get("configuration/capabilities"), "capabilities", ())),
            _attribute(bodies.get("configuration/uuid"), "uuid", b""),
        )
        self._same(found, (ours.machine, ours.page_bits, ours.capabilities, ours.uuid), "configuration", 8)

    def _compare_head(self, theirs: Any, ours: Section) -> None:
        body = theirs.body
        name = body.name if hasattr(body, "name") else body.opening.name
        found = (name.section_id, name.idstr, name.instance_id, name.version_id, hasattr(body, "footer"))
        head = (ours.section_id, ours.idstr, ours.instance_id, ours.version_id, ours.footer is not None)
        self._same(found, head, "section", ours.span.offset)
        self.counts["sections"] += 1

    def _compare_command(self, channel: ChannelTree, theirs: Any, ours: Command) -> None:
        found = (int(theirs.body.command), theirs.body.len_argument)
        self._same(found, (int(ours.command), ours.argument.length), "command", ours.span.offset)
        cursor = Cursor(channel.io.view, channel=channel.number)
        self._compare_fields(command_fields(cursor, ours), ours.command.name)
        self.counts["commands"] += 1

    # RAM ------------------------------------------------------------------------------------------------------

    def _compare_ram(self, payloads: list[Any], channel: ChannelTree) -> None:
        """Whether the block list and all pages of a main channel are the same ones."""
        lists = [each.block_list for each in payloads if hasattr(each, "block_list")]
        mapped = []
        for block_list in lists:
            blocks = getattr(block_list, "blocks", [])
            ours = [_our_block(each) for each in self._stream.blocks]
            self._same([_block(each) for each in blocks], ours, "block list", 0)
            self.counts["blocks"] += len(ours)
            mapped += [_mapped_pages(block, number) for number, block in enumerate(blocks)]
        sent = self._sent_pages([record for each in payloads for record in each.records])
        self._compare_pages(np.concatenate([*mapped, sent]), channel)

    def _compare_preempt(self, channel: ChannelTree) -> None:
        tree: Any = channel.tree
        self._compare_pages(self._sent_pages(tree.records), channel)

    def _sent_pages(self, records: list[Any]) -> _Pages:
        """The pages that lie in RAM records; what Kaitai does not say twice is remembered, as the format does."""
        pages = [record for record in records if record.kind.name in _KIND_OF_PAGE]
        contents = [value.span for value in self._values if _is_content(value)]
        numbers = {block.name: number for number, block in enumerate(self._stream.blocks)}
        rows = np.zeros(len(pages), _PAGE_DTYPE)
        self._same(len(contents), len(pages), "contents of pages", 0)
        rows["offset"] = [span.offset for span in contents]
        rows["length"] = [span.length for span in contents]
        rows["addr"] = [record.addr for record in pages]
        rows["kind"] = [_KIND_OF_PAGE[record.kind.name] for record in pages]
        block = 0
        for number, record in enumerate(pages):
            if record.has_block_name:
                if record.block_name not in numbers:
                    where = contents[number].offset
                    raise Disagreement(
                        f"{where:#x}: Kaitai says block {_short(record.block_name)}, we have none such"
                    )
                block = numbers[record.block_name]
            rows["block"][number] = block
        return rows

    def _compare_pages(self, theirs: _Pages, channel: ChannelTree) -> None:
        """Hold all pages of a channel against our table, a column at a time."""
        rows = self._stream.pages.rows
        read_bytes = self._values[-1].span.end if self._values else 0
        ours = rows[(rows["channel"] == channel.number) & (rows["offset"] < read_bytes)]
        self._same(len(theirs), len(ours), f"number of pages on channel {channel.number}", 0)
        for column in _PAGE_DTYPE.names or ():
            differ = np.flatnonzero(theirs[column] != ours[column])
            if len(differ):
                first = differ[0]
                where = int(ours["offset"][first])
                self._same(theirs[first].item(), ours[list(_PAGE_DTYPE.names or ())][first].item(), column, where)
        self.counts["pages"] += len(ours)

    # Multifd and the return path --------------------------------------------------------------------------------

    def _compare_multifd(self, channel: ChannelTree) -> None:
        tree: Any = channel.tree
        records = self._records(channel)
        initial = next((each for each in records if isinstance(each, MultifdInitial)), None)
        if initial is None or not hasattr(tree, "initial"):
            return  # one of the readings stops before it
        found = (tree.initial.uuid, tree.initial.channel_id)
        self._same(found, (initial.uuid, initial.channel_id), "what opens the channel", 0)
        spans = {value.path: value.span for value in self._values}
        rows: list[tuple[int, ...]] = []
        packets = (each for each in records if isinstance(each, MultifdPacket))
        for number, (theirs, ours) in enumerate(zip_longest(getattr(tree, "packets", ()), packets)):
            start = spans.get(f"packets[{number}]/magic")
            self._same(start and start.offset, ours and ours.span.offset, "packet", 0)
            self._same(_packet(theirs), _our_packet(ours), "packet", ours.span.offset)
            rows += self._packet_pages(theirs, spans, f"packets[{number}]/body")
            self.counts["packets"] += 1
        self._compare_multifd_pages(np.array(rows, _PAGE_DTYPE), channel)

    def _packet_pages(self, packet: Any, spans: dict[str, Span], path: str) -> Iterator[tuple[int, ...]]:
        """The pages of one packet; those that are packed lie nowhere in the channel."""
        body = packet.body
        if packet.is_device_state or not body.num_normal + body.num_zero:
            return
        names = [block.name for block in self._stream.blocks]
        block = names.index(body.block_name)
        for slot in range(body.num_normal + body.num_zero):
            zero = slot >= body.num_normal
            content = spans[f"{path}/offsets[{slot}]"] if zero else spans.get(f"{path}/pages[{slot}]")
            where = (content.offset, content.length) if content else (0, self._stream.page_size)
            yield (*where, body.offsets[slot], block, PageKind.ZERO if zero else PageKind.NORMAL)

    def _compare_multifd_pages(self, theirs: _Pages, channel: ChannelTree) -> None:
        rows = self._stream.pages.rows
        ours = rows[(rows["channel"] == channel.number) | (rows["channel"] == UNPACKED_CHANNEL | channel.number)]
        for column in ("addr", "block", "kind", "length"):
            self._same(theirs[column].tolist(), ours[column].tolist(), f"{column} of pages", 0)
        bare = ours["channel"] == channel.number
        self._same(theirs["offset"][bare].tolist(), ours["offset"][bare].tolist(), "offsets of pages", 0)
        self.counts["pages"] += len(ours)

    def _compare_return(self, channel: ChannelTree) -> None:
        tree: Any = channel.tree
        for theirs, ours in zip_longest(tree.messages, self._stream.return_path):
            self._same(theirs and int(theirs.type), ours and int(ours.message), "message", 0)
            self._compare_fields(ours.arguments, ours.message.name)
            self.counts["messages"] += 1


_CHANNELS = {
    "main": _Comparison._compare_main,
    "resumed": _Comparison._compare_resumed,
    "multifd": _Comparison._compare_multifd,
    "preempt": _Comparison._compare_preempt,
    "return": _Comparison._compare_return,
}
"""What compares each kind of channel."""


def _as_a_span(record: Record) -> RecordSpan:
    section = record if isinstance(record, Section) else None
    return RecordSpan(
        kind=_KIND_OF_RECORD[type(record)] if section is None else str(section.kind),
        offset=record.span.offset,
        length=record.span.length,
        section_id=None if section is None else section.section_id,
        idstr=None if section is None else section.idstr,
    )


def _is_content(value: FieldValue) -> bool:
    """Whether a value is what a RAM record holds of its page."""
    match value.parts:
        case (*_, record, "body") | (*_, record, "body", "fill" | "delta" | "compressed"):
            return record.startswith("records[") and value.type == "bytes"
        case _:
            return False


def _block(block: Any) -> tuple[object, ...]:
    mapped = getattr(block, "mapped", None)
    lies = (mapped.ofs_bitmap, mapped.ofs_pages) if mapped is not None and mapped.ofs_pages else None
    return block.name, block.len_used, getattr(block, "addr", None), lies


def _our_block(block: RamBlock) -> tuple[object, ...]:
    mapped = block.mapped
    lies = (mapped.bitmap_offset, mapped.pages_offset) if mapped is not None else None
    return block.name, block.used_bytes, block.gpa, lies


def _mapped_pages(block: Any, number: int) -> _Pages:
    """The pages that a block's bitmap says are in the file."""
    mapped = getattr(block, "mapped", None)
    if mapped is None or not mapped.ofs_pages:
        return np.zeros(0, _PAGE_DTYPE)
    present = np.flatnonzero(np.unpackbits(np.frombuffer(mapped.bitmap, np.uint8), bitorder="little"))
    rows = np.zeros(len(present), _PAGE_DTYPE)
    rows["addr"] = present * mapped.page_size
    rows["offset"] = mapped.ofs_pages + rows["addr"]
    rows["length"] = mapped.page_size
    rows["block"] = number
    rows["kind"] = PageKind.NORMAL
    return rows


def _packet(packet: Any) -> tuple[int, ...]:
    body = packet.body
    if packet.is_device_state:
        return packet.flags, 0, 0, 0
    return packet.flags, body.packet_num, body.num_normal, body.num_zero


def _our_packet(packet: MultifdPacket) -> tuple[int, ...]:
    return packet.flags, packet.packet_num, packet.normal_pages, packet.zero_pages


def _attribute(body: Any, name: str, absent: object) -> Any:
    return absent if body is None else getattr(body, name)


def _bytes(value: FieldValue) -> bytes:
    """A value as it lies in the stream."""
    match value.value:
        case bytes():
            return value.value
        case str():
            return value.value.encode()
        case int():
            return value.value.to_bytes(value.span.length)
        case _:
            return b""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]} ..."


_SHOWN_CHARS = 200
