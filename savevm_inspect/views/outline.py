"""A stream as an outline: records, and below each the runs of bytes that it is made of; some rows at a time."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, singledispatch
from itertools import islice
from typing import Final

from ..errors import SavevmError, printable
from ..reader.stream import Stream
from ..span import Span
from ..stream.records import (
    AfterEnd,
    Broken,
    Command,
    Interrupted,
    MultifdInitial,
    MultifdPacket,
    Record,
    Section,
)
from ..wire import MigCmd
from .bytes import ByteNames, command_meaning
from .kaitai import KaitaiFields

_MOST_KAITAI: Final = 20_000
"""Values of one record; more of them are pages, which our outline has as runs."""


@dataclass(frozen=True, slots=True)
class OutlineRow:
    """One row: a record, a branch, or a run of bytes.

    Attributes:
        depth: how far below its record it stands; 0 for a record.
        name: its own name; like the text it may be a hostile stream's.
        text: what its bytes say; empty for a branch.
        span: its bytes; for a branch those from its first run to its last one.
        branch: whether it stands for the rows below it.
    """

    depth: int
    name: str
    text: str
    span: Span
    branch: bool = False


class Outline:
    """The rows of a stream.

    Args:
        stream: an open stream; it must stay open.

    Attributes:
        stream: the stream.
        records: all of its records, a channel after the other, as the rows of depth 0 stand for them.
        names: of its bytes.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.records: Sequence[Record] = stream.records
        self.names = ByteNames(stream)
        self._channels: dict[int, list[tuple[int, int]]] = {}
        for number, record in enumerate(self.records):
            self._channels.setdefault(record.span.channel, []).append((record.span.offset, number))
        self._kaitai: KaitaiFields | None = None
        self._kept = lru_cache(maxsize=64)(self._parts)

    @property
    def extents(self) -> list[Span]:
        """All bytes of each forward channel."""
        return [
            Span(channel=channel, offset=0, length=len(self.stream.buffers[channel]))
            for channel in sorted(self._channels)
        ]

    def record_row(self, number: int) -> OutlineRow:
        """The row of a record.

        Args:
            number: of the record in :attr:`records`.
        """
        record = self.records[number]
        name, text = _words(record, self.stream)
        return OutlineRow(0, printable(name), printable(text), record.span, branch=True)

    def parts(self, number: int, *, kaitai: bool = False) -> Sequence[OutlineRow]:
        """The rows below a record, in stream order.

        Args:
            number: of the record in :attr:`records`.
            kaitai: as Kaitai reads it; nothing, if it does not.
        """
        return self._kept(number, kaitai)

    def _parts(self, number: int, kaitai: bool) -> Sequence[OutlineRow]:
        record = self.records[number]
        if not kaitai:
            prefix = f"{_prefix(record)}/"
            runs = ((run.name.removeprefix(prefix), run.meaning, run.span) for run in self.names.of(record))
            return _tree((tuple(name.split("/")), meaning, span) for name, meaning, span in runs)
        if self._kaitai is None:
            self._kaitai = KaitaiFields(self.stream)
        values = islice(self._kaitai.at(record.span), _MOST_KAITAI)
        return _tree((value.parts[1:], f"{value.text()}  ({value.type})", value.span) for value in values)

    def record_at(self, channel: int, offset: int) -> int | None:
        """The record that a byte belongs to; ``None`` if it is of none.

        Args:
            channel: number of the channel.
            offset: in it, in bytes.
        """
        starts = self._channels.get(channel, [])
        place = bisect_right(starts, (offset, len(self.records))) - 1
        if place < 0:
            return None
        number = starts[place][1]
        return number if offset < self.records[number].span.end else None

    def part_at(self, number: int, offset: int, *, kaitai: bool = False) -> int | None:
        """The innermost row below a record that a byte belongs to; ``None`` if no run has it."""
        found = (
            place
            for place, row in enumerate(self.parts(number, kaitai=kaitai))
            if not row.branch and row.span.offset <= offset < row.span.end
        )
        return next(found, None)

    def problems(self) -> Iterator[tuple[str, Span | None]]:
        """What is wrong with the stream, and where, as far as that is known."""
        for problem in self.stream.problems:
            offset, channel = getattr(problem, "offset", None), getattr(problem, "channel", 0)
            yield printable(str(problem)), None if offset is None else Span(channel=channel, offset=offset, length=1)


def _tree(runs: Iterator[tuple[tuple[str, ...], str, Span]]) -> list[OutlineRow]:
    """Runs with a row for each branch that they stand in; a branch to which the stream returns is named again."""
    rows: list[OutlineRow] = []
    above: list[tuple[str, int]] = []
    for parts, text, span in runs:
        branches = parts[:-1]
        shared = 0
        while shared < min(len(above), len(branches)) and above[shared][0] == branches[shared]:
            shared += 1
        del above[shared:]
        for depth in range(shared, len(branches)):
            above.append((branches[depth], len(rows)))
            rows.append(OutlineRow(depth + 1, printable(branches[depth]), "", span, branch=True))
        for _, place in above:
            first = rows[place].span
            whole = Span(channel=span.channel, offset=first.offset, length=span.end - first.offset)
            rows[place] = OutlineRow(rows[place].depth, rows[place].name, "", whole, branch=True)
        rows.append(OutlineRow(len(branches) + 1, printable(parts[-1] if parts else ""), printable(text), span))
    return rows


