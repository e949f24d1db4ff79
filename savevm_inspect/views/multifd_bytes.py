"""The bytes of multifd's records with their names (migration/multifd.h, MultiFDInit_t and MultiFDPacket_t)."""

from collections.abc import Iterator
from typing import Final

from ..stream.records import MultifdInitial, MultifdPacket
from ..wire import MULTIFD_FLAG_COMPRESSION_MASK, MultifdFlag
from .named import NamedBytes, Walk

_NAME_BYTES: Final = 256
_SLOT_BYTES: Final = 8
_DEVICE_STATE: Final = MultifdFlag.MULTIFD_FLAG_DEVICE_STATE


def name_initial(record: MultifdInitial, buffer: memoryview) -> Iterator[NamedBytes]:
    """Name what opens a channel.

    Args:
        record: it.
        buffer: the channel's bytes.

    Yields:
        Runs in stream order, without gap or overlap.
    """
    walk = Walk(buffer, record.span, "multifd initial")
    yield from _magic(walk)
    yield from walk.run(16, "uuid", record.uuid.hex())
    yield from walk.number(1, "id")
    yield from walk.run(7 + 4 * 8, "unused", "")


def name_packet(record: MultifdPacket, buffer: memoryview) -> Iterator[NamedBytes]:
    """Name a packet and the data after it; takes and yields as :func:`name_initial` does."""
    walk = Walk(buffer, record.span, "multifd packet")
    yield from _magic(walk)
    yield from walk.number(4, "flags", _flags)
    yield from (_device_state if record.flags & _DEVICE_STATE else _pages)(walk, record)


def _magic(walk: Walk) -> Iterator[NamedBytes]:
    yield from walk.number(4, "magic", hex)
    yield from walk.number(4, "version")


def _device_state(walk: Walk, record: MultifdPacket) -> Iterator[NamedBytes]:
    yield from walk.run(_NAME_BYTES, "idstr", repr(record.idstr))
    yield from walk.number(4, "instance_id")
    yield from walk.number(4, "next_packet_size", lambda length: f"{length} bytes follow")
    yield from walk.run(record.data.length, "device state", f"of {record.idstr!r}, instance {record.instance_id}")


def _pages(walk: Walk, record: MultifdPacket) -> Iterator[NamedBytes]:
    yield from walk.number(4, "pages_alloc", lambda slots: f"room for {slots} pages")
    yield from walk.number(4, "normal_pages")
    yield from walk.number(4, "next_packet_size", lambda length: f"{length} bytes of pages")
    yield from walk.number(8, "packet_num")
    yield from walk.number(4, "zero_pages")
    yield from walk.run(4 + 3 * 8, "unused", "")
    block = bytes(walk.cursor.peek(_NAME_BYTES)).split(b"\0")[0].decode(errors="replace")
    yield from walk.run(_NAME_BYTES, "ramblock", repr(block) if block else "none")
    yield from _slots(walk, record.normal_pages, "normal pages")
    yield from _slots(walk, record.zero_pages, "zero pages")
    yield from walk.run(record.data.offset - walk.cursor.pos, "offset, unused", "")
    packed = _flags(record.flags & MULTIFD_FLAG_COMPRESSION_MASK)
    how = f", compressed: {packed}" if packed else ""
    yield from walk.run(record.data.length, "pages", f"{record.normal_pages} of {block!r}{how}")


def _slots(walk: Walk, count: int, kind: str) -> Iterator[NamedBytes]:
    """The addresses of some pages in their block, as one run."""
    words = bytes(walk.cursor.peek(count * _SLOT_BYTES))
    first, last = (int.from_bytes(word) for word in (words[:_SLOT_BYTES], words[-_SLOT_BYTES:]))
    addrs = f"{first:#x}" if count == 1 else f"{first:#x} … {last:#x}"
    yield from walk.run(count * _SLOT_BYTES, f"offset, {kind}", f"{count} of them, {addrs}")


def _flags(flags: int) -> str:
    return " | ".join(flag.name or "" for flag in MultifdFlag if flags & flag)
