"""Walking a schema over bytes: structs, arrays, lists and subsections (migration/vmstate.c, vmstate_load_state)."""

from collections.abc import Iterator, Mapping

from ..errors import BadPayload
from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from ..wire import VmRecord
from .fields import Codec, Parts, element_name, read_bytes, read_numbers
from .schema import FieldSchema, StateSchema

INLINE = ("struct", "tmp", "vstruct")
LISTS = ("qtailq", "qlist")


def walk(state: StateSchema, cursor: Cursor, codecs: Mapping[str, Codec], parts: Parts = ()) -> Iterator[FieldValue]:
    """Read what a schema describes.

    Args:
        state: the schema.
        cursor: stands on the first byte of its first field.
        codecs: what reads types that have a structure of their own.
        parts: names down to this state.

    Yields:
        The leaves in stream order.

    Raises:
        Truncated: the bytes end early.
        BadPayload: a subsection is not the one that is described, or a field not as long.
    """
    for field in state.fields:
        yield from _walk_field(field, cursor, codecs, parts)
    for subsection in state.subsections:
        _check_subsection(subsection, cursor)
        yield from walk(subsection, cursor, codecs, (*parts, subsection.name))


def _walk_field(
    field: FieldSchema, cursor: Cursor, codecs: Mapping[str, Codec], parts: Parts
) -> Iterator[FieldValue]:
    numbers = read_numbers(cursor, field, parts) if field.length else None
    if numbers is not None:
        yield numbers
        return
    if not field.size:
        # However many elements there are, they have no bytes and nothing to say.
        yield FieldValue(parts=(*parts, field.name), type=field.type, value=b"", span=cursor.span_from(cursor.pos))
        return
    for position in range(field.count):
        name = element_name(field, position)
        start = cursor.pos
        yield from _walk_element(field, cursor, codecs, (*parts, name))
        if cursor.pos - start != field.size:
            raise BadPayload(
                f"field {'/'.join((*parts, name))} of type {field.type!r} is {cursor.pos - start} bytes, "
                f"its schema says {field.size}",
                offset=cursor.base + start,
                section=cursor.section,
            )


def _walk_element(
    field: FieldSchema, cursor: Cursor, codecs: Mapping[str, Codec], parts: Parts
) -> Iterator[FieldValue]:
    if field.type in INLINE:
        for state in field.states:
            yield from walk(state, cursor, codecs, parts)
    elif field.type in LISTS:
        yield from _walk_list(field, cursor, codecs, parts)
    else:
        yield from codecs.get(field.type, read_bytes)(cursor, field, parts)


def _walk_list(field: FieldSchema, cursor: Cursor, codecs: Mapping[str, Codec], parts: Parts) -> Iterator[FieldValue]:
    """Read a linked list: a byte 1 before each element, a byte 0 at the end (put_qtailq, put_qlist)."""
    for position, state in enumerate(field.states):
        yield _read_mark(cursor, 1, (*parts[:-1], f"{parts[-1]}[{position}]", "present"))
        yield from walk(state, cursor, codecs, (*parts[:-1], f"{parts[-1]}[{position}]"))
    yield _read_mark(cursor, 0, (*parts, "end"))


def _read_mark(cursor: Cursor, expected: int, parts: Parts) -> FieldValue:
    start = cursor.pos
    mark = cursor.u8("the mark of a list's element")
    if mark != expected:
        raise BadPayload(
            f"mark {mark} in list {'/'.join(parts)}, its schema says {expected}",
            offset=cursor.base + start,
            section=cursor.section,
        )
    return FieldValue(parts=parts, type="list mark", value=bool(mark), span=cursor.span_from(start))


def _check_subsection(schema: StateSchema, cursor: Cursor) -> None:
    """Step over a subsection's header (migration/vmstate.c, vmstate_subsection_load)."""
    offset = cursor.offset
    mark = cursor.u8("a subsection")
    if mark != VmRecord.QEMU_VM_SUBSECTION:
        raise BadPayload(
            f"byte {mark:#04x} where subsection {schema.name!r} must begin",
            offset=offset,
            section=cursor.section,
        )
    name = cursor.counted_text("a subsection's name")
    version = cursor.be32("a subsection's version")
    if (name, version) != (schema.name, schema.version):
        raise BadPayload(
            f"subsection {name!r} version {version}, its schema says {schema.name!r} version {schema.version}",
            offset=offset,
            section=cursor.section,
        )