def _prefix(record: Record) -> str:
    """What the names of a record's bytes begin with, besides the record itself."""
    if isinstance(record, Section):
        return record.idstr
    return {"FileHeader": "header", "VmDescription": "description", "EndOfStream": "end"}.get(
        type(record).__name__, type(record).__name__.lower()
    )


@singledispatch
def _words(record: Record, _stream: Stream) -> tuple[str, str]:
    """What a record is called, and what it says."""
    return _prefix(record), ""


@_words.register
def _(record: Section, _stream: Stream) -> tuple[str, str]:
    instance = f" (instance {record.instance_id})" if record.instance_id else ""
    return f"{record.idstr}{instance}", f"{record.kind}, section_id {record.section_id}, version {record.version_id}"


@_words.register
def _(record: Command, stream: Stream) -> tuple[str, str]:
    return MigCmd(record.command).name.removeprefix("MIG_CMD_"), command_meaning(stream, record)


@_words.register
def _(record: MultifdPacket, _stream: Stream) -> tuple[str, str]:
    counts = f"{record.normal_pages} pages, {record.zero_pages} of zeros"
    return f"packet {record.packet_num}", f"device state of {record.idstr}" if record.idstr else counts


@_words.register
def _(record: MultifdInitial, _stream: Stream) -> tuple[str, str]:
    return "multifd channel", f"number {record.channel_id}"


@_words.register
def _(record: AfterEnd, _stream: Stream) -> tuple[str, str]:
    return "after the end", record.what


@_words.register
def _(_record: Interrupted, _stream: Stream) -> tuple[str, str]:
    return "broken off", "a resumed channel goes on"


@_words.register
def _(record: Broken, _stream: Stream) -> tuple[str, str]:
    return f"broken: {record.head}" if record.head else "broken", "can't be read"


# Searching ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """A search, which goes on from where it stopped.

    Attributes:
        what: ``names`` (every word is in the name), ``values`` (a text is in the value), ``bytes`` or ``text``.
        wanted: what is looked for; bytes in hexadecimal.
    """

    what: str
    wanted: str


_PIECE_BYTES: Final = 1 << 20
_MOST_ROWS: Final = 50_000


def found_rows(outline: Outline, find: Search, start: int) -> Iterator[tuple[int, list[OutlineRow]]]:
    """Search names or values, a record at a time.

    Args:
        outline: of the stream.
        find: what is looked for.
        start: number of the record to begin with.

    Yields:
        The number of the next record, and what this one has.
    """
    words = find.wanted.casefold().split() if find.what == "names" else [find.wanted.casefold()]
    for number in range(start, len(outline.records)):
        own = outline.record_row(number)
        try:
            rows = outline.parts(number)
        except SavevmError:
            rows = ()
        path = [own.name]
        hits = []
        for row in islice(rows, _MOST_ROWS):
            del path[row.depth :]
            path.append(row.name)
            text = "/".join(path) if find.what == "names" else row.text
            if not row.branch and all(word in text.casefold() for word in words):
                hits.append(OutlineRow(row.depth, "/".join(path), row.text, row.span))
        yield number + 1, hits


def found_bytes(
    outline: Outline, wanted: bytes, start: tuple[int, int]
) -> Iterator[tuple[tuple[int, int] | None, list[OutlineRow]]]:
    """Search bytes, a MiB at a time.

    Args:
        outline: of the stream.
        wanted: at least one byte.
        start: place of the channel among the extents, and offset in it.

    Yields:
        Where to go on, ``None`` at the end, and what was found up to there.
    """
    place, offset = start
    extents = outline.extents
    while place < len(extents):
        extent = extents[place]
        buffer = outline.stream.buffers[extent.channel]
        while offset < extent.length:
            piece = bytes(buffer[offset : offset + _PIECE_BYTES + len(wanted) - 1])
            hits, at = [], piece.find(wanted)
            while at >= 0:
                hits.append(at)
                at = piece.find(wanted, at + 1) if len(hits) < _PIECE_HITS else -1
            spans = [Span(channel=extent.channel, offset=offset + at, length=len(wanted)) for at in hits]
            offset += _PIECE_BYTES
            rows = [OutlineRow(0, _name_of(outline, span), "", span) for span in spans]
            yield (place, offset), rows
        place, offset = place + 1, 0
    yield None, []


_PIECE_HITS: Final = 200


def _name_of(outline: Outline, span: Span) -> str:
    runs = outline.names.within(Span(channel=span.channel, offset=span.offset, length=1))
    return printable(runs[0].name) if runs else ""
