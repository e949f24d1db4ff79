"""Every byte of a stream with its name: what it belongs to, and what it says."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import singledispatch
from itertools import chain

from ..errors import SavevmError, StreamError
from ..reader.stream import Stream
from ..span import Span
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
    PageRun,
    Record,
    Section,
    SectionKind,
    VmDescription,
)
from ..wire import MigCmd, VmRecord
from .multifd_bytes import name_initial, name_packet
from .named import NamedBytes, Walk
from .ram_bytes import RamNames


def name_bytes(stream: Stream) -> list[NamedBytes]:
    """Name every byte of a stream.

    Args:
        stream: any stream, sound or not.

    Returns:
        Runs in the order of the stream's records, a channel after the other: each from its first byte to the last of
        its file, without gap or overlap. Pages of RAM that follow one another are one run. Bytes after a problem
        are one run that says so.
    """
    names = ByteNames(stream)
    return [run for whole in _extents(stream) for run in names.within(whole)]


def _extents(stream: Stream) -> Iterator[Span]:
    """All bytes of each forward channel, in the order of the stream's records."""
    inputs = stream.inputs
    yield Span(offset=stream.offset, length=len(stream.buffer) - stream.offset)
    for cursor in (*inputs.resumed_cursors(), *inputs.further_cursors()):
        yield Span(channel=cursor.channel, offset=cursor.pos, length=cursor.remaining)


