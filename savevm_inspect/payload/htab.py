"""``spapr/htab``: the hash page table of a pseries machine, sent in chunks (hw/ppc/spapr.c)."""

from collections.abc import Iterator

from ..errors import BadPayload, Unsupported
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from ..stream.writer import Writer
from ..wire import HASH_PTE_SIZE_64, HTAB_NONE, HTAB_VERSION

IDSTR = "spapr/htab"

_LARGEST_SHIFT = 46


class HtabReader:
    """Reads the sections of one table in order; the first states its size, the others hold chunks (htab_load)."""

    def __init__(self) -> None:
        self._entries = 0

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload.

        Raises:
            Truncated: it ends early.
            BadPayload: a table of impossible size, or a chunk outside the table.
            Unsupported: another version of the format.
        """
        if head.version_id != HTAB_VERSION:
            raise Unsupported(f"{IDSTR} version {head.version_id}, expected {HTAB_VERSION}", offset=cursor.offset)
        reader = FieldReader(cursor)
        offset = cursor.offset
        field, shift = reader.be32("htab_shift")
        yield field
        if shift == HTAB_NONE:
            return
        if shift > _LARGEST_SHIFT:
            raise BadPayload(f"a table of 2**{shift} bytes", offset=offset, section=cursor.section)
        if shift:
            self._entries = (1 << shift) // HASH_PTE_SIZE_64
            return
        yield from self._read_chunks(reader)

    def _read_chunks(self, reader: FieldReader) -> Iterator[FieldValue]:
        number = 0
        while True:
            chunk = f"chunk[{number}]"
            offset = reader.cursor.offset
            index_field, index = reader.be32(chunk, "index")
            valid_field, valid = reader.be16(chunk, "n_valid")
            invalid_field, invalid = reader.be16(chunk, "n_invalid")
            yield from (index_field, valid_field, invalid_field)
            if not (index or valid or invalid):
                return
            if index + valid + invalid > self._entries:
                raise BadPayload(
                    f"chunk of {valid} + {invalid} entries at {index} in a table of {self._entries}",
                    offset=offset,
                    section=reader.cursor.section,
                )
            yield reader.buffer(valid * HASH_PTE_SIZE_64, chunk, "entries")
            number += 1


class HtabWriter:
    """Writes the same (htab_save_setup, htab_save_iterate).

    Args:
        f: where to.
    """

    def __init__(self, f: Writer) -> None:
        self._f = f

    def put_shift(self, shift: int) -> None:
        """Write the first section's payload.

        Args:
            shift: log2 of the table's length in bytes.
        """
        self._f.put_be32(shift)

    def begin_chunks(self) -> None:
        """Write what opens every other section: no size."""
        self._f.put_be32(0)

    def put_chunk(self, index: int, entries: bytes, n_invalid: int) -> None:
        """Write a run of valid entries, and how many invalid ones follow (htab_save_chunk).

        Args:
            index: number of the first entry.
            entries: the valid ones, 16 bytes each.
            n_invalid: how many entries after them are not valid.
        """
        self._put_head(index, len(entries) // HASH_PTE_SIZE_64, n_invalid)
        self._f.put_buffer(entries)

    def put_end_marker(self) -> None:
        """Write the empty chunk that ends a section (htab_save_end_marker)."""
        self._put_head(0, 0, 0)

    def _put_head(self, index: int, n_valid: int, n_invalid: int) -> None:
        self._f.put_be32(index)
        self._f.put_be16(n_valid)
        self._f.put_be16(n_invalid)
