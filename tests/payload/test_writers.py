"""The writers of RAM: what is read from a real capture and written again, is the same bytes."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import savevm_inspect as si
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.memory.unpack import unpack_page
from savevm_inspect.payload import xbzrle
from savevm_inspect.payload.mapped_ram import MappedRamWriter
from savevm_inspect.payload.multifd_writer import MultifdWriter, Page, detect_zero_pages
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import (
    Command,
    MultifdInitial,
    MultifdPacket,
    PageRun,
    Record,
    Section,
    SectionKind,
)
from savevm_inspect.stream.writer import FileWriter, Writer
from savevm_inspect.wire import MULTIFD_PACKET_SIZE, MigCmd, MultifdFlag

Options = Callable[[str], dict[str, Any]]

EOS = bytes((0, 0, 0, 0, 0, 0, 0, 0x10))

WORDS = [
    "aarch64-virt-10.0",
    "none-11.1",
    "ppc64-pseries-11.1",
    "q35-misc-7.2",
    "riscv64-virt-10.0",
    "s-11.1-postcopy-preempt",
    "s390x-s390-ccw-virtio-11.1",
    "s-7.2-multifd-zstd",
    "t-10.0-live",
    "t-10.0-postcopy",
    "t-11.1-multifd",
    "t-11.1-xbzrle",
    "t-7.2-compress-xbzrle",
    "t-7.2-live",
    "trace-pc-10.0-postcopy-recover",
    "x86-10.0-fileoff",
    "x86-10.0-ignoreshared",
    "x86-7.2-bgsnap",
    "x86-7.2-paused",
]
"""Captures whose pages follow one another as words."""


@dataclass
class Part:
    """What one record wrote of RAM: its bytes, and the pages and flushes up to its end."""

    record: Record
    content: bytes
    pages: int
    flushes: int


def read_parts(stream: Stream) -> tuple[list[Part], RamReader]:
    """Read what belongs to RAM on the main channels and on that of postcopy-preempt, and the discards."""
    reader = RamReader(stream.page_size, stream.configuration.capabilities if stream.configuration else ())
    parts = []
    for record in stream.records:
        content = b""
        if isinstance(record, PageRun) or (isinstance(record, Section) and record.idstr == "ram"):
            place = record.payload if isinstance(record, Section) else record.span
            buffer = stream._channels.buffers[place.channel]
            cursor = Cursor(buffer[: place.end], pos=place.offset, channel=place.channel)
            if isinstance(record, Section):
                reader.consume(cursor, record.head)
            else:
                reader.read_pages(cursor, bare=True)
            assert not cursor.remaining
            content = bytes(buffer[place.offset : place.end])
        elif not (isinstance(record, Command) and record.command is MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD):
            continue
        parts.append(Part(record, content, len(reader.page_log), reader.flushes))
    return parts, reader


@pytest.mark.parametrize("name", WORDS)
def test_a_ram_section_is_written_as_it_was_read(name: str, capture_options: Options) -> None:
    with si.open_stream(**capture_options(name)) as stream:
        parts, reader = read_parts(stream)
        rows = PageTable.from_logs([reader.page_log], reader.blocks, stream.page_size).rows
        out = bytearray()
        writers: dict[int, RamWriter] = {}
        pages = flushes = 0
        for part in parts:
            writer = writers.setdefault(part.record.span.channel, RamWriter(Writer(out.extend)))
            out.clear()
            if isinstance(part.record, Command):
                writer.forget_block()
            if isinstance(part.record, Section) and part.record.kind is SectionKind.START:
                writer.put_block_list(reader.blocks)
            for row in rows[pages : part.pages]:
                for _ in range(flushes, int(row["epoch"])):
                    writer.put_multifd_flush()
                flushes = int(row["epoch"])
                put_page(writer, reader.blocks[row["block"]].name, row, stream._channels.buffers)
            for _ in range(flushes, part.flushes):
                writer.put_multifd_flush()
            if part.content.endswith(EOS):  # all but the preempt channel of 10.0 and later
                writer.put_eos()
            assert bytes(out) == part.content, f"section at {part.record.span}"
            pages, flushes = part.pages, part.flushes
        assert pages == len(rows)


def put_page(writer: RamWriter, block: str, row: np.void, buffers: Any) -> None:
    offset = int(row["offset"])
    content = bytes(buffers[int(row["channel"])][offset : offset + int(row["length"])])
    put: dict[int, Callable[[], None]] = {
        PageKind.ZERO: lambda: writer.put_zero_page(block, int(row["addr"])),
        PageKind.NORMAL: lambda: writer.put_page(block, int(row["addr"]), content),
        PageKind.XBZRLE: lambda: writer.put_xbzrle_page(block, int(row["addr"]), content),
        PageKind.COMPRESSED: lambda: writer.put_compressed_page(block, int(row["addr"]), content),
    }
    put[int(row["kind"])]()


@pytest.mark.parametrize("name", ["t-11.1-xbzrle", "t-7.2-compress-xbzrle"])
def test_differences_are_taken_as_qemu_takes_them(name: str, capture_options: Options) -> None:
    taken = 0
    with si.open_stream(**capture_options(name)) as stream:
        buffers = stream._channels.buffers
        for index in range(len(stream.blocks)):
            rows = stream.pages.of_block(index)
            rows = rows[np.argsort(rows["addr"], kind="stable")]
            places = np.flatnonzero(rows["kind"] == PageKind.XBZRLE)
            for place in places[:: max(len(places) // 400, 1)].tolist():
                first = int(np.searchsorted(rows["addr"], rows["addr"][place]))
                row = rows[place]
                before = bytes(unpack_page(buffers, rows[first:place], stream.page_size))
                after = bytes(unpack_page(buffers, rows[first : place + 1], stream.page_size))
                delta = buffers[0][int(row["offset"]) : int(row["offset"]) + int(row["length"])]
                assert xbzrle.encode(before, after) == delta
                taken += 1
    assert taken > 200


@pytest.mark.parametrize("name", ["x86-10.0-mapped", "t-10.0-libvirt-sparse"])
def test_a_mapped_ram_file_is_written_as_it_was_read(name: str, capture_options: Options) -> None:
    with si.open_stream(**capture_options(name)) as stream:
        sections = [section for section in stream.sections if section.idstr == "ram"]
        first, last = sections[0], sections[-1]
        file = io.BytesIO()
        file.seek(first.payload.offset)
        f = FileWriter(file)
        mapped, words = MappedRamWriter(f, stream.page_size), RamWriter(f)
        assert mapped.put_block_list(stream.blocks) == list(stream.blocks)
        words.put_eos()
        assert f.get_offset() == f.transferred == first.payload.end
        rows = stream.pages.rows
        for row in rows:
            offset = int(row["offset"])
            content = bytes(stream.buffer[offset : offset + stream.page_size])
            mapped.put_page(stream.blocks[row["block"]].name, int(row["addr"]), content)
        mapped.put_zero_page("pc.ram", 0)
        mapped.put_page("pc.ram", 0, bytes(stream.buffer[int(rows[0]["offset"]) :][: stream.page_size]))
        mapped.put_file_bmap()
        assert f.get_offset() == first.payload.end
        assert rows[0]["addr"] == 0
        whole = file.getvalue()[first.payload.offset : first.payload.end]
        assert whole == stream.buffer[first.payload.offset : first.payload.end]
        assert last.payload.length == 8


MULTIFD = ["t-11.1-multifd", "s-7.2-multifd-zstd"]


@pytest.mark.parametrize("name", MULTIFD)
def test_a_multifd_channel_is_written_as_it_was_read(name: str, capture_options: Options) -> None:
    with si.open_stream(**capture_options(name)) as stream:
        buffers = stream._channels.buffers
        records = [record for record in stream.records if isinstance(record, MultifdInitial | MultifdPacket)]
        out = bytearray()
        modern = not name.startswith("s-7.2")
        for record in records:
            buffer = buffers[record.span.channel]
            if isinstance(record, MultifdInitial):
                out.clear()
                writer = MultifdWriter(Writer(out.extend), page_size=stream.page_size)
                written: Record = writer.put_initial_packet(record.channel_id, record.uuid)
            elif modern:
                written = put_packet(writer, record, buffer, stream.page_size)
            else:
                written = put_old_packet(writer, record, buffer)
            assert written.span.offset == record.span.offset
            assert bytes(out[record.span.offset :]) == buffer[record.span.offset : record.span.end]
        assert len(records) > 20


def packet_fields(record: MultifdPacket, buffer: memoryview, slots: int) -> tuple[int, int, str, list[int]]:
    """What a packet's record leaves out: pages_alloc, next_packet_size, block and the places in all slots."""
    cursor = Cursor(buffer, pos=record.span.offset + 12)
    alloc, _, size = cursor.be32(), cursor.be32(), cursor.be32()
    cursor.pos += 8 + 4 + 28
    block = bytes(cursor.take(256)).rstrip(b"\0").decode()
    addrs = [cursor.be64() for _ in range(slots)]
    return alloc, size, block, addrs


