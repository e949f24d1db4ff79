"""Lengths of device payloads, as the description at the end of a stream tells them.

This is a second reading of the description, on purpose: it knows sizes and nothing else.
"""

import json
from typing import Any
from weakref import WeakKeyDictionary

from kaitaistruct import KaitaiStream

from ..errors import SchemaError, Unsupported

LIMIT_BYTES = (1 << 24) - 1
"""A longer description is not found; the largest that any known machine writes has 4 MB."""

_EOF_AND_VMDESCRIPTION = b"\x00\x06"
_HEADER_BYTES = 5
_SUBSECTION_HEADER_BYTES = 1 + 1 + 4
_NULL_TYPES = ("nullptr", "ptr-marker")
_FIRST_WINDOW_BYTES = 1 << 16


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
            devices = [
                (device["name"], device["instance_id"] & 0xFFFFFFFF, _payload_bytes(device))
                for device in description["devices"]
            ]
            self.page_size = int(description["page_size"])
        except RecursionError:
            raise SchemaError("nested too deeply") from None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise SchemaError(f"not the description of a stream: {error!r}") from error
        if not 0 <= self.page_size <= 1 << 24:
            raise SchemaError(f"page_size is {self.page_size}", path="page_size")
        self._lengths = {(name, instance_id): length for name, instance_id, length in devices}

    def payload_bytes(self, idstr: str, instance_id: int) -> int | None:
        """Length in bytes of a device's payload; ``None`` if the description does not name the device."""
        return self._lengths.get((idstr, instance_id))


_OF_STREAM: WeakKeyDictionary[KaitaiStream, DeviceLengths | None] = WeakKeyDictionary()


def lengths_of(stream: KaitaiStream) -> DeviceLengths | None:
    """What the description at the end of a stream says; read once for each stream object.

    Args:
        stream: seekable; its position is kept.

    Returns:
        ``None`` if the stream ends with none.

    Raises:
        SchemaError: there is one, but it is not what it must be.
    """
    if stream not in _OF_STREAM:
        text = find_description(stream)
        _OF_STREAM[stream] = None if text is None else DeviceLengths(text)
    return _OF_STREAM[stream]


def find_description(stream: KaitaiStream) -> bytes | None:
    """The JSON text that ends a stream, found from its end.

    JSON as QEMU writes it has no zero byte, and the first byte of the length before it is zero: so the last
    zero byte of the stream (padding apart) belongs to that length.

    Args:
        stream: seekable; its position is kept.

    Returns:
        The text, or ``None`` if the stream does not end with a description of less than 16 MiB.
    """
    size = stream.size()
    window = min(size, _FIRST_WINDOW_BYTES)
    while True:
        tail = _tail(stream, size, window).rstrip(b"\0")
        last_zero = tail.rfind(b"\0")
        whole = window == size or window > LIMIT_BYTES
        if last_zero >= _HEADER_BYTES or whole:
            break
        window = min(size, window * 8)
    for start in range(last_zero - 1, max(last_zero - _HEADER_BYTES, 0), -1):
        length = int.from_bytes(tail[start + 1 : start + _HEADER_BYTES], "big")
        text = tail[start + _HEADER_BYTES :]
        if tail[start - 1 : start + 1] == _EOF_AND_VMDESCRIPTION and length == len(text):
            return text
    return None


def payload_of(stream: KaitaiStream, idstr: str, instance_id: int) -> bytes:
    """Read a device's payload from the current position.

    Raises:
        Unsupported: the stream has no description, or the description does not name the device.
        SchemaError: the description is not what it must be.
        EndOfStreamError: fewer bytes are left.
    """
    lengths = lengths_of(stream)
    length = None if lengths is None else lengths.payload_bytes(idstr, instance_id)
    if length is None:
        why = "the stream has no description" if lengths is None else "the description does not name it"
        raise Unsupported(
            f"the length of this payload is unknown: {why}",
            offset=stream.pos(),
            section=f"{repr(idstr)[1:-1]} (instance {instance_id})",
        )
    payload: bytes = stream.read_bytes(length)
    return payload


def _tail(stream: KaitaiStream, size: int, window: int) -> bytes:
    position = stream.pos()
    stream.seek(size - window)
    tail: bytes = stream.read_bytes(window)
    stream.seek(position)
    return tail


def _payload_bytes(state: dict[str, Any]) -> int:
    """Bytes of the fields and subsections of a device or a subsection (vmstate.c, vmstate_save_state_v)."""
    return _fields_bytes(state.get("fields", [])) + sum(
        _SUBSECTION_HEADER_BYTES + len(subsection["vmsd_name"].encode()) + _payload_bytes(subsection)
        for subsection in state.get("subsections", [])
    )


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
        behind = number + 1
        while behind < len(fields) and _continues(fields[behind - 1], fields[behind]):
            behind += 1
        pieces = [_count(piece) for piece in fields[number:behind]]
        if len(pieces) > 1 and "array_len" in first and first["type"] not in _NULL_TYPES:
            pieces[0] -= sum(pieces[1:])
        for field, count in zip(fields[number:behind], pieces, strict=True):
            size = field["size"]
            if not isinstance(size, int) or size < 0 or count < 0:
                raise ValueError(f"field {field['name']!r} of {count} times {size!r} bytes")
            total += size * count
        number = behind
    return total


def _count(field: dict[str, Any]) -> int:
    count = field.get("array_len", 1)
    if not isinstance(count, int):
        raise ValueError(f"array_len is {count!r}")
    return count


def _continues(before: dict[str, Any], field: dict[str, Any]) -> bool:
    """Whether a field is a further piece of the array before it: one of the two is a run of null pointers."""
    return bool(before["name"] == field["name"] and (before["type"] in _NULL_TYPES) != (field["type"] in _NULL_TYPES))
