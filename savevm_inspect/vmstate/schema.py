"""The schema of device state, read from the JSON description that ends a stream.

The description is somebody else's: its size, depth and every number in it are checked before they are used
(migration/vmstate.c, vmsd_desc_field_start and vmstate_save_state_v; migration/savevm.c, vmstate_save).
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..errors import SchemaError

LIMIT_BYTES = 64 << 20
"""A description larger than this is refused; the largest seen is 4 MB."""

_LIMIT_DEPTH = 64
_LIMIT_LENGTH = 1 << 62
_SUBSECTION_OVERHEAD_BYTES = 1 + 1 + 4
NULL_POINTER = "nullptr"
"""The type of array elements that are null pointers."""
_NULL_TYPES = (NULL_POINTER, "ptr-marker")
_ELEMENTS: Any = ("elements",)
"""Key of what was repeated; no text, so that no JSON can hold it."""
_REPEATED: Any = ("repeated",)
"""Key of the names of what was repeated; no text either."""
_KEYS = frozenset(
    (
        *("page_size", "configuration", "devices", "name", "instance_id", "vmsd_name", "version", "fields"),
        *("subsections", "type", "size", "array_len", "index", "struct"),
    )
)
"""What of a description is read; the rest takes no memory."""
_EMPTY: dict[str, Any] = {}
_REPEATABLE = ("vmsd_name", "version", "fields", "subsections")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSchema:
    """What one VMStateDescription wrote: a device, a nested struct or a subsection.

    Attributes:
        name: its ``vmsd_name``; empty for old-style devices, which have none.
        version: its version_id.
        fields: in stream order.
        subsections: in stream order, after the fields.
        length: bytes of both, with the subsections' headers but not its own.
    """

    name: str
    version: int
    fields: tuple["FieldSchema", ...]
    subsections: tuple["StateSchema", ...]
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field, or a run of equal array elements.

    Attributes:
        name: its name.
        type: QEMU's name of the type, or ``struct``.
        size: bytes of one element.
        count: number of elements.
        index: array index of the first element; ``None`` if it is no array.
        states: what is nested: the struct's own, or one a list element; empty for plain types.
    """

    name: str
    type: str
    size: int
    count: int
    index: int | None
    states: tuple[StateSchema, ...]

    @property
    def length(self) -> int:
        """Bytes of all elements."""
        return self.size * self.count


class DeviceKey(NamedTuple):
    """What names a described section.

    Attributes:
        idstr: the device's name.
        instance_id: distinguishes devices of one idstr.
        nth: how many sections of the same idstr and instance_id come before it: QEMU gives some devices the same
            ones (two ``-netdev user`` up to 7.2, the two channels of ``isa-ide``), and describes each in its turn.
    """

    idstr: str
    instance_id: int
    nth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A whole description.

    Attributes:
        page_size: the target page size in bytes, 0 if it does not say.
        configuration: schema of the configuration record; ``None`` before QEMU 8.
        devices: schema of each described section.
        refused: why there is none of a section that is described, too: its description is not what one must be.
    """

    page_size: int
    configuration: StateSchema | None
    devices: dict[DeviceKey, StateSchema]
    refused: dict[DeviceKey, SchemaError] = dataclasses.field(default_factory=dict)

    def device(self, idstr: str, instance_id: int, nth: int = 0) -> StateSchema | None:
        """Schema of a section; ``None`` if it has none, or a refused one.

        Args:
            idstr: the device's name.
            instance_id: distinguishes devices of one idstr.
            nth: how many sections of the same idstr and instance_id come before it.
        """
        return self.devices.get(DeviceKey(idstr, instance_id, nth))


def parse_description(text: bytes) -> Description:
    """Read a description.

    Args:
        text: its JSON.

    Raises:
        SchemaError: it is not JSON, too large, or not a list of devices with their names. What is wrong within a
            device costs that device alone, and is kept in ``refused``.
    """
    if len(text) > LIMIT_BYTES:
        raise SchemaError(f"{len(text)} bytes, more than {LIMIT_BYTES}")
    try:
        root = json.loads(text, object_pairs_hook=_keep_repeated)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"not JSON ({error})") from error
    if not isinstance(root, dict):
        raise SchemaError(f"a {type(root).__name__} where an object must be")
    page_size = _number(root, "page_size", "page_size", default=0)
    if page_size and (page_size & (page_size - 1) or not 256 <= page_size <= 1 << 24):
        raise SchemaError(f"pages of {page_size} bytes", path="page_size")
    devices: dict[DeviceKey, StateSchema] = {}
    refused: dict[DeviceKey, SchemaError] = {}
    times: Counter[tuple[str, int]] = Counter()
    for position, raw in enumerate(_list(root, "devices", "devices")):
        path = f"devices[{position}]"
        name = _text(raw, "name", path), _number(raw, "instance_id", path)
        key = DeviceKey(*name, times[name])
        times[name] += 1
        try:
            devices[key] = _state(raw, f"{path} ({key.idstr})", 0)
        except SchemaError as error:
            refused[key] = error
    return Description(page_size=page_size, configuration=_configuration(root), devices=devices, refused=refused)


def _configuration(root: dict[str, Any]) -> StateSchema | None:
    raw = root.get("configuration")
    return None if raw is None else _state(raw, "configuration", 0)


def _keep_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep what is read of an object, and every element's schema of a list field.

    The elements of a list field all write the same keys into one object.
    """
    known = [pair for pair in pairs if pair[0] in _KEYS]
    if not known:
        return _EMPTY
    result = dict(known)
    if len(result) != len(known):
        result[_ELEMENTS] = _elements(known)
        result[_REPEATED] = {key for key, times in Counter(key for key, _ in known).items() if times > 1}
    return result


