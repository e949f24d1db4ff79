"""Schemas for streams that have none: given by the user, or from the library that recorded streams feed.

The library is ``savevm_inspect/schemas``: descriptions as QEMU wrote them, one file each, and an index that says of
which machine type and which QEMU each one is. A schema fits a stream only if the same devices are in the same
state: that of a paused machine lacks fields that a running one has, and only the bytes can decide.
"""

import json
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from ..container.source import Source, SourceLike
from ..errors import NotFound, SavevmError, SchemaError, StreamError
from ..stream.configuration import read_configuration
from ..stream.cursor import Cursor
from ..stream.records import Configuration
from ..vmstate.schema import LIMIT_BYTES, Description, parse_description
from ..wire import QEMU_VM_FILE_MAGIC, VmRecord
from .trailer import find_description

LIBRARY = "library"
"""In place of a file: the schema of the library that fits; with ``:NAME`` after it, that one."""

_INDEX = "index.json"
_AHEAD_BYTES = 64
_SPACE = b" \t\r\n"
_DUMP_VMSTATE = b'"vmschkmachine"'
_DUMP_AHEAD_BYTES = 4096
"""What -dump-vmstate writes begins with the machine type under that key (dump_vmstate_json_to_file)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A description and where it came from.

    Attributes:
        origin: ``given``, or ``library:NAME``.
        machine: name of the machine type that it was made by; empty for a bare description, which does not name it.
        description: what it says.
    """

    origin: str
    machine: str
    description: Description


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """A schema of the library.

    Attributes:
        name: what it is asked for by.
        machine: name of the machine type.
        qemu: version of the QEMU that wrote it.
        what: the state of the machine.
    """

    name: str
    machine: str
    qemu: str
    what: str

    def load(self) -> Schema:
        """Unpack it."""
        text = lzma.decompress(_library().joinpath(f"{self.name}.json.xz").read_bytes())
        return Schema(origin=f"{LIBRARY}:{self.name}", machine=self.machine, description=parse_description(text))


def library() -> tuple[LibraryEntry, ...]:
    """What the library has, newest QEMU first."""
    return tuple(LibraryEntry(**entry) for entry in json.loads(_library().joinpath(_INDEX).read_text()))


def _library() -> Traversable:
    return files(__package__.rpartition(".")[0]).joinpath("schemas")


def load_schema(source: SourceLike) -> Schema:
    """Load the schema that a file is, or that a stream brings along.

    Args:
        source: a description (JSON), or a stream in any container, or bytes of either.

    Raises:
        SavevmError: it can't be opened.
        SchemaError: it is no description, and no stream that has one.
    """
    with Source(source) as opened:
        buffer = opened.buffer[opened.offset :]
        if bytes(buffer[:_AHEAD_BYTES]).lstrip(_SPACE)[:1] == b"{":
            if len(buffer) > LIMIT_BYTES:
                raise SchemaError(f"{opened.name}: {len(buffer)} bytes, more than {LIMIT_BYTES}")
            text: bytes | None = bytes(buffer)
            if _DUMP_VMSTATE in bytes(buffer[:_DUMP_AHEAD_BYTES]):
                raise SchemaError(
                    f"{opened.name} is what -dump-vmstate writes: the fields that devices may have, without their "
                    "types and instances; give a description, or a stream that has one"
                )
        else:
            text = find_description(buffer)
        if text is None:
            raise SchemaError(f"{opened.name} is no description, and no stream that has one")
        own = configuration_of(buffer)
        description = parse_description(text)
        if description.refused and not description.devices:
            raise next(iter(description.refused.values()))
        return Schema(origin="given", machine=own.machine if own else "", description=description)


def check_schema(wanted: SourceLike) -> None:
    """See whether there is a schema, without a stream that it is for.

    Args:
        wanted: as for :func:`choose_schema`.

    Raises:
        SavevmError: it can't be opened, is no description, or is not in the library.
    """
    if not isinstance(wanted, str) or wanted.partition(":")[0] != LIBRARY:
        load_schema(wanted)
    elif name := wanted.partition(":")[2]:
        _entry(name)


