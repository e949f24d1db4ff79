"""Multifd on the source's side: what opens a channel, packets, and how pages spread over channels.

The writing half of :mod:`~savevm_inspect.payload.multifd`, for QEMU 9.1 and later: zero pages are named in packets,
SYNC packets carry no pages. With :meth:`MultifdWriter.put_packet` packets of any version can be written.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..container.compression import zstd_module
from ..span import Span
from ..stream.records import MultifdInitial, MultifdPacket
from ..stream.writer import Writer
from ..wire import MULTIFD_MAGIC, MULTIFD_PACKET_SIZE, MULTIFD_VERSION, MultifdFlag

_NAME_BYTES = 256
_INITIAL_UNUSED = bytes(7 + 4 * 8)
_PACKET_UNUSED = bytes(4 + 3 * 8)


class Page(NamedTuple):
    """A page that waits for its packet.

    Attributes:
        addr: of the page, in bytes in the block.
        content: its bytes.
    """

    addr: int
    content: bytes


Packer = Callable[[Sequence[bytes]], bytes]
"""Packs the pages of a packet; one object packs those of all packets of a channel (MultiFDMethods.send_prepare)."""


class Compression(NamedTuple):
    """A way to send the pages of packets.

    Attributes:
        flag: what it sets in the flags of a packet with pages.
        packer: makes a channel's :class:`Packer` for a level.
    """

    flag: int
    packer: Callable[[int], Packer]


class MultifdWriter:
    """Writes one channel (multifd_send_thread).

    Args:
        f: where to.
        page_size: bytes of a page.
        compression: one of :data:`COMPRESSIONS`.
        level: of the compression; upstream's default.
    """

    def __init__(self, f: Writer, *, page_size: int, compression: str = "none", level: int = 1) -> None:
        self._f = f
        self._slots = MULTIFD_PACKET_SIZE // page_size
        self._compression = COMPRESSIONS[compression]
        self._pack = self._compression.packer(level)

    def put_initial_packet(self, channel_id: int, uuid: bytes) -> MultifdInitial:
        """Write what opens the channel (multifd_send_initial_packet).

        Args:
            channel_id: number of the channel, from 0.
            uuid: the VM's, 16 bytes.
        """
        f = self._f
        start = f.transferred
        self._put_magic()
        f.put_buffer(uuid)
        f.put_byte(channel_id)
        f.put_buffer(_INITIAL_UNUSED)
        return MultifdInitial(span=f.span_from(start), uuid=uuid, channel_id=channel_id)

    def put_pages(
        self, packet_num: int, block: str, normal: Sequence[Page], zero: Sequence[int] = ()
    ) -> MultifdPacket:
        """Write a packet of pages of one block (multifd_ram_fill_packet).

        Args:
            packet_num: number of the packet, counted over all channels.
            block: name of the block.
            normal: the pages with content.
            zero: addresses of the pages of zeros, in bytes in the block.
        """
        data = self._pack([page.content for page in normal]) if normal else b""
        return self.put_packet(
            flags=self._compression.flag,
            pages_alloc=self._slots,
            normal_pages=len(normal),
            next_packet_size=len(data),
            packet_num=packet_num,
            zero_pages=len(zero),
            block=block,
            addrs=[*(page.addr for page in normal), *zero],
            data=data,
        )

    def put_sync(self, packet_num: int) -> MultifdPacket:
        """Write the packet that ends an epoch on this channel (multifd_send_thread).

        Args:
            packet_num: number of the packet, counted over all channels.
        """
        return self.put_packet(flags=MultifdFlag.MULTIFD_FLAG_SYNC, packet_num=packet_num)

    def put_packet(
        self,
        *,
        flags: int,
        packet_num: int,
        pages_alloc: int = 0,
        normal_pages: int = 0,
        next_packet_size: int = 0,
        zero_pages: int = 0,
        block: str = "",
        addrs: Sequence[int] = (),
        data: bytes = b"",
    ) -> MultifdPacket:
        """Write a packet of given content (multifd_send_fill_packet).

        Args:
            flags: of :class:`~savevm_inspect.wire.MultifdFlag`.
            packet_num: number of the packet.
            pages_alloc: how many pages it has room for.
            normal_pages: how many of ``addrs`` from the first on have data.
            next_packet_size: length of the data as the packet states it; 7.2 states an old one if there is none.
            zero_pages: how many of the next ones are zero.
            block: name of the block.
            addrs: of the pages, in bytes in the block; whatever else the slots hold may follow.
            data: what follows the packet.
        """
        f = self._f
        start = f.transferred
        self._put_magic()
        for number in (flags, pages_alloc, normal_pages, next_packet_size):
            f.put_be32(number)
        f.put_be64(packet_num)
        f.put_be32(zero_pages)
        f.put_buffer(_PACKET_UNUSED)
        f.put_buffer(_name(block))
        f.put_buffer(b"".join(addr.to_bytes(8, "big") for addr in addrs))
        f.put_buffer(bytes(8 * (self._slots - len(addrs))))
        begin = f.transferred
        f.put_buffer(data)
        return MultifdPacket(
            span=f.span_from(start),
            flags=flags,
            packet_num=packet_num,
            normal_pages=normal_pages,
            zero_pages=zero_pages,
            data=f.span_from(begin),
        )

    def put_device_state(self, idstr: str, instance_id: int, state: bytes) -> MultifdPacket:
        """Write a packet of a device's state (multifd_device_state_fill_packet).

        Args:
            idstr: the device's name.
            instance_id: which of the devices of that name.
            state: bytes for its load_state_buffer.
        """
        f = self._f
        start = f.transferred
        self._put_magic()
        f.put_be32(MultifdFlag.MULTIFD_FLAG_DEVICE_STATE)
        f.put_buffer(_name(idstr))
        f.put_be32(instance_id)
        f.put_be32(len(state))
        begin = f.transferred
        f.put_buffer(state)
        data: Span = f.span_from(begin)
        return MultifdPacket(
            span=f.span_from(start),
            flags=MultifdFlag.MULTIFD_FLAG_DEVICE_STATE,
            packet_num=0,
            normal_pages=0,
            zero_pages=0,
            data=data,
            idstr=idstr,
            instance_id=instance_id,
        )

    def _put_magic(self) -> None:
        self._f.put_be32(MULTIFD_MAGIC)
        self._f.put_be32(MULTIFD_VERSION)


class MultifdSender:
    """Spreads pages over the channels (multifd_send_state).

    Args:
        channels: the channels, opened.
        page_size: bytes of a page.
        zero_page_detection: whether pages of zeros are found here (upstream: ``multifd``); otherwise all are
            sent with their content, and the caller may have sent those of zeros on the main channel (``legacy``).
        next_idle: gives the next channel that is idle, from a number on; they take turns unless it is said.

    Attributes:
        packet_num: number of packets so far, of all channels.
    """

    def __init__(
        self,
        channels: Sequence[MultifdWriter],
        *,
        page_size: int,
        zero_page_detection: bool = True,
        next_idle: Callable[[int], int] = lambda first: first,
    ) -> None:
        self._channels = channels
        self._next_idle = next_idle
        self._slots = MULTIFD_PACKET_SIZE // page_size
        self._zero_page_detection = zero_page_detection
        self._next_channel = 0
        self._block = ""
        self._pages: list[Page] = []
        self.packet_num = 0

    def queue_page(self, block: str, addr: int, content: bytes) -> None:
        """Queue a page; a full queue, or one of another block, is sent first (multifd_queue_page).

        Args:
            block: name of the block.
            addr: of the page, in bytes in the block.
            content: its bytes.
        """
        if self._pages and (block != self._block or len(self._pages) == self._slots):
            self.send()
        self._block = block
        self._pages.append(Page(addr, content))

    def send(self) -> None:
        """Send what is queued as one packet (multifd_send)."""
        if not self._pages:
            return
        normal, zero = detect_zero_pages(self._pages) if self._zero_page_detection else (self._pages, [])
        number = self._next_idle(self._next_channel)
        self._next_channel = (number + 1) % len(self._channels)
        self._channels[number].put_pages(self._take_number(), self._block, normal, [page.addr for page in zero])
        self._pages = []

    def send_sync_main(self) -> None:
        """Send what is queued, then end the epoch on each channel (multifd_ram_flush_and_sync).

        The main channel has to say so, too: by ``RamWriter.put_multifd_flush``, and before QEMU 8.0 by the mark
        that ends the section.
        """
        self.send()
        for channel in self._channels:
            channel.put_sync(self._take_number())

    def _take_number(self) -> int:
        self.packet_num += 1
        return self.packet_num - 1


def detect_zero_pages(pages: Sequence[Page]) -> tuple[list[Page], list[Page]]:
    """Part pages with content from those of zeros, in upstream's order (multifd_send_zero_page_detect).

    Args:
        pages: those of one packet, as they were queued.

    Returns:
        The pages with content as they were; those of zeros, which changed places with the last page that was
        not looked at yet, from the end.
    """
    mixed = list(pages)
    first, last = 0, len(mixed) - 1
    while first <= last:
        if any(mixed[first].content):
            first += 1
        else:
            mixed[first], mixed[last] = mixed[last], mixed[first]
            last -= 1
    return mixed[:first], mixed[first:]


def _name(text: str) -> bytes:
    """A name in its field; cut to leave a zero after it (pstrcpy)."""
    return text.encode()[: _NAME_BYTES - 1].ljust(_NAME_BYTES, b"\0")


def _bare(_level: int) -> Packer:
    return b"".join


def _zlib(level: int) -> Packer:
    stream = zlib.compressobj(level)

    def pack(pages: Sequence[bytes]) -> bytes:
        return b"".join(map(stream.compress, pages)) + stream.flush(zlib.Z_SYNC_FLUSH)

    return pack


def _zstd(level: int) -> Packer:
    stream = zstd_module().ZstdCompressor(level)

    def pack(pages: Sequence[bytes]) -> bytes:
        packed: list[bytes] = [stream.compress(page) for page in pages[:-1]]
        packed.append(stream.compress(pages[-1], mode=stream.FLUSH_BLOCK))
        return b"".join(packed)

    return pack


COMPRESSIONS: dict[str, Compression] = {
    "none": Compression(0, _bare),
    "zlib": Compression(int(MultifdFlag.MULTIFD_FLAG_ZLIB), _zlib),
    "zstd": Compression(int(MultifdFlag.MULTIFD_FLAG_ZSTD), _zstd),
}
"""By the names of QAPI's MultiFDCompression."""
