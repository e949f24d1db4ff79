"""The :class:`~.coder.Coder` that takes the parts of a format from bytes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from struct import Struct
from typing import NoReturn

from ..errors import BadPayload, StreamError
from ..span import Span
from ..stream.cursor import Cursor
from ..stream.values import FieldValue, Undecoded, Value
from ..wire import VmRecord
from .coder import FORMATS, Coder, FieldContext, Layout, Meaning, Parts, StructColumn

LIMIT_VALUES = 1 << 20
"""A field with a layout is not decoded to more values than this; those of real devices have some ten thousand."""

_STRUCTS = {kind: Struct(layout) for kind, layout in FORMATS.items()}


class Decoder(Coder):
    """Takes the parts of a format from bytes.

    Args:
        cursor: on the first byte.
        parts: the names down to what is decoded.

    Attributes:
        leaves: the values so far, in stream order.
    """

    def __init__(self, cursor: Cursor, parts: Parts = ()) -> None:
        super().__init__(parts)
        self.cursor = cursor
        self.leaves: list[FieldValue] = []
        self._limit: int | None = None
        self._empty_left: int | None = None

    def limit_empty(self, most: int) -> None:
        """Refuse more values of no bytes than this: an array of structs repeats each, and no bytes pay for them."""
        self._empty_left = most

    @property
    def pos(self) -> int:
        return self.cursor.pos

    def since(self, pos: int) -> bytes:
        return bytes(self.cursor.buffer[pos : self.cursor.pos])

    def number(
        self,
        name: str,
        kind: str = "uint32",
        *,
        most: int | None = None,
        meaning: Meaning | None = None,
        type_name: str = "",
    ) -> int:
        packed = _STRUCTS[kind]
        start = self.cursor.require(packed.size, name)
        value: int = packed.unpack_from(self.cursor.buffer, start)[0]
        self._check(name, value, most)
        shown = value == 1 if kind == "bool" and value < 2 else value
        self.leaf(name, type_name or kind, shown, start, meaning(value) if meaning else "")
        return value

    def count(self, name: str, kind: str = "uint32", *, most: int | None = None) -> int:
        value = self.number(name, kind, most=most)
        if not 0 <= value <= self.cursor.remaining:
            self.refuse(f"{name} is {value}, {self.cursor.remaining} bytes are left")
        return value

    def numbers(self, name: str, kind: str, length: int, *, type_name: str = "") -> tuple[int, ...]:
        start = self.cursor.require(_STRUCTS[kind].size * length, name)
        layout = FORMATS[kind]
        values: tuple[int, ...] = Struct(f"{layout[0]}{length}{layout[1]}").unpack_from(self.cursor.buffer, start)
        shown = tuple(map(bool, values)) if kind == "bool" and max(values, default=0) < 2 else values
        self.leaf(name, f"{type_name or kind}[{length}]", shown, start)
        return values

    def buffer(
        self, name: str, length: int, kind: str = "buffer", *, meaning: Callable[[bytes], str] | None = None
    ) -> bytes:
        start = self.cursor.pos
        if length < 0:
            self.refuse(f"{name} of {length} bytes")
        data = bytes(self.cursor.take(length, name))
        self.leaf(name, kind, data, start, meaning(data) if meaning else "")
        return data

    def marker(self, name: str, names: Mapping[int, str], type_name: str) -> None:
        start = self.cursor.pos
        value = self.cursor.u8(name)
        if value not in names:
            self.refuse(f"byte {value:#04x}, expected {' or '.join(f'{each:#04x}' for each in names)}")
        self.leaf(name, type_name, names[value], start)

    def has(self, name: str, look: Callable[[memoryview], bool]) -> bool:
        return look(self.cursor.buffer[self.cursor.pos : self.cursor.end])

    def marked(self, name: str, mark: str = "present", kind: str = "uint8") -> Iterator[int]:
        outer = self.parts
        packed = _STRUCTS[kind]
        for index in count():
            start = self.cursor.require(packed.size, f"the {mark} of {name}")
            value: int = packed.unpack_from(self.cursor.buffer, start)[0]
            shown = value == 1 if mark == "present" and value < 2 else value
            self.parts = (*outer, f"{name}[{index}]") if value else (*outer, name)
            self.leaf(mark if value else "end", "list mark", shown, start)
            if not value:
                break
            yield value
        self.parts = outer

    def described_subsection(self, name: str, version: int) -> None:
        cursor, start = self.cursor, self.cursor.pos
        mark = cursor.u8("a subsection")
        found = f"byte {mark:#04x} where subsection {name!r} must begin"
        if mark == VmRecord.QEMU_VM_SUBSECTION:
            head = (cursor.counted_text("a subsection's name"), cursor.be32("a subsection's version"))
            if head == (name, version):
                return
            found = f"subsection {head[0]!r} version {head[1]}, its schema says {name!r} version {version}"
        raise BadPayload(found, offset=cursor.base + start, section=cursor.section)

    def structs(self, length: int, names: Iterable[str], columns: Sequence[StructColumn], size: int) -> bool:
        packed = Struct(">" + "".join(FORMATS[column.kind][1] for column in columns))
        if packed.size != size or size * length > self.cursor.remaining or self._limit is not None:
            return False  # one by one, it is found out where that goes wrong
        start = self.cursor.require(size * length, "structs")
        channel, offset = self.cursor.channel, self.cursor.base + start
        leaves, outer = self.leaves, self.parts
        widths = [(column, _STRUCTS[column.kind].size) for column in columns]
        elements = packed.iter_unpack(self.cursor.buffer[start : self.cursor.pos])
        for name, values in zip(names, elements, strict=True):
            for (column, width), value in zip(widths, values, strict=True):
                leaves.append(
                    FieldValue(
                        parts=(*outer, name, *column.parts),
                        type=column.type,
                        value=value == 1 if column.kind == "bool" and value < 2 else value,
                        span=Span(channel=channel, offset=offset, length=width),
                        meaning=column.meaning(value) if column.meaning else "",
                    )
                )
                offset += width
        return True

    def check_size(self, start: int, context: FieldContext) -> None:
        length = self.cursor.pos - start
        if length != context.size:
            raise BadPayload(
                f"field {'/'.join(self.path(context.name))} of type {context.type!r} is {length} bytes, "
                f"its schema says {context.size}",
                offset=self.cursor.base + start,
                section=self.cursor.section,
            )

    def field(self, context: FieldContext, layouts: Sequence[Layout]) -> None:
        start = self.cursor.pos
        body = self.cursor.take(context.size, context.name)
        why: list[str] = []
        for layout in layouts:
            cursor = Cursor(body, channel=self.cursor.channel, base=self.cursor.base + start)
            attempt = Decoder(cursor, self.path(context.name))
            attempt._limit = LIMIT_VALUES
            try:
                layout(attempt, context)
            except StreamError as error:
                why.append(str(error))
                continue
            if not cursor.remaining:
                self.leaves += attempt.leaves
                return
            why.append(f"{cursor.offset:#x}: {cursor.remaining} bytes more than the layout has")
        reason = (
            f"no known layout of {context.type!r} ({'; '.join(why)})"
            if why
            else f"no codec for type {context.type!r}"
        )
        self.leaf(context.name, context.type, Undecoded(reason, bytes(body)), start)

    def refuse(self, why: str) -> NoReturn:
        raise BadPayload(why, offset=self.cursor.offset, section=self.cursor.section)

    def _subsection_head(self, name: str) -> int | None:
        raw = name.encode()
        head = bytes((VmRecord.QEMU_VM_SUBSECTION, len(raw))) + raw
        if bytes(self.cursor.peek(len(head))) != head:
            return None
        start = self.cursor.require(len(head), name)
        version = self.cursor.be32("a subsection's version")
        with self.inside(name):
            self.leaf("version_id", "subsection", version, start)
        return version

    def drain(self) -> list[FieldValue]:
        """The values since the last call."""
        leaves, self.leaves = self.leaves, []
        return leaves

    def leaf(self, name: str, kind: str, value: Value, start: int, meaning: str = "") -> None:
        """Note a value.

        Args:
            name: its name.
            kind: its type.
            value: what it holds.
            start: the cursor's pos before it.
            meaning: what a number says.
        """
        cursor = self.cursor
        if self._limit is not None and len(self.leaves) >= self._limit:
            self.refuse(f"more than {self._limit} values")
        if self._empty_left is not None and cursor.pos == start:
            if not self._empty_left:
                self.refuse("more values of no bytes than any device has")
            self._empty_left -= 1
        span = Span(channel=cursor.channel, offset=cursor.base + start, length=cursor.pos - start)
        self.leaves.append(FieldValue(parts=self.path(name), type=kind, value=value, span=span, meaning=meaning))
