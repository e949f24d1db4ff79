"""The ``ram`` section: block list, pages, end marks; reader and writer together (migration/ram.c).

The reader appends one row a page to a :class:`~savevm_inspect.payload.page_log.PageLog`, which becomes a table in the
memory room. Pages are sent again and zero pages overwrite, so rows keep the order of the stream.
"""

import numpy as np
import numpy.typing as npt

from ..errors import BadPayload, Truncated, UnknownRecord, Unsupported
from ..rules.options import Capability
from ..stream.cursor import Cursor
from ..stream.records import Framing, SectionHead, SectionKind
from ..stream.writer import Writer
from ..wire import ENCODING_FLAG_XBZRLE, RAM_SAVE_VERSION, RamSaveFlag
from .mapped_ram import log_mapped_pages
from .page_log import PAGE_ROW, PageKind, PageLog, Stretch
from .ram_blocks import RamBlock, put_block_list, read_block_list
from .ram_scan import RamScan, Scanner

IDSTR = "ram"

_PAGE = int(RamSaveFlag.RAM_SAVE_FLAG_PAGE)
_ZERO = int(RamSaveFlag.RAM_SAVE_FLAG_ZERO)
_EOS = int(RamSaveFlag.RAM_SAVE_FLAG_EOS)
_CONTINUE = int(RamSaveFlag.RAM_SAVE_FLAG_CONTINUE)
_XBZRLE = int(RamSaveFlag.RAM_SAVE_FLAG_XBZRLE)
_COMPRESS = int(RamSaveFlag.RAM_SAVE_FLAG_COMPRESS_PAGE)
_FLUSH = int(RamSaveFlag.RAM_SAVE_FLAG_MULTIFD_FLUSH)
_HOOK = int(RamSaveFlag.RAM_SAVE_FLAG_HOOK)

_WORD_BYTES = 8
_ZERO_RECORD = np.dtype([("word", ">u8"), ("fill", "u1")])

_KINDS = {
    _PAGE: PageKind.NORMAL,
    _ZERO: PageKind.ZERO,
    _XBZRLE: PageKind.XBZRLE,
    _COMPRESS: PageKind.COMPRESSED,
}
_HELD_RECORDS = 1 << 10
_MOST_BLOCKS = 1 << 16  # a page's row has 16 bits for its block


