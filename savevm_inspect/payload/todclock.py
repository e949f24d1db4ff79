"""``todclock``: the time-of-day clock of an s390x machine (hw/s390x/tod.c, s390_tod_load).

A description says of it only how many bytes it is.
"""

from collections.abc import Iterator

from ..errors import BadPayload
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue

IDSTR = "todclock"

_CLOCK_VALUE_MISSING = 0
_CLOCK_VALUE_PRESENT = 1


class TodclockReader:
    """Reads the one section of the clock."""

    def read(self, cursor: Cursor, _head: SectionHead) -> Iterator[FieldValue]:
        """Read its payload: whether the source knew the time, then the 72 bits of the clock.

        Raises:
            Truncated: it ends early.
            BadPayload: neither missing nor present.
        """
        reader = FieldReader(cursor)
        offset = cursor.offset
        field, present = reader.u8("clock_value_present")
        yield field
        if present == _CLOCK_VALUE_MISSING:
            return
        if present != _CLOCK_VALUE_PRESENT:
            raise BadPayload(f"clock value mark {present}, expected 0 or 1", offset=offset, section=cursor.section)
        field, _ = reader.u8("high")
        yield field
        field, _ = reader.be64("low")
        yield field