def _entry(name: str) -> LibraryEntry:
    for entry in library():
        if entry.name == name:
            return entry
    raise NotFound(f"no schema {name!r} in the library; it has: {', '.join(each.name for each in library())}")


def description_of(source: Source, offset: int) -> bytes:
    """The description of a stream as its JSON text, checked.

    Args:
        source: where it lives.
        offset: where in the buffer it starts, in bytes.

    Raises:
        SchemaError: it has none, or one that is not what it must be.
    """
    text = find_description(source.buffer[offset:])
    if text is None:
        raise SchemaError(f"{source.name} has none")
    parse_description(text)
    return text


def configuration_of(buffer: memoryview) -> Configuration | None:
    """The configuration that opens a stream; ``None`` for what has none."""
    cursor = Cursor(buffer)
    try:
        if cursor.be32() != QEMU_VM_FILE_MAGIC:
            return None
        cursor.be32("a version")
        return read_configuration(cursor) if cursor.peek() == bytes((VmRecord.QEMU_VM_CONFIGURATION,)) else None
    except StreamError:
        return None  # a broken one: whoever reads the stream will say so


def choose_schema(
    wanted: SourceLike, configuration: Configuration | None, described_sections: Callable[[Description], int]
) -> Schema:
    """Find the schema that a stream without a description is to be read with.

    Args:
        wanted: a source of :func:`load_schema`, or ``library``, or ``library:NAME``.
        configuration: the stream's, if it has one.
        described_sections: reads the stream with a schema and counts the sections that it describes; raises a
            SavevmError if it does not fit.

    Raises:
        NotFound: the library has nothing of that name or machine.
        SchemaError: it is of another machine type, or of the library none fits.
    """
    if not isinstance(wanted, str) or wanted.partition(":")[0] != LIBRARY:
        return _checked(load_schema(wanted), configuration)
    name = wanted.partition(":")[2]
    if name:
        return _checked(_entry(name).load(), configuration)
    machine = configuration.machine if configuration else ""
    return _best_fit([entry for entry in library() if entry.machine == machine], machine, described_sections)


def _best_fit(entries: list[LibraryEntry], machine: str, described_sections: Callable[[Description], int]) -> Schema:
    """The schema that describes most sections; of several, one with few other devices, then of the newest QEMU."""
    if not entries:
        raise NotFound(f"the library has no schema of machine type {machine!r}")
    best: Schema | None = None
    most = (0, 0)
    refused = []
    for entry in entries:
        schema = entry.load()
        try:
            rank = (described_sections(schema.description), -len(schema.description.devices))
        except SavevmError as error:
            refused.append(f"{entry.name}: {error}")
            continue
        if best is None or rank > most:
            best, most = schema, rank
    if best is None:
        raise SchemaError(f"none of the library fits ({'; '.join(refused)})")
    return best


def _checked(schema: Schema, configuration: Configuration | None) -> Schema:
    """Refuse the schema of another machine type; a bare description gives only the length of its name."""
    if configuration is None:
        return schema
    machine, page_bits = configuration.machine, configuration.page_bits
    described = schema.description.configuration
    lengths = {field.name: field.length for field in described.fields} if described else {}
    if schema.machine and schema.machine != machine:
        raise SchemaError(f"it is of machine type {schema.machine!r}, the stream is of {machine!r}")
    if lengths.get("name", len(machine.encode())) != len(machine.encode()):
        raise SchemaError(
            f"it is of a machine type whose name has {lengths['name']} bytes, the stream is of {machine!r}"
        )
    if page_bits is not None and schema.description.page_size not in (0, 1 << page_bits):
        raise SchemaError(
            f"it is of pages of {schema.description.page_size} bytes, the stream has pages of {1 << page_bits}"
        )
    return schema
