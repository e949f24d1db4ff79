"""Lengths of device payloads, as the description at the end of a stream gives them.

This is a second reading of the description, on purpose: it knows sizes and nothing else.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kaitaistruct import KaitaiStream

from ..errors import SchemaError

LIMIT_BYTES = 64 << 20
"""A longer description is not looked for; the largest that any known machine writes has 4 MB."""

_EOF_AND_VMDESCRIPTION = b"\x00\x06"
_HEADER_BYTES = 5
_SUBSECTION_HEADER_BYTES = 1 + 1 + 4
_NULL_TYPES = ("nullptr", "ptr-marker")
_STEP_BYTES = 1 << 16
_NULL_POINTER = b"0"
_LIMIT_POINTERS = 256
_ELEMENT_BYTES = {("s390_css", "css"): 256 * 3}
"""Bytes of a struct of which the description may know nothing, by the names of device and field (hw/s390x/css.c)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pointers:
    """An array of pointers of which the first is null; up to QEMU 9.2 the description takes all others for null, too.

    Attributes:
        start: bytes of the state before it.
        count: number of elements.
        element: bytes of one that is not null.
    """

    start: int
    count: int
    element: int

    def longer(self, stream: KaitaiStream) -> int:
        """By how many bytes it is longer than described; the stream's position on the state's first byte is kept."""
        start: int = stream.pos()
        pos: int = start + self.start
        for _ in range(self.count):
            stream.seek(pos)
            pos += 1 if stream.read_bytes(1) == _NULL_POINTER else self.element
        stream.seek(start)
        return pos - start - self.start - self.count


class DeviceLengths:
    """What a description says about lengths.

    Args:
        text: the JSON of the description.

    Raises:
        SchemaError: it is not what a description must be.
    """

    def __init__(self, text: bytes) -> None:
        try:
            description = json.loads(text)
            if not isinstance(description["devices"], list):
                raise TypeError("devices are no list")
            if not all(isinstance(device["name"], str) for device in description["devices"]):
                raise TypeError("a device's name is no text")
            devices = [
                (device["name"], device["instance_id"] & 0xFFFFFFFF, _payload_bytes(device), _pointers(device))
                for device in description["devices"]
            ]
            self.page_size = int(description["page_size"])
        except RecursionError:
            raise SchemaError("nested too deeply") from None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise SchemaError(f"not the description of a stream: {error!r}") from error
        if not 0 <= self.page_size <= 1 << 24:
            raise SchemaError(f"page_size is {self.page_size}", path="page_size")
        self._lengths = {(name, instance_id): length for name, instance_id, length, _ in devices}
        self._pointers = {(name, instance_id): each for name, instance_id, _, each in devices if each is not None}

    def payload_bytes(self, idstr: str, instance_id: int, stream: KaitaiStream) -> int | None:
        """Length in bytes of a device's payload; ``None`` if the description does not name the device.

        Args:
            idstr: the device's name.
            instance_id: distinguishes devices of one idstr.
            stream: stands on the payload's first byte, which it is left on.

        Raises:
            EndOfStreamError: it ends within an array of which the description knows the first element alone.
        """
        key = idstr, instance_id
        length = self._lengths.get(key)
        if length is None or key not in self._pointers:
            return length
        return length + self._pointers[key].longer(stream)


def find_description(stream: KaitaiStream) -> bytes | None:
    """The JSON text that ends a stream, found from its end.

    JSON as QEMU writes it has no zero byte: so the last zero byte of the stream (padding apart) belongs to the
    length before it, or is the end mark before that.

    Args:
        stream: seekable; its position is kept.

    Returns:
        The text, or ``None`` if the stream does not end with a description of at most :data:`LIMIT_BYTES`.
    """
    position = stream.pos()
    try:
        return _find(stream)
    finally:
        stream.seek(position)


def _find(stream: KaitaiStream) -> bytes | None:
    end = 0
    for start, piece in _pieces_from_the_end(stream, stream.size()):
        if piece.strip(b"\0"):
            end = start + len(piece.rstrip(b"\0"))
            break
    last_zero = -1
    for start, piece in _pieces_from_the_end(stream, end):
        last_zero = piece.rfind(b"\0") + start
        if last_zero >= start or end - start > LIMIT_BYTES:
            break
    for start in range(last_zero + 1, max(last_zero - _HEADER_BYTES, 0), -1):
        stream.seek(start - 1)
        header = stream.read_bytes(min(1 + _HEADER_BYTES, end - start + 1))
        length = int.from_bytes(header[2:], "big")
        if header[:2] == _EOF_AND_VMDESCRIPTION and length == end - start - _HEADER_BYTES:
            text: bytes = stream.read_bytes(length)
            return text
    return None


def _pieces_from_the_end(stream: KaitaiStream, end: int) -> Iterator[tuple[int, bytes]]:
    """Pieces of a stream before an offset, the last one first, each with its offset."""
    while end:
        start = max(end - _STEP_BYTES, 0)
        stream.seek(start)
        yield start, stream.read_bytes(end - start)
        end = start


def _payload_bytes(state: dict[str, Any]) -> int:
    """Bytes of the fields and subsections of a device or a subsection (vmstate.c, vmstate_save_state_v)."""
    return _fields_bytes(state.get("fields", [])) + sum(
        _SUBSECTION_HEADER_BYTES + len(subsection["vmsd_name"].encode()) + _payload_bytes(subsection)
        for subsection in state.get("subsections", [])
    )


def _pointers(state: dict[str, Any]) -> _Pointers | None:
    fields = state.get("fields", [])
    for number, field in enumerate(fields):
        element = _ELEMENT_BYTES.get((state.get("vmsd_name", ""), field["name"]))
        if element and field["type"] == "struct" and not field["struct"] and _count(field) <= _LIMIT_POINTERS:
            return _Pointers(start=_fields_bytes(fields[:number]), count=_count(field), element=element)
    return None


def _fields_bytes(fields: list[dict[str, Any]]) -> int:
    """Bytes of a list of fields.

    ``size`` holds all that is nested in a field. An array of pointers comes in one piece for each run of
    elements that are set or null; if it begins with elements that are set, the first piece claims the length
    of the whole.
    """
    total = 0
    number = 0
    while number < len(fields):
        first = fields[number]
        stop = number + 1
        while stop < len(fields) and _continues(fields[stop - 1], fields[stop]):
            stop += 1
        pieces = [_count(piece) for piece in fields[number:stop]]
        if len(pieces) > 1 and "array_len" in first and first["type"] not in _NULL_TYPES:
            pieces[0] -= sum(pieces[1:])
        for field, count in zip(fields[number:stop], pieces, strict=True):
            size = field["size"]
            if not isinstance(size, int) or size < 0 or count < 0:
                raise ValueError(f"field {field['name']!r} of {count} times {size!r} bytes")
            total += size * count
        number = stop
    return total


def _count(field: dict[str, Any]) -> int:
    count = field.get("array_len", 1)
    if not isinstance(count, int):
        raise ValueError(f"array_len is {count!r}")
    return count


def _continues(before: dict[str, Any], field: dict[str, Any]) -> bool:
    """Whether a field is a further piece of the array before it: one of the two is a run of null pointers."""
    return bool(before["name"] == field["name"] and (before["type"] in _NULL_TYPES) != (field["type"] in _NULL_TYPES))
