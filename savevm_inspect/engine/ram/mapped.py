"""Pages that have a fixed offset in a file (migration/ram.c, mapped_ram_*; the format is payload/mapped_ram.py's)."""

from ...payload.mapped_ram import MappedRamWriter
from ...payload.ram_blocks import RamBlock
from ..machine.guest import GuestBlock
from ..machine.handlers import DeviceError
from ..machine.machine import Machine
from ..machine.qemu_file import FileQEMUFile, QEMUFile
from .save import BarePages
from .state import Pages


class MappedPages(BarePages):
    """Pages that are written at their offsets, and bitmaps that say which are there.

    Args:
        machine: whose memory.
        f: a file.

    Raises:
        DeviceError: it is none.
    """

    def __init__(self, machine: Machine, f: QEMUFile) -> None:
        super().__init__(machine, f)
        if not isinstance(f, FileQEMUFile):
            raise DeviceError("mapped-ram needs a file that can be written at any offset")
        self._mapped = MappedRamWriter(f, self._page_size)

    def put_block_list(self, blocks: list[RamBlock]) -> None:
        """Write the block list, with room for the pages of each block (mapped_ram_setup_ramblock)."""
        self._mapped.put_block_list(blocks)

    def save(self, block: GuestBlock, pages: Pages) -> None:
        """Write pages at their offsets; one that is all zero is only marked as absent."""
        for page in pages.tolist():
            addr, content = page * self._page_size, block.page(page)
            if any(content):
                self._stats.normal_pages += 1
                self._mapped.put_page(block.name, addr, content)
            else:
                self._stats.zero_pages += 1
                self._mapped.put_zero_page(block.name, addr)

    def put_bitmaps(self) -> None:
        """Write which pages are there (ram_save_file_bmap)."""
        self._mapped.put_file_bmap()