def _elements(pairs: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    for key, value in pairs:
        if key == "vmsd_name" or (key in _REPEATABLE and not elements):
            elements.append({})
        if key in _REPEATABLE:
            elements[-1][key] = value
    return elements


def _state(raw: Any, path: str, depth: int) -> StateSchema:
    if depth > _LIMIT_DEPTH:
        raise SchemaError(f"nested deeper than {_LIMIT_DEPTH}", path=path)
    name = _text(raw, "vmsd_name", path, default="")
    fields = tuple(_join_pieces(_fields(raw, path, depth)))
    subsections = tuple(
        _state(sub, f"{path}.subsections[{position}]", depth + 1)
        for position, sub in enumerate(_list(raw, "subsections", path, default=()))
    )
    length = sum(field.length for field in fields) + sum(
        _SUBSECTION_OVERHEAD_BYTES + len(sub.name.encode()) + sub.length for sub in subsections
    )
    if length > _LIMIT_LENGTH:
        raise SchemaError(f"state of {length} bytes", path=path)
    return StateSchema(
        name=name,
        version=_number(raw, "version", path, default=0),
        fields=fields,
        subsections=subsections,
        length=length,
    )


def _fields(raw: Any, path: str, depth: int) -> Iterator[FieldSchema]:
    for position, entry in enumerate(_list(raw, "fields", path, default=())):
        yield _field(entry, f"{path}.fields[{position}]", depth)


def _field(raw: Any, path: str, depth: int) -> FieldSchema:
    name = _text(raw, "name", path)
    kind = _text(raw, "type", path)
    size = _number(raw, "size", path)
    count = _number(raw, "array_len", path, default=1)
    index = 0 if "array_len" in raw else None
    if "index" in raw:
        index = _number(raw, "index", path)
    where = f"{path} ({name})"
    states: tuple[StateSchema, ...] = ()
    if kind == "struct" and raw.get("struct") == {} and size == 1 and index is not None:
        kind = NULL_POINTER  # the first element is one, whatever the others are
    elif kind == "struct":
        states = (_state(raw.get("struct"), where, depth + 1),)
    elif _ELEMENTS in raw:
        states = tuple(_state(element, where, depth + 1) for element in raw[_ELEMENTS])
    elif "fields" in raw:
        states = (_state(raw, where, depth + 1),)
    if kind in ("struct", "tmp", "vstruct") and sum(state.length for state in states) != size:
        nested = sum(state.length for state in states)
        raise SchemaError(f"size {size}, but its fields are {nested} bytes together", path=where)
    return FieldSchema(name=name, type=kind, size=size, count=count, index=index, states=states)


def _join_pieces(fields: Iterator[FieldSchema]) -> Iterator[FieldSchema]:
    """Number the pieces of arrays that null pointers break up.

    A piece states no index of its own, so it goes on where the one before it ended. One that opens the array
    with elements that are there states the length of the whole array instead of its own; what the later
    pieces hold is taken off it.
    """
    run: list[FieldSchema] = []
    for field in fields:
        if run and run[0].name != field.name:
            yield from _number_pieces(run)
            run = []
        run.append(field)
    yield from _number_pieces(run)


def _number_pieces(run: list[FieldSchema]) -> Iterator[FieldSchema]:
    if len(run) < 2:
        yield from run
        return
    first, rest = run[0], sum(piece.count for piece in run[1:])
    whole = first.type not in _NULL_TYPES and any(piece.type in _NULL_TYPES for piece in run[1:])
    if whole and first.count > rest:
        run = [replace(first, count=first.count - rest), *run[1:]]
    index = 0
    for piece in run:
        # An element that is described by itself states its index; a piece of several states none.
        at = piece.index if piece.index else index
        yield replace(piece, index=at)
        index = at + piece.count


def _said(raw: Any, key: str, path: str, default: Any) -> Any:
    """What an object says of a key; of two answers QEMU's own reader of JSON takes none, and neither do we."""
    if not isinstance(raw, dict):
        return None
    if key in raw.get(_REPEATED, ()):
        raise SchemaError(f"{key!r} is there twice", path=path)
    return raw.get(key, default)


def _list(raw: Any, key: str, path: str, default: tuple[Any, ...] | None = None) -> list[Any] | tuple[Any, ...]:
    value = _said(raw, key, path, default)
    if not isinstance(value, list | tuple):
        raise SchemaError(f"no list {key!r}", path=path)
    return value


def _text(raw: Any, key: str, path: str, default: str | None = None) -> str:
    value = _said(raw, key, path, default)
    if not isinstance(value, str):
        raise SchemaError(f"no text {key!r}", path=path)
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and UTF-8 can't
        raise SchemaError(f"{key!r} is no Unicode text", path=path) from None
    return value


def _number(raw: Any, key: str, path: str, default: int | None = None) -> int:
    value = _said(raw, key, path, default)
    if type(value) is not int or not 0 <= value <= _LIMIT_LENGTH:
        raise SchemaError(f"no number {key!r} of at least 0 (found {value!r})", path=path)
    return value
