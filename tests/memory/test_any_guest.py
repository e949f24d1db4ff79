"""Any guest, sent in any way by our writers: memory is rebuilt, and the history is what was sent, to the byte."""

import io
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.payload import xbzrle
from savevm_inspect.payload.mapped_ram import MappedRamWriter
from savevm_inspect.payload.multifd_writer import COMPRESSIONS, MultifdSender, MultifdWriter
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.payload.ram import IDSTR, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream import writer as put
from savevm_inspect.stream.records import MultifdPacket, SectionHead, SectionKind
from savevm_inspect.stream.writer import FileWriter, Writer
from savevm_inspect.wire import MULTIFD_PACKET_SIZE, RAM_SAVE_VERSION, MigCmd

RAM_ID = 2
UUID = bytes(range(16))

# A guest and what it does ---------------------------------------------------------------------------------------


@dataclass
class Write:
    """A page becomes dirty: which one of all, what is written, and how the source would like to send it."""

    page: int
    content: tuple[str, int]
    kind: PageKind


@dataclass
class Guest:
    """Memory, and the rounds in which its pages become dirty."""

    page_size: int
    blocks: list[RamBlock]
    rounds: list[list[Write]]
    memory: dict[str, bytearray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory = {block.name: bytearray(block.used_bytes) for block in self.blocks}
        self.pages = [
            (block.name, addr) for block in self.blocks for addr in range(0, block.used_bytes, self.page_size)
        ]

    def read(self, name: str, addr: int) -> bytes:
        return bytes(self.memory[name][addr : addr + self.page_size])

    def run(self, writes: list[Write]) -> list[tuple[str, int, PageKind]]:
        """Write, and report what is dirty, ascending as QEMU looks for it, with the wish of each page."""
        dirty = {}
        for write in writes:
            name, addr = self.pages[write.page % len(self.pages)]
            what, number = write.content
            content = bytearray(self.read(name, addr))
            if what == "zero":
                content = bytearray(self.page_size)
            elif what == "fill":
                content = bytearray([number % 256]) * self.page_size
            elif what == "noise":
                content = bytearray(random.Random(number).randbytes(self.page_size))
            else:
                content[number % self.page_size] ^= number % 255 + 1
            self.memory[name][addr : addr + self.page_size] = content
            dirty[write.page % len(self.pages)] = write.kind
        return [(*self.pages[page], dirty[page]) for page in sorted(dirty)]


names = st.lists(
    st.sampled_from(["pc.ram", "pc.bios", "/rom@etc/acpi/tables", "0000:00:02.0/vga.vram", "größe", "a"]),
    min_size=1,
    max_size=3,
    unique=True,
)
contents = st.tuples(st.sampled_from(["zero", "fill", "noise", "tweak"]), st.integers(0, 1 << 20))
writes = st.builds(Write, st.integers(0, 40), contents, st.sampled_from(list(PageKind)))


@st.composite
def guests(draw: st.DrawFn, page_sizes: tuple[int, ...], most_pages: int = 12) -> Guest:
    page_size = draw(st.sampled_from(page_sizes))
    blocks = [RamBlock(name, page_size * draw(st.integers(1, most_pages))) for name in draw(names)]
    return Guest(page_size, blocks, draw(st.lists(st.lists(writes, max_size=12), max_size=4)))


# A source -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """What a sending must be in the history."""

    block: str
    addr: int
    kind: PageKind
    cost_bytes: int
    round: int
    channel: int = 0


class Source:
    """Writes the main channel of a migration, and notes what it sends."""

    def __init__(self, guest: Guest, f: Writer, capabilities: tuple[str, ...] = ()) -> None:
        self.guest = guest
        self.f = f
        self.ram = RamWriter(f)
        self.sent: list[Sent] = []
        self.round = 1
        self.last: dict[tuple[str, int], bytes] = {}
        put.put_file_header(f)
        put.put_configuration(f, "pc", page_bits=guest.page_size.bit_length() - 1, capabilities=capabilities)

    def open(self, kind: SectionKind) -> None:
        head = SectionHead(section_id=RAM_ID, idstr=IDSTR, instance_id=0, version_id=RAM_SAVE_VERSION, kind=kind)
        put.put_section_header(self.f, head)

    def close(self) -> None:
        self.ram.put_eos()
        put.put_section_footer(self.f, RAM_ID)

    def send(self, name: str, addr: int, wish: PageKind) -> None:
        """Send a page in the wished way if it can be sent so."""
        page, before = self.guest.read(name, addr), self.last.get((name, addr))
        kind, delta = PageKind.NORMAL, b""
        if not any(page):
            kind = PageKind.ZERO
        elif wish is PageKind.XBZRLE and before is not None:
            delta = xbzrle.encode(before, page)
            kind = PageKind.XBZRLE if 0 < len(delta) <= len(page) else PageKind.NORMAL
        elif wish is PageKind.COMPRESSED and len(page) > 256:  # its flag is a bit of addresses there
            kind = PageKind.COMPRESSED
        start = self.f.transferred
        if kind is PageKind.ZERO:
            self.ram.put_zero_page(name, addr)
        elif kind is PageKind.NORMAL:
            self.ram.put_page(name, addr, page)
        elif kind is PageKind.XBZRLE:
            self.ram.put_xbzrle_page(name, addr, delta)
        else:
            self.ram.put_compressed_page(name, addr, zlib.compress(page))
        self.note(name, addr, kind, self.f.transferred - start)

    def note(self, name: str, addr: int, kind: PageKind, cost_bytes: int) -> None:
        self.last[name, addr] = self.guest.read(name, addr)
        self.sent.append(Sent(name, addr, kind, cost_bytes, self.round, self.f.channel))

    def rounds(self) -> Iterator[list[tuple[str, int, PageKind]]]:
        """What is dirty in each round; in the first one everything."""
        first, *others = self.guest.rounds or [[]]
        wishes = {(name, addr): kind for name, addr, kind in self.guest.run(first)}
        yield [(*page, wishes.get(page, PageKind.NORMAL)) for page in self.guest.pages]
        for each in others:
            self.round += 1
            yield self.guest.run(each)

    def precopy(self, a_section: int) -> None:
        """START and PARTs of some pages each."""
        self.open(SectionKind.START)
        self.ram.put_block_list(self.guest.blocks)
        self.close()
        for dirty in self.rounds():
            for start in range(0, len(dirty), a_section):
                self.open(SectionKind.PART)
                for page in dirty[start : start + a_section]:
                    self.send(*page)
                self.close()


def assert_rebuilt(stream: si.Stream, guest: Guest) -> None:
    assert {name: image.read() for name, image in stream.memory.items()} == {
        name: bytes(memory) for name, memory in guest.memory.items()
    }
    assert all(image.missing_pages == 0 for image in stream.memory.values())


def assert_history(stream: si.Stream, sent: list[Sent]) -> None:
    """The history is what was sent, in its order; inferred iterations are never more than there were."""
    history, rows = stream.history, stream.pages.rows
    found = [
        (stream.blocks[row["block"]].name, int(row["addr"]), row["kind"], int(cost), int(row["channel"]))
        for row, cost in zip(rows, history.cost_bytes, strict=True)
    ]
    assert found == [(each.block, each.addr, each.kind, each.cost_bytes, each.channel) for each in sent]
    before = 0
    pages: set[tuple[int, int]] = set()
    for number, row, each in zip(history.iteration.tolist(), rows, sent, strict=True):
        assert before <= number <= each.round
        if number > before:
            pages.clear()
        page = (int(row["block"]), int(row["addr"]))
        assert page not in pages, "a page twice in an iteration"
        pages.add(page)
        before = number
    final = {(each.block, each.addr): number for number, each in enumerate(sent) if each.kind is not PageKind.XBZRLE}
    useless = [final[each.block, each.addr] > number for number, each in enumerate(sent)]
    assert history.overwritten.tolist() == useless
    assert history.wasted_bytes == sum(
        each.cost_bytes for each, in_vain in zip(sent, useless, strict=True) if in_vain
    )
    for each in sent[:3]:
        of_page = history.of_page(each.block, each.addr)
        expected = [n for n, other in enumerate(sent) if (other.block, other.addr) == (each.block, each.addr)]
        assert of_page["order"].tolist() == expected


# The ways -------------------------------------------------------------------------------------------------------


@given(guests((256, 512, 1024, 4096)), st.integers(1, 9), st.booleans())
def test_pages_in_words(guest: Guest, a_section: int, ends: bool) -> None:
    out = bytearray()
    source = Source(guest, Writer(out.extend))
    source.precopy(a_section)
    if ends:
        source.round += 1
        source.open(SectionKind.END)
        for page in guest.run(guest.rounds[-1] if guest.rounds else []):
            source.send(*page)
        source.close()
    put.put_eof(source.f)
    with si.open_stream(bytes(out)) as stream:
        assert stream.complete
        assert_rebuilt(stream, guest)
        assert_history(stream, source.sent)
        sections = sum(each.span.length for each in stream.sections)
        assert stream.history.ram_bytes == sections
        assert stream.history.other_bytes == sections - sum(each.cost_bytes for each in source.sent)
        if ends:
            in_end = stream.pages.rows["section"] == len(stream.sections) - 1
            assert len(np.unique(stream.history.iteration[in_end])) <= 1
            assert not np.isin(stream.history.iteration[in_end], stream.history.iteration[~in_end]).any()


@settings(max_examples=40)
@given(
    guests((1024, 4096), most_pages=30),
    st.integers(1, 3),
    st.sampled_from(list(COMPRESSIONS)),
    st.booleans(),
)
def test_pages_in_multifd_packets(guest: Guest, number: int, compression: str, detects: bool) -> None:
    out = bytearray()
    source = Source(guest, Writer(out.extend))
    channels = [bytearray() for _ in range(number)]
    writers = [
        MultifdWriter(Writer(channel.extend), page_size=guest.page_size, compression=compression)
        for channel in channels
    ]
    for channel_id, writer in enumerate(writers):
        writer.put_initial_packet(channel_id, UUID)
    sender = MultifdSender(writers, page_size=guest.page_size, zero_page_detection=detects)

    def flush() -> None:
        sender.send_sync_main()
        source.ram.put_multifd_flush()

    source.open(SectionKind.START)
    source.ram.put_block_list(guest.blocks)
    flush()
    source.close()
    dirty_pages = []
    for dirty in source.rounds():
        source.open(SectionKind.PART)
        for name, addr, _ in dirty:
            page = guest.read(name, addr)
            dirty_pages.append((source.round, name, addr, bool(any(page))))
            if detects or any(page):
                sender.queue_page(name, addr, page)
            else:
                source.send(name, addr, PageKind.ZERO)
        flush()
        source.close()
    put.put_eof(source.f)
    with si.open_stream(bytes(out), channels=[bytes(channel) for channel in channels]) as stream:
        assert stream.complete
        assert_rebuilt(stream, guest)
        history, rows = stream.history, stream.pages.rows
        assert (history.iteration <= rows["epoch"]).all()
        found = [
            (int(row["epoch"]), stream.blocks[row["block"]].name, int(row["addr"]), bool(row["kind"])) for row in rows
        ]
        assert sorted(found) == sorted(dirty_pages), "epochs are the rounds"
        packets = [each for each in stream.records if isinstance(each, MultifdPacket)]
        slots = MULTIFD_PACKET_SIZE // guest.page_size
        around = sum(320 + 8 * (slots - each.normal_pages - each.zero_pages) for each in packets)
        around += 64 * number + sum(each.span.length for each in stream.sections)
        around -= sum(each.cost_bytes for each in source.sent)  # pages of zeros on the main channel
        assert history.other_bytes == around
        assert history.ram_bytes == sum(each.span.length for each in stream.sections) + sum(map(len, channels))
        if compression == "none":
            bare = (rows["kind"] == PageKind.NORMAL) & (rows["channel"] > 0)
            assert set(history.cost_bytes[bare].tolist()) <= {guest.page_size + 8}


@settings(max_examples=20)
@given(guests((1024, 4096)))
def test_pages_at_their_places(guest: Guest) -> None:
    file = io.BytesIO()
    f = FileWriter(file)
    source = Source(guest, f, ("mapped-ram",))
    mapped = MappedRamWriter(f, guest.page_size)
    source.open(SectionKind.START)
    blocks = mapped.put_block_list(guest.blocks)
    source.close()
    final: dict[tuple[str, int], bool] = {}
    for dirty in source.rounds():
        source.open(SectionKind.PART)
        for name, addr, _ in dirty:
            page = guest.read(name, addr)
            final[name, addr] = any(page)
            if any(page):
                mapped.put_page(name, addr, page)
            else:
                mapped.put_zero_page(name, addr)
        source.close()
    source.open(SectionKind.END)
    mapped.put_file_bmap()
    source.close()
    put.put_eof(f)
    with si.open_stream(file.getvalue()) as stream:
        assert stream.complete
        assert list(stream.blocks) == blocks
        assert_rebuilt(stream, guest)
        rows = stream.pages.rows
        found = {(stream.blocks[row["block"]].name, int(row["addr"])) for row in rows}
        assert found == {page for page, there in final.items() if there}
        assert (stream.history.cost_bytes == guest.page_size).all()
        assert stream.history.ram_bytes == sum(each.span.length for each in stream.sections)
        assert stream.account.accounted_bytes == stream.size_bytes


def put_discard(f: Writer, name: str, addrs: list[int], page_size: int) -> None:
    argument = bytearray((0,))
    inner = Writer(argument.extend)
    inner.put_counted_string(name)
    inner.put_byte(0)
    for addr in addrs:
        inner.put_be64(addr)
        inner.put_be64(page_size)
    put.put_command(f, MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, bytes(argument))


def put_postcopy_start(source: Source, dirty: list[tuple[str, int, PageKind]]) -> None:
    """Discard what is dirty, then let the guest run at the destination."""
    f, guest = source.f, source.guest
    for block in guest.blocks:
        addrs = [addr for name, addr, _ in dirty if name == block.name]
        if addrs:
            put_discard(f, block.name, addrs, guest.page_size)
    source.ram.forget_block()
    package = bytearray()
    inner = Writer(package.extend)
    put.put_command(inner, MigCmd.MIG_CMD_POSTCOPY_LISTEN)
    put.put_command(inner, MigCmd.MIG_CMD_POSTCOPY_RUN)
    put.put_command(f, MigCmd.MIG_CMD_PACKAGED, len(package).to_bytes(4, "big"))
    f.put_buffer(bytes(package))


@given(
    guests((1024, 4096)),
    st.lists(writes, min_size=1, max_size=15),
    st.lists(st.booleans(), min_size=45, max_size=45),
    st.none() | st.integers(0, 3000),
)
def test_pages_after_the_switch(guest: Guest, late: list[Write], urgent: list[bool], breaks_at: int | None) -> None:
    out, preempt = bytearray(), bytearray()
    source = Source(guest, Writer(out.extend))
    put.put_command(
        source.f,
        MigCmd.MIG_CMD_POSTCOPY_ADVISE,
        (4096).to_bytes(8, "big") + guest.page_size.to_bytes(8, "big"),
    )
    source.precopy(5)
    before_postcopy = len(source.sent)
    dirty = guest.run(late)
    put_postcopy_start(source, dirty)
    source.round += 1
    on_preempt = Source.__new__(Source)  # another channel of the same migration, without any header
    on_preempt.__dict__ |= source.__dict__ | {"f": Writer(preempt.extend, channel=1), "sent": []}
    on_preempt.ram = RamWriter(on_preempt.f)
    urgently = [page for page, is_urgent in zip(dirty, urgent, strict=False) if is_urgent]
    for name, addr, _ in urgently:
        on_preempt.send(name, addr, PageKind.NORMAL)
    rest = [page for page in dirty if page not in urgently]
    start = len(out)
    for name, addr, _ in rest:
        source.open(SectionKind.PART)
        source.send(name, addr, PageKind.NORMAL)
        source.close()
    resumed: list[bytes] = []
    if breaks_at is not None:
        end = start + breaks_at % (len(out) - start + 1)
        arrived = 0
        place = start
        del source.sent[before_postcopy:]
        for name, addr, _ in rest:  # what of it arrived whole, though perhaps not the end of its section
            content = guest.read(name, addr)
            named = arrived == 0 or rest[arrived - 1][0] != name
            kind = PageKind.NORMAL if any(content) else PageKind.ZERO
            cost = 8 + (1 + len(name.encode()) if named else 0) + (len(content) if any(content) else 1)
            if place + 5 + cost > end:
                break
            source.note(name, addr, kind, cost)
            place += 5 + cost + 8 + 5
            arrived += 1
        del out[end:]
        tail = bytearray()
        again = Source.__new__(Source)
        number = 2 if preempt else 1
        again.__dict__ |= source.__dict__ | {"f": Writer(tail.extend, channel=number)}
        again.ram = RamWriter(again.f)
        put.put_command(again.f, MigCmd.MIG_CMD_POSTCOPY_RESUME)
        for name, addr, _ in rest[arrived:]:
            again.open(SectionKind.PART)
            again.send(name, addr, PageKind.NORMAL)
            again.close()
        again.open(SectionKind.END)
        again.close()
        put.put_eof(again.f)
        resumed = [bytes(tail)]
    else:
        source.open(SectionKind.END)
        source.close()
        put.put_eof(source.f)
    sent = source.sent + on_preempt.sent
    channels = [bytes(preempt)] if preempt else []
    with si.open_stream(bytes(out), channels=channels, resumed=resumed) as stream:
        assert stream.complete
        assert_rebuilt(stream, guest)
        assert_history(stream, sent)
        history = stream.history
        assert history.postcopy.tolist() == [number >= before_postcopy for number in range(len(sent))]
        assert len(set(history.iteration[history.postcopy].tolist())) <= 1
        assert history.ram_bytes - history.other_bytes == sum(each.cost_bytes for each in sent)
