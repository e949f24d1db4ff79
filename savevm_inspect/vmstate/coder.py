"""One description of a format for both directions.

A *layout* is a function that names the parts of a format to a :class:`Coder`, one after another, as a filter of XDR
(RFC 4506) does. A :class:`~.decoder.Decoder` takes each part from bytes, an :class:`~.encoder.Encoder` from values;
both return what the part holds, and whatever else the layout does follows from that. So a layout can't read one
format and write another, and what is decoded is encoded to the same bytes.

Parts whose presence nothing before them states are asked for with :meth:`Coder.has`: the decoder looks at the bytes
ahead, the encoder whether there are values.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from .scalars import SCALARS

Parts = tuple[str, ...]
Meaning = Callable[[int], str]

FORMATS = {
    **{kind: f">{scalar.code.replace('?', 'B')}" for kind, scalar in SCALARS.items()},
    "le16": "<H",
    "le32": "<I",
    "le64": "<Q",
}
"""Kinds of numbers, by QEMU's name or, little-endian, the virtio standard's -> format for :mod:`struct`."""


class Owner(NamedTuple):
    """A VMStateDescription: its name and version_id, empty and 0 for old-style devices."""

    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldContext:
    """What a description says of a field whose content it does not describe.

    Attributes:
        name: its name, with its index if it is an element.
        type: QEMU's name of its type.
        size: bytes of one element; with a layout that is only written, the size it had.
        owners: the device's description, then each nested one down to that which holds the field.
    """

    name: str
    type: str
    size: int
    owners: tuple[Owner, ...]

    @property
    def device(self) -> Owner:
        """Whose section it is."""
        return self.owners[0]

    @property
    def owner(self) -> Owner:
        """Which description has it among its fields."""
        return self.owners[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructColumn:
    """A number that each of several equal structs has.

    Attributes:
        parts: the names from the struct down to it.
        kind: one of :data:`FORMATS`.
        type: QEMU's name of its type.
        meaning: says what the bits of a value mean.
    """

    parts: Parts
    kind: str
    type: str
    meaning: Meaning | None


Layout = Callable[["Coder", FieldContext], None]


class Coder(ABC):
    """What a layout describes a format to.

    Args:
        parts: the names down to what is described.
    """

    def __init__(self, parts: Parts = ()) -> None:
        self.parts = parts

    @property
    @abstractmethod
    def pos(self) -> int:
        """Bytes that were read or written so far, for :meth:`since`."""

    @abstractmethod
    def since(self, pos: int) -> bytes:
        """The bytes that were read or written from an :attr:`pos` on."""

    @abstractmethod
    def number(
        self,
        name: str,
        kind: str = "uint32",
        *,
        most: int | None = None,
        meaning: Meaning | None = None,
        type_name: str = "",
    ) -> int:
        """One number.

        Args:
            name: its name; empty for the field itself, here and below.
            kind: one of :data:`FORMATS`.
            most: the largest value that is accepted.
            meaning: says what the bits of a value mean.
            type_name: of the value; by default ``kind``.

        Raises:
            BadPayload: it is larger than ``most``.
        """

    @abstractmethod
    def count(self, name: str, kind: str = "uint32", *, most: int | None = None) -> int:
        """A number that says how many of something follow, of a byte at least each.

        Raises:
            BadPayload: it is larger than ``most``, or than the number of bytes that are left.
        """

    @abstractmethod
    def numbers(self, name: str, kind: str, length: int, *, type_name: str = "") -> tuple[int, ...]:
        """A run of ``length`` numbers as one value."""

    @abstractmethod
    def buffer(
        self, name: str, length: int, kind: str = "buffer", *, meaning: Callable[[bytes], str] | None = None
    ) -> bytes:
        """A run of ``length`` bytes."""

    @abstractmethod
    def marker(self, name: str, names: Mapping[int, str], type_name: str) -> None:
        """One byte that is one of a few, each with a name, which is its value."""

    @abstractmethod
    def has(self, name: str, look: Callable[[memoryview], bool]) -> bool:
        """Whether an optional part is there.

        Args:
            name: of the part.
            look: decides it by the bytes from here to the field's end.
        """

    def subsection(self, name: str, body: Callable[["Coder", int], object], versions: Sequence[int] = (1,)) -> None:
        """A subsection that may be there (migration/vmstate.c, vmstate_subsection_save).

        Args:
            name: its full name.
            body: lays out its fields, given its version.
            versions: those that it can have.
        """
        version = self._subsection_head(name)
        if version is None:
            return
        if version not in versions:
            self.refuse(f"subsection {name!r} version {version}, expected {' or '.join(map(str, versions))}")
        with self.inside(name):
            body(self, version)

    @abstractmethod
    def marked(self, name: str, mark: str = "present", kind: str = "uint8") -> Iterator[int]:
        """The elements of a list, each with a number before it that is not 0; a 0 ends the list.

        Args:
            name: of the list; what is named while an element is yielded belongs to it.
            mark: name of the number.
            kind: of the number.

        Yields:
            The number before each element.
        """

    @abstractmethod
    def field(self, context: FieldContext, layouts: Sequence[Layout]) -> None:
        """A field of known size.

        Args:
            context: what is known of it.
            layouts: what it can be laid out as; the first that fits exactly counts. One that none fits, for any
                reason, is kept as bytes.
        """

    @abstractmethod
    def described_subsection(self, name: str, version: int) -> None:
        """The head of a subsection that has to be there, because a description names it.

        Raises:
            BadPayload: another follows, when decoding.
        """

    @abstractmethod
    def check_size(self, start: int, context: FieldContext) -> None:
        """A field is as long as its description says; when encoding, as long as its values make it.

        Args:
            start: the :attr:`pos` before it.
            context: its name, type and size.

        Raises:
            BadPayload: it is not, when decoding.
        """

    def table(self, name: str, length: int, *columns: tuple[str, str]) -> None:
        """An array of equal records.

        Args:
            name: of the array.
            length: number of records.
            columns: name and kind of each number of a record.
        """
        for index in range(length):
            with self.inside(f"{name}[{index}]"):
                self.record(*columns)

    def structs(self, length: int, names: Iterable[str], columns: Sequence[StructColumn], size: int) -> bool:  # noqa: ARG002
        """Several equal structs that hold nothing but numbers, if they can be taken all at once.

        Args:
            length: how many.
            names: of each, in their order.
            columns: the numbers of each.
            size: of each in bytes, as the description says.

        Returns:
            Whether they were. If not, they are described one by one.
        """
        return False

    def record(self, *columns: tuple[str, str]) -> None:
        """Numbers that follow one another: name and kind of each."""
        for name, kind in columns:
            self.number(name, kind)

    def indices(self, name: str, length: int) -> Iterator[int]:
        """The elements of an array of known length; what is named while one is yielded belongs to it."""
        outer = self.parts
        for index in range(length):
            self.parts = (*outer, f"{name}[{index}]")
            yield index
        self.parts = outer

    def path(self, name: str) -> Parts:
        """The names down to a part."""
        return (*self.parts, name) if name else self.parts

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """What is named within belongs to ``name``."""
        outer = self.parts
        self.parts = (*outer, name)
        yield
        self.parts = outer

    @abstractmethod
    def refuse(self, why: str) -> NoReturn:
        """What was named last can't be.

        Raises:
            BadPayload: always, when decoding.
            EncodeError: always, when encoding.
        """

    @abstractmethod
    def _subsection_head(self, name: str) -> int | None:
        """The version of a subsection; ``None`` if it is not there."""

    def _check(self, name: str, value: int, most: int | None) -> None:
        if most is not None and value > most:
            self.refuse(f"{name} is {value}, expected at most {most}")
