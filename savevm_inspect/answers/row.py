"""A row of the table of errors: what it means when QEMU's migration says so."""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What part of a stream an error speaks of."""

    HEADER = "the first 8 bytes: magic and version"
    CONFIGURATION = "the configuration section, after the first 8 bytes"
    SECTION_HEADER = "the header of a section: type, section_id, idstr, instance_id, version_id"
    FIELDS = "the fields of a device"
    SUBSECTION = "a subsection of a device"
    FOOTER = "the footer of a section: 0x7e and its section_id"
    PCI_CONFIG = "the configuration space of a PCI device"
    VIRTIO = "the state of a virtio device: features, queues"
    BLOCK_LIST = "the list of RAM blocks, at the start of section ram"
    PAGES = "pages of section ram"
    MAPPED_RAM = "a block of mapped-ram: header, bitmap, pages"
    MULTIFD = "packets of a multifd channel"
    COMMAND = "a command between sections"
    RETURN_PATH = "the return path, from destination to source"
    END = "where the stream ends"
    WHOLE = "the stream as a whole"
    NONE = "no byte of a stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One error, in whatever words a version of QEMU reports it.

    Attributes:
        key: its name.
        values: names of what the wordings leave open, in their order; what comes after the last name has none.
        part: what part of a stream it speaks of.
        cause: what it means.
        remedy: what to do.
        context: whether it only says what failed, and another line says why.
    """

    key: str
    values: tuple[str, ...] = ()
    part: Part
    cause: str
    remedy: str
    context: bool = False
