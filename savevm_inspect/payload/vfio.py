"""``PATH/vfio``: a device that is passed through to the guest (hw/vfio/migration.c, vfio_load_state).

64-bit words say what follows them. The device's data is bytes by nature: its hardware's vendor knows what they mean.
The configuration is a VMState of the PCI device, and neither its length nor its layout is in the stream: how large
configuration space is, and whether an MSI-X table follows, only the device knows. It ends where the word stands that
upstream puts after it, and stays bytes.
"""

from collections.abc import Iterator

from ..errors import BadPayload, Truncated, UnknownRecord, Unsupported
from ..stream.cursor import Cursor
from ..stream.field_reader import FieldReader
from ..stream.records import SectionHead, SectionKind
from ..stream.values import FieldValue
from ..stream.writer import Writer
from ..wire import VFIO_VERSION, VfioMigFlag

IDSTR = "vfio"
"""What an idstr ends with, after the device's path and a slash; all of it for a device without a path."""

_FLAG_BYTES = 8
_SCAN_STEP_BYTES = 1 << 16
_END = VfioMigFlag.VFIO_MIG_FLAG_END_OF_STATE
_ENDS = (_END, VfioMigFlag.VFIO_MIG_FLAG_DEV_INIT_DATA_SENT, VfioMigFlag.VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY)
"""The words after which there is nothing more in a section."""


class VfioReader:
    """Reads the sections of one device; each stands alone."""

    def read(self, cursor: Cursor, head: SectionHead) -> Iterator[FieldValue]:
        """Read one section's payload up to the word that ends it.

        Raises:
            Truncated: it ends early.
            UnknownRecord: a word that the format does not have.
            BadPayload: a word where it is not allowed.
            Unsupported: another version of the format.
        """
        if head.version_id != VFIO_VERSION:
            raise Unsupported(f"{IDSTR} version {head.version_id}, expected {VFIO_VERSION}", offset=cursor.offset)
        reader = FieldReader(cursor)
        number = 0
        while True:
            record = f"record[{number}]"
            field, flag = _read_flag(reader, record, "flag")
            yield field
            if flag in _ENDS:
                return
            if flag is VfioMigFlag.VFIO_MIG_FLAG_DEV_SETUP_STATE:
                yield _read_end(reader, record)
                return
            if flag is VfioMigFlag.VFIO_MIG_FLAG_DEV_DATA_STATE:
                field, length = reader.be64(record, "data_size")
                yield field
                if length:
                    yield reader.buffer(length, record, "data")
            else:
                yield reader.buffer(_config_bytes(cursor), record, "config")
                yield _read_end(reader, record)
                # QEMU 5.2 had it in the END section, with the rest of the data after it.
                if head.kind is SectionKind.FULL:
                    return
            number += 1


def _read_flag(reader: FieldReader, *parts: str) -> tuple[FieldValue, VfioMigFlag]:
    cursor = reader.cursor
    offset = cursor.offset
    number = int.from_bytes(bytes(cursor.peek(_FLAG_BYTES)))
    known = number in set(VfioMigFlag)
    field, number = reader.be64(*parts, meaning=VfioMigFlag(number).name if known else "")
    if not known:
        raise UnknownRecord(f"VFIO flag {number:#x}", offset=offset, section=cursor.section)
    return field, VfioMigFlag(number)


def _read_end(reader: FieldReader, record: str) -> FieldValue:
    offset = reader.cursor.offset
    field, flag = _read_flag(reader, record, "end")
    if flag is not _END:
        raise BadPayload(f"{flag.name}, expected {_END.name}", offset=offset, section=reader.cursor.section)
    return field


def _config_bytes(cursor: Cursor) -> int:
    """Bytes up to the next word that ends a state, wherever it stands."""
    mark = _END.to_bytes(_FLAG_BYTES)
    for start in range(cursor.pos, cursor.end, _SCAN_STEP_BYTES):
        found = bytes(cursor.buffer[start : start + _SCAN_STEP_BYTES + _FLAG_BYTES - 1]).find(mark)
        if found >= 0:
            return start + found - cursor.pos
    raise Truncated(
        f"no end of the configuration in the {cursor.remaining} bytes that are left",
        offset=cursor.base + cursor.end,
        section=cursor.section,
    )


def put_flag(f: Writer, flag: VfioMigFlag) -> None:
    """Write one of the words between the parts of the state."""
    f.put_be64(flag)


def put_data(f: Writer, data: bytes) -> None:
    """Write a piece of the device's data (vfio_save_block)."""
    put_flag(f, VfioMigFlag.VFIO_MIG_FLAG_DEV_DATA_STATE)
    f.put_be64(len(data))
    f.put_buffer(data)
