"""What can be done to a stream, as data: each operation says what, none of them how."""

from dataclasses import dataclass

from ..stream.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SetField:
    """Give a field another value.

    Attributes:
        idstr: the device.
        instance_id: which of that idstr.
        path: the field's.
        value: what it holds afterwards.
    """

    idstr: str
    instance_id: int
    path: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSubsection:
    """Leave a subsection out, with all that is in it.

    Attributes:
        idstr: the device.
        instance_id: which of that idstr.
        path: the subsection's: its name, after those of the structs that it lies in.
    """

    idstr: str
    instance_id: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameSubsection:
    """Give a subsection another name.

    Attributes:
        idstr: the device.
        instance_id: which of that idstr.
        path: the subsection's.
        name: its name afterwards.
    """

    idstr: str
    instance_id: int
    path: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVersion:
    """Give a device, or one of its subsections, another version.

    Attributes:
        idstr: the device.
        instance_id: which of that idstr.
        path: the subsection's; empty for the device itself.
        version_id: its version afterwards.
    """

    idstr: str
    instance_id: int
    path: str
    version_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipByte:
    """Invert bits of one byte.

    Attributes:
        offset: of the byte.
        mask: the bits.
        channel: number of its channel.
    """

    offset: int
    mask: int
    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """End a channel early.

    Attributes:
        offset: of the first byte that is left out.
        channel: number of the channel.
    """

    offset: int
    channel: int


Operation = SetField | DropSubsection | RenameSubsection | SetVersion | FlipByte | Cut
