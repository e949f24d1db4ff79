"""Sections with a format of their own: reader and writer together, one file each."""

from collections.abc import Callable, Iterator
from typing import Protocol

from ..stream.cursor import Cursor
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from . import block, dirty_bitmap, htab, pbs_state, skeys, stattrib, todclock, vfio


class FieldPayload(Protocol):
    """A payload that is read as fields; one object reads all sections of a device, in order."""

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload and leave the cursor after it."""


FIELD_PAYLOADS: dict[str, Callable[[], FieldPayload]] = {
    block.IDSTR: block.BlockReader,
    htab.IDSTR: htab.HtabReader,
    stattrib.IDSTR: stattrib.StattribReader,
    dirty_bitmap.IDSTR: dirty_bitmap.DirtyBitmapReader,
    pbs_state.IDSTR: pbs_state.PbsStateReader,
    skeys.IDSTR: skeys.SkeysReader,
    todclock.IDSTR: todclock.TodclockReader,
    vfio.IDSTR: vfio.VfioReader,
}
"""What reads a section that no description covers, or of which one only says how long it is.

By idstr; that of a VFIO device stands here without the path before it.
"""

REMEMBERING = (htab.HtabReader, dirty_bitmap.DirtyBitmapReader)
"""Those that need what the device's sections before said; the others read each for itself."""


def field_payload(idstr: str) -> Callable[[], FieldPayload] | None:
    """What makes the reader of a device's sections.

    Args:
        idstr: the device's name.

    Returns:
        One of :data:`FIELD_PAYLOADS`; ``None`` if the device has no format of its own.
    """
    name = vfio.IDSTR if idstr.endswith(f"/{vfio.IDSTR}") else idstr
    return FIELD_PAYLOADS.get(name)
