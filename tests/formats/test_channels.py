"""The channels beside the main one, of real migrations: each format reads what our own reader reads."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from kaitaistruct import KaitaiStream, KaitaiStructError

import savevm_inspect as si
from savevm_inspect._ksy.compiled.qemu_migration_multifd import QemuMigrationMultifd
from savevm_inspect._ksy.compiled.qemu_migration_postcopy_preempt import QemuMigrationPostcopyPreempt
from savevm_inspect._ksy.compiled.qemu_migration_resumed import QemuMigrationResumed
from savevm_inspect._ksy.compiled.qemu_migration_return_path import QemuMigrationReturnPath
from savevm_inspect.container.compression import zstd_module
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import Command, EndOfStream, MultifdInitial, MultifdPacket, PageRun, Section
from savevm_inspect.stream.return_path import ReturnMessage, read_return_path

CapturePath = Callable[..., Path]
CaptureOptions = Callable[[str], dict[str, Any]]

PAGE = 4096
CHANNEL_MASK = 0x7F
"""Rows of pages that were compressed on a channel have its number and one bit more."""

RETURN_PATHS = sorted(
    path.name.removesuffix(".ch0.rev.xz") for path in (Path(__file__).parents[1] / "captures").glob("*.ch0.rev.xz")
)


def opened(kind: type[Any], path: Path, *arguments: Any) -> Any:
    return kind(*arguments, KaitaiStream(path.open("rb")))


@pytest.mark.parametrize(("name", "channels"), [("t-11.1-multifd", 3), ("s-7.2-multifd-zstd", 2)])
def test_multifd_packets_are_those_that_we_read(
    capture_path: CapturePath, capture_options: CaptureOptions, name: str, channels: int
) -> None:
    with si.open_stream(**capture_options(name)) as stream:
        for number in range(1, channels + 1):
            ours = [record for record in stream.records if record.span.channel == number]
            initial, packets = ours[0], ours[1:]
            with opened(QemuMigrationMultifd, capture_path(name, f"ch{number}.fwd"), PAGE) as channel:
                assert isinstance(initial, MultifdInitial)
                assert (channel.initial.uuid, channel.initial.channel_id) == (initial.uuid, initial.channel_id)
                assert [
                    (packet.flags, packet.body.packet_num, packet.body.num_normal, packet.body.num_zero)
                    for packet in channel.packets
                ] == [
                    (packet.flags, packet.packet_num, packet.normal_pages, packet.zero_pages)
                    for packet in packets
                    if isinstance(packet, MultifdPacket)
                ]
                assert pages_of(channel) == rows_of(stream, number)
                for packet, record in zip(channel.packets, packets, strict=True):
                    assert isinstance(record, MultifdPacket)
                    content = b"".join(extent.content for extent in extents_of(packet.body))
                    assert content == stream.buffers[number][record.data.offset :][: record.data.length]


def pages_of(channel: Any) -> list[tuple[str, int, bool]]:
    return [
        (packet.body.block_name, addr, slot >= packet.body.num_normal)
        for packet in channel.packets
        for slot, addr in enumerate(packet.body.offsets[: packet.body.num_normal + packet.body.num_zero])
    ]


def rows_of(stream: si.Stream, number: int) -> list[tuple[str, int, bool]]:
    """Block, place and whether it is zero, of each page of a channel, as it lies there."""
    rows = stream.pages.rows
    mine = rows[(rows["channel"] & CHANNEL_MASK) == number]
    return [(stream.blocks[row["block"]].name, int(row["addr"]), row["kind"] == PageKind.ZERO) for row in mine]


def extents_of(body: Any) -> list[Any]:
    return [body.packed] if body.is_packed else list(body.pages)


def test_compressed_pieces_of_a_channel_are_one_stream(capture_path: CapturePath) -> None:
    for number in (1, 2):
        with opened(QemuMigrationMultifd, capture_path("s-7.2-multifd-zstd", f"ch{number}.fwd"), PAGE) as channel:
            decompressor = zstd_module().ZstdDecompressor()
            packed = [packet.body for packet in channel.packets if packet.body.is_packed]
            assert packed
            for body in packed:
                assert len(decompressor.decompress(body.packed.content)) == body.num_normal * PAGE


def test_sync_packets_are_as_many_on_each_channel(capture_path: CapturePath) -> None:
    counts = set()
    for number in (1, 2, 3):
        with opened(QemuMigrationMultifd, capture_path("t-11.1-multifd", f"ch{number}.fwd"), PAGE) as channel:
            counts.add(sum(packet.is_sync for packet in channel.packets))
    assert len(counts) == 1
    assert counts != {0}


@pytest.mark.parametrize("name", RETURN_PATHS)
def test_return_path_says_what_we_read(capture_path: CapturePath, name: str) -> None:
    path = capture_path(name, "ch0.rev")
    ours = list(read_return_path(Cursor(memoryview(path.read_bytes()))))
    with opened(QemuMigrationReturnPath, path) as channel:
        assert [words_of(message) for message in channel.messages] == [our_words(message) for message in ours]


def words_of(message: Any) -> tuple[Any, ...]:
    name = f"MIG_RP_MSG_{message.type.name.upper()}"
    argument = getattr(message, "argument", b"")
    match message.type.name:
        case "shut":
            return name, argument.error
        case "pong" | "resume_ack":
            return name, argument.value
        case "req_pages":
            return name, argument.start, argument.length
        case "req_pages_id":
            return name, argument.pages.start, argument.pages.length, argument.block_name
        case "recv_bitmap":
            bitmap = message.bitmap
            return name, argument.block_name, bitmap.len_bits, bitmap.bits, int.from_bytes(bitmap.ending)
        case _:
            return (name,)


def our_words(message: ReturnMessage) -> tuple[Any, ...]:
    return message.message.name, *(field.value for field in message.arguments)


def test_return_paths_have_every_message_among_them(capture_path: CapturePath) -> None:
    seen = set()
    for name in RETURN_PATHS:
        with opened(QemuMigrationReturnPath, capture_path(name, "ch0.rev")) as channel:
            seen |= {message.type for message in channel.messages}
    assert seen == set(QemuMigrationReturnPath.MessageType)


BITMAP = pack(">HHB", 5, 2, 1) + b"a"
ENDING = bytes.fromhex("0123456789abcdef")


@pytest.mark.parametrize(
    "message",
    [
        pack(">HH", 0, 0),
        pack(">HH", 8, 0),
        pack(">HHH", 2, 2, 0),
        pack(">HHI", 7, 4, 0),
        pack(">HHI", 6, 4, 2),
        pack(">HHQI", 4, 13, 0, PAGE) + b"a",
        pack(">HHQIB", 3, 13, 0, PAGE, 0),
        pack(">HHQIB", 3, 14, 0, PAGE, 2) + b"a",
        pack(">HHQIB", 3, 15, 0, PAGE, 1) + b"ab",
        pack(">HH", 3, 513) + bytes(513),
        BITMAP + pack(">Q", 4) + bytes(4) + ENDING,
        BITMAP + pack(">Q", 8) + bytes(8) + ENDING[::-1],
        BITMAP + pack(">Q", 1 << 63) + bytes(8) + ENDING,
        pack(">HHB", 5, 1, 0) + pack(">Q", 8) + bytes(8) + ENDING,
    ],
    ids=bytes.hex,
)
def test_messages_that_can_not_be_are_refused(message: bytes) -> None:
    assert len(QemuMigrationReturnPath.from_bytes(BITMAP + pack(">Q", 8) + bytes(8) + ENDING).messages) == 1
    with pytest.raises(KaitaiStructError):
        QemuMigrationReturnPath.from_bytes(message)


INITIAL = pack(">II", 0x11223344, 1) + bytes(16) + b"\x07" + bytes(39)


def packet(*, alloc: int = 128, normal: int = 0, zero: int = 0, flags: int = 0, data: bytes = b"") -> bytes:
    """A packet of block ``a`` with as many pages as it says."""
    head = pack(">IIIIIIQI", 0x11223344, 1, flags, alloc, normal, len(data), 5, zero)
    return head + bytes(28) + b"a".ljust(256, b"\0") + pack(">128Q", *range(0, 128 * PAGE, PAGE)) + data


def multifd(data: bytes, page_size: int = PAGE) -> Any:
    return QemuMigrationMultifd(page_size, KaitaiStream(BytesIO(INITIAL + data)))


def test_device_state_between_pages() -> None:
    state = pack(">III", 0x11223344, 1, 0x40)
    state += b"0000:00:03.0/vfio".ljust(256, b"\0") + pack(">II", 4, 15) + pack(">III", 0, 2, 1) + b"abc"
    channel = multifd(packet(normal=1, data=b"p" * PAGE) + state + packet(zero=2, flags=1))
    assert channel.initial.channel_id == 7
    pages, device, last = channel.packets
    assert [each.is_device_state for each in channel.packets] == [False, True, False]
    assert pages.body.pages[0].content == b"p" * PAGE
    assert (device.body.idstr, device.body.instance_id) == ("0000:00:03.0/vfio", 4)
    head = device.body.vfio
    assert (head.version, head.idx, head.flags, head.is_config) == (0, 2, 1, True)
    assert device.body.state.content == b"abc"
    assert (last.is_sync, last.body.num_zero, last.body.offsets[:2]) == (True, 2, [0, PAGE])


@pytest.mark.parametrize(("name", "length"), [(b"card", 15), (b"xvfio", 15), (b"1/vfio", 11), (b"vfio", 0)])
def test_device_state_without_a_head(name: bytes, length: int) -> None:
    state = pack(">III", 0x11223344, 1, 0x40) + name.ljust(256, b"\0") + pack(">II", 0, length) + b"s" * length
    (device,) = multifd(state).packets
    assert not hasattr(device.body, "vfio")
    assert device.body.state.content == b"s" * length


def test_accelerators_have_their_own_formats() -> None:
    for number, name in ((2, "zlib"), (4, "zstd"), (8, "qpl"), (16, "uadk"), (32, "qatzip")):
        (each,) = multifd(packet(normal=3, flags=number, data=b"packed")).packets
        assert (each.compression.name, each.body.packed.content) == (name, b"packed")


@pytest.mark.parametrize(
    "data",
    [
        packet(normal=129),
        packet(normal=100, zero=29),
        packet(zero=129),
        packet(alloc=129),
        packet(normal=2, data=bytes(PAGE)),
        packet()[1:],
        packet(normal=1, flags=2)[:60],
    ],
    ids=["normal", "together", "zero", "room", "cut", "magic", "head cut"],
)
def test_packets_that_can_not_be_are_refused(data: bytes) -> None:
    with pytest.raises(KaitaiStructError):
        multifd(data)


@pytest.mark.parametrize("page_size", [0, 255, 3 * PAGE, 1 << 20])
def test_page_sizes_that_can_not_be_are_refused(page_size: int) -> None:
    for read in (
        lambda: multifd(b"", page_size),
        lambda: QemuMigrationPostcopyPreempt(page_size, KaitaiStream(BytesIO(pack(">Q", 0x18)))),
    ):
        with pytest.raises(KaitaiStructError):
            read()


def test_preempt_channel_has_the_pages_that_we_read(
    capture_path: CapturePath, capture_options: CaptureOptions
) -> None:
    name = "s-11.1-postcopy-preempt"
    with (
        si.open_stream(**capture_options(name)) as stream,
        opened(QemuMigrationPostcopyPreempt, capture_path(name, "ch1.fwd"), PAGE) as channel,
    ):
        run = next(record for record in stream.records if record.span.channel == 1)
        assert isinstance(run, PageRun)
        assert channel._io.is_eof()
        pages = [record for record in channel.records if record.kind.name != "eos"]
        rows = stream.pages.rows[stream.pages.rows["channel"] == 1]
        assert [(page.addr, page.body.ofs_content) for page in pages] == [
            (int(row["addr"]), int(row["offset"])) for row in rows
        ]
        assert pages[0].block_name == stream.blocks[rows[0]["block"]].name


def test_resumed_channel_goes_on_with_the_sections_of_the_first(
    capture_path: CapturePath, capture_options: CaptureOptions
) -> None:
    name = "trace-pc-10.0-postcopy-recover"
    with si.open_stream(**capture_options(name)) as stream:
        resumed = stream.records[-1].span.channel
        ours = [record for record in stream.records if record.span.channel == resumed]
        ram = next(record for record in stream.records if isinstance(record, Section) and record.idstr == "ram")
        path = capture_path(f"{name}-resumed", "ch0.fwd")
        with opened(QemuMigrationResumed, path, PAGE, ram.section_id, ram.section_id) as channel:
            assert resumed != 0
            assert channel._io.is_eof()
            assert [(record.ofs_start, record.ofs_end, record.record_type.name) for record in channel.records] == [
                (record.span.offset, record.span.end, name_of(record)) for record in ours
            ]
            commands = [
                record.body.command.name for record in channel.records if record.record_type.name == "command"
            ]
            assert set(commands) == {"recv_bitmap", "postcopy_resume"}


def name_of(record: Any) -> str:
    if isinstance(record, Section):
        return f"section_{record.kind}"
    return {Command: "command", EndOfStream: "eof"}[type(record)]
