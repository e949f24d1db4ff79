"""VMCOREINFO: the note in which a Linux guest says where its own structures lie.

Debuggers of Linux (drgn, crash) take a core only with it. QEMU's device ``vmcoreinfo`` learns where the guest keeps
it (hw/misc/vmcoreinfo.c); a guest without the device keeps it all the same (Linux, kernel/vmcore_info.c).
"""

import struct
from dataclasses import dataclass

from ..errors import AddressError, NotFound
from .address_space import PhysicalMemory

_NAME = b"VMCOREINFO\0"
_PADDED_NAME = b"VMCOREINFO\0\0"
_FIRST_LINE = b"OSRELEASE="
_HEADER_BYTES = 12
_MOST_BYTES = 1 << 20
"""Of a note, as dump/dump.c allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vmcoreinfo:
    """The note, and where it was found.

    Attributes:
        gpa: its guest-physical address.
        note: its bytes, with their header, as a core holds them.
        source: who says that it lies there.
    """

    gpa: int
    note: bytes
    source: str

    @property
    def text(self) -> str:
        """What it says, line by line."""
        start = _HEADER_BYTES + len(_PADDED_NAME)
        return self.note[start:].rstrip(b"\0").decode("utf-8", "replace")


def read_vmcoreinfo(physical: PhysicalMemory, gpa: int, size_bytes: int, order: str, source: str) -> Vmcoreinfo:
    """Read the note from where it is said to lie.

    Args:
        physical: guest-physical memory.
        gpa: where it starts.
        size_bytes: the room that it has.
        order: the guest's byte order, as :mod:`struct` writes it.
        source: who says so.

    Raises:
        NotFound: there is no such note.
    """
    where = f"none at gpa {gpa:#x} ({source})"
    if not _HEADER_BYTES + len(_PADDED_NAME) <= size_bytes <= _MOST_BYTES:
        raise NotFound(f"{where}: {size_bytes} bytes are no size of a note")
    try:
        head = physical.read_bytes(gpa, _HEADER_BYTES + len(_PADDED_NAME))
        name_bytes, length, _ = struct.unpack_from(f"{order}III", head)
        whole = _HEADER_BYTES + len(_PADDED_NAME) + -(-length // 4) * 4
        if name_bytes != len(_NAME) or head[_HEADER_BYTES:] != _PADDED_NAME or whole > size_bytes:
            raise NotFound(f"{where}: {head.hex(' ')} opens no such note of at most {size_bytes} bytes")
        return Vmcoreinfo(gpa=gpa, note=physical.read_bytes(gpa, whole), source=source)
    except AddressError as error:
        raise NotFound(f"{where}: {error}") from error


def search_vmcoreinfo(physical: PhysicalMemory, order: str) -> Vmcoreinfo:
    """Find the note in a guest's memory.

    Args:
        physical: guest-physical memory.
        order: the guest's byte order.

    Raises:
        NotFound: there is none.
    """
    for found in physical.search(_PADDED_NAME + _FIRST_LINE):
        try:
            return read_vmcoreinfo(physical, found - _HEADER_BYTES, _MOST_BYTES, order, "found in memory")
        except NotFound:
            continue  # text that only looks like it
    raise NotFound("there is none in the guest's memory")
