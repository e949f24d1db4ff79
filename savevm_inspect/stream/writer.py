"""The writing half of the envelope: numbers to bytes, and every record but a section's payload.

The framer reads back exactly what these functions write; each returns the record that it wrote.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from struct import Struct
from typing import BinaryIO

from ..span import Span
from ..wire import QEMU_VM_FILE_MAGIC, QEMU_VM_FILE_VERSION, MigCmd, VmRecord
from .records import (
    KIND_OF_RECORD,
    Command,
    Configuration,
    EndOfStream,
    FileHeader,
    SectionHead,
    SectionKind,
    VmDescription,
)

_BE16 = Struct(">H")
_BE32 = Struct(">I")
_BE64 = Struct(">Q")
_RECORD_OF_KIND = {kind: record for record, kind in KIND_OF_RECORD.items()}


class Writer:
    """Writes big-endian numbers to a sink and counts the bytes (migration/qemu-file.c, qemu_put_*).

    Args:
        sink: takes each run of bytes; a file's ``write`` or a bytearray's ``extend``.
        channel: number of the channel, kept in every span made here.
    """

    def __init__(self, sink: Callable[[bytes | memoryview], object], *, channel: int = 0) -> None:
        self._sink = sink
        self.channel = channel
        self.transferred = 0

    def put_buffer(self, data: bytes | memoryview) -> None:
        """Write bytes as they are; the sink may keep them."""
        self._sink(data)
        self.transferred += len(data)

    def put_byte(self, value: int) -> None:
        """Write one unsigned byte."""
        self.put_buffer(bytes((value,)))

    def put_be16(self, value: int) -> None:
        """Write an unsigned 16-bit number."""
        self.put_buffer(_BE16.pack(value))

    def put_be32(self, value: int) -> None:
        """Write an unsigned 32-bit number."""
        self.put_buffer(_BE32.pack(value))

    def put_be64(self, value: int) -> None:
        """Write an unsigned 64-bit number."""
        self.put_buffer(_BE64.pack(value))

    def put_counted_string(self, text: str) -> None:
        """Write a name of at most 255 bytes after its length in one byte."""
        raw = text.encode()
        self.put_byte(len(raw))
        self.put_buffer(raw)

    def span_from(self, start: int) -> Span:
        """The span from an offset up to what was written last."""
        return Span(channel=self.channel, offset=start, length=self.transferred - start)


class SeekableWriter(Writer, ABC):
    """A writer that can seek, as mapped-ram needs it; offsets in spans are those in the file."""

    @abstractmethod
    def get_offset(self) -> int:
        """Where the next byte goes, in bytes from the start of the file (qemu_get_offset)."""

    @abstractmethod
    def set_offset(self, offset: int) -> None:
        """Continue at an offset, in bytes from the start; what is left out becomes a hole (qemu_set_offset)."""

    @abstractmethod
    def put_buffer_at(self, data: bytes, offset: int) -> None:
        """Write bytes at an offset and continue where the writer was (qemu_put_buffer_at).

        Args:
            data: the bytes.
            offset: of the first one, in bytes from the start of the file.
        """


class FileWriter(SeekableWriter):
    """A writer to a file that is open.

    Args:
        file: opened for writing; the stream starts where it stands.
        channel: number of the channel.
    """

    def __init__(self, file: BinaryIO, *, channel: int = 0) -> None:
        super().__init__(file.write, channel=channel)
        self._file = file
        self.transferred = file.tell()

    def get_offset(self) -> int:
        """Where the file stands."""
        return self._file.tell()

    def set_offset(self, offset: int) -> None:
        """Continue at an offset."""
        self.transferred = self._file.seek(offset)

    def put_buffer_at(self, data: bytes, offset: int) -> None:
        """Write elsewhere."""
        position = self._file.tell()
        self._file.seek(offset)
        self._file.write(data)
        self._file.seek(position)


def put_file_header(f: Writer) -> FileHeader:
    """Write magic and version (migration/savevm.c, qemu_savevm_state_header)."""
    start = f.transferred
    f.put_be32(QEMU_VM_FILE_MAGIC)
    f.put_be32(QEMU_VM_FILE_VERSION)
    return FileHeader(span=f.span_from(start), version=QEMU_VM_FILE_VERSION)


def put_subsection_header(f: Writer, name: str, version_id: int) -> None:
    """Write what opens a subsection (migration/vmstate.c, vmstate_subsection_save)."""
    f.put_byte(VmRecord.QEMU_VM_SUBSECTION)
    f.put_counted_string(name)
    f.put_be32(version_id)


def put_configuration(
    f: Writer,
    machine: str,
    *,
    page_bits: int | None = None,
    capabilities: tuple[str, ...] = (),
    uuid: bytes = b"",
) -> Configuration:
    """Write the configuration with the subsections that are needed (migration/savevm.c, vmstate_configuration).

    Args:
        f: where to.
        machine: name of the machine type.
        page_bits: log2 of the page size in bytes, if the machine's smallest is not used.
        capabilities: names of the capabilities that both sides must agree on.
        uuid: 16 bytes, if it is to be validated.
    """
    start = f.transferred
    name = machine.encode()
    f.put_byte(VmRecord.QEMU_VM_CONFIGURATION)
    f.put_be32(len(name))
    f.put_buffer(name)
    if page_bits is not None:
        put_subsection_header(f, "configuration/target-page-bits", 1)
        f.put_be32(page_bits)
    if capabilities:
        put_subsection_header(f, "configuration/capabilities", 1)
        f.put_be32(len(capabilities))
        for capability in capabilities:
            f.put_counted_string(capability)
    if uuid:
        put_subsection_header(f, "configuration/uuid", 1)
        f.put_buffer(uuid)
    return Configuration(
        span=f.span_from(start), machine=machine, page_bits=page_bits, capabilities=capabilities, uuid=uuid
    )


def put_section_header(f: Writer, head: SectionHead) -> None:
    """Write what opens a section; PART and END state the number alone (migration/savevm.c, save_section_header)."""
    f.put_byte(_RECORD_OF_KIND[head.kind])
    f.put_be32(head.section_id)
    if head.kind in (SectionKind.START, SectionKind.FULL):
        f.put_counted_string(head.idstr)
        f.put_be32(head.instance_id)
        f.put_be32(head.version_id)


def put_section_footer(f: Writer, section_id: int) -> Span:
    """Write what closes a section (migration/savevm.c, save_section_footer)."""
    start = f.transferred
    f.put_byte(VmRecord.QEMU_VM_SECTION_FOOTER)
    f.put_be32(section_id)
    return f.span_from(start)


def put_command(f: Writer, command: MigCmd, argument: bytes = b"") -> Command:
    """Write a command with its argument (migration/savevm.c, qemu_savevm_command_send)."""
    start = f.transferred
    f.put_byte(VmRecord.QEMU_VM_COMMAND)
    f.put_be16(command)
    f.put_be16(len(argument))
    body = f.transferred
    f.put_buffer(argument)
    return Command(span=f.span_from(start), command=command, argument=f.span_from(body))


def put_eof(f: Writer) -> EndOfStream:
    """Write the end mark (migration/savevm.c, qemu_savevm_state_complete_precopy_non_iterable)."""
    start = f.transferred
    f.put_byte(VmRecord.QEMU_VM_EOF)
    return EndOfStream(span=f.span_from(start))


def put_description(f: Writer, text: str) -> VmDescription:
    """Write the JSON description after the end mark (same function upstream)."""
    start = f.transferred
    raw = text.encode()
    f.put_byte(VmRecord.QEMU_VM_VMDESCRIPTION)
    f.put_be32(len(raw))
    body = f.transferred
    f.put_buffer(raw)
    return VmDescription(span=f.span_from(start), json=f.span_from(body))
