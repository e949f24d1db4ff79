"""Every byte of a stream with its name: what it belongs to, and what it says."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import singledispatch
from itertools import chain

from ..errors import SavevmError, StreamError
from ..reader.stream import Stream
from ..span import Span
from ..stream.records import (
    Command,
    Configuration,
    Description,
    EndOfStream,
    FileHeader,
    Framing,
    Padding,
    Record,
    Section,
    SectionKind,
)
from ..wire import MigCmd, VmRecord
from .named import NamedBytes, Walk
from .ram_bytes import RamNames
from .text import value_text


def name_bytes(stream: Stream) -> list[NamedBytes]:
    """Name every byte of a stream.

    Args:
        stream: any stream, sound or not.

    Returns:
        Runs in stream order, without gap or overlap, from the stream's first byte to the last of its file. Pages
        of RAM that follow one another are one run. Bytes behind a problem are one run that says so.
    """
    named: list[NamedBytes] = []
    position = stream.offset
    end = stream.offset + stream.size_bytes
    names = ByteNames(stream)
    for record in stream.records:
        named += names.of(record)
        position = record.span.end
    if position < end:
        problem = next((str(each) for each in stream.problems if isinstance(each, StreamError)), "behind the end")
        named.append(_named(position, end, "not read", problem))
    return named


class ByteNames:
    """Names the bytes of a stream, a record at a time, when they are asked for.

    Args:
        stream: the stream.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ram = RamNames(stream)
        self._starts = [record.span.offset for record in stream.records]
        self._named: dict[int, list[NamedBytes]] = {}

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
            span: on the main channel; no bytes of another channel have names.
        """
        if span.channel != 0 or not span.length:
            return []
        first = max(bisect_right(self._starts, span.offset) - 1, 0)
        last = bisect_right(self._starts, span.end - 1)
        runs = chain.from_iterable(self._numbered(number) for number in range(first, last))
        return [run for run in runs if run.span.offset < span.end and run.span.end > span.offset]

    def _numbered(self, number: int) -> list[NamedBytes]:
        if number not in self._named:
            if len(self._named) >= _KEPT_RECORDS:
                del self._named[next(iter(self._named))]
            self._named[number] = self.of(self._stream.records[number])
        return self._named[number]


_KEPT_RECORDS = 256


def _named(start: int, end: int, name: str, meaning: str) -> NamedBytes:
    return NamedBytes(Span(offset=start, length=end - start), name, meaning)


# One function a record ----------------------------------------------------------------------------------------


@singledispatch
def _name(record: Record, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    raise AssertionError(f"no names for a {type(record).__name__} of {stream.name}")


@_name.register
def _(record: FileHeader, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = Walk(stream.buffer, record.span, "header")
    yield from walk.run(4, "magic", "'QEVM'")
    yield from walk.number(4, "version")


@_name.register
def _(record: Configuration, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = Walk(stream.buffer, record.span, "configuration")
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
    walk = Walk(stream.buffer, record.span, record.idstr)
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
        walk.cursor.offset = record.footer.offset
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
    position, end = section.payload.offset, section.payload.end
    why = "no schema" if section.framing is Framing.INFERRED else ""
    try:
        for field in stream.decode(section):
            yield from _between(stream, section, position, field.span.offset)
            yield NamedBytes(field.span, f"{section.idstr}/{field.path}", value_text(field))
            position = field.span.end
    except SavevmError as error:
        why = str(error)
    if why:
        yield _named(position, end, f"{section.idstr}/opaque", why)
    else:
        yield from _between(stream, section, position, end)


def _between(stream: Stream, section: Section, start: int, end: int) -> Iterator[NamedBytes]:
    """What lies between two fields: headers of subsections, and nothing else."""
    walk = Walk(stream.buffer, Span(offset=start, length=end - start), section.idstr)
    while walk.cursor.remaining:
        yield from _subsection_header(walk)


@_name.register
def _(record: Command, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = Walk(stream.buffer, record.span, "command")
    yield from walk.mark(VmRecord.QEMU_VM_COMMAND)
    yield from walk.number(2, "command", lambda number: MigCmd(number).name)
    yield from walk.number(2, "length", lambda length: f"{length} bytes follow")
    yield from walk.run(record.argument.length, "argument", command_meaning(stream, record))


@_name.register
def _(record: EndOfStream, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    return Walk(stream.buffer, record.span, "end").mark(VmRecord.QEMU_VM_EOF)


@_name.register
def _(record: Description, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    walk = Walk(stream.buffer, record.span, "description")
    yield from walk.mark(VmRecord.QEMU_VM_VMDESCRIPTION)
    yield from walk.number(4, "length", lambda length: f"{length} bytes follow")
    yield from walk.run(record.json.length, "json", "the schema of every device's state")


@_name.register
def _(record: Padding, stream: Stream, _ram: RamNames) -> Iterator[NamedBytes]:
    return Walk(stream.buffer, record.span, "").run(record.span.length, "padding", "zeros")


def command_meaning(stream: Stream, command: Command) -> str:
    """What a command's argument says, as text; empty if it has none."""
    argument = bytes(stream.buffer[command.argument.offset : command.argument.end])
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
