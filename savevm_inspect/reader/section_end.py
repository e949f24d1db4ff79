"""Where a section of unknown length ends: at its footer, or at the next section's header.

What is found is inferred, and never called decoded. Machine types up to 2.2 send neither footers nor a description;
in their streams, the last section is taken to end before the last byte, which is the EOF record.
"""

import re
from collections.abc import Iterator

from ..errors import StreamError, Truncated
from ..stream.cursor import Cursor
from ..stream.plausible import FOOTER_BYTES, footer_of, next_record_is_plausible
from ..stream.records import Framing, SectionHead
from ..wire import VmRecord

_MOST_SKIPPED_IDS = 1 << 10
"""Section ids that no section has are those of handlers that had nothing to save."""

_FULL_HEADER = re.compile(rb"\x04\x00\x00[\x00-\xff]{2}[\x02-\xff](?=[\x21-\x7e])")
"""The type byte of a FULL section, its id, the length of its idstr; and how an idstr begins."""

_IDS_AND_VERSION_BYTES = 8
_FIRST_STEP_BYTES = 1 << 10
_MOST_STEP_BYTES = 1 << 20


def find_end(cursor: Cursor, head: SectionHead, *, footers: bool | None) -> Framing:
    """Step to the end of a payload.

    Args:
        cursor: stands on its first byte.
        head: the section.
        footers: whether sections have footers; ``None`` as long as nothing has shown it.

    Raises:
        Truncated: no end was found up to the end of the channel.
    """
    if footers is not False:
        try:
            return find_footer(cursor, head)
        except StreamError:
            if footers or next_header(cursor, head.section_id) is None:
                raise
    found = next_header(cursor, head.section_id)
    if found is not None:
        cursor.pos = found
    elif cursor.remaining and cursor.buffer[cursor.end - 1] == VmRecord.QEMU_VM_EOF:
        cursor.pos = cursor.end - 1
    else:
        raise Truncated(
            f"neither footers nor a description: no section follows {head}, and no EOF record ends the stream",
            offset=cursor.base + cursor.end,
            section=cursor.section,
        )
    return Framing.INFERRED


def next_header(cursor: Cursor, section_id: int) -> int | None:
    """Look for the header of the next FULL section: its id is a little higher, and its idstr is text.

    Args:
        cursor: stands on the first byte that may belong to it; it is not moved.
        section_id: of the section before it.

    Returns:
        Index of its type byte; ``None`` if there is none.
    """
    buffer = cursor.buffer
    for match in _FULL_HEADER.finditer(buffer, cursor.pos):
        start, begin = match.start(), match.end()
        number, length = int.from_bytes(buffer[start + 1 : start + 5]), buffer[begin - 1]
        name = bytes(buffer[begin : begin + length])
        if (
            section_id < number <= section_id + _MOST_SKIPPED_IDS
            and begin + length + _IDS_AND_VERSION_BYTES < cursor.end
            and name.isascii()
            and name.decode().isprintable()
        ):
            return start
    return None


def _positions(buffer: memoryview, mark: bytes, pos: int) -> Iterator[int]:
    """Where a mark lies from an index on; each section has another, and an expression would be compiled for each."""
    step = _FIRST_STEP_BYTES
    while pos + len(mark) <= len(buffer):
        piece = bytes(buffer[pos : pos + step])
        found = piece.find(mark)
        while found >= 0:
            yield pos + found
            found = piece.find(mark, found + 1)
        pos += len(piece) - len(mark) + 1
        step = min(2 * step, _MOST_STEP_BYTES)


def find_footer(cursor: Cursor, head: SectionHead) -> Framing:
    """Step to the first footer of this section that another record follows.

    If none does, the stream may end after one, and something else follow it: then to the first before an EOF record.

    Raises:
        Truncated: there is none up to the end.
    """
    start, last = cursor.pos, -1
    for found in _positions(cursor.buffer, footer_of(head.section_id), start):
        cursor.pos = found
        if next_record_is_plausible(cursor):
            return Framing.INFERRED
        end = found + FOOTER_BYTES
        if last < 0 and end < cursor.end and cursor.buffer[end] == VmRecord.QEMU_VM_EOF:
            last = found
    cursor.pos = start if last < 0 else last
    if last >= 0 and next_header(cursor, head.section_id) is None:
        return Framing.INFERRED
    cursor.pos = start
    raise Truncated(
        f"no footer of section {head} up to the end, {cursor.remaining} bytes away, and no schema gives its length",
        offset=cursor.base + cursor.end,
        section=cursor.section,
    )
