"""What follows a stream's EOF byte: its description, and bytes that are no part of it.

QEMU stops reading there, so a stream may lie in something larger: a raw volume, a copy of whole sectors, a file that
was longer before.
"""

import re
from collections.abc import Iterator

from ..wire import QEMU_VM_FILE_MAGIC, VmRecord
from .cursor import ZERO_BYTES, Cursor
from .records import AfterEnd, Record, VmDescription

DESCRIPTION_HEADER_BYTES = 5
"""The type byte of a description and its length in 32 bits."""

ZEROS = "zeros"
UNKNOWN = "unknown bytes"

_OPENINGS = {
    QEMU_VM_FILE_MAGIC.to_bytes(4): "another migration stream",
    b"LibvirtQemud": "a libvirt save image",
    b"QFI\xfb": "a qcow2 image",
    b"\x7fELF": "an ELF file",
}
"""What else may follow, by its first bytes after any zeros."""

_AHEAD_BYTES = max(map(len, _OPENINGS))
_DESCRIPTION = re.compile(rb"\x00\x06[\x00-\x0f][\x00-\xff]{3}\{[ \x22]")
"""An EOF byte, the header of a description of less than 256 MiB, and how its JSON begins."""


def read_end(cursor: Cursor) -> Iterator[Record]:
    """Read what follows the EOF byte.

    Args:
        cursor: stands after it.

    Raises:
        Truncated: the stream ends within its description.
    """
    if is_description(bytes(cursor.peek(DESCRIPTION_HEADER_BYTES + 1))):
        start = cursor.pos
        cursor.require(1, "a description")
        length = cursor.be32("a description's length")
        begin = cursor.pos
        cursor.require(length, "a description")
        yield VmDescription(span=cursor.span_from(start), json=cursor.span_from(begin))
    if cursor.remaining:
        start = cursor.pos
        what = _name_rest(cursor)
        cursor.pos = cursor.end
        yield AfterEnd(span=cursor.span_from(start), what=what)


def is_description(ahead: bytes) -> bool:
    """Whether a description begins with these bytes, as many as there are of its header and the first of its JSON."""
    return ahead[:1] == bytes((VmRecord.QEMU_VM_VMDESCRIPTION,)) and ahead[DESCRIPTION_HEADER_BYTES:] in (b"", b"{")


def descriptions(buffer: memoryview, pos: int) -> Iterator[int]:
    """Where descriptions may begin, each after an EOF byte and as long as it says.

    Args:
        buffer: the bytes of a channel.
        pos: index of the first byte to look at.

    Yields:
        Indices of their type bytes, ascending.
    """
    for match in _DESCRIPTION.finditer(buffer, pos):
        start = match.start() + 1
        end = start + DESCRIPTION_HEADER_BYTES + int.from_bytes(buffer[start + 1 : start + DESCRIPTION_HEADER_BYTES])
        if end <= len(buffer) and buffer[end - 1] == ord("}"):
            yield start


def _name_rest(cursor: Cursor) -> str:
    """Name the bytes up to the end of the channel; the cursor is left among them."""
    while cursor.remaining:
        start = cursor.pos
        piece = bytes(cursor.take(min(len(ZERO_BYTES), cursor.remaining), "what follows the end"))
        content = b"" if piece == ZERO_BYTES else piece.lstrip(b"\0")
        if content:
            first = start + len(piece) - len(content)
            opening = bytes(cursor.buffer[first : first + _AHEAD_BYTES])
            return next((name for magic, name in _OPENINGS.items() if opening.startswith(magic)), UNKNOWN)
    return ZEROS
