"""The configuration record and its three subsections (migration/savevm.c, vmstate_configuration).

Its layout is fixed, so that it is read without a description; QEMU 7.2's description does not mention it.
"""

from collections.abc import Callable
from typing import Any

from ..errors import BadPayload, Truncated
from ..wire import VmRecord
from .cursor import Cursor
from .records import Configuration

_PAGE_BITS = range(8, 25)


def read_configuration(cursor: Cursor) -> Configuration:
    """Read the record from its type byte on.

    Raises:
        Truncated: it ends early.
        BadPayload: a name is not UTF-8 or not printable, a page size impossible, or a subsection unknown or repeated.
    """
    start = cursor.pos
    cursor.require(1, "the configuration")
    cursor.section = "configuration"
    length = cursor.be32("the length of the machine's name")
    offset = cursor.offset
    machine = cursor.text(length, "the machine's name")
    if not machine.isprintable():
        raise BadPayload(
            f"a machine named {machine[:32]!r}, which no machine type is", offset=offset, section=cursor.section
        )
    subsections: dict[str, Any] = {}
    while cursor.peek() == bytes((VmRecord.QEMU_VM_SUBSECTION,)):
        offset = cursor.offset
        cursor.require(1, "a subsection")
        name = cursor.counted_text("a subsection's name")
        cursor.be32("a subsection's version")
        reader = _SUBSECTIONS.get(name)
        if reader is None or name in subsections:
            raise BadPayload(
                f"subsection {name!r}, expected each of {', '.join(_SUBSECTIONS)} at most once",
                offset=offset,
                section=cursor.section,
            )
        subsections[name] = reader(cursor)
    cursor.section = ""
    return Configuration(
        span=cursor.span_from(start),
        machine=machine,
        page_bits=subsections.get("configuration/target-page-bits"),
        capabilities=subsections.get("configuration/capabilities", ()),
        uuid=subsections.get("configuration/uuid", b""),
    )


def _page_bits(cursor: Cursor) -> int:
    offset = cursor.offset
    bits = cursor.be32("the page bits")
    if bits not in _PAGE_BITS:
        raise BadPayload(f"pages of 2**{bits} bytes", offset=offset, section=cursor.section)
    return bits


def _capabilities(cursor: Cursor) -> tuple[str, ...]:
    offset = cursor.offset
    count = cursor.be32("the number of capabilities")
    if count > cursor.remaining:
        raise Truncated(
            f"{count} capabilities need as many bytes, {cursor.remaining} are left",
            offset=offset,
            section=cursor.section,
        )
    return tuple(cursor.counted_text("a capability") for _ in range(count))


def _uuid(cursor: Cursor) -> bytes:
    return bytes(cursor.take(16, "the UUID"))


_SUBSECTIONS: dict[str, Callable[[Cursor], Any]] = {
    "configuration/target-page-bits": _page_bits,
    "configuration/capabilities": _capabilities,
    "configuration/uuid": _uuid,
}
