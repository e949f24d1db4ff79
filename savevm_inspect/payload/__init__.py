"""Sections with a format of their own: reader and writer together, one file each."""

from collections.abc import Callable, Iterator
from typing import Protocol

from ..stream.cursor import Cursor
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from . import htab, stattrib


class FieldPayload(Protocol):
    """A payload that is read as fields; one object reads all sections of a device, in order."""

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload and leave the cursor behind it."""


FIELD_PAYLOADS: dict[str, Callable[[], FieldPayload]] = {
    htab.IDSTR: htab.HtabReader,
    stattrib.IDSTR: stattrib.StattribReader,
}
"""By idstr: what reads an iterable section that no description covers."""
