"""What every opener of a container takes and gives back, and how the numbers of its header are read."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from struct import Struct

from ..errors import SavevmError, Truncated

Fact = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants opened.

    Attributes:
        view: the bytes of the container, from its first one on.
        snapshot: name or id of the snapshot that is asked for; ``None`` for the only one.
        resources: closed with the source; spooled files go in here.
    """

    view: memoryview
    snapshot: str | None
    resources: ExitStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A container, opened.

    Attributes:
        container: what it is called; empty if only something before the stream is stepped over.
        buffer: the bytes of the stream; spans count in them.
        offset: where in ``buffer`` the stream starts, in bytes.
        facts: what the container says about itself and the stream; JSON-ready.
        documents: texts that lie in it beside the stream, by name, as they are written there.
        notes: what one should know of it that is no mistake.
        problems: what is wrong with it, if ``buffer`` holds what could be read all the same.
    """

    container: str
    buffer: memoryview
    offset: int = 0
    facts: Mapping[str, Fact] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[SavevmError, ...] = ()


Opener = Callable[[Request], Opened]


def unpack(struct: Struct, view: memoryview, offset: int, what: str) -> tuple[int, ...]:
    """Read the numbers of one struct.

    Args:
        struct: its layout, numbers only.
        view: the container's bytes.
        offset: where in them it starts, in bytes.
        what: what it is, for the message.

    Raises:
        Truncated: the file ends before it does.
    """
    if offset + struct.size > len(view):
        left = max(0, len(view) - offset)
        raise Truncated(f"{what} needs {struct.size} bytes, {left} are left in the file", offset=offset)
    return struct.unpack_from(view, offset)
