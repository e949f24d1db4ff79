"""Every page of a stream in stream order, a column an attribute; pages are never objects."""

from __future__ import annotations  # array is subscriptable at run time from Python 3.12 on

from array import array
from dataclasses import dataclass, field
from enum import IntEnum


class PageKind(IntEnum):
    """How a page lies in the stream."""

    ZERO = 0
    NORMAL = 1
    XBZRLE = 2
    COMPRESSED = 3


@dataclass(slots=True)
class PageLog:
    """The columns.

    Attributes:
        offset: place in bytes on the channel of the page's content, of the fill byte for a zero page.
        length: bytes of that content.
        addr: place in bytes in the RAM block.
        block: index of the block in the block list.
        kind: a :class:`PageKind`.
        section: running number of the RAM section that holds it, from 0 (the START section).
        channel: number of the channel.
        epoch: how many times all channels were brought into line before; pages of one epoch have no order.
    """

    offset: array[int] = field(default_factory=lambda: array("Q"))
    length: array[int] = field(default_factory=lambda: array("I"))
    addr: array[int] = field(default_factory=lambda: array("Q"))
    block: array[int] = field(default_factory=lambda: array("H"))
    kind: array[int] = field(default_factory=lambda: array("B"))
    section: array[int] = field(default_factory=lambda: array("I"))
    channel: array[int] = field(default_factory=lambda: array("B"))
    epoch: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.offset)
