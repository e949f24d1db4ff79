"""The ``ram`` section: block list, pages, end marks; reader and writer together (migration/ram.c).

Pages are never objects: the reader appends one row a page to :class:`PageLog`, whose columns become a table
in the memory room. Zero pages that were sent again overwrite, so the order of rows is the order of the stream.
"""

from __future__ import annotations  # array is subscriptable at run time from Python 3.12 on

from array import array
from dataclasses import dataclass, field
from enum import IntEnum

from ..errors import BadPayload, UnknownRecord, Unsupported
from ..stream.cursor import Cursor
from ..stream.records import Framing, SectionHead, SectionKind
from ..stream.writer import Writer
from ..wire import RAM_SAVE_VERSION, RamSaveFlag

IDSTR = "ram"

_PAGE = int(RamSaveFlag.RAM_SAVE_FLAG_PAGE)
_ZERO = int(RamSaveFlag.RAM_SAVE_FLAG_ZERO)
_EOS = int(RamSaveFlag.RAM_SAVE_FLAG_EOS)
_CONTINUE = int(RamSaveFlag.RAM_SAVE_FLAG_CONTINUE)
_MEM_SIZE = int(RamSaveFlag.RAM_SAVE_FLAG_MEM_SIZE)
_FLUSH = int(RamSaveFlag.RAM_SAVE_FLAG_MULTIFD_FLUSH)

_NOT_READ = {
    RamSaveFlag.RAM_SAVE_FLAG_XBZRLE: "an xbzrle page",
    RamSaveFlag.RAM_SAVE_FLAG_COMPRESS_PAGE: "a compressed page",
    RamSaveFlag.RAM_SAVE_FLAG_HOOK: "an RDMA registration",
}


class PageKind(IntEnum):
    """How a page lies in the stream."""

    ZERO = 0
    NORMAL = 1


@dataclass(frozen=True, slots=True)
class RamBlock:
    """One block of guest memory, as the block list states it.

    Attributes:
        name: its idstr; a path (``/rom@etc/acpi/tables``) that is data, never a file name.
        used_bytes: its length.
    """

    name: str
    used_bytes: int


@dataclass(slots=True)
class PageLog:
    """Every page of a stream in stream order, a column an attribute.

    Attributes:
        offset: place in bytes on the channel of the page's content, of the fill byte for a zero page.
        addr: place in bytes in the RAM block.
        block: index of the block in the block list.
        kind: a :class:`PageKind`.
        section: running number of the RAM section that holds it, from 0 (the START section).
    """

    offset: array[int] = field(default_factory=lambda: array("Q"))
    addr: array[int] = field(default_factory=lambda: array("Q"))
    block: array[int] = field(default_factory=lambda: array("H"))
    kind: array[int] = field(default_factory=lambda: array("B"))
    section: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.offset)


