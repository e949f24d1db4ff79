"""A multifd channel: what opens it, and packets of pages or of a device's state (migration/multifd.c).

Pages of one epoch, from one SYNC packet to the next, lie on all channels in no order among them; between epochs
they have one. A packet's pages may be compressed, with one zlib or zstd stream a channel; what comes out of it is
written to a sink, since it lies nowhere in the channel.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..container.compression import zstd_module
from ..errors import BadMagic, BadPayload, Unsupported
from ..stream.cursor import Cursor
from ..stream.records import MultifdInitial, MultifdPacket, Record
from ..wire import MULTIFD_FLAG_COMPRESSION_MASK, MULTIFD_MAGIC, MULTIFD_PACKET_SIZE, MULTIFD_VERSION, MultifdFlag
from .page_log import PageKind, PageLog
from .ram_blocks import RamBlock

_NAME_BYTES = 256
_OFFSET_BYTES = 8
_SYNC = int(MultifdFlag.MULTIFD_FLAG_SYNC)
_DEVICE_STATE = int(MultifdFlag.MULTIFD_FLAG_DEVICE_STATE)


class Sink(Protocol):
    """Takes pages that were compressed."""

    length: int

    def write(self, data: bytes) -> None:
        """Append bytes."""


class MultifdReader:
    """Reads one channel to its end.

    Args:
        cursor: stands on its first byte.
        blocks: the main channel's block list.
        page_size: bytes of a page.
        log: takes a row a page, with the number of SYNC packets before it as its epoch.
        sink: takes what is unpacked.
        sink_channel: number under which a row refers to the sink.

    Attributes:
        uuid: the VM's, once the first record was read.
        epoch: number of SYNC packets so far.
    """

    def __init__(
        self, cursor: Cursor, *, blocks: list[RamBlock], page_size: int, log: PageLog, sink: Sink, sink_channel: int
    ) -> None:
        self._cursor = cursor
        self._blocks = {block.name.encode(): (number, block) for number, block in enumerate(blocks)}
        self._page_size = page_size
        self._slots = MULTIFD_PACKET_SIZE // page_size
        self._log = log
        self._sink = sink
        self._sink_channel = sink_channel
        self._inflate: Callable[[bytes, int], bytes] | None = None
        self.uuid = b""
        self.epoch = 0

    def records(self) -> Iterator[Record]:
        """Read to the end of the channel, which has no mark.

        Raises:
            BadMagic: it is no multifd channel.
            Truncated: it ends within a packet.
            BadPayload: a packet is inconsistent.
            Unsupported: a compression that needs the hardware that made it.
        """
        yield self.read_initial()
        while self._cursor.remaining:
            yield self.read_packet()

    def read_initial(self) -> MultifdInitial:
        """Read what opens the channel (multifd_recv_initial_packet)."""
        cursor = self._cursor
        start = cursor.pos
        self._read_magic()
        self.uuid = bytes(cursor.take(16, "a channel's UUID"))
        channel_id = cursor.u8("a channel's number")
        cursor.require(7 + 4 * 8, "the rest of what opens a channel")
        return MultifdInitial(span=cursor.span_from(start), uuid=self.uuid, channel_id=channel_id)

    def _read_magic(self) -> None:
        offset = self._cursor.offset
        magic = self._cursor.be32("a packet's magic")
        version = self._cursor.be32("a packet's version")
        if (magic, version) != (MULTIFD_MAGIC, MULTIFD_VERSION):
            raise BadMagic(
                f"magic {magic:#x} version {version}, expected {MULTIFD_MAGIC:#x} version {MULTIFD_VERSION}",
                offset=offset,
                section=self._cursor.section,
            )

    def read_packet(self) -> MultifdPacket:
        """Read one packet (multifd_recv_thread)."""
        start = self._cursor.pos
        self._read_magic()
        flags = self._cursor.be32("a packet's flags")
        if flags & _DEVICE_STATE:
            return self._read_device_state(start, flags)
        return self._read_pages(start, flags)

    def _read_device_state(self, start: int, flags: int) -> MultifdPacket:
        cursor = self._cursor
        name = bytes(cursor.take(_NAME_BYTES, "the name of a device"))
        instance_id = cursor.be32("a device's instance")
        length = cursor.be32("the length of a device's state")
        begin = cursor.pos
        cursor.require(length, "a device's state")
        return MultifdPacket(
            span=cursor.span_from(start),
            flags=flags,
            packet_num=0,
            normal_pages=0,
            zero_pages=0,
            data=cursor.span_from(begin),
            idstr=name.split(b"\0")[0].decode("utf-8", "backslashreplace"),
            instance_id=instance_id,
        )

    def _read_pages(self, start: int, flags: int) -> MultifdPacket:
        """Read a packet's header, the addresses of its pages, and their data (multifd_ram_unfill_packet)."""
        cursor = self._cursor
        offset = cursor.offset
        cursor.be32("a packet's pages_alloc")
        normal = cursor.be32("a packet's normal_pages")
        next_packet_size = cursor.be32("a packet's next_packet_size")
        packet_num = cursor.be64("a packet's number")
        zero = cursor.be32("a packet's zero_pages")
        cursor.require(4 + 3 * 8, "a packet's header")
        if normal + zero > self._slots:
            raise BadPayload(
                f"a packet of {normal} + {zero} pages, expected at most {self._slots}",
                offset=offset,
                section=cursor.section,
            )
        name = bytes(cursor.take(_NAME_BYTES, "a packet's block"))
        offsets = cursor.require(self._slots * _OFFSET_BYTES, "the addresses of a packet's pages")
        begin = cursor.pos
        if normal or zero:
            number, block = self._find_block(name, offset)
            addrs = np.ndarray((normal + zero,), ">u8", cursor.buffer, offsets).astype(np.uint64)
            first, channel = self._read_data(flags, normal, next_packet_size)
            self._check_addrs(addrs, block, cursor.base + offsets)
            self._append(addrs[:normal], number, (first, self._page_size, PageKind.NORMAL, channel))
            at = cursor.base + offsets + normal * _OFFSET_BYTES
            self._append(addrs[normal:], number, (at, _OFFSET_BYTES, PageKind.ZERO, cursor.channel))
        if flags & _SYNC:
            self.epoch += 1
        return MultifdPacket(
            span=cursor.span_from(start),
            flags=flags,
            packet_num=packet_num,
            normal_pages=normal,
            zero_pages=zero,
            data=cursor.span_from(begin),
        )

    def _append(self, addrs: npt.NDArray[np.uint64], block: int, first: tuple[int, int, PageKind, int]) -> None:
        """Log pages whose contents follow one another, from the first one's offset, length, kind and channel."""
        offset, length, kind, channel = first
        rows = self._log.reserve(len(addrs))
        rows["offset"] = np.arange(len(addrs), dtype=np.uint64) * np.uint64(length) + np.uint64(offset)
        rows["length"] = length
        rows["addr"] = addrs
        rows["block"] = block
        rows["kind"] = kind
        rows["section"] = 0
        rows["channel"] = channel
        rows["epoch"] = self.epoch
        self._log.commit(len(addrs))

    def _read_data(self, flags: int, normal: int, size: int) -> tuple[int, int]:
        """Step over the pages' data.

        Returns:
            The offset of the first page, and the number of the channel that it is on.
        """
        cursor = self._cursor
        offset = cursor.offset
        expected = normal * self._page_size
        compression = flags & MULTIFD_FLAG_COMPRESSION_MASK
        if not compression or not normal:
            cursor.require(expected, "the pages of a packet")
            return offset, cursor.channel
        if compression not in _INFLATERS:
            names = {int(flag): flag.name for flag in MultifdFlag}
            name = names.get(compression, f"compression {compression:#x}")
            raise Unsupported(f"pages compressed as {name}", offset=offset, section=cursor.section)
        if self._inflate is None:
            self._inflate = _INFLATERS[compression]()
        packed = bytes(cursor.take(size, "the compressed pages of a packet"))
        try:
            pages = self._inflate(packed, expected + 1)
        except ValueError as error:
            raise BadPayload(f"compressed pages that can't be unpacked ({error})", offset=offset) from error
        if len(pages) != expected:
            more = "more than " if len(pages) > expected else ""
            raise BadPayload(
                f"{size} bytes unpack to {more}{min(len(pages), expected)}, expected {expected}",
                offset=offset,
                section=cursor.section,
            )
        first = self._sink.length
        self._sink.write(pages)
        return first, self._sink_channel

    def _find_block(self, name: bytes, offset: int) -> tuple[int, RamBlock]:
        text = name.split(b"\0")[0]
        try:
            return self._blocks[text]
        except KeyError:
            raise BadPayload(
                f"block {text.decode('utf-8', 'backslashreplace')!r} is not in the block list",
                offset=offset,
                section=self._cursor.section,
            ) from None

    def _check_addrs(self, addrs: npt.NDArray[np.uint64], block: RamBlock, offset: int) -> None:
        page_size = np.uint64(self._page_size)
        outside = (addrs % page_size != 0) | (addrs >= np.uint64(block.used_bytes))
        outside |= np.uint64(block.used_bytes) - addrs < page_size
        if outside.any():
            slot = int(outside.argmax())
            raise BadPayload(
                f"page at {int(addrs[slot]):#x} in block {block.name!r} of {block.used_bytes:#x} bytes",
                offset=offset + slot * _OFFSET_BYTES,
                section=self._cursor.section,
            )


def _zlib() -> Callable[[bytes, int], bytes]:
    stream = zlib.decompressobj()

    def inflate(packed: bytes, limit: int) -> bytes:
        try:
            return stream.decompress(stream.unconsumed_tail + packed, limit)
        except zlib.error as error:
            raise ValueError(str(error)) from error

    return inflate


def _zstd() -> Callable[[bytes, int], bytes]:
    zstd = zstd_module()
    stream = zstd.ZstdDecompressor()

    def inflate(packed: bytes, limit: int) -> bytes:
        try:
            pages: bytes = stream.decompress(packed, limit)
        except (zstd.ZstdError, EOFError) as error:
            raise ValueError(str(error)) from error
        return pages

    return inflate


_INFLATERS: dict[int, Callable[[], Callable[[bytes, int], bytes]]] = {
    int(MultifdFlag.MULTIFD_FLAG_ZLIB): _zlib,
    int(MultifdFlag.MULTIFD_FLAG_ZSTD): _zstd,
}
"""By the compression bits of a packet's flags."""
