"""Sections with a format of their own: reader and writer together, one file each."""

from collections.abc import Callable, Iterator
from typing import Protocol

from ..stream.cursor import Cursor
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from . import block, dirty_bitmap, htab, skeys, stattrib, todclock


class FieldPayload(Protocol):
    """A payload that is read as fields; one object reads all sections of a device, in order."""

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload and leave the cursor behind it."""


FIELD_PAYLOADS: dict[str, Callable[[], FieldPayload]] = {
    block.IDSTR: block.BlockReader,
    htab.IDSTR: htab.HtabReader,
    stattrib.IDSTR: stattrib.StattribReader,
    dirty_bitmap.IDSTR: dirty_bitmap.DirtyBitmapReader,
    skeys.IDSTR: skeys.SkeysReader,
    todclock.IDSTR: todclock.TodclockReader,
}
"""By idstr: what reads a section that no description covers, or of which one only says how long it is."""