class RamReader:
    """Consumes the RAM sections of one stream, in order (ram_load_precopy).

    Args:
        page_size: the target page size in bytes, a power of two of at least 256.
        capabilities: those the configuration tells; some change the block list.
    """

    def __init__(self, page_size: int, capabilities: tuple[str, ...] = ()) -> None:
        self.page_size = page_size
        self.capabilities = capabilities
        self.blocks: list[RamBlock] = []
        self.pages = PageLog()
        self.sections = 0
        self._index: dict[str, int] = {}
        self._last = -1

    def consume(self, cursor: Cursor, head: SectionHead) -> Framing:
        """Read one section's payload up to and with its EOS mark.

        Raises:
            Truncated: it ends early.
            BadPayload: a page outside its block, a block that is not in the list, a list that does not add up.
            UnknownRecord: a combination of flags that ram_load_precopy refuses.
            Unsupported: a kind of page or block list that this version does not read.
        """
        if head.version_id != RAM_SAVE_VERSION:
            raise Unsupported(
                f"ram version {head.version_id}, expected {RAM_SAVE_VERSION}",
                offset=cursor.place,
                section=str(head),
            )
        if head.kind is SectionKind.START:
            self._read_block_list(cursor)
        self.read_pages(cursor)
        self.sections += 1
        return Framing.PAYLOAD

    def _read_block_list(self, cursor: Cursor) -> None:
        """Read the first word and the list behind it (parse_ramblocks)."""
        for capability in ("x-ignore-shared", "mapped-ram"):
            if capability in self.capabilities:
                raise Unsupported(f"a RAM block list with {capability}", offset=cursor.place, section=cursor.section)
        place = cursor.place
        word = cursor.be64("the total size of RAM")
        if word & (self.page_size - 1) != _MEM_SIZE:
            raise BadPayload(
                f"word {word:#x} where RAM_SAVE_FLAG_MEM_SIZE must open the block list",
                offset=place,
                section=cursor.section,
            )
        left = word - _MEM_SIZE
        while left:
            place = cursor.place
            name = cursor.counted_text("a RAM block's name")
            used = cursor.be64("a RAM block's length")
            if used == 0 or used > left:
                raise BadPayload(
                    f"block {name!r} of {used} bytes in a list with {left} bytes to go",
                    offset=place,
                    section=cursor.section,
                )
            if name in self._index:
                raise BadPayload(f"block {name!r} is listed twice", offset=place, section=cursor.section)
            self._index[name] = len(self.blocks)
            self.blocks.append(RamBlock(name, used))
            left -= used

    def read_pages(self, cursor: Cursor) -> None:
        """Read words until the EOS mark; the loop is kept flat, since it runs once a page.

        Raises:
            StreamError: as :meth:`consume`.
        """
        log, page_size = self.pages, self.page_size
        flag_mask = page_size - 1
        while True:
            place = cursor.place
            word = cursor.be64("a RAM record")
            flags = word & flag_mask
            kind = flags & ~_CONTINUE
            if kind == _EOS:
                return
            if kind == _FLUSH:
                continue
            if kind not in (_PAGE, _ZERO):
                self._refuse(flags, place, cursor.section)
            if not flags & _CONTINUE:
                self._last = self._find_block(cursor)
            elif self._last < 0:
                raise BadPayload(
                    "a page continues a block, but none was named yet", offset=place, section=cursor.section
                )
            addr = word - flags
            block = self.blocks[self._last]
            if addr >= block.used_bytes:
                raise BadPayload(
                    f"page at {addr:#x} in block {block.name!r} of {block.used_bytes:#x} bytes",
                    offset=place,
                    section=cursor.section,
                )
            place = cursor.place
            if kind == _PAGE:
                cursor.require(page_size, "a page")
            else:
                fill = cursor.u8("the byte of a zero page")
                if fill:
                    raise BadPayload(f"a zero page of value {fill}", offset=place, section=cursor.section)
            log.offset.append(place)
            log.addr.append(addr)
            log.block.append(self._last)
            log.kind.append(PageKind.NORMAL if kind == _PAGE else PageKind.ZERO)
            log.section.append(self.sections)

    def _find_block(self, cursor: Cursor) -> int:
        place = cursor.place
        name = cursor.counted_text("a RAM block's name")
        try:
            return self._index[name]
        except KeyError:
            raise BadPayload(
                f"block {name!r} is not in the block list", offset=place, section=cursor.section
            ) from None

    def _refuse(self, flags: int, place: int, section: str) -> None:
        for flag, name in _NOT_READ.items():
            if flags & ~_CONTINUE == flag and flags < self.page_size:
                raise Unsupported(f"{name} (flags {flags:#x})", offset=place, section=section)
        raise UnknownRecord(f"RAM flags {flags:#x}", offset=place, section=section)


class RamWriter:
    """Writes RAM records; remembers the block that was named last, as the format does.

    Args:
        f: where to.
    """

    def __init__(self, f: Writer) -> None:
        self._f = f
        self._last: str | None = None

    def begin_section(self) -> None:
        """Name the block again with the next page, as QEMU does in each section (ram_save_iterate)."""
        self._last = None

    def put_block_list(self, blocks: list[RamBlock]) -> None:
        """Write the total size and the list of blocks (ram_save_setup)."""
        self._f.put_be64(sum(block.used_bytes for block in blocks) | _MEM_SIZE)
        for block in blocks:
            self._f.put_counted_string(block.name)
            self._f.put_be64(block.used_bytes)

    def put_zero_page(self, block: str, addr: int) -> None:
        """Write a page that is all zero (save_zero_page)."""
        self._put_page_header(block, addr, _ZERO)
        self._f.put_byte(0)

    def put_page(self, block: str, addr: int, content: bytes) -> None:
        """Write a page with its content, one page size of bytes (save_normal_page)."""
        self._put_page_header(block, addr, _PAGE)
        self._f.put_buffer(content)

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
