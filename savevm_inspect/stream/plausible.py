"""Whether bytes look like the end of a section, for payloads that nothing explains.

A device's state may hold the bytes of its own footer by chance, so what follows a footer must be a record, too.
"""

from collections.abc import Callable

from ..wire import MIG_CMD_LENGTH, MigCmd, VmRecord
from .cursor import Cursor
from .ending import DESCRIPTION_HEADER_BYTES, is_description

FOOTER_BYTES = 5
"""Length of a section's footer: its type byte and the section_id."""


def footer_of(section_id: int) -> bytes:
    """The bytes of a section's footer (save_section_footer)."""
    return bytes((VmRecord.QEMU_VM_SECTION_FOOTER, *section_id.to_bytes(FOOTER_BYTES - 1, "big")))


_SECTION_ID_LIMIT = 1 << 16
"""QEMU counts sections from 0; no machine comes near this number."""

_LOOK_AHEAD_BYTES = 1 + 4 + 1 + 255


def next_record_is_plausible(cursor: Cursor) -> bool:
    """Whether another record lies after the footer at the cursor; moves nothing.

    A stream that is cut within that record passes, as far as it goes.
    """
    return record_is_plausible(cursor, cursor.pos + FOOTER_BYTES)


def record_is_plausible(cursor: Cursor, pos: int) -> bool:
    """Whether a record lies at an index, or nothing at all; a cut one passes, as far as it goes."""
    ahead = bytes(cursor.buffer[pos : pos + _LOOK_AHEAD_BYTES])
    if not ahead:
        return True
    if ahead[0] == VmRecord.QEMU_VM_EOF:
        return _ends_here(cursor, pos + 1)
    check = _PLAUSIBLE.get(ahead[0])
    return check is not None and check(ahead[1:])


def _ends_here(cursor: Cursor, pos: int) -> bool:
    """Whether the stream can end before an index: at the end, before a description, or before nothing but zeros."""
    if pos >= cursor.content_end:
        return True
    header = bytes(cursor.buffer[pos : pos + DESCRIPTION_HEADER_BYTES + 1])
    end = pos + DESCRIPTION_HEADER_BYTES + int.from_bytes(header[1:DESCRIPTION_HEADER_BYTES])
    cut = len(header) <= DESCRIPTION_HEADER_BYTES or end > cursor.end
    return is_description(header) and (cut or cursor.buffer[end - 1] == ord("}"))


def _continues_a_section(rest: bytes) -> bool:
    return len(rest) < 4 or int.from_bytes(rest[:4]) < _SECTION_ID_LIMIT


def _opens_a_section(rest: bytes) -> bool:
    if not _continues_a_section(rest) or len(rest) < 5:
        return _continues_a_section(rest)
    name = rest[5 : 5 + rest[4]]
    return rest[4] > 0 and name.isascii() and name.decode().isprintable()


def _commands(rest: bytes) -> bool:
    if len(rest) < 4:
        return True
    number, length = int.from_bytes(rest[:2]), int.from_bytes(rest[2:4])
    known = number in set(MigCmd) - {MigCmd.MIG_CMD_INVALID}
    return known and length == MIG_CMD_LENGTH.get(MigCmd(number), length)


_PLAUSIBLE: dict[int, Callable[[bytes], bool]] = {
    VmRecord.QEMU_VM_SECTION_START: _opens_a_section,
    VmRecord.QEMU_VM_SECTION_FULL: _opens_a_section,
    VmRecord.QEMU_VM_SECTION_PART: _continues_a_section,
    VmRecord.QEMU_VM_SECTION_END: _continues_a_section,
    VmRecord.QEMU_VM_COMMAND: _commands,
}
