"""Field types to values: a table from QEMU's name of a type to what reads it.

Types that hold nested state are another module's: structs and lists :mod:`.walk`'s, virtio :mod:`.virtio`'s.
``BYTES_BY_NATURE`` is the documented list of types that stay bytes, each with its reason; a type that is in no
table gives :class:`~savevm_inspect.stream.values.Undecoded`, and its section is not called decoded.
"""

from collections.abc import Callable, Iterator
from struct import Struct

from ..span import Span
from ..stream.cursor import Cursor
from ..stream.values import FieldValue, Undecoded, Value
from . import cpu_types, pci
from .scalars import SCALARS, Scalar
from .schema import FieldSchema

Parts = tuple[str, ...]
Codec = Callable[[Cursor, FieldSchema, Parts], Iterator[FieldValue]]
"""Reads one element of a field, ``field.size`` bytes, and yields its leaves."""

BYTES_BY_NATURE = {
    "buffer": "VMSTATE_BUFFER: the device keeps it as a run of bytes and gives it no structure",
    "unused_buffer": "VMSTATE_UNUSED: zero bytes in place of a field that was retired",
}
"""Types that are bytes by nature, with the reason."""

TIMER_OFF = -1
"""Expiry time of a timer that does not run (migration/savevm.c, timer_get)."""

_MEANINGS: dict[str, Callable[[int], str]] = {
    "timer": lambda value: "off" if value == TIMER_OFF else f"expires at {value} ns",
    "cpsr": cpu_types.describe_cpsr,
    "fpscr": cpu_types.describe_fpscr,
}

NUMBERS: dict[str, Scalar] = {
    **SCALARS,
    "powered_off": Scalar("?"),
    "cpsr": Scalar("I"),
    "fpscr": Scalar("I"),
    "cpu/altivec/vscr": Scalar("I"),
    "fpr": Scalar("Q"),
    "vsr": Scalar("Q"),
}

_STRUCTS = {name: Struct(scalar.format) for name, scalar in NUMBERS.items()}


def read_bytes(cursor: Cursor, field: FieldSchema, parts: Parts) -> Iterator[FieldValue]:
    """Read a field that has no codec: bytes if its type is bytes by nature, else undecoded with the reason."""
    yield _leaf(cursor, field, parts, _bytes_of)


def element_name(field: FieldSchema, position: int) -> str:
    """The name of one element: with its index after it, if the field is an array."""
    return field.name if field.index is None else f"{field.name}[{field.index + position}]"


def read_numbers(cursor: Cursor, field: FieldSchema, parts: Parts) -> FieldValue | None:
    """Read a field of numbers, all elements in one go.

    Args:
        cursor: stands on its first byte.
        field: its schema.
        parts: names down to the state that holds it.

    Returns:
        One value: a number, or a tuple of ``field.count`` numbers if the schema has several in one;
        ``None`` if the field holds no plain numbers of the width that its type has.
    """
    scalar = _STRUCTS.get(field.type)
    if scalar is None or scalar.size != field.size:
        return None
    start = cursor.require(field.length, field.name)
    span = Span(channel=cursor.channel, offset=cursor.base + start, length=field.length)
    if field.count == 1:
        value = scalar.unpack_from(cursor.buffer, start)[0]
        describe = _MEANINGS.get(field.type)
        return FieldValue(
            parts=(*parts, element_name(field, 0)),
            type=field.type,
            value=value,
            span=span,
            meaning=describe(value) if describe else "",
        )
    values = Struct(f">{field.count}{NUMBERS[field.type].code}").unpack_from(cursor.buffer, start)
    name = f"{field.name}[{field.index}:{field.index + field.count}]" if field.index else field.name
    return FieldValue(parts=(*parts, name), type=f"{field.type}[{field.count}]", value=values, span=span)


def _leaf(
    cursor: Cursor, field: FieldSchema, parts: Parts, read: Callable[[bytes, FieldSchema], Value]
) -> FieldValue:
    start = cursor.pos
    value = read(bytes(cursor.take(field.size, parts[-1])), field)
    return FieldValue(parts=parts, type=field.type, value=value, span=cursor.span_from(start))


def _bytes_of(data: bytes, field: FieldSchema) -> Value:
    if field.type in BYTES_BY_NATURE:
        return data
    return Undecoded(f"no codec for type {field.type!r}", data)


def _words(data: bytes, _field: FieldSchema) -> Value:
    """64-bit words of a bitmap, or of a vector of two (migration/vmstate-types.c, put_bitmap)."""
    return Struct(f">{len(data) // 8}Q").unpack(data[: len(data) // 8 * 8])


def _null(_data: bytes, _field: FieldSchema) -> Value:
    return "nullptr"


def _scsi_requests(data: bytes, _field: FieldSchema) -> Value:
    """A list that ends in a zero byte (hw/scsi/scsi-bus.c, put_scsi_requests).

    What a request holds depends on the device and the host adapter, which the stream does not name.
    """
    return "no requests" if data == b"\0" else Undecoded("requests in flight have a layout of their device's", data)


def _leaves(read: Callable[[bytes, FieldSchema], Value]) -> Codec:
    def codec(cursor: Cursor, field: FieldSchema, parts: Parts) -> Iterator[FieldValue]:
        yield _leaf(cursor, field, parts, read)

    return codec


CODECS: dict[str, Codec] = {
    "bitmap": _leaves(_words),
    "avr": _leaves(_words),
    "slbe": _leaves(_words),
    "nullptr": _leaves(_null),
    "ptr-marker": _leaves(_null),
    "scsi-requests": _leaves(_scsi_requests),
    "pci config": pci.read_config,
    "pci irq state": pci.read_irq_state,
    "msix state": pci.read_msix,
}
"""Types with a structure of their own."""
