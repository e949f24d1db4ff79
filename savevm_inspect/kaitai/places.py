"""Where each value of a Kaitai tree lies.

Compiled classes keep values, not places. But each of their attributes is one read, in the order of the format; so a
stream that notes its reads, and a walk over the tree in that order, give each value its bytes.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum
from inspect import signature
from typing import Any

from kaitaistruct import KaitaiStruct

from .._ksy.device_payload import QemuMigrationDevicePayload
from .._ksy.extent import QemuMigrationExtent
from ..span import Span
from ..stream.values import FieldValue, Value
from .buffer_stream import BufferStream

Parts = tuple[str, ...]

_LEAVES = (int, str, bytes)

_SHOWN_BYTES = 1 << 16
"""No page is longer; of a whole RAM block, as mapped-ram has it, only so much is taken."""


class PlacedStream(BufferStream):
    """A stream that notes where it was read.

    Looking ahead leaves no note: instances with a position of their own go there, read, and come back.

    Args:
        view: the channel's bytes, or a part of them.
        position: of the first read, in bytes.
        channel: number of the channel.
        base: place of the view's first byte on the channel.

    Attributes:
        reads: place and length of each read that stepped on, in order.
    """

    def __init__(self, view: memoryview, *, position: int = 0, channel: int = 0, base: int = 0) -> None:
        self.base = base
        self.reads: list[tuple[int, int]] = []
        self._left: dict[int, int] = {}
        super().__init__(view, position=position, channel=channel)

    def seek(self, n: int) -> None:
        """Go to a position; if it was left before, what was read since was looking ahead."""
        reads_before = self._left.pop(n, None)
        if reads_before is None:
            self._left[self.pos()] = len(self.reads)
        else:
            del self.reads[reads_before:]
        super().seek(n)

    def _step(self, n: int) -> int:
        start = super()._step(n)
        self.reads.append((start, n))
        return start


def leaves(tree: KaitaiStruct, io: PlacedStream) -> Iterator[FieldValue]:
    """The values of a tree with their places.

    Args:
        tree: an object of a compiled class, as far as it was read.
        io: what it was read from, and nothing else.

    Yields:
        Each value that has bytes, in the order of the bytes; they lie without a gap, but for the headers of
        subsections between a device's fields.
    """
    return _TreeWalk(io).along(tree, ())


def values_of(node: KaitaiStruct, io: BufferStream, start: int) -> Iterator[FieldValue]:
    """The values of one node with their places; it is read again, so that the tree needs no notes of all its reads.

    Args:
        node: a part of a tree.
        io: what the tree was read from.
        start: place of the node's first byte on its channel.

    Yields:
        As :func:`leaves` does.
    """
    placed = PlacedStream(io.view, position=start, channel=io.channel)
    placed.devices = io.devices
    return leaves(_read_again(node, placed), placed)


def _read_again(node: KaitaiStruct, io: PlacedStream) -> KaitaiStruct:
    arguments = [getattr(node, name) for name in _parameters(type(node))]
    return type(node)(*arguments, io, node._parent, node._root)


class _TreeWalk:
    """Goes along the reads of one stream."""

    def __init__(self, io: PlacedStream) -> None:
        self._io = io
        self._reads = iter(list(io.reads))

    def along(self, tree: KaitaiStruct, parts: Parts) -> Iterator[FieldValue]:
        """Take the nodes in the order in which they were read; a branch is gone into before what follows it."""
        branches = [_children(tree, parts)]
        while branches:
            for node, path, is_copied in branches[-1]:
                if isinstance(node, _LEAVES):
                    yield from self._of_leaf(node, path)
                elif is_copied:
                    yield from self._of_substream(node, path)
                elif isinstance(node, QemuMigrationExtent):
                    yield from self._of_extent(node, path)
                elif isinstance(node, QemuMigrationDevicePayload):
                    yield from self._of_payload(node, path)
                else:
                    branches.append(_children(node, path))
                    break
            else:
                branches.pop()

    def _of_leaf(self, value: int | str | bytes, parts: Parts) -> Iterator[FieldValue]:
        start, length = self._next() if value or value == 0 else next(self._reads)
        if length:
            kind, meaning = _kind(value, length)
            plain: Value = int(value) if isinstance(value, IntEnum) else value
            yield FieldValue(parts=parts, type=kind, value=plain, span=self._span(start, length), meaning=meaning)

    def _of_extent(self, extent: QemuMigrationExtent, parts: Parts) -> Iterator[FieldValue]:
        if extent.len_content:
            self._next()  # its last byte
            span = self._span(extent.ofs_content, extent.len_content)
            content = bytes(self._io.view[extent.ofs_content : extent.ofs_content + _SHOWN_BYTES])
            shown, left_off = content[: extent.len_content], extent.len_content - _SHOWN_BYTES
            meaning = f"and {left_off} bytes more" if left_off > 0 else ""
            yield FieldValue(parts=parts, type="bytes", value=shown, span=span, meaning=meaning)

    def _of_payload(self, payload: QemuMigrationDevicePayload, parts: Parts) -> Iterator[FieldValue]:
        if not payload.len_content:
            return
        self._next()
        if not payload.is_described:
            span = self._span(payload.ofs_content, payload.len_content)
            yield FieldValue(parts=parts, type="bytes", value=payload.content, span=span)
        for field in payload.fields:
            yield replace(field, parts=(*parts, *field.parts))

    def _of_substream(self, value: KaitaiStruct, parts: Parts) -> Iterator[FieldValue]:
        """What was read from a copy of some bytes is read again from those bytes."""
        start, length = next(self._reads)
        io = PlacedStream(self._io.view[start : start + length], channel=self._io.channel, base=self._io.base + start)
        again = _read_again(value, io)
        yield from _TreeWalk(io).along(again, parts)

    def _next(self) -> tuple[int, int]:
        """The next read of any bytes; what is checked without a byte may be checked in an instance, too."""
        read = next(self._reads)
        while not read[1]:
            read = next(self._reads)
        return read

    def _span(self, start: int, length: int) -> Span:
        return Span(channel=self._io.channel, offset=self._io.base + start, length=length)


def _children(node: Any, parts: Parts) -> Iterator[tuple[Any, Parts, bool]]:
    """The parts of a node with their paths, and whether they were read from a copy of their bytes."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield each, (*parts[:-1], f"{parts[-1]}[{number}]"), False
        return
    attributes = vars(node)
    given = _parameters(type(node))
    for name, value in attributes.items():
        if name[0] != "_" and name not in given and name not in _OF_PARSE:
            yield value, (*parts, name), f"_raw_{name}" in attributes


_OF_PARSE = ("problems", "channels")
"""Attributes of the whole tree that are no values of the stream."""


def _parameters(compiled: type[KaitaiStruct]) -> tuple[str, ...]:
    """What a compiled class, or the one that a class is made from, is given before its stream."""
    known = _PARAMETERS.get(compiled)
    if known is None:
        given = (list(signature(each).parameters) for each in compiled.__mro__ if each is not object)
        names = next(each for each in given if "_io" in each)
        known = _PARAMETERS[compiled] = tuple(names[: names.index("_io")])
    return known


_PARAMETERS: dict[type[KaitaiStruct], tuple[str, ...]] = {}


def _kind(value: int | str | bytes, length: int) -> tuple[str, str]:
    """Kaitai's name of a type, and the name that a number has."""
    if isinstance(value, IntEnum):
        return f"u{length}", value.name
    if isinstance(value, int):
        return f"u{length}", ""
    return ("str" if isinstance(value, str) else "bytes"), ""
