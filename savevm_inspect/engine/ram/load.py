"""How pages come in, and what was received (migration/ram.c, ram_load_precopy and ram_load_postcopy)."""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from ...errors import BadPayload
from ...payload import xbzrle
from ...payload.page_log import PageKind, PageLog
from ...payload.ram import RamReader
from ...rules.compat import Behaviour
from ...wire import RamSaveFlag
from ..machine.guest import GuestBlock
from ..machine.handlers import DeviceError
from ..machine.machine import Machine
from ..machine.qemu_file import QEMUFileInput
from ..sim.scheduler import Steps

_WORD_BYTES: Final = 8


class RamLoad:
    """The receiving end of guest memory.

    Args:
        machine: whose.

    Attributes:
        received: for each block, shape (pages,), bool: which pages have come.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._page_size = machine.kind.page_size
        self._blocks = {block.name: block for block in machine.guest.blocks}
        self.received: dict[str, npt.NDArray[np.bool_]] = {}
        self._reader: RamReader | None = None

    def setup(self) -> None:
        """Nothing has been received (ram_load_setup)."""
        destination = self._machine.destination
        capabilities = destination.options.in_configuration if destination is not None else ()
        self.received = {name: np.zeros(block.num_pages, np.bool_) for name, block in self._blocks.items()}
        self._reader = RamReader(self._page_size, capabilities)

    def cleanup(self) -> None:
        """Nothing is kept (ram_load_cleanup)."""
        self._machine.guest.expect(None)
        self.received, self._reader = {}, None

    def section(self, f: QEMUFileInput) -> Steps[None]:
        """Read a section's records up to the one that ends it; pages are placed as they come."""
        destination, reader = self._machine.destination, self._started()
        offset, flushes = f.offset, reader.flushes
        yield from f.fill(_WORD_BYTES)
        if int.from_bytes(f.peek(_WORD_BYTES), "big") & RamSaveFlag.RAM_SAVE_FLAG_MEM_SIZE:
            yield from f.record(lambda: reader.read_setup(f))
            self._check_blocks(reader, offset, f.section)
        postcopy = destination is not None and destination.in_postcopy
        # In postcopy somebody may wait for the next page; before that the end of what was sent together is enough.
        least_bytes = _WORD_BYTES + self._page_size if postcopy else 1
        while not self._read_pages(reader, f):
            if not (yield from f.more(max(least_bytes - f.remaining, 1))):
                reader.read_pages(f)  # which says where it is cut
        reader.sections += 1
        multifd = destination.multifd if destination is not None and not destination.in_postcopy else None
        if multifd is not None:
            by_flush = self._machine.compat.has(Behaviour.MULTIFD_FLUSH)
            for _ in range(reader.flushes - flushes if by_flush else 1):
                yield from multifd.sync_main()

    def preempt(self, f: QEMUFileInput) -> Steps[None]:
        """Read the channel for requested pages, up to an EOS or its end (postcopy_preempt_thread)."""
        reader = self._started()
        while (yield from f.more(max(_WORD_BYTES + self._page_size - f.remaining, 1))):
            if self._read_pages(reader, f):
                return
        if f.remaining:
            reader.read_pages(f, bare=True)  # which says where it is cut

    def _read_pages(self, reader: RamReader, f: QEMUFileInput) -> bool:
        """Place the pages that have arrived; returns whether the mark that ends them has."""
        f.probe(lambda: reader.read_pages(f, growing=True))
        self._place_logged(reader, f)
        return reader.ended

    def _started(self) -> RamReader:
        if self._reader is None:
            raise DeviceError("load_setup has not run")
        return self._reader

    def receive_page(self, name: str, addr: int, content: bytes | None) -> None:
        """Write one page to memory (ram_load_multifd_pages); the caller has checked where it lies.

        Raises:
            DeviceError: load_setup has not run, or failed.
        """
        self._started()
        page = addr // self._page_size
        block = self._blocks[name]
        block.page_contents[page] = 0 if content is None else np.frombuffer(content, np.uint8)
        self.received[name][page] = True

    def discard(self, name: str, start: int, length: int, offset: int) -> None:
        """Forget pages, which are zero afterwards (ram_discard_range).

        Raises:
            BadPayload: they are not in the block, or there is no such block.
        """
        block = self._blocks.get(name)
        if block is None or start % self._page_size or length % self._page_size or start + length > block.size_bytes:
            raise BadPayload(f"{length} bytes at {start:#x} of block {name!r} are to be forgotten", offset=offset)
        first, end = start // self._page_size, (start + length) // self._page_size
        block.page_contents[first:end] = 0
        self.received[name][first:end] = False

    def received_bitmap(self, name: str) -> bytes:
        """A bit for each page of a block, least significant first (ramblock_recv_bitmap_send)."""
        return np.packbits(self.received[name], bitorder="little").tobytes()

    def expect_faults(self) -> None:
        """From here on the guest waits for pages that are not there."""

        def missing(block: GuestBlock) -> npt.NDArray[np.bool_]:
            return ~self.received[block.name]

        self._machine.guest.expect(missing)

    def _check_blocks(self, reader: RamReader, offset: int, section: str) -> None:
        """Compare the source's blocks with ours (parse_ramblocks)."""
        for listed in reader.blocks:
            block = self._blocks.get(listed.name)
            if block is None:
                raise BadPayload(f"block {listed.name!r}, which this side lacks", offset=offset, section=section)
            if listed.used_bytes != block.size_bytes:
                raise BadPayload(
                    f"block {listed.name!r} of {listed.used_bytes} bytes, this side has {block.size_bytes}",
                    offset=offset,
                    section=section,
                )

    def _place_logged(self, reader: RamReader, f: QEMUFileInput) -> None:
        """Write all pages to memory that were read since the last time."""
        rows, reader.page_log = reader.page_log.rows, PageLog()
        if not len(rows):
            return
        # A run is of one kind and one block, and its pages lie at equal distances.
        apart = np.diff(rows["offset"].astype(np.int64))
        breaks = (np.diff(rows["kind"]) != 0) | (np.diff(rows["block"]) != 0)
        breaks[1:] |= apart[1:] != apart[:-1]
        edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(rows)]
        for first, end in pairwise(edges):
            self._place_run(reader, f, rows[first:end])

    def _place_run(self, reader: RamReader, f: QEMUFileInput, run: npt.NDArray[np.void]) -> None:
        block = self._blocks[reader.blocks[int(run["block"][0])].name]
        pages = (run["addr"] // np.uint64(self._page_size)).astype(np.intp)
        kind, first = int(run["kind"][0]), int(run["offset"][0]) - f.base
        if kind == PageKind.ZERO:
            block.page_contents[pages] = 0
        elif kind == PageKind.NORMAL:
            apart = int(run["offset"][1]) - int(run["offset"][0]) if len(run) > 1 else self._page_size
            source = np.frombuffer(f.buffer, np.uint8)[first:]
            content = np.lib.stride_tricks.as_strided(
                source, (len(run), self._page_size), (apart, 1), writeable=False
            )
            consecutive = len(pages) < 2 or (
                pages[-1] - pages[0] == len(pages) - 1 and bool(np.all(np.diff(pages) == 1))
            )
            block.page_contents[slice(pages[0], pages[-1] + 1) if consecutive else pages] = content
        else:
            self._place_differences(block, f, run, pages)
        self.received[block.name][pages] = True
        self._emit_arrived(block.name, pages)

    def _place_differences(
        self, block: GuestBlock, f: QEMUFileInput, run: npt.NDArray[np.void], pages: npt.NDArray[np.intp]
    ) -> None:
        for row, page in zip(run, pages.tolist(), strict=True):
            start = int(row["offset"]) - f.base
            content = bytearray(block.page(page))
            try:
                xbzrle.decode(f.buffer[start : start + int(row["length"])], content)
            except ValueError as error:
                raise BadPayload(
                    f"an xbzrle page with {error}", offset=int(row["offset"]), section=f.section
                ) from error
            block.page_contents[page] = np.frombuffer(content, np.uint8)

    def _emit_arrived(self, name: str, pages: npt.NDArray[np.intp]) -> None:
        """In postcopy somebody may wait for just these pages."""
        destination = self._machine.destination
        if destination is not None and destination.in_postcopy:
            for page in pages.tolist():
                destination.page_placed(name, page * self._page_size)