def put_packet(writer: MultifdWriter, record: MultifdPacket, buffer: memoryview, page_size: int) -> MultifdPacket:
    """Write a packet of QEMU 9.1 or later by what it says, not by its header."""
    if record.flags & MultifdFlag.MULTIFD_FLAG_SYNC:
        return writer.put_sync(record.packet_num)
    _, _, block, addrs = packet_fields(record, buffer, MULTIFD_PACKET_SIZE // page_size)
    data = bytes(buffer[record.data.offset : record.data.end])
    pages = [
        Page(addr, data[number * page_size : (number + 1) * page_size])
        for number, addr in enumerate(addrs[: record.normal_pages])
    ]
    queued = sorted(
        [*pages, *(Page(addr, bytes(page_size)) for addr in addrs[record.normal_pages :][: record.zero_pages])]
    )
    normal, zero = detect_zero_pages(queued)
    return writer.put_pages(record.packet_num, block, normal, [page.addr for page in zero])


def put_old_packet(writer: MultifdWriter, record: MultifdPacket, buffer: memoryview) -> MultifdPacket:
    """Write a packet of 7.2, whose header does not follow from what it says: unused slots keep old places."""
    alloc, size, block, addrs = packet_fields(record, buffer, 128)
    return writer.put_packet(
        flags=record.flags,
        packet_num=record.packet_num,
        pages_alloc=alloc,
        normal_pages=record.normal_pages,
        next_packet_size=size,
        block=block,
        addrs=addrs,
        data=bytes(buffer[record.data.offset : record.data.end]),
    )
