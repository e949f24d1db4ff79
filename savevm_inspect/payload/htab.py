"""``spapr/htab``: the hash page table of a pseries machine, sent in chunks (hw/ppc/spapr.c, htab_load)."""

from collections.abc import Iterator

from ..errors import BadPayload, Unsupported
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue

IDSTR = "spapr/htab"

_VERSION = 1
_NO_TABLE = 0xFFFFFFFF
_ENTRY_BYTES = 16
_LARGEST_SHIFT = 46


class HtabReader:
    """Reads the sections of one table in order; the first states its size, the others hold chunks."""

    def __init__(self) -> None:
        self._entries = 0

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload.

        Raises:
            Truncated: it ends early.
            BadPayload: a table of impossible size, or a chunk outside the table.
            Unsupported: another version of the format.
        """
        if head.version_id != _VERSION:
            raise Unsupported(f"{IDSTR} version {head.version_id}, expected {_VERSION}", offset=cursor.offset)
        reader = FieldReader(cursor)
        offset = cursor.offset
        field, shift = reader.be32("htab_shift")
        yield field
        if shift == _NO_TABLE:
            return
        if shift > _LARGEST_SHIFT:
            raise BadPayload(f"a table of 2**{shift} bytes", offset=offset, section=cursor.section)
        if shift:
            self._entries = (1 << shift) // _ENTRY_BYTES
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
            yield reader.buffer(valid * _ENTRY_BYTES, chunk, "entries")
            number += 1
