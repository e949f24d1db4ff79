"""A stream with changes: what is asked for, and the bytes that come of it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self

from ..errors import EncodeError, NotFound, SavevmError, Unsupported, did_you_mean, printable
from ..reader.device import Device
from ..reader.stream import Stream
from ..stream.records import Section, SectionKind
from ..stream.values import Value
from ..wire import MigCmd
from .described import DescribedState
from .encode_field import encode_field
from .operations import Cut, DropSubsection, FlipByte, Operation, RenameSubsection, SetField, SetVersion
from .splices import Splice, Splices
from .subsections import Subsection

_VERSION_BYTES: Final = 4
_LENGTH_BYTES: Final = 4
_LARGEST: Final = 0xFFFFFFFF
_LONGEST_NAME: Final = 255
_HEADS: Final = (SectionKind.START, SectionKind.FULL)
"""Sections whose header states the version."""


class Edit:
    """Changes to one stream, of an engine or of a QEMU; :meth:`Stream.edit` begins with none.

    All of them refer to the stream as it was read, names and offsets alike, so that their order does not matter;
    two that change the same bytes are refused. Whatever counts bytes, or repeats a name or a version (the description
    after the end mark, a package), follows by itself.

    Args:
        stream: what is changed; it stays as it is, and must be open as long as this is used.

    Attributes:
        operations: what was asked for so far.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffers = {0: (stream.buffer, stream.offset)}
        cursors = (*stream.inputs.further_cursors(), *stream.inputs.resumed_cursors())
        self._buffers |= {cursor.channel: (cursor.buffer, cursor.pos) for cursor in cursors}
        self._described = DescribedState(stream)
        self._splices: dict[int, Splices] = defaultdict(Splices)
        self._cuts: dict[int, int] = {}
        self.operations: tuple[Operation, ...] = ()

    # What can be asked for ----------------------------------------------------------------------------------

    def set(self, device: str | tuple[str, int] | Device, field: str, value: Value) -> Self:
        """Give a field another value.

        Args:
            device: whose: its idstr, or that and the instance_id.
            field: its path, or its name if only one field has it.
            value: a number, text, bytes or numbers, as the field holds them; it takes as many bytes as before.

        Raises:
            NotFound: there is no such device or field.
            EncodeError: the value is none of the field's.
        """
        found = self._device(device)
        path = self._path(field, [each.path for each in found.fields], f"{found.idstr} has no field")
        return self._add(SetField(**_who(found), path=path, value=_plain(value)))

    def drop(self, device: str | tuple[str, int] | Device, subsection: str) -> Self:
        """Leave out a subsection that the device's description has, with all that is in it.

        Args:
            device: whose.
            subsection: its name, or its path where several have the name.

        Raises:
            NotFound: there is no such device or subsection.
        """
        found = self._device(device)
        return self._add(DropSubsection(**_who(found), path=self._subsection(found, subsection).path))

    def rename(self, device: str | tuple[str, int] | Device, subsection: str, name: str) -> Self:
        """Give a subsection another name.

        Args:
            device: whose.
            subsection: its name, or its path where several have the name.
            name: its name afterwards, of 1 to 255 bytes.

        Raises:
            NotFound: there is no such device or subsection.
            EncodeError: the name is too long, empty, or none that UTF-8 has.
        """
        found = self._device(device)
        path = self._subsection(found, subsection).path
        try:
            length = len(name.encode())
        except UnicodeEncodeError as error:
            wrong = printable(name[error.start])
            raise EncodeError(f"a name with {wrong}, which UTF-8 can't say", path=path) from None
        if not 0 < length <= _LONGEST_NAME:
            raise EncodeError(f"a name of {length} bytes, expected 1 to {_LONGEST_NAME}", path=path)
        return self._add(RenameSubsection(**_who(found), path=path, name=name))

    def bump(self, device: str | tuple[str, int] | Device, version_id: int, subsection: str = "") -> Self:
        """Give a device, or one of its subsections, another version.

        Args:
            device: whose.
            version_id: its version afterwards.
            subsection: its name, or its path where several have the name; empty for the device itself.

        Raises:
            NotFound: there is no such device or subsection.
            EncodeError: the version is none.
        """
        found = self._device(device)
        path = self._subsection(found, subsection).path if subsection else ""
        if not 0 <= version_id <= _LARGEST:
            raise EncodeError(f"version {version_id}, expected 0 to {_LARGEST}", path=path or found.idstr)
        return self._add(SetVersion(**_who(found), path=path, version_id=version_id))

    def flip(self, offset: int, mask: int = 0xFF, channel: int = 0) -> Self:
        """Invert bits of one byte, whatever it is.

        Args:
            offset: of the byte on its channel.
            mask: the bits.
            channel: number of the channel.

        Raises:
            SavevmError: there is no such byte, or no bit is inverted.
        """
        if not 0 < mask <= 0xFF:
            raise SavevmError(f"mask {mask:#x}, expected 0x1 to 0xff")
        self._check(offset, channel, "flip")
        return self._add(FlipByte(offset=offset, mask=mask, channel=channel))

    def cut(self, offset: int, channel: int = 0) -> Self:
        """End a channel early.

        Args:
            offset: of the first byte that is left out.
            channel: number of the channel.

        Raises:
            SavevmError: the channel has no such byte, or ends earlier already.
        """
        self._check(offset, channel, "cut")
        return self._add(Cut(offset=offset, channel=channel))

    def to_bytes(self, channel: int = 0) -> bytes:
        """A channel with all changes; of the main one what its container held, from where the stream starts.

        Args:
            channel: number of the channel.

        Raises:
            SavevmError: there is no such channel.
            Unsupported: what follows mapped-ram's pages, which lie at fixed offsets, would have to move.
        """
        buffer, start = self._channel(channel)
        splices = self._splices[channel]
        if channel == 0:
            self._refuse_to_move_pages(splices)
            splices = self._consistent(splices)
        end = self._cuts.get(channel, len(buffer))
        return splices.before(end).apply(buffer[:end], start)

    def __repr__(self) -> str:
        growth = self._splices[0].growth(0, len(self._stream.buffer))
        what = f"{len(self.operations)} operation{'' if len(self.operations) == 1 else 's'}"
        return printable(f"<Edit of {self._stream.name}: {what}, {growth:+} bytes>")

    # What comes of it ---------------------------------------------------------------------------------------

    def _add(self, operation: Operation) -> Self:
        found = list(_RESOLVERS[type(operation)](self, operation))
        channel = getattr(operation, "channel", 0)
        self._splices[channel] = self._splices[channel].with_more(found)
        self.operations = (*self.operations, operation)
        return self

    def _set(self, operation: SetField) -> Iterator[Splice]:
        earlier: list[tuple[Section, memoryview]] = []
        for section in self._stream[operation.idstr, operation.instance_id].sections:
            payload = self._buffers[section.payload.channel][0][section.payload.offset : section.payload.end]
            fields = tuple(self._stream.decode(section))
            index = next((number for number, each in enumerate(fields) if each.path == operation.path), None)
            if index is not None:
                schema, span = self._stream.schema_of(section), fields[index].span
                data = encode_field(schema, fields, index, operation.value, section, payload, earlier)
                yield Splice(span.offset, span.end, data, f"set {operation.path}")
                return
            earlier.append((section, payload))

    def _drop(self, operation: DropSubsection) -> Iterator[Splice]:
        found = self._described.found(operation)
        yield Splice(found.offset, found.end, b"", f"drop {operation.path}")

    def _rename(self, operation: RenameSubsection) -> Iterator[Splice]:
        raw, found = operation.name.encode(), self._described.found(operation)
        yield Splice(found.offset + 1, found.version_offset, bytes((len(raw),)) + raw, f"rename {operation.path}")

    def _version(self, operation: SetVersion) -> Iterator[Splice]:
        data = operation.version_id.to_bytes(_VERSION_BYTES, "big")
        if operation.path:
            offsets = [self._described.found(operation).version_offset]
        else:
            sections = self._stream[operation.idstr, operation.instance_id].sections
            offsets = [each.payload.offset - _VERSION_BYTES for each in sections if each.kind in _HEADS]
        for offset in offsets:
            yield Splice(offset, offset + _VERSION_BYTES, data, f"bump {operation.path or operation.idstr}")

    def _flip(self, operation: FlipByte) -> Iterator[Splice]:
        byte = self._buffers[operation.channel][0][operation.offset] ^ operation.mask
        yield Splice(operation.offset, operation.offset + 1, bytes((byte,)), f"flip {operation.offset:#x}")

    def _cut(self, operation: Cut) -> Iterator[Splice]:
        self._cuts[operation.channel] = min(operation.offset, self._cuts.get(operation.channel, operation.offset))
        yield from ()

    def _consistent(self, splices: Splices) -> Splices:
        """The same, and what counts or repeats what they change."""
        buffer = self._stream.buffer
        made = splices.with_more(self._described.splices(self.operations))
        packages = [each for each in self._stream.commands if each.command is MigCmd.MIG_CMD_PACKAGED]
        counted = [(each.argument.offset, each.argument.end) for each in packages]
        counted += [(each.json.offset - _LENGTH_BYTES, each.json.offset) for each in self._described.records]
        for start, end in counted:
            length = int.from_bytes(buffer[start:end], "big")
            growth = made.growth(end, end + length)
            if growth:
                stated = (length + growth).to_bytes(end - start, "big")
                made = made.with_more([Splice(start, end, stated, "what counts the bytes")])
        return made

    def _refuse_to_move_pages(self, splices: Splices) -> None:
        """With mapped-ram pages lie at offsets that the stream states."""
        first, rows = splices.first_growth, self._stream.pages.rows
        configuration = self._stream.configuration
        if first is None or configuration is None or "mapped-ram" not in configuration.capabilities or not len(rows):
            return
        if first.start < int(rows["offset"].max()):
            raise Unsupported(f"{first.what} would move pages of mapped-ram", offset=first.start)

    # Where things are ---------------------------------------------------------------------------------------

    def _device(self, device: str | tuple[str, int] | Device) -> Device:
        if isinstance(device, Device):
            return device
        if device not in self._stream:
            wanted = device if isinstance(device, str) else device[0]
            raise NotFound(f"no section {device!r}; {did_you_mean(wanted, [each.idstr for each in self._stream])}")
        return self._stream[device]

    def _subsection(self, device: Device, wanted: str) -> Subsection:
        every = list(self._described.subsections(device.idstr, device.instance_id))
        path = self._path(wanted, [each.path for each in every], f"{device.idstr} has no subsection")
        return next(each for each in every if each.path == path)

    def _path(self, wanted: str, paths: list[str], complaint: str) -> str:
        """A path by itself or by its end."""
        if wanted in paths:
            return wanted
        found = [path for path in dict.fromkeys(paths) if path.endswith(f"/{wanted}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"{complaint} {wanted!r} alone; it has {' and '.join(found[:3])}")
        raise NotFound(f"{complaint} {wanted!r}; {did_you_mean(wanted, dict.fromkeys(paths))}")

    def _channel(self, number: int) -> tuple[memoryview, int]:
        if number not in self._buffers:
            raise NotFound(f"no channel {number} in a stream of {len(self._buffers)}")
        return self._buffers[number]

    def _check(self, offset: int, channel: int, what: str) -> None:
        buffer, start = self._channel(channel)
        if not start <= offset < self._cuts.get(channel, len(buffer)):
            end = self._cuts.get(channel, len(buffer))
            raise SavevmError(f"{what} at {offset:#x}: channel {channel} has bytes from {start:#x} up to {end:#x}")


_RESOLVERS: Final[Mapping[type, Callable[[Edit, Any], Iterator[Splice]]]] = {
    SetField: Edit._set,
    DropSubsection: Edit._drop,
    RenameSubsection: Edit._rename,
    SetVersion: Edit._version,
    FlipByte: Edit._flip,
    Cut: Edit._cut,
}
"""What each operation changes by itself."""


def _who(device: Device) -> dict[str, Any]:
    return {"idstr": device.idstr, "instance_id": device.instance_id}


def _plain(value: Any) -> Value:
    """A value as fields hold it."""
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return tuple(value) if isinstance(value, list) else value
