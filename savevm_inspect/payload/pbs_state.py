"""``pbs-state``: dirty bitmaps of Proxmox's backups, in a section that is started and never ended.

Proxmox's QEMU has a handler with save_setup alone; what it writes is the length of a buffer and the buffer, whose
content only its backup library understands.
"""

from collections.abc import Iterator

from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead
from ..stream.values import FieldValue

IDSTR = "pbs-state"


class PbsStateReader:
    """Reads the one section of the backup's state."""

    def read(self, cursor: Cursor, _head: SectionHead) -> Iterator[FieldValue]:
        """Read its payload.

        Raises:
            Truncated: it ends early.
        """
        reader = FieldReader(cursor)
        field, length = reader.be64("length")
        yield field
        yield reader.buffer(length, "bitmaps")
