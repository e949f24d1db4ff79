"""All channels of one migration, read and brought into one order.

The main channel comes first, then what resumed it after a postcopy failure, then the further channels, whose first
bytes say what they are: multifd's packets have a magic, the pages of postcopy-preempt have none.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial

from ..container.spool import Spool
from ..errors import BadPayload, StreamError
from ..memory.page_table import PageTable
from ..memory.unpack import UNPACKED_CHANNEL, Buffers
from ..payload.multifd import MultifdReader
from ..payload.page_log import PageLog
from ..payload.ram import RamReader
from ..stream.cursor import Cursor
from ..stream.framer import Framer
from ..stream.records import EndOfStream, PageRun, Record
from ..stream.salvage import SalvagingFramer
from ..wire import MULTIFD_MAGIC
from .consistency import check_channels
from .payloads import Payloads


class Channels:
    """Reads the channels.

    Args:
        main: stands on the first byte of the main channel.
        resumed: the main channel after each recovery, in order; numbered after all others.
        further: the other forward channels, in the order in which the source connected.
        payloads: consumes the payloads of the main channel.
        resources: take what compressed pages are unpacked to.
        report: called with each error; it raises it, or records it.
        ends_at: index on the main channel of what follows its EOF record, if that is known.
        salvage: whether to read on after damage.

    Attributes:
        records: what was read, a channel after the other, each in the order of its bytes.
        buffers: the bytes of each channel, and of what was unpacked of it.
    """

    def __init__(
        self,
        main: Cursor,
        *,
        resumed: Sequence[Cursor],
        further: Sequence[Cursor],
        payloads: Payloads,
        resources: ExitStack,
        report: Callable[[StreamError], None],
        ends_at: int | None = None,
        salvage: bool = False,
    ) -> None:
        self._payloads = payloads
        self._resources = resources
        self._report = report
        self._ends_at = ends_at
        self._salvage = salvage
        self._logs: list[PageLog] = []
        self._multifd: list[MultifdReader] = []
        self._buffers = {cursor.channel: cursor.buffer for cursor in (main, *resumed, *further)}
        self._spools: dict[int, Spool] = {}
        self._sound = True
        self.records: list[Record] = []
        self._read_main(main, resumed)
        for cursor in further:
            self._keep(self._read_further(cursor), cursor.channel)
        if self._sound and any(isinstance(record, EndOfStream) for record in self.records):
            self._check_order()
            for error in check_channels(self.records, payloads, self._pages):
                report(error)
        self.buffers: Buffers = self._buffers | {number: spool.view() for number, spool in self._spools.items()}

    def _keep(self, records: Iterator[Record], channel: int) -> None:
        try:
            self.records.extend(iter(records))
        except StreamError as error:
            self._take_note(error, channel)

    def _take_note(self, error: StreamError, channel: int) -> None:
        self._sound = False
        error.channel = channel
        self._report(error)

    def _read_main(self, main: Cursor, resumed: Sequence[Cursor]) -> None:
        framer: Framer | None = None
        last = (main, *resumed)[-1]
        for cursor in (main, *resumed):
            framer = self._framer(cursor, framer, may_break=cursor is not last)
            self._keep(framer.records(), cursor.channel)

    def _framer(self, cursor: Cursor, resumes: Framer | None, *, may_break: bool) -> Framer:
        ends_at = self._ends_at if resumes is None else None
        if not self._salvage:
            return Framer(cursor, self._payloads, resumes=resumes, may_break=may_break, ends_at=ends_at)
        return SalvagingFramer(
            cursor,
            self._payloads,
            on_break=partial(self._take_note, channel=cursor.channel),
            resumes=resumes,
            may_break=may_break,
            ends_at=ends_at,
        )

    def _read_further(self, cursor: Cursor) -> Iterator[Record]:
        ram = self._payloads.ram
        if ram is None:
            raise BadPayload("no RAM section on the main channel that its pages belong to", offset=0)
        if bytes(cursor.peek(4)) == MULTIFD_MAGIC.to_bytes(4):
            yield from self._read_multifd(cursor, ram)
        else:
            start = cursor.pos
            while cursor.remaining:
                ram.read_pages(cursor, bare=True)
            yield PageRun(span=cursor.span_from(start))

    def _read_multifd(self, cursor: Cursor, ram: RamReader) -> Iterator[Record]:
        log = PageLog()
        unpacked = UNPACKED_CHANNEL | cursor.channel
        spool = self._spools[unpacked] = Spool(self._resources, packed_bytes=len(cursor.buffer))
        reader = MultifdReader(
            cursor, blocks=ram.blocks, page_size=ram.page_size, log=log, sink=spool, sink_channel=unpacked
        )
        self._logs.append(log)
        self._multifd.append(reader)
        yield from reader.records()

    def _check_order(self) -> None:
        """Whether each multifd channel was brought into line as often as the main channel waited for it."""
        ram = self._payloads.ram
        if ram is None:
            return
        expected = ram.flushes or ram.sections
        for number, reader in enumerate(self._multifd, 1):
            if reader.epoch != expected:
                self._report(
                    BadPayload(
                        f"multifd channel {number} has {reader.epoch} SYNC packets, the main channel waits for "
                        f"{expected}: it is cut, or of another migration",
                        offset=0,
                    )
                )

    def pages(self) -> PageTable:
        """Every page of all channels, in an order in which the last one of an address is the one that counts."""
        return self._pages

    @cached_property
    def _pages(self) -> PageTable:
        ram = self._payloads.ram
        if ram is None:
            return PageTable.from_logs([PageLog()], (), self._payloads.page_size)
        if self._multifd and not ram.flushes:
            # Before MULTIFD_FLUSH, each RAM section ended with the channels in line.
            ram.page_log.rows["epoch"] = ram.page_log.rows["section"]
        logs, self._logs = [ram.page_log, *self._logs], []  # the table takes them over
        return PageTable.from_logs(logs, ram.blocks, ram.page_size, self._payloads.discards)
