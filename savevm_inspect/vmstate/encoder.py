"""The :class:`~.coder.Coder` that takes the parts of a format from values, and writes their bytes."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from struct import Struct, error
from typing import NoReturn

from ..errors import EncodeError
from ..stream.values import FieldValue, Undecoded, Value
from ..wire import VmRecord
from .coder import FORMATS, Coder, FieldContext, Layout, Meaning, Parts


class Values:
    """Values by the names down to them, each to be taken once.

    Args:
        leaves: in stream order; those of one name are taken in their order.
    """

    def __init__(self, leaves: Iterable[FieldValue]) -> None:
        self._by_parts: dict[Parts, deque[Value]] = {}
        self._left: Counter[Parts] = Counter()
        for leaf in leaves:
            self._by_parts.setdefault(leaf.parts, deque()).append(leaf.value)
            self._left.update(leaf.parts[:depth] for depth in range(len(leaf.parts) + 1))

    def left(self, parts: Parts) -> int:
        """Number of values of a name, and of all names within it, that were not taken."""
        return self._left[parts]

    def is_undecoded(self, parts: Parts) -> bool:
        """Whether the next value of a name stands for bytes that nothing explained."""
        waiting = self._by_parts.get(parts)
        return waiting is not None and len(waiting) > 0 and isinstance(waiting[0], Undecoded)

    def take(self, parts: Parts) -> Value:
        """The next value of a name, which is used up.

        Raises:
            EncodeError: there is none.
        """
        waiting = self._by_parts.get(parts)
        if not waiting:
            raise EncodeError("no value", path="/".join(parts))
        value = waiting.popleft()
        self._left.subtract(parts[:depth] for depth in range(len(parts) + 1))
        return value

    def give_back(self, taken: Sequence[tuple[Parts, Value]]) -> None:
        """Undo :meth:`take`."""
        for parts, value in reversed(taken):
            self._by_parts[parts].appendleft(value)
            self._left.update(parts[:depth] for depth in range(len(parts) + 1))


class Encoder(Coder):
    """Takes the parts of a format from values, and writes their bytes.

    Args:
        values: of all parts.
        parts: the names down to what is encoded.

    Attributes:
        data: the bytes so far.
    """

    def __init__(self, values: Values, parts: Parts = ()) -> None:
        super().__init__(parts)
        self.values = values
        self.data = bytearray()
        self._taken: list[tuple[Parts, Value]] = []

    @property
    def pos(self) -> int:
        return len(self.data)

    def since(self, pos: int) -> bytes:
        return bytes(self.data[pos:])

    def number(
        self,
        name: str,
        kind: str = "uint32",
        *,
        most: int | None = None,
        meaning: Meaning | None = None,
        type_name: str = "",
    ) -> int:
        value = self._integer(name)
        self._check(name, value, most)
        self._pack(FORMATS[kind], value)
        return value

    def count(self, name: str, kind: str = "uint32", *, most: int | None = None) -> int:
        return self.number(name, kind, most=most)

    def numbers(self, name: str, kind: str, length: int, *, type_name: str = "") -> tuple[int, ...]:
        values = self.take(name)
        if not isinstance(values, tuple) or len(values) != length:
            self.refuse(f"{name} is {_shown(values)}, expected {length} numbers")
        layout = FORMATS[kind]
        self._pack(f"{layout[0]}{length}{layout[1]}", *values)
        return tuple(map(int, values))

    def buffer(
        self, name: str, length: int, kind: str = "buffer", *, meaning: Callable[[bytes], str] | None = None
    ) -> bytes:
        value = self.take(name)
        if not isinstance(value, bytes) or len(value) != length:
            self.refuse(f"{name} is {_shown(value)}, expected {length} bytes")
        self.data += value
        return value

    def marker(self, name: str, names: Mapping[int, str], type_name: str) -> None:
        value = self.take(name)
        byte = next((byte for byte, known in names.items() if known == value), None)
        if byte is None:
            self.refuse(f"{_shown(value)}, expected {' or '.join(names.values())}")
        self.data.append(byte)

    def has(self, name: str, look: Callable[[memoryview], bool]) -> bool:
        return self.values.left(self.path(name)) > 0

    def marked(self, name: str, mark: str = "present", kind: str = "uint8") -> Iterator[int]:
        outer = self.parts
        for index in count():
            self.parts = (*outer, f"{name}[{index}]")
            if not self.has(mark, bool):
                break
            value = self._integer(mark)
            if not value:
                self.refuse(f"{mark} of {name}[{index}] is 0, which ends the list")
            self._pack(FORMATS[kind], value)
            yield value
        self.parts = (*outer, name)
        end = self._integer("end")
        if end:
            self.refuse(f"the end of {name} is {end}, expected 0")
        self._pack(FORMATS[kind], end)
        self.parts = outer

    def described_subsection(self, name: str, version: int) -> None:
        raw = name.encode()
        self.data += bytes((VmRecord.QEMU_VM_SUBSECTION, len(raw))) + raw
        self._pack(">I", version)

    def check_size(self, start: int, context: FieldContext) -> None:
        """Sizes follow from values."""

    def field(self, context: FieldContext, layouts: Sequence[Layout]) -> None:
        parts = self.path(context.name)
        if self.values.is_undecoded(parts):
            undecoded = self._take(parts)
            assert isinstance(undecoded, Undecoded)
            self.data += undecoded.data
            return
        why: list[str] = []
        for layout in layouts:
            attempt = Encoder(self.values, parts)
            try:
                layout(attempt, context)
            except EncodeError as error:
                why.append(str(error))
            else:
                if not self.values.left(parts):
                    self.data += attempt.data
                    self._taken += attempt._taken
                    return
                why.append(f"{self.values.left(parts)} values more than the layout has")
            self.values.give_back(attempt._taken)
        raise EncodeError("; ".join(why) or f"no codec for type {context.type!r}", path="/".join(parts))

    def refuse(self, why: str) -> NoReturn:
        last = self._taken[-1][0] if self._taken else self.parts
        raise EncodeError(why, path="/".join(last))

    def take(self, name: str) -> Value:
        """The next value of a name within :attr:`parts`."""
        return self._take(self.path(name))

    def _subsection_head(self, name: str) -> int | None:
        if not self.has(name, bool):
            return None
        with self.inside(name):
            version = self._integer("version_id")
        raw = name.encode()
        self.data += bytes((VmRecord.QEMU_VM_SUBSECTION, len(raw))) + raw
        self._pack(">I", version)
        return version

    def _take(self, parts: Parts) -> Value:
        value = self.values.take(parts)
        self._taken.append((parts, value))
        return value

    def _integer(self, name: str) -> int:
        value = self.take(name)
        if not isinstance(value, int):
            self.refuse(f"{name} is {_shown(value)}, expected a number")
        return int(value)

    def _pack(self, layout: str, *values: int) -> None:
        try:
            self.data += Struct(layout).pack(*values)
        except error as why:
            self.refuse(f"{why} ({', '.join(map(str, values[:8]))})")


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