class ByteNames:
    """Names the bytes of a stream, a record at a time, when they are asked for.

    Args:
        stream: the stream.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ram = RamNames(stream)
        self._records: dict[int, list[Record]] = defaultdict(list)
        for record in stream.records:
            self._records[record.span.channel].append(record)
        self._starts = {
            channel: [record.span.offset for record in records] for channel, records in self._records.items()
        }
        self._unread = {run.span.channel: run for run in self._not_read()}
        self._named: dict[tuple[int, int], list[NamedBytes]] = {}

    def _not_read(self) -> Iterator[NamedBytes]:
        """What lies after the last record of each channel."""
        problems = {
            each.channel: str(each) for each in reversed(self._stream.problems) if isinstance(each, StreamError)
        }
        for whole in _extents(self._stream):
            records = self._records.get(whole.channel)
            start = records[-1].span.end if records else whole.offset
            if start < whole.end:
                span = Span(channel=whole.channel, offset=start, length=whole.end - start)
                yield NamedBytes(span, "not read", problems.get(whole.channel, "after the end"))

    def of(self, record: Record) -> list[NamedBytes]:
        """Name the bytes of one record.

        Args:
            record: one of the stream's.

        Returns:
            Runs in stream order, without gap or overlap, from the record's first byte to its last.
        """
        return [run for run in _name(record, self._stream, self._ram) if run.span.length]

    def within(self, span: Span) -> list[NamedBytes]:
        """The runs that a span touches, in stream order; the first and the last may reach beyond it.

        Args:
            span: on any forward channel.
        """
        if not span.length:
            return []
        starts = self._starts.get(span.channel, ())
        first = max(bisect_right(starts, span.offset) - 1, 0)
        last = bisect_right(starts, span.end - 1)
        read = chain.from_iterable(self._numbered(span.channel, number) for number in range(first, last))
        unread = (run for run in (self._unread.get(span.channel),) if run is not None)
        return [run for run in chain(read, unread) if run.span.offset < span.end and run.span.end > span.offset]

    def _numbered(self, channel: int, number: int) -> list[NamedBytes]:
        key = channel, number
        if key not in self._named:
            if len(self._named) >= _KEPT_RECORDS:
                del self._named[next(iter(self._named))]
            self._named[key] = self.of(self._records[channel][number])
        return self._named[key]


_KEPT_RECORDS = 256


def _walk(stream: Stream, span: Span, prefix: str) -> Walk:
    return Walk(stream.buffers[span.channel], span, prefix)


# One function a record ----------------------------------------------------------------------------------------


@singledispatch
def _name(record: Record, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    raise AssertionError(f"no names for a {type(record).__name__} of {stream.name}")


@_name.register
def _(record: FileHeader, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, "header")
    yield from walk.run(4, "magic", "'QEVM'")
    yield from walk.number(4, "version")


@_name.register
def _(record: Configuration, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, "configuration")
    yield from walk.mark(VmRecord.QEMU_VM_CONFIGURATION)
    yield from walk.text(4, "machine")
    while walk.cursor.remaining:
        ahead = bytes(walk.cursor.peek(256))
        name = ahead[2 : 2 + ahead[1]].decode()
        yield from _subsection_header(walk)
        yield from _CONFIGURATION_PARTS[name](walk)


def _page_bits(walk: Walk) -> Iterator[NamedBytes]:
    return walk.number(4, "target-page-bits", lambda bits: f"{bits}: pages of {1 << bits} bytes")


def _capabilities(walk: Walk) -> Iterator[NamedBytes]:
    count = int.from_bytes(bytes(walk.cursor.peek(4)))
    yield from walk.number(4, "capabilities count")
    for number in range(count):
        yield from walk.text(1, f"capability[{number}]")


def _uuid(walk: Walk) -> Iterator[NamedBytes]:
    return walk.run(16, "uuid", bytes(walk.cursor.peek(16)).hex())


_CONFIGURATION_PARTS: Mapping[str, Callable[[Walk], Iterator[NamedBytes]]] = {
    "configuration/target-page-bits": _page_bits,
    "configuration/capabilities": _capabilities,
    "configuration/uuid": _uuid,
}


def _subsection_header(walk: Walk) -> Iterator[NamedBytes]:
    yield from walk.run(1, "subsection mark", VmRecord.QEMU_VM_SUBSECTION.name)
    yield from walk.text(1, "subsection name")
    yield from walk.number(4, "subsection version")


@_name.register
def _(record: Section, stream: Stream, ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, record.idstr)
    yield from walk.mark(_MARKS[record.kind])
    yield from walk.number(4, "section_id")
    if record.kind in (SectionKind.START, SectionKind.FULL):
        yield from walk.text(1, "idstr")
        yield from walk.number(4, "instance_id")
        yield from walk.number(4, "version_id")
    if record.idstr == "ram":
        yield from ram.name(record)
    else:
        yield from _payload(stream, record)
    if record.footer is not None:
        walk.cursor.pos = record.footer.offset
        yield from walk.run(1, "footer", VmRecord.QEMU_VM_SECTION_FOOTER.name)
        yield from walk.number(4, "footer section_id")


_MARKS = {
    SectionKind.START: VmRecord.QEMU_VM_SECTION_START,
    SectionKind.PART: VmRecord.QEMU_VM_SECTION_PART,
    SectionKind.END: VmRecord.QEMU_VM_SECTION_END,
    SectionKind.FULL: VmRecord.QEMU_VM_SECTION_FULL,
}


def _payload(stream: Stream, section: Section) -> Iterator[NamedBytes]:
    """The fields of a section, and the headers of subsections between them."""
    payload = section.payload
    position = payload.offset
    why = "no schema" if section.framing is Framing.INFERRED else ""
    try:
        for field in stream.decode(section):
            yield from _between(stream, section, position, field.span.offset)
            yield NamedBytes(field.span, f"{section.idstr}/{field.path}", field.text())
            position = field.span.end
    except SavevmError as error:
        why = str(error)
    if why:
        yield from _walk(stream, _part(payload, position, payload.end), section.idstr).run(
            payload.end - position, "opaque", why
        )
    else:
        yield from _between(stream, section, position, payload.end)


def _between(stream: Stream, section: Section, start: int, end: int) -> Iterator[NamedBytes]:
    """What lies between two fields: headers of subsections, and nothing else."""
    walk = _walk(stream, _part(section.payload, start, end), section.idstr)
    while walk.cursor.remaining:
        yield from _subsection_header(walk)


def _part(span: Span, start: int, end: int) -> Span:
    return Span(channel=span.channel, offset=start, length=end - start)


@_name.register
def _(record: Command, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, "command")
    yield from walk.mark(VmRecord.QEMU_VM_COMMAND)
    yield from walk.number(2, "command", lambda number: MigCmd(number).name)
    yield from walk.number(2, "length", lambda length: f"{length} bytes follow")
    yield from walk.run(record.argument.length, "argument", command_meaning(stream, record))


@_name.register
def _(record: EndOfStream, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    return _walk(stream, record.span, "end").mark(VmRecord.QEMU_VM_EOF)


@_name.register
def _(record: VmDescription, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, "description")
    yield from walk.mark(VmRecord.QEMU_VM_VMDESCRIPTION)
    yield from walk.number(4, "length", lambda length: f"{length} bytes follow")
    yield from walk.run(record.json.length, "json", "the schema of every device's state")


@_name.register
def _(record: AfterEnd, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    return _walk(stream, record.span, "").run(record.span.length, "after the end", record.what)


@_name.register
def _(record: Interrupted, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, "broken off")
    kept_bytes = record.lost.offset - record.span.offset
    yield from walk.run(kept_bytes, "kept", "the record in which the channel broke, as far as it can be used")
    yield from walk.run(record.lost.length, "lost", "no whole page or number; the channel broke here")


@_name.register
def _(record: Broken, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = _walk(stream, record.span, f"broken: {record.head}" if record.head else "broken")
    kept_bytes = record.lost.offset - record.span.offset
    yield from walk.run(kept_bytes, "kept", "the pages before the damage")
    yield from walk.run(record.lost.length, "lost", "can't be read; reading goes on after it")


@_name.register
def _(record: PageRun, _stream: Stream, ram: RamNames) -> Iterator[NamedBytes]:
    return ram.name_run(record)


@_name.register
def _(record: MultifdInitial, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    return name_initial(record, stream.buffers[record.span.channel])


@_name.register
def _(record: MultifdPacket, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    return name_packet(record, stream.buffers[record.span.channel])


def command_meaning(stream: Stream, command: Command) -> str:
    """What a command's argument says, as text; empty if it has none."""
    argument = bytes(stream.buffers[command.argument.channel][command.argument.offset : command.argument.end])
    return _ARGUMENTS.get(command.command, _hex)(argument)


def _hex(argument: bytes) -> str:
    shown = argument[:32].hex(" ")
    return f"{shown} …" if len(argument) > 32 else shown


def _ping(argument: bytes) -> str:
    return f"ping {int.from_bytes(argument)}"


def _advise(argument: bytes) -> str:
    sizes = [int.from_bytes(argument[start : start + 8]) for start in range(0, len(argument), 8)]
    return ", ".join(f"{name} {size}" for name, size in zip(_ADVISE, sizes, strict=False))


_ADVISE: Sequence[str] = ("page sizes of the host", "page size of the target")

_ARGUMENTS: Mapping[MigCmd, Callable[[bytes], str]] = {
    MigCmd.MIG_CMD_PING: _ping,
    MigCmd.MIG_CMD_POSTCOPY_ADVISE: _advise,
}
