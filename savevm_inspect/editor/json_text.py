"""JSON with the position of everything in its text: whoever changes a value leaves all others as they were written.

QEMU's description is no JSON that could be parsed and written again: the elements of a list repeat the keys of one
object (:mod:`savevm_inspect.vmstate.schema`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ..errors import SchemaError

_TOKEN: Final = re.compile(rb'\s*("(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+)')
_LIMIT_DEPTH: Final = 200


@dataclass(slots=True)
class Node:
    """A value of the text.

    Attributes:
        start: pos of its first byte in the text.
        end: pos after its last one.
        members: of an object: each key with the pos of its first byte, and the value.
        elements: of an array.
    """

    start: int
    end: int = 0
    members: list[tuple[str, int, "Node"]] = field(default_factory=list)
    elements: list["Node"] = field(default_factory=list)

    def get(self, key: str) -> "Node | None":
        """The value of an object's key, of the last one if there are several; ``None`` if there is none."""
        return next((node for name, _, node in reversed(self.members) if name == key), None)


def parse(text: bytes) -> Node:
    """Find where all values lie.

    Args:
        text: that a :func:`~savevm_inspect.vmstate.schema.parse_description` has read.

    Raises:
        SchemaError: it is nested too deep.
    """
    return _value(_tokens(text), 0)


def _tokens(text: bytes) -> Iterator[tuple[bytes, int]]:
    for found in _TOKEN.finditer(text):
        yield found[1], found.start(1)


def _value(tokens: Iterator[tuple[bytes, int]], depth: int) -> Node:
    token, start = next(tokens)
    return _rest(tokens, token, start, depth)


def _rest(tokens: Iterator[tuple[bytes, int]], token: bytes, start: int, depth: int) -> Node:
    """The value that begins with a token."""
    if depth > _LIMIT_DEPTH:
        raise SchemaError(f"nested deeper than {_LIMIT_DEPTH}")
    node = Node(start, start + len(token))
    if token == b"{":
        for key, at in tokens:
            if key.startswith(b'"'):
                next(tokens)  # the colon
                node.members.append((json.loads(key), at, _value(tokens, depth + 1)))
            elif key == b"}":
                node.end = at + 1
                break
    elif token == b"[":
        for first, at in tokens:
            if first == b"]":
                node.end = at + 1
                break
            if first != b",":
                node.elements.append(_rest(tokens, first, at, depth + 1))
    return node


def without(parent: Node, key: str, dropped: set[int]) -> Iterator[tuple[int, int]]:
    """What goes from the text when elements of an array go.

    Args:
        parent: the object whose array it is.
        key: of the array in it; the key goes, too, if no element is left.
        dropped: the indices of those that go.

    Yields:
        Runs of the text: pos of the first byte, and pos after the last one.
    """
    member = next(number for number in reversed(range(len(parent.members))) if parent.members[number][0] == key)
    _, key_start, array = parent.members[member]
    count = len(array.elements)
    kept = [index for index in range(count) if index not in dropped]
    if not kept:
        if member:
            yield parent.members[member - 1][2].end, array.end
        elif len(parent.members) > 1:
            yield key_start, parent.members[1][1]
        else:
            yield key_start, array.end
        return
    for index in sorted(dropped):
        element = array.elements[index]
        if index > kept[0]:
            yield array.elements[index - 1].end, element.end
        else:
            yield element.start, array.elements[index + 1].start
