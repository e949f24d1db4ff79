"""The Kaitai tree of a stream, a device at a time, as fields like ours: names, types, values, spans."""

from collections.abc import Iterator
from dataclasses import replace

from ..errors import SavevmError
from ..kaitai.places import values_of
from ..kaitai.tree import parse
from ..reader.device import Device
from ..reader.stream import Stream
from ..span import Span
from ..stream.values import FieldValue


class KaitaiFields:
    """What Kaitai read of each device's sections.

    Args:
        stream: an open stream; all of it is read when the object is made, but for what no format explains.
    """

    def __init__(self, stream: Stream) -> None:
        self._tree = parse(stream, strict=False)
        self._places = {
            record.ofs_start: (number, record) for number, record in enumerate(getattr(self._tree, "records", ()))
        }

    @property
    def problems(self) -> tuple[SavevmError, ...]:
        """What Kaitai refused; records after it have no fields."""
        return tuple(self._tree.problems)

    def of(self, device: Device) -> Iterator[FieldValue]:
        """The values of a device's sections on the main channel, with those around its payload.

        Args:
            device: one of the stream's.

        Yields:
            Each value in stream order; the first name of its path is that of the record in the Kaitai tree.
        """
        for section in device.sections:
            yield from self.at(section.span)

    def at(self, span: Span) -> Iterator[FieldValue]:
        """The values of one top-level record of the main channel.

        Args:
            span: its bytes; nothing comes of one that Kaitai did not read.
        """
        number, record = self._places.get(span.offset, (0, None)) if not span.channel else (0, None)
        if record is not None:
            for field in values_of(record, self._tree.channels[0].io, span.offset):
                yield replace(field, parts=(f"records[{number}]", *field.parts))