class RamReader:
    """Consumes the RAM sections of one stream, in order (ram_load_precopy).

    Args:
        page_size: the target page size in bytes, a power of two of at least 256.
        capabilities: those the configuration states; some change the block list.
        scanner: what takes pages that follow one another regularly; all give the same rows and errors.

    Attributes:
        blocks: the block list, empty before the START section.
        page_log: what was read so far.
        sections: how many sections were read.
        flushes: how many MULTIFD_FLUSH records were read.
        ended: whether the pages that were read last ended with their mark.
        hooks: by RAM section, the offset of its first word that leaves pages to something else: RDMA, or the RAM
            file of Android's emulator (ram_control_load_hook, up to QEMU 8.1).
        hole_bytes: bytes within sections that are nobody's: alignment and absent pages of mapped-ram.
    """

    def __init__(self, page_size: int, capabilities: tuple[str, ...] = (), *, scanner: Scanner = "auto") -> None:
        self.page_size = page_size
        self.capabilities = capabilities
        self.blocks: list[RamBlock] = []
        self.page_log = PageLog()
        self.sections = 0
        self.flushes = 0
        self.hooks: dict[int, int] = {}
        self.ended = False
        self.hole_bytes = 0
        self._mapped = Capability.MAPPED_RAM in capabilities  # its sections hold no pages (ram_load_precopy)
        self._scan = RamScan(scanner)
        self._index: dict[str, int] = {}
        self._last: dict[int, int] = {}

    @property
    def epoch(self) -> int:
        """How many times all channels were brought into line so far: by each section, unless by a record."""
        return self.flushes or self.sections

    def consume(self, cursor: Cursor, head: SectionHead) -> Framing:
        """Read one section's payload up to and with its EOS mark.

        Raises:
            Truncated: it ends early.
            BadPayload: a page outside its block, a block that is not in the list, a list that does not add up.
            UnknownRecord: a combination of flags that ram_load_precopy refuses.
            Unsupported: another version of the format.
        """
        if head.version_id != RAM_SAVE_VERSION:
            raise Unsupported(
                f"ram version {head.version_id}, expected {RAM_SAVE_VERSION}",
                offset=cursor.offset,
                section=cursor.section,
            )
        if head.kind is SectionKind.START:
            self.read_setup(cursor)
        self.read_pages(cursor)
        self.sections += 1
        return Framing.PAYLOAD

    def mark(self) -> tuple[object, ...]:
        """What :meth:`rewind` needs to take back the sections that are read next."""
        return (
            len(self.page_log),
            self.sections,
            self.flushes,
            dict(self._last),
            self.hole_bytes,
            self.blocks,
            self._index,
        )

    def rewind(self, mark: tuple[object, ...]) -> None:
        """Take back what was read since a mark was made."""
        count, self.sections, self.flushes, self._last, self.hole_bytes, self.blocks, self._index = mark  # type: ignore[assignment]
        self.page_log.truncate(count)  # type: ignore[arg-type]

    def forget_blocks(self) -> None:
        """Believe no page that continues a block before one is named again: bytes were lost."""
        self._last.clear()

    def read_setup(self, cursor: Cursor) -> None:
        """Read the block list.

        Pages refer to it by index, so a second one is refused. QEMU takes as many as come (ram_load_precopy), and
        finds blocks by their names among its own.
        """
        start = cursor.pos
        if self.blocks:
            raise BadPayload("a second block list", offset=cursor.offset, section=cursor.section)
        self.blocks = read_block_list(cursor, self.page_size, self.capabilities)
        if len(self.blocks) > _MOST_BLOCKS:
            raise BadPayload(
                f"a list of {len(self.blocks)} blocks, expected at most {_MOST_BLOCKS}",
                offset=cursor.offset,
                section=cursor.section,
            )
        self._index = {block.name: number for number, block in enumerate(self.blocks)}
        for number, block in enumerate(self.blocks):
            if block.mapped is not None:
                self.hole_bytes += log_mapped_pages(self.page_log, cursor, number, block, self.page_size)
        assert self.hole_bytes <= cursor.pos - start

    def read_pages(self, cursor: Cursor, *, bare: bool = False, growing: bool = False) -> None:
        """Read words until the EOS mark.

        Args:
            cursor: stands on the first word.
            bare: whether the pages may end with the channel instead, as on the one of postcopy-preempt.
            growing: whether more bytes may follow those there are: a record that they cut is left for later.

        Raises:
            StreamError: as :meth:`consume`.
        """
        self.page_log.expect(cursor.remaining // self.page_size)
        while not self._read_records(cursor, self._scan.patience, bare=bare, growing=growing):
            last = self._last.get(cursor.channel, -1)
            if last >= 0 and self._scan.patience is not None:
                used_bytes = self.blocks[last].used_bytes
                stretch = Stretch(self.page_size, last, used_bytes, self.sections, self.flushes)
                self._scan.take(cursor, self.page_log, stretch)

    def _read_records(  # noqa: C901 - a loop that may run once a page calls nothing that it need not
        self, cursor: Cursor, most: int | None, *, bare: bool, growing: bool = False
    ) -> bool:
        """The plain loop: a record at a time. It is kept flat, since it may run once a page.

        Args:
            cursor: stands on a word.
            most: return after this many records.
            bare: as in :meth:`read_pages`.
            growing: as in :meth:`read_pages`.

        Returns:
            Whether the pages ended, or the bytes there are by now.
        """
        page_size, section, channel = self.page_size, self.sections, cursor.channel
        flag_mask = page_size - 1
        last = self._last.get(channel, -1)
        packed = bytearray()
        self.ended = False
        try:
            for _ in range(_HELD_RECORDS if most is None else most):
                if (bare or growing) and not cursor.remaining:
                    return True
                record_offset = cursor.offset
                word = cursor.be64("a RAM record")
                flags = word & flag_mask
                flag = flags & ~_CONTINUE
                if flag == _EOS:
                    self.ended = True
                    return True
                if flag == _FLUSH:
                    self.flushes += 1
                    continue
                if flag == _HOOK:
                    self.hooks.setdefault(section, record_offset)
                    continue
                kind = _KINDS.get(flag)
                if kind is None or self._mapped:
                    raise UnknownRecord(f"RAM flags {flags:#x}", offset=record_offset, section=cursor.section)
                if not flags & _CONTINUE:
                    last = self._last[channel] = self._find_block(cursor)
                elif last < 0:
                    raise BadPayload(
                        "a page continues a block, but none was named yet",
                        offset=record_offset,
                        section=cursor.section,
                    )
                addr = word - flags
                block = self.blocks[last]
                if addr >= block.used_bytes:
                    raise BadPayload(
                        f"page at {addr:#x} in block {block.name!r} of {block.used_bytes:#x} bytes",
                        offset=record_offset,
                        section=cursor.section,
                    )
                start, length = _CONTENTS[kind](cursor, page_size)
                packed += PAGE_ROW.pack(cursor.base + start, length, addr, last, kind, section, channel, self.flushes)
            return False
        except Truncated:
            if not growing:
                raise
            cursor.pos = record_offset - cursor.base
            return True
        finally:
            self.page_log.extend(packed)

    def _find_block(self, cursor: Cursor) -> int:
        offset = cursor.offset
        name = cursor.counted_text("a RAM block's name")
        try:
            return self._index[name]
        except KeyError:
            raise BadPayload(
                f"block {name!r} is not in the block list", offset=offset, section=cursor.section
            ) from None


def _read_normal(cursor: Cursor, page_size: int) -> tuple[int, int]:
    return cursor.require(page_size, "a page"), page_size


def _read_zero(cursor: Cursor, _page_size: int) -> tuple[int, int]:
    start, offset = cursor.pos, cursor.offset
    fill = cursor.u8("the byte of a zero page")
    if fill:
        raise BadPayload(f"a zero page of value {fill}", offset=offset, section=cursor.section)
    return start, 1


def _read_xbzrle(cursor: Cursor, page_size: int) -> tuple[int, int]:
    """A byte that names the encoding, a 16-bit length, the difference (load_xbzrle)."""
    offset = cursor.offset
    encoding = cursor.u8("the encoding of an xbzrle page")
    length = cursor.be16("the length of an xbzrle page")
    if encoding != ENCODING_FLAG_XBZRLE or length > page_size:
        raise BadPayload(
            f"an xbzrle page of encoding {encoding} and {length} bytes, expected encoding {ENCODING_FLAG_XBZRLE} "
            f"and at most {page_size}",
            offset=offset,
            section=cursor.section,
        )
    return cursor.require(length, "an xbzrle page"), length


def _read_compressed(cursor: Cursor, page_size: int) -> tuple[int, int]:
    """A 32-bit length and one zlib stream, no longer than zlib's own bound for a page (QEMU 8.2 and before)."""
    offset = cursor.offset
    length = cursor.be32("the length of a compressed page")
    bound = page_size + (page_size >> 12) + (page_size >> 14) + (page_size >> 25) + 13
    if length > bound:
        raise BadPayload(
            f"a compressed page of {length} bytes, expected at most {bound}", offset=offset, section=cursor.section
        )
    return cursor.require(length, "a compressed page"), length


_CONTENTS = {
    PageKind.NORMAL: _read_normal,
    PageKind.ZERO: _read_zero,
    PageKind.XBZRLE: _read_xbzrle,
    PageKind.COMPRESSED: _read_compressed,
}
"""What reads a page's content: returns its buffer offset and its length in bytes."""


class RamWriter:
    """Writes RAM records; remembers the block that was named last, as the format does.

    Args:
        f: where to.
    """

    def __init__(self, f: Writer) -> None:
        self._f = f
        self._last: str | None = None

    def put_block_list(self, blocks: list[RamBlock]) -> None:
        """Write the total size and the list of blocks (ram_save_setup)."""
        put_block_list(self._f, blocks)

    def put_zero_page(self, block: str, addr: int) -> None:
        """Write a page that is all zero (save_zero_page)."""
        self._put_page_header(block, addr, _ZERO)
        self._f.put_byte(0)

    def put_page(self, block: str, addr: int, content: bytes) -> None:
        """Write a page with its content, one page size of bytes (save_normal_page)."""
        self._put_page_header(block, addr, _PAGE)
        self._f.put_buffer(content)

    def put_zero_pages(self, block: str, addrs: npt.NDArray[np.uint64]) -> None:
        """Write pages that are all zero.

        Args:
            block: name of their block.
            addrs: their addresses in the block in bytes, shape (n,).
        """
        self.put_zero_page(block, int(addrs[0]))
        records = np.zeros(len(addrs) - 1, _ZERO_RECORD)
        records["word"] = addrs[1:] | np.uint64(_ZERO | _CONTINUE)
        if len(records):
            self._f.put_buffer(records.tobytes())

    def put_pages(self, block: str, addrs: npt.NDArray[np.uint64], pages: npt.NDArray[np.uint8]) -> None:
        """Write pages with their content.

        Args:
            block: name of their block.
            addrs: their addresses in the block in bytes, shape (n,).
            pages: their content, shape (n, page_size).
        """
        if block != self._last:
            self.put_page(block, int(addrs[0]), pages[0].tobytes())
            addrs, pages = addrs[1:], pages[1:]
        if len(addrs):
            records = np.empty((len(addrs), _WORD_BYTES + pages.shape[1]), np.uint8)
            words = (addrs | np.uint64(_PAGE | _CONTINUE)).astype(">u8")
            records[:, :_WORD_BYTES] = words.view(np.uint8).reshape(-1, _WORD_BYTES)
            records[:, _WORD_BYTES:] = pages
            self._f.put_buffer(records.reshape(-1).data)

    def put_xbzrle_page(self, block: str, addr: int, delta: bytes) -> None:
        """Write a page as the difference to what was sent of it before (save_xbzrle_page)."""
        self._put_page_header(block, addr, _XBZRLE)
        self._f.put_byte(ENCODING_FLAG_XBZRLE)
        self._f.put_be16(len(delta))
        self._f.put_buffer(delta)

    def put_compressed_page(self, block: str, addr: int, packed: bytes) -> None:
        """Write a page as one zlib stream (QEMU 8.2 and before)."""
        self._put_page_header(block, addr, _COMPRESS)
        self._f.put_be32(len(packed))
        self._f.put_buffer(packed)

    def forget_block(self) -> None:
        """Name the next page's block even if it is that of the last one (ram_postcopy_send_discard_bitmap)."""
        self._last = None

    def put_multifd_flush(self) -> None:
        """Write that the multifd channels are to be brought into line (multifd_ram_flush_and_sync)."""
        self._f.put_be64(_FLUSH)

    def put_eos(self) -> None:
        """Write the mark that ends a section's pages."""
        self._f.put_be64(_EOS)

    def _put_page_header(self, block: str, addr: int, flags: int) -> None:
        """Write the word, and the block's name unless the last page named it (save_page_header)."""
        if block == self._last:
            self._f.put_be64(addr | flags | _CONTINUE)
        else:
            self._f.put_be64(addr | flags)
            self._f.put_counted_string(block)
            self._last = block
