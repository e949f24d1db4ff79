"""``s390-skeys``: the storage key of each guest page, one byte each (hw/s390x/s390-skeys.c, s390_storage_keys_load).

A description says of it only how many bytes it is.
"""

from collections.abc import Iterator

from ..stream.cursor import Cursor
from ..stream.records import SectionHead
from ..stream.values import FieldValue
from ..wire import StattribFlag
from .stattrib import read_runs

IDSTR = "s390-skeys"

_FLAGS = (StattribFlag.STATTR_FLAG_EOS, StattribFlag.STATTR_FLAG_MORE, StattribFlag.STATTR_FLAG_ERROR)
"""Those of the storage attributes that it has too, with the same numbers; MORE is called SKEYS here."""


class SkeysReader:
    """Reads the one section of the storage keys."""

    def read(self, cursor: Cursor, _head: SectionHead) -> Iterator[FieldValue]:
        """Read its payload up to its end mark.

        Raises:
            Truncated: it ends early.
            UnknownRecord: a flag that the format does not have.
            BadPayload: the source said that its data is incomplete.
        """
        return read_runs(cursor, "keys", _FLAGS)
