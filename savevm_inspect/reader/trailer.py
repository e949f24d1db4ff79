"""Finding the description before the stream is read, on an input that can be read at any offset."""

from ..stream.cursor import Cursor, end_of_content
from ..wire import VmRecord

_STEP_BYTES = 1 << 16
_HEADER_BYTES = 5


def find_description(buffer: memoryview) -> bytes | None:
    """Find the JSON description that ends a stream.

    It lies after the end mark as a type byte, its length in 32 bits and that many bytes; zero padding may
    follow. A description holds no byte below 0x20, so the last such byte before its end belongs to the header.

    Args:
        buffer: the whole stream.

    Returns:
        Its text; ``None`` if the stream does not end in one.
    """
    end = end_of_content(buffer)
    brace = _last_control_byte(buffer, end)
    for start in range(max(brace - _HEADER_BYTES, 1), brace + 1):
        cursor = Cursor(buffer, pos=start)
        if (
            buffer[start - 1] == VmRecord.QEMU_VM_EOF
            and cursor.remaining > _HEADER_BYTES
            and cursor.u8() == VmRecord.QEMU_VM_VMDESCRIPTION
            and cursor.be32() == end - start - _HEADER_BYTES
        ):
            return bytes(buffer[start + _HEADER_BYTES : end])
    return None


def _last_control_byte(buffer: memoryview, end: int) -> int:
    """The index of the last byte below 0x20 before an end; 0 if there is none."""
    while end:
        start = max(end - _STEP_BYTES, 0)
        piece = bytes(buffer[start:end]).translate(_CONTROL)
        found = piece.rfind(b"\0")
        if found >= 0:
            return start + found
        end = start
    return 0


_CONTROL = bytes(0 if value < 0x20 else 1 for value in range(256))
