"""What a stream is made of, as immutable records.

A stream from a QEMU and a stream from our engine are the same records to everything that follows.
"""

from dataclasses import dataclass
from enum import StrEnum

from ..errors import printable
from ..span import Span
from ..wire import MigCmd, VmRecord


class SectionKind(StrEnum):
    """Which of the four section records one is."""

    START = "start"
    PART = "part"
    END = "end"
    FULL = "full"


KIND_OF_RECORD = {
    VmRecord.QEMU_VM_SECTION_START: SectionKind.START,
    VmRecord.QEMU_VM_SECTION_PART: SectionKind.PART,
    VmRecord.QEMU_VM_SECTION_END: SectionKind.END,
    VmRecord.QEMU_VM_SECTION_FULL: SectionKind.FULL,
}


class Framing(StrEnum):
    """How the end of a section's payload became known."""

    SCHEMA = "schema"
    PAYLOAD = "payload"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionHead:
    """What names a section: stated in START and FULL, remembered for PART and END.

    Attributes:
        section_id: the number that PART, END and footers refer to.
        idstr: the device's name, in UTF-8; data, never a file name.
        instance_id: unsigned 32-bit number that distinguishes devices of one idstr.
        version_id: unsigned 32-bit version of the device's format.
        kind: which of the four section records this is.
    """

    section_id: int
    idstr: str
    instance_id: int
    version_id: int
    kind: SectionKind

    def __str__(self) -> str:
        return f"{self.section_id} ({self.idstr}, instance {self.instance_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The root of all records; ``span`` runs from the type byte to the last byte that belongs to it."""

    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader(Record):
    """Magic and version (migration/savevm.c, qemu_savevm_state_header)."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration(Record):
    """Machine type and what both sides must agree on (migration/savevm.c, vmstate_configuration).

    Attributes:
        machine: name of the machine type.
        page_bits: log2 of the target page size in bytes, or ``None`` if the stream leaves it to the machine.
        capabilities: names of those that change the format, in stream order.
        uuid: 16 bytes of the VM's UUID; empty if it is not validated.
    """

    machine: str
    page_bits: int | None
    capabilities: tuple[str, ...]
    uuid: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Record):
    """One START, PART, END or FULL record with its payload and footer.

    Attributes:
        head: what names it.
        payload: the bytes between header and footer.
        footer: type byte and section_id; ``None`` for machines that send none.
        framing: how the payload's end was found.
        salvaged: whether bytes were lost before it.
    """

    head: SectionHead
    payload: Span
    footer: Span | None
    framing: Framing
    salvaged: bool = False

    def __repr__(self) -> str:
        return printable(f"<Section {self.head}: {self.kind} at {self.span}>")

    @property
    def section_id(self) -> int:
        """The number that footers refer to."""
        return self.head.section_id

    @property
    def idstr(self) -> str:
        """The device's name."""
        return self.head.idstr

    @property
    def instance_id(self) -> int:
        """Unsigned 32-bit number that distinguishes devices of one idstr."""
        return self.head.instance_id

    @property
    def version_id(self) -> int:
        """Version of the device's format."""
        return self.head.version_id

    @property
    def kind(self) -> SectionKind:
        """Which of the four section records it is."""
        return self.head.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Record):
    """A QEMU_VM_COMMAND (migration/savevm.c, qemu_savevm_command_send).

    Attributes:
        command: which one.
        argument: the bytes after its 5-byte header.
    """

    command: MigCmd
    argument: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfStream(Record):
    """The QEMU_VM_EOF byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmDescription(Record):
    """The JSON description after the end mark (migration/savevm.c, QEMU_VM_VMDESCRIPTION).

    Attributes:
        json: where its text lies.
    """

    json: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(Record):
    """The record in which a channel broke that another one resumes.

    Attributes:
        lost: the bytes at its end that are no whole page or number.
    """

    lost: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Interrupted):
    """A record that can't be read, up to where reading goes on; ``lost`` is everything but pages before the break.

    Attributes:
        head: of the section that it is of; ``None`` if it is none, or not known.
    """

    head: SectionHead | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultifdInitial(Record):
    """What opens a multifd channel (migration/multifd.c, MultiFDInit_t).

    Attributes:
        uuid: 16 bytes, the VM's.
        channel_id: number of the channel by the source's count.
    """

    uuid: bytes
    channel_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MultifdPacket(Record):
    """A packet of a multifd channel with the data after it (migration/multifd.h, MultiFDPacket_t).

    Attributes:
        flags: of :class:`~savevm_inspect.wire.MultifdFlag`.
        packet_num: by the source's count; 7.2 repeats and skips numbers.
        normal_pages: pages with data.
        zero_pages: pages of zeros, named in the packet alone.
        data: the pages' data, bare or compressed, or a device's state.
        idstr: the device's name, in a packet of device state.
        instance_id: which of the devices of that name.
    """

    flags: int
    packet_num: int
    normal_pages: int
    zero_pages: int
    data: Span
    idstr: str = ""
    instance_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRun(Record):
    """Pages that lie on a channel of their own without any section around them (postcopy-preempt)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterEnd(Record):
    """Bytes after the end of the stream, which are no part of it.

    Attributes:
        what: they are, in a few words.
    """

    what: str
