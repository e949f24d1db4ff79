"""What the description of a stream says of what is changed in it, and how its text follows."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from ..reader.stream import Stream
from ..stream.records import VmDescription
from ..vmstate.schema import DeviceKey
from .json_text import Node, parse, without
from .operations import DropSubsection, Operation, RenameSubsection, SetVersion
from .splices import Splice
from .subsections import Subsection, subsections_of

_WHAT: Final = "the description"


class DescribedState:
    """The subsections of a stream's devices, and the text that describes them.

    Args:
        stream: which one.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.records = [each for each in stream.records if isinstance(each, VmDescription)]
        """Its description; none or one."""

    @cached_property
    def _text(self) -> bytes:
        span = self.records[0].json
        return bytes(self._stream.buffer[span.offset : span.end])

    @cached_property
    def _nodes(self) -> Mapping[DeviceKey, Node]:
        """What the text says of each device; nothing if the stream is read with another description."""
        if not self.records or self._stream.schema_from != "stream":
            return {}
        devices = parse(self._text).get("devices")
        times: Counter[tuple[str, int]] = Counter()
        nodes: dict[DeviceKey, Node] = {}
        for node in devices.elements if devices is not None else ():
            who = self._value(node, "name"), self._value(node, "instance_id")
            nodes[DeviceKey(*who, times[who])] = node
            times[who] += 1
        return nodes

    def _value(self, node: Node, key: str) -> Any:
        found = node.get(key)
        return None if found is None else json.loads(self._text[found.start : found.end])

    def subsections(self, idstr: str, instance_id: int) -> Iterator[Subsection]:
        """The subsections of a device, in stream order."""
        for nth, section in enumerate(self._stream[idstr, instance_id].sections):
            schema = self._stream.schema_of(section)
            if schema is not None:
                node = self._nodes.get(DeviceKey(idstr, instance_id, nth))
                yield from subsections_of(schema, section.payload.offset, node)

    def found(self, operation: DropSubsection | RenameSubsection | SetVersion) -> Subsection:
        """The subsection that an operation is about; of several of one path the first."""
        every = self.subsections(operation.idstr, operation.instance_id)
        return next(each for each in every if each.path == operation.path)

    def splices(self, operations: tuple[Operation, ...]) -> Iterator[Splice]:
        """What changes in the text."""
        if not self._nodes:
            return
        sizes: Counter[tuple[int, int]] = Counter()
        dropped: dict[int, tuple[Node, set[int]]] = {}
        for operation in operations:
            if isinstance(operation, DropSubsection | RenameSubsection):
                found = self.found(operation)
                name = operation.name if isinstance(operation, RenameSubsection) else None
                growth = found.growth(name)
                sizes.update({(size.start, size.end): growth for size in found.sizes})
                if name is None and found.within is not None:
                    dropped.setdefault(found.within.start, (found.within, set()))[1].add(found.index)
            if type(operation) in _RESTATED:
                yield from _RESTATED[type(operation)](self, operation)
        for within, indices in dropped.values():
            for start, end in without(within, "subsections", indices):
                yield self._splice(start, end, b"")
        for (start, end), growth in sizes.items():
            yield self._splice(start, end, str(int(self._text[start:end]) + growth).encode())

    def _renamed(self, operation: RenameSubsection) -> Iterator[Splice]:
        node = self.found(operation).node
        name = node.get("vmsd_name") if node is not None else None
        if name is not None:
            yield self._splice(name.start, name.end, json.dumps(operation.name).encode())

    def _other_version(self, operation: SetVersion) -> Iterator[Splice]:
        who = operation.idstr, operation.instance_id
        devices = [node for key, node in self._nodes.items() if key[:2] == who]
        for node in [self.found(operation).node] if operation.path else devices:
            version = node.get("version") if node is not None else None
            if version is not None:
                yield self._splice(version.start, version.end, str(operation.version_id).encode())

    def _splice(self, start: int, end: int, data: bytes) -> Splice:
        base = self.records[0].json.offset
        return Splice(base + start, base + end, data, _WHAT)


_RESTATED: Final[Mapping[type, Callable[[DescribedState, Any], Iterator[Splice]]]] = {
    RenameSubsection: DescribedState._renamed,
    SetVersion: DescribedState._other_version,
}
"""What the text repeats of an operation."""
