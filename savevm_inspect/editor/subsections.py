"""Where the subsections of described state lie: in the stream, and in the description's text."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..vmstate.fields import element_name
from ..vmstate.schema import StateSchema
from ..vmstate.walk import INLINE
from .json_text import Node

HEAD_BYTES = 1 + 1 + 4
"""Of a subsection besides its name: type byte, length of the name, version_id (migration/vmstate.c)."""


@dataclass(frozen=True, slots=True)
class Subsection:
    """One subsection.

    Attributes:
        parts: the structs that it lies in and its name, as they are in the paths of its fields.
        offset: of its type byte.
        state: its schema.
        within: the object of the description whose array ``subsections`` has it; ``None`` without a description.
        index: in that array.
        sizes: the numbers of the description that count its bytes: the sizes of the structs that it lies in.
    """

    parts: tuple[str, ...]
    offset: int
    state: StateSchema
    within: Node | None
    index: int
    sizes: tuple[Node, ...]

    @property
    def path(self) -> str:
        """The names joined with slashes."""
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """Its own name."""
        return self.state.name

    @property
    def version_offset(self) -> int:
        """Offset of its version_id."""
        return self.offset + HEAD_BYTES - 4 + len(self.name.encode())

    @property
    def end(self) -> int:
        """Offset of the first byte after it."""
        return self.version_offset + 4 + self.state.length

    def growth(self, name: str | None) -> int:
        """By how many bytes the device becomes longer if this has another name; ``None`` is one that goes."""
        return self.offset - self.end if name is None else len(name.encode()) - len(self.name.encode())

    @property
    def node(self) -> Node | None:
        """What the description says of it."""
        array = self.within.get("subsections") if self.within is not None else None
        return array.elements[self.index] if array is not None else None


def subsections_of(
    state: StateSchema,
    offset: int,
    node: Node | None,
    parts: tuple[str, ...] = (),
    sizes: tuple[Node, ...] = (),
) -> Iterator[Subsection]:
    """The subsections of a device and of all structs in it, in stream order.

    Args:
        state: its schema.
        offset: of its first byte.
        node: what the description says of it; ``None`` if there is none in the stream.
        parts: the names down to it.
        sizes: the sizes of the structs that it lies in.
    """
    fields = node.get("fields") if node is not None else None
    described = fields.elements if fields is not None and len(fields.elements) == len(state.fields) else None
    for number, field in enumerate(state.fields):
        if field.type in INLINE and field.count == 1 and len(field.states) == 1:
            own = described[number] if described is not None else None
            inner = (own.get("struct") or own) if own is not None else None
            size = own.get("size") if own is not None else None
            outer = sizes if size is None else (*sizes, size)
            yield from subsections_of(field.states[0], offset, inner, (*parts, element_name(field, 0)), outer)
        offset += field.length
    for index, subsection in enumerate(state.subsections):
        found = Subsection((*parts, subsection.name), offset, subsection, node, index, sizes)
        yield found
        yield from subsections_of(subsection, found.end - subsection.length, found.node, found.parts, sizes)
        offset = found.end
