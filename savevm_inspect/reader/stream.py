"""A whole stream, opened: its records, devices, fields, pages and memory, and whether it is sound."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..container.held_inputs import hold, release
from ..container.source import Source, SourceLike
from ..errors import BadPayload, NotFound, SavevmError, StreamError, printable
from ..markup import html_table
from ..memory.page_table import PageTable
from ..memory.unpack import Buffers
from ..payload.ram_blocks import RamBlock
from ..stream.cursor import Cursor
from ..stream.records import AfterEnd, Command, Configuration, EndOfStream, Framing, Record, Section
from ..stream.values import FieldValue
from ..vmstate.schema import Description, StateSchema
from .accounting import Account, account
from .attempt import attempt
from .described import read_described
from .device import Device
from .inputs import Inputs
from .remarks import Remark, remarks
from .section_fields import SectionFields

# What not every stream needs is imported where it is used: modules take their time.
if TYPE_CHECKING:
    from ..memory.history import History
    from ..stream.return_path import ReturnMessage
    from .guest_memory import GuestMemory

_VERSION_BYTES = 4
"""A section's header ends with its version."""


class Stream:
    """A migration stream; use it in a ``with`` block. :func:`open_stream` makes one.

    Args:
        inputs: the bytes of its channels; closed with the stream.
        schema: where the schema of its devices is, if it has none itself.
        strict: whether to raise at the first inconsistency, or to note it in :attr:`problems`.

    Attributes:
        records: everything up to the end, or up to the first problem, a channel after the other: the main one,
            what resumed it, and the further ones.
        return_path: the messages that came back; none if the return path was not given.
        problems: what is wrong with it, in the order in which it was found; empty if ``strict``.
        description: the schema it was read with; ``None`` if there is none that fits.
        schema_from: where that comes from: ``stream``, ``given``, ``library:NAME`` or ``none``.
        schema_unused: a schema was given, and not used, since the stream has its own description.
        schema_choice: which schema of the library was chosen for a stream that names no machine type, and why; else
            empty.
    """

    def __init__(self, inputs: Inputs, *, schema: SourceLike | None = None, strict: bool = True) -> None:
        self._inputs = inputs
        self._source = inputs.main
        self._strict = strict
        self._resources = ExitStack()
        self._resources.callback(inputs.close)
        self.offset = inputs.offset
        self.problems: list[SavevmError] = list(inputs.main.problems)
        if isinstance(schema, str | PathLike):
            hold(self, Path(schema), str(schema))
        reading = read_described(inputs, self._resources, schema)
        self.description: Description | None = reading.description
        self.schema_from = reading.schema_from
        self.schema_choice = reading.schema_choice
        self.schema_unused = schema is not None and reading.schema_from == "stream"
        for problem in reading.problems:
            self._report(problem)
        found = reading.attempt
        if found.errors and not strict:
            found = attempt(inputs, reading.description, self._resources, ends_at=reading.ends_at, salvage=True)
        self._payloads, self._channels = found.payloads, found.channels
        self._broken = bool(found.errors or inputs.main.problems)
        self.records: tuple[Record, ...] = tuple(self._channels.records)
        for error in (*found.errors, *self._unsupported_versions()):
            self._report(error)
        self.return_path: tuple[ReturnMessage, ...] = tuple(self._read_return_path(inputs.return_path_cursor()))

    def _unsupported_versions(self) -> Iterator[BadPayload]:
        """Sections of a later version than their own device can have (qemu_loadvm_section_start_full)."""
        for section in self.sections:
            if section.framing is not Framing.SCHEMA or self.schema_from != "stream":
                continue
            schema = self._payloads.schema_of(section)
            if schema.name and section.version_id > schema.version:
                yield BadPayload(
                    f"unsupported version {section.version_id} for '{section.idstr}' v{schema.version}",
                    offset=section.payload.offset - _VERSION_BYTES,
                    section=f"{section.idstr} (instance {section.instance_id})",
                )

    def _read_return_path(self, cursor: Cursor | None) -> "Iterator[ReturnMessage]":
        if cursor is not None:
            from ..stream.return_path import read_return_path  # noqa: PLC0415

            cursor.section = "the return path"
            try:
                yield from read_return_path(cursor)
            except StreamError as error:
                self._report(error)

    def _report(self, error: SavevmError) -> None:
        """Raise an error, or record it."""
        if self._strict:
            raise error
        self.problems.append(error)

    # What it is -------------------------------------------------------------------------------------------

    @property
    def container(self) -> str:
        """Where it lives: ``raw``, ``gzip``, ``libvirt``, ``qcow2`` or another that :class:`Source` names."""
        return self._source.container

    @property
    def source(self) -> Source:
        """The container: its facts, documents and notes."""
        return self._source

    @property
    def domain_xml(self) -> str:
        """The XML of the domain, as libvirt wrote it into a save image.

        Raises:
            NotFound: it is no image of libvirt's.
        """
        if "domain" not in self._source.documents:
            raise NotFound(f"{self.name}: no save image of libvirt's, so it holds no domain XML")
        return self._source.documents["domain"]

    @property
    def name(self) -> str:
        """What it was opened from."""
        return self._source.name

    @property
    def inputs(self) -> Inputs:
        """The bytes of all its channels, for whoever reads them in another way."""
        return self._inputs

    @property
    def buffer(self) -> memoryview:
        """The bytes of the main channel, to which the spans' offsets refer."""
        return self._source.buffer

    @property
    def buffers(self) -> Buffers:
        """The bytes of each forward channel by its number, and of what was unpacked of it; pages refer to them."""
        return self._channels.buffers

    @property
    def size_bytes(self) -> int:
        """Its length: of all forward channels together, without what follows its end."""
        return self._inputs.size_bytes - self.after_end_bytes

    @property
    def after_end_bytes(self) -> int:
        """How many bytes follow its end and are no part of it."""
        return sum(record.span.length for record in self.records if isinstance(record, AfterEnd))

    @cached_property
    def configuration(self) -> Configuration | None:
        """Its configuration record; ``None`` for machine types that send none."""
        return next((record for record in self.records if isinstance(record, Configuration)), None)

    @property
    def page_size(self) -> int:
        """Bytes of a page, by which its pages were read; the usual one, 4096, if :attr:`page_size_from` is empty."""
        return self._payloads.page_size

    @property
    def page_size_from(self) -> str:
        """What states the page size: ``description``, ``configuration``, ``advise``, ``probe``, or empty."""
        return self._payloads.page_size_from

    @cached_property
    def blocks(self) -> tuple[RamBlock, ...]:
        """Its RAM blocks, in the order of its block list."""
        return tuple(self._payloads.ram.blocks) if self._payloads.ram else ()

    def block_index(self, name: str) -> int:
        """Place of a RAM block in :attr:`blocks`, by which rows of pages refer to it.

        Args:
            name: of the block.

        Raises:
            NotFound: there is no such block.
        """
        if name not in self._block_indices:
            raise NotFound(f"no RAM block {name!r}")
        return self._block_indices[name]

    @cached_property
    def _block_indices(self) -> dict[str, int]:
        return {block.name: index for index, block in enumerate(self.blocks)}

    @property
    def ram_hole_bytes(self) -> int:
        """Bytes within RAM sections that are nobody's: alignment and absent pages of mapped-ram."""
        return self._payloads.ram.hole_bytes if self._payloads.ram else 0

    @property
    def ram_hooks(self) -> Sequence[int]:
        """Offsets of the words of RAM that leave pages to something that is not in the stream, one a section."""
        return tuple(self._payloads.ram.hooks.values()) if self._payloads.ram else ()

    # What is in it ----------------------------------------------------------------------------------------

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Its sections, in stream order."""
        return tuple(record for record in self.records if isinstance(record, Section))

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """Its commands, in stream order."""
        return tuple(record for record in self.records if isinstance(record, Command))

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """One for each (idstr, instance_id), in the order of their first sections."""
        grouped: dict[tuple[str, int], list[Section]] = defaultdict(list)
        for section in self.sections:
            grouped[section.idstr, section.instance_id].append(section)
        return tuple(
            Device(
                idstr=idstr,
                instance_id=instance_id,
                version_id=sections[0].version_id,
                sections=tuple(sections),
                decode=self.decode,
            )
            for (idstr, instance_id), sections in grouped.items()
        )

    def __getitem__(self, key: str | tuple[str, int]) -> Device:
        """A device by its idstr (the first instance), or by (idstr, instance_id)."""
        for device in self.devices:
            if key in (device.idstr, (device.idstr, device.instance_id)):
                return device
        raise NotFound(f"no section {key!r} in the stream")

    def __contains__(self, key: object) -> bool:
        """Whether there is a device of an idstr, or of an (idstr, instance_id)."""
        return any(key in (device.idstr, (device.idstr, device.instance_id)) for device in self.devices)

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices)

    def _ipython_key_completions_(self) -> list[str | tuple[str, int]]:
        """What IPython offers in ``stream["``: idstrs, and pairs for the further instances of one."""
        return [each.idstr if self[each.idstr] is each else (each.idstr, each.instance_id) for each in self.devices]

    def __repr__(self) -> str:
        machine = self.configuration.machine if self.configuration else "machine not stated"
        state = "complete" if self.complete else "not complete"
        return printable(
            f"<Stream {self.name}: {machine}, {self.size_bytes} bytes, {len(self.devices)} devices, {state}>"
        )

    def _repr_html_(self) -> str:
        rows = (
            (each.idstr, each.instance_id, len(each.sections), sum(one.span.length for one in each.sections))
            for each in self.devices
        )
        return html_table(self, ("device", "instance", "sections", "bytes"), rows)

    def decode(self, section: Section) -> Iterator[FieldValue]:
        """Decode one section.

        Args:
            section: one of :attr:`sections`.

        Yields:
            Its fields in stream order; none for RAM, whose content is :attr:`pages`, nor for a section that
            was framed by its footer alone.

        Raises:
            StreamError: the bytes contradict the schema.
        """
        yield from self._section_fields.of(section)

    def schema_of(self, section: Section) -> StateSchema | None:
        """The schema by which a section was framed; ``None`` if it has a format of its own or was inferred.

        Args:
            section: one of :attr:`sections`.
        """
        return self._payloads.schema_of(section) if section.framing is Framing.SCHEMA else None

    def edit(self) -> Any:
        """Changes to it, none to begin with.

        Returns:
            An :class:`~savevm_inspect.editor.edit.Edit`; its room stands above this one, which is why it is found by
            its name, late, as the package's public names are.
        """
        return import_module("savevm_inspect.editor.edit").Edit(self)

    @cached_property
    def _section_fields(self) -> SectionFields:
        return SectionFields(self.sections, self._channels.buffers, self._payloads.schema_of)

    @cached_property
    def pages(self) -> PageTable:
        """Every page that was sent, on whatever channel; of an address, the last one counts."""
        return self._channels.pages()

    @cached_property
    def memory(self) -> "GuestMemory":
        """The RAM blocks by name, as files of their final bytes; guest-physical and virtual memory."""
        from .guest_memory import GuestMemory  # noqa: PLC0415

        return GuestMemory(self, self._channels.buffers, self.pages)

    @cached_property
    def history(self) -> "History":
        """Each time a page was sent: in which iteration, as what, and what it cost."""
        from ..memory.history import History  # noqa: PLC0415

        events = self._source.capture.events() if self._source.capture else ()
        return History(self.pages, self.buffers, self.records, events)

    # Whether it is sound ----------------------------------------------------------------------------------

    @cached_property
    def complete(self) -> bool:
        """Whether the proper end was reached: an EOF record, and nothing that can't be read before it.

        Sections that are still open are none of QEMU's concern; they are in :attr:`remarks`.
        """
        return not self._broken and any(isinstance(record, EndOfStream) for record in self.records)

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What one should know of it that is no problem: QEMU loads it all the same."""
        return tuple(remarks(self))

    @cached_property
    def account(self) -> Account:
        """Whose each byte is, and what is wrong in sections once they are decoded."""
        return account(self)

    def close(self) -> None:
        """Give back the bytes; nothing that refers to them can be read any more."""
        release(self)
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._inputs.check_lengths()
        finally:
            self.close()


def open_stream(
    source: SourceLike,
    offset: int = 0,
    channels: Sequence[SourceLike] = (),
    return_path: SourceLike | None = None,
    resumed: Sequence[SourceLike] = (),
    snapshot: str | None = None,
    schema: SourceLike | None = None,
    *,
    strict: bool = True,
    mapped: bool = False,
) -> Stream:
    """Open a migration stream and read its records.

    Args:
        source: path of a file in any container or of a capture folder, ``-`` for standard input; a file
            object, read from where it stands; or bytes.
        offset: where the stream starts, in bytes: in the file, or in what its container holds.
        channels: the further forward channels, in the order in which the source connected; a capture folder
            knows its own.
        return_path: what the destination sent back, to be checked, too.
        resumed: the main channel after each recovery of a postcopy migration, in order.
        snapshot: name or id of the internal snapshot, for a qcow2 image that has several.
        schema: for a stream that brings no description: one (JSON), or another stream that has one; ``library``
            for what the library has for its machine type, ``library:NAME`` for one of it. What does not fit is
            refused: the sections stay opaque.
        strict: raise at the first inconsistency. Otherwise the stream holds what could be read,
            and :attr:`Stream.problems` what is wrong.
        mapped: map files of more than 64 MiB instead of reading a copy of them. It takes neither time nor room, and
            kills this process (SIGBUS) if somebody makes such a file shorter meanwhile.

    Returns:
        The stream, to be used in a ``with`` block.

    Raises:
        SavevmError: it can't be opened, or ``strict`` and it is not sound; at the end of the block, if a file that is
            mapped has become shorter.
    """
    inputs = Inputs(
        source,
        offset,
        channels=channels,
        return_path=return_path,
        resumed=resumed,
        snapshot=snapshot,
        strict=strict,
        mapped=mapped,
    )
    try:
        return Stream(inputs, schema=schema, strict=strict)
    except BaseException:
        inputs.close()
        raise
