"""What the opaque type asks about a device: how long its payload is, and what it consists of.

The description is read twice, by two readers that share no line: :mod:`.device_lengths` adds up sizes, the schema
walker of this package reads fields. Where both know a device, they have to end at the same byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from kaitaistruct import KaitaiStream

from ..errors import BadPayload, Unsupported
from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from ..vmstate.decode import decode_state
from ..vmstate.null_arrays import as_written
from ..vmstate.schema import Description, StateSchema, parse_description
from .device_lengths import DeviceLengths, find_description


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What is known of the devices of a stream.

    Attributes:
        lengths: what the stream's own description says of lengths; ``None`` if it has none.
        schema: that description, or one from elsewhere, for fields; ``None`` if there is none.
        ends: payloads of which another reader found the end: offset of the first byte -> offset after the last.
    """

    lengths: DeviceLengths | None = None
    schema: Description | None = None
    ends: Mapping[int, int] = field(default_factory=dict)

    def length_of(self, idstr: str, instance_id: int, io: KaitaiStream) -> int:
        """Bytes of a payload.

        Args:
            idstr: the device's name.
            instance_id: unsigned 32-bit number that distinguishes devices of one idstr.
            io: stands on its first byte, which it is left on.

        Raises:
            Unsupported: it is unknown.
        """
        offset = io.pos()
        length = None if self.lengths is None else self.lengths.payload_bytes(idstr, instance_id, io)
        if length is None and offset in self.ends:
            length = self.ends[offset] - offset
        state = self.state_of(idstr, instance_id)
        if length is None and state is not None:
            length = state.length
        if length is None:
            why = "the stream has no description" if self.schema is None else "the description does not name it"
            raise Unsupported(
                f"the length of this payload is unknown: {why}", offset=offset, section=_place(idstr, instance_id)
            )
        return length

    def state_of(self, idstr: str, instance_id: int) -> StateSchema | None:
        """The schema of a device; ``None`` if no description names it."""
        return None if self.schema is None else self.schema.device(idstr, instance_id)

    def fields_of(self, idstr: str, instance_id: int, payload: bytes, io: KaitaiStream) -> tuple[FieldValue, ...]:
        """Decode a payload.

        Args:
            idstr: the device's name.
            instance_id: unsigned 32-bit number that distinguishes devices of one idstr.
            payload: all of it.
            io: stands after it.

        Returns:
            Its fields in stream order; none if no description names the device.

        Raises:
            StreamError: it is not what the description says, or not as long.
        """
        state = self.state_of(idstr, instance_id)
        if state is None:
            return ()
        cursor = Cursor(memoryview(payload), channel=getattr(io, "channel", 0), base=io.pos() - len(payload))
        cursor.section = _place(idstr, instance_id)
        fields = tuple(decode_state(as_written(state, cursor), cursor))
        if cursor.remaining:
            raise BadPayload(
                f"the fields end {cursor.remaining} bytes before the payload, whose sizes add up to {len(payload)}",
                offset=cursor.offset,
                section=cursor.section,
            )
        return fields


_OF_STREAM: WeakKeyDictionary[KaitaiStream, Devices] = WeakKeyDictionary()


def devices_of(io: KaitaiStream) -> Devices:
    """What is known of the devices of a stream: what it was opened with, or what its own description says.

    Args:
        io: seekable; its position is kept. What is read of it is read once.

    Raises:
        SchemaError: it has a description that is not what it must be.
    """
    devices: Devices | None = getattr(io, "devices", None) or _OF_STREAM.get(io)
    if devices is None:
        text = find_description(io)
        devices = _OF_STREAM[io] = Devices() if text is None else described(text)
    return devices


def described(text: bytes) -> Devices:
    """What a description says.

    Args:
        text: its JSON.

    Raises:
        SchemaError: it is not what a description must be.
    """
    return Devices(lengths=DeviceLengths(text), schema=parse_description(text))


def _place(idstr: str, instance_id: int) -> str:
    return f"{repr(idstr)[1:-1]} (instance {instance_id})"
