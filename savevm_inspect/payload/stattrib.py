"""``s390-storage_attributes``: one byte a guest page, sent in runs (hw/s390x/s390-stattrib.c, cmma_load)."""

from collections.abc import Iterator

from ..errors import BadPayload, UnknownRecord
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from ..wire import StattribFlag

IDSTR = "s390-storage_attributes"

_FLAG_MASK = 0xFFF


class StattribReader:
    """Reads the sections of the storage attributes; each stands alone."""

    def read(self, cursor: Cursor, _head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload up to its end mark.

        Raises:
            Truncated: it ends early.
            UnknownRecord: a flag that the format does not have.
            BadPayload: the source said that its data is incomplete.
        """
        return read_runs(cursor, "attributes", tuple(StattribFlag))


def read_runs(cursor: Cursor, content: str, flags: tuple[StattribFlag, ...]) -> Iterator[FieldValue]:
    """Read runs of one byte a guest page, up to the mark that ends the section.

    Args:
        cursor: stands on the payload's first byte.
        content: what the bytes are.
        flags: those that the section may hold.

    Raises:
        Truncated: it ends early.
        UnknownRecord: another flag.
        BadPayload: the source said that its data is incomplete.
    """
    reader = FieldReader(cursor)
    number = 0
    while True:
        run = f"run[{number}]"
        offset = cursor.offset
        value = int.from_bytes(bytes(cursor.peek(8))) & _FLAG_MASK
        name = StattribFlag(value).name if value in flags else None
        field, _ = reader.be64(run, "addr_and_flags", meaning=name or "")
        if name is None:
            raise UnknownRecord(f"storage {content} flags {value:#x}", offset=offset, section=cursor.section)
        yield field
        if value == StattribFlag.STATTR_FLAG_EOS:
            return
        if value == StattribFlag.STATTR_FLAG_ERROR:
            raise BadPayload("the source marked its data as incomplete", offset=offset, section=cursor.section)
        if value == StattribFlag.STATTR_FLAG_MORE:
            count_field, count = reader.be64(run, "count")
            yield count_field
            yield reader.buffer(count, run, content)
        number += 1
