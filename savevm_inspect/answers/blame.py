"""The bytes of a stream that an error line is about: offset, section, field, value, as far as the line says which."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..errors import NotFound, SavevmError, StreamError, printable
from ..payload import ram
from ..reader.device import Device
from ..reader.find import find_devices
from ..reader.stream import Stream
from ..span import Span
from ..stream.records import Framing, Section
from ..stream.values import FieldValue
from ..vmstate.pci import register_at
from ..vmstate.virtio import features

_HEADER_WORD_BYTES: Final = 4
_VERSION_BYTES: Final = 4
_LENGTH_BYTES: Final = 8
_WORD_BYTES: Final = 8
"""What is read at once where reading may go wrong: the head of a page, a footer, the start of a section's header."""
_LIST_WITHIN_BYTES: Final = 64 << 10
_SUBSECTION_MARK: Final = b"\x05"
_CONFIG_STARTS: Final = "vendor_id"
_CONFIG_BYTES: Final = 256
_CANDIDATES_MOST: Final = 4
"""Where a line does not say which device it is about, so many that it fits are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """Bytes that an error is about.

    Attributes:
        span: where they are.
        section: of which section, as ``idstr (instance N)``; empty outside of sections.
        field: the path of the field; empty if they are none.
        value: what they hold, as text.
    """

    span: Span
    section: str = ""
    field: str = ""
    value: str = ""

    def __str__(self) -> str:
        channel = f" of channel {self.span.channel}" if self.span.channel else ""
        where = ": ".join(part for part in (self.section, self.field) if part)
        value = f" = {self.value}" if self.value else ""
        return printable(
            f"{self.span.offset:#x}, {self.span.length} bytes{channel}{f', {where}' if where else ''}{value}"
        )


@dataclass(frozen=True, slots=True)
class Accused:
    """What is asked of a stream: what an error line says, and of which device.

    Attributes:
        stream: the stream.
        values: what the line says, by name.
        devices: the devices that it may be about: that which another line names, or all.
    """

    stream: Stream
    values: Mapping[str, str]
    devices: tuple[Device, ...]

    def number(self, name: str, base: int = 10) -> int:
        """A value of the line as a number; -1 if the line does not have it."""
        try:
            return int(self.values.get(name, ""), base)
        except ValueError:
            return -1

    def named(self, name: str) -> tuple[Device, ...]:
        """The devices that a value of the line names: by idstr, or as descriptions are named."""
        wanted = self.values.get(name, "")
        instance = self.number("instance_id")
        exact = tuple(each for each in self.devices if (each.idstr, each.instance_id) == (wanted, instance))
        if exact:
            return exact
        try:
            return find_devices(self.devices, wanted)
        except NotFound:
            return self.devices if len(self.devices) == 1 else ()


def blame(stream: Stream, key: str, values: Mapping[str, str], idstr: str = "") -> tuple[Blamed, ...]:
    """Find the bytes that an error is about.

    Args:
        stream: the stream that was refused.
        key: of the error's row.
        values: what the line says, by name.
        idstr: of the device, if another line of the same log names it.
    """
    devices = tuple(each for each in stream.devices if each.idstr != ram.IDSTR)
    if idstr:
        devices = tuple(each for each in stream.devices if each.idstr == idstr) or devices
    found: list[Blamed] = []
    for each in _FINDERS.get(key, _problems)(Accused(stream, values, devices)):
        found.append(each)
        if len(found) == _CANDIDATES_MOST:
            break
    return tuple(found)


def missing_features(values: Mapping[str, str], idstr: str) -> str:
    """The names of the features that the guest uses and the destination does not offer.

    Args:
        values: what the line says.
        idstr: of the device; empty if it is not known, then only features of all devices have names.
    """
    try:
        bits = int(values["guest_features"], 16) & ~int(values["host_features"], 16)
    except (KeyError, ValueError):
        return ""
    return features.names(idstr.rpartition("/")[2], bits & (1 << 128) - 1)


def _title(section: Section) -> str:
    return f"{section.idstr} (instance {section.instance_id})"


def _header_word(word: int) -> Callable[[Accused], Iterator[Blamed]]:
    def find(accused: Accused) -> Iterator[Blamed]:
        offset = accused.stream.offset + word * _HEADER_WORD_BYTES
        data = bytes(accused.stream.buffer[offset : offset + _HEADER_WORD_BYTES])
        yield Blamed(span=Span(offset=offset, length=len(data)), value=data.hex(" "))

    return find


def _configuration(accused: Accused) -> Iterator[Blamed]:
    record = accused.stream.configuration
    if record is not None:
        yield Blamed(span=record.span, section="configuration", value=record.machine)


def _after_header(accused: Accused) -> Iterator[Blamed]:
    offset = accused.stream.offset + 2 * _HEADER_WORD_BYTES
    data = bytes(accused.stream.buffer[offset : offset + 1])
    yield Blamed(span=Span(offset=offset, length=len(data)), value=data.hex())


def _head(accused: Accused) -> Iterator[Blamed]:
    for device in accused.named("idstr"):
        section = device.sections[0]
        length = section.payload.offset - section.span.offset
        yield Blamed(
            span=Span(channel=section.span.channel, offset=section.span.offset, length=length),
            section=_title(section),
        )


def _version(accused: Accused) -> Iterator[Blamed]:
    for device in accused.named("idstr" if "idstr" in accused.values else "vmsd"):
        section = device.sections[0]
        span = Span(
            channel=section.span.channel, offset=section.payload.offset - _VERSION_BYTES, length=_VERSION_BYTES
        )
        yield Blamed(span=span, section=_title(section), field="version_id", value=str(section.version_id))


def _footer(accused: Accused) -> Iterator[Blamed]:
    for device in accused.named("idstr"):
        section = device.sections[-1]
        if section.footer is not None:
            yield Blamed(
                span=section.footer, section=_title(section), field="footer", value=f"{section.section_id:#x}"
            )
        yield Blamed(
            span=section.payload, section=_title(section), value="fields that end elsewhere at the destination"
        )


def _payload(accused: Accused) -> Iterator[Blamed]:
    for device in accused.named("idstr"):
        for section in device.sections[:1]:
            yield Blamed(span=section.payload, section=_title(section))


def _section_by_id(accused: Accused) -> Iterator[Blamed]:
    number = accused.number("section_id")
    for section in accused.stream.sections:
        if section.section_id == number:
            yield Blamed(span=section.span, section=_title(section))


def _fields(device: Device) -> Iterator[FieldValue]:
    """The fields of a device, as far as they can be decoded."""
    for section in device.sections:
        if section.framing is Framing.INFERRED:
            return
        try:
            yield from device.decode(section)
        except SavevmError:
            return


def _blamed_field(device: Device, field: FieldValue) -> Blamed:
    return Blamed(span=field.span, section=_title(device.sections[0]), field=field.path, value=field.text())


def _field(accused: Accused) -> Iterator[Blamed]:
    """A field by its name; a check is named by its field and a few words."""
    wanted = accused.values.get("field", "").split(" ")[0]
    for device in accused.named("vmsd") or (accused.devices if len(accused.devices) == 1 else ()):
        for field in _fields(device):
            if any(part.partition("[")[0] in (wanted, f"{wanted}_save") for part in field.parts):
                yield _blamed_field(device, field)


def _pci_byte(accused: Accused) -> Iterator[Blamed]:
    """The register that a byte of configuration space belongs to, of each device that holds the value there."""
    at, read = accused.number("config_offset", 16), accused.number("read", 16)
    for device in accused.devices:
        for start in (field.span for field in _fields(device) if field.name == _CONFIG_STARTS):
            offset = start.offset + at
            if accused.stream.buffers[start.channel][offset : offset + 1] != bytes((read & 0xFF,)):
                continue
            configuration = bytes(accused.stream.buffers[start.channel][start.offset : start.offset + _CONFIG_BYTES])
            yield Blamed(
                span=Span(channel=start.channel, offset=offset, length=1),
                section=_title(device.sections[0]),
                field=register_at(configuration, at) or f"byte {at:#x} of configuration space",
                value=f"{read:#x}",
            )


def _queue(accused: Accused) -> Iterator[Blamed]:
    queue, received = accused.number("queue"), accused.number("received")
    for device in accused.devices:
        for field in _fields(device):
            if f"vq[{queue}]" in field.parts and field.name == "vring.num" and received in (-1, field.value):
                yield _blamed_field(device, field)


def _guest_features(accused: Accused) -> Iterator[Blamed]:
    for device in accused.devices:
        for field in _fields(device):
            if field.name.startswith("guest_features"):
                yield _blamed_field(device, field)


def _block(accused: Accused) -> Iterator[Blamed]:
    """A block's entry in the list, which is near the start: the length of its name, the name, its own length."""
    name = accused.values.get("block", "").encode()
    entry = bytes((len(name) & 0xFF,)) + name
    start = accused.stream.offset
    data = bytes(accused.stream.buffer[start : start + _LIST_WITHIN_BYTES])
    pos = data.find(entry)
    if name and pos >= 0:
        size = int.from_bytes(data[pos + len(entry) : pos + len(entry) + _LENGTH_BYTES], "big")
        span = Span(offset=start + pos, length=len(entry) + _LENGTH_BYTES)
        yield Blamed(span=span, section=ram.IDSTR, field=name.decode(), value=f"{size:#x} bytes")


def _subsection(accused: Accused) -> Iterator[Blamed]:
    """Where a subsection begins: its mark, the length of its name, its name, its version."""
    name = accused.values.get("subsection", "").encode()
    mark = _SUBSECTION_MARK + bytes((len(name) & 0xFF,)) + name
    for device in accused.devices:
        for section in device.sections:
            payload = section.payload
            data = bytes(accused.stream.buffers[payload.channel][payload.offset : payload.end])
            pos = data.find(mark)
            if pos >= 0:
                span = Span(channel=payload.channel, offset=payload.offset + pos, length=len(mark) + _VERSION_BYTES)
                yield Blamed(span=span, section=_title(section), field=name.decode())


def _end(accused: Accused) -> Iterator[Blamed]:
    offset = accused.stream.offset + accused.stream.size_bytes
    state = "the stream is whole" if accused.stream.complete else "the stream ends here, without an end of its own"
    yield Blamed(span=Span(offset=offset, length=0), value=state)


def _problems(accused: Accused) -> Iterator[Blamed]:
    """Where reading the stream meets what is invalid, of which the line is a consequence."""
    for problem in accused.stream.problems:
        if isinstance(problem, StreamError):
            span = Span(channel=problem.channel, offset=problem.offset, length=_WORD_BYTES)
            yield Blamed(span=span, section=problem.section, value=problem.message)


_FINDERS: Final[Mapping[str, Callable[[Accused], Iterator[Blamed]]]] = {
    **dict.fromkeys(("not-a-stream", "channel-unknown"), _header_word(0)),
    **dict.fromkeys(("stream-v2", "stream-version"), _header_word(1)),
    "configuration-missing": _after_header,
    **dict.fromkeys(
        (
            "machine-type",
            "target-page-bits",
            "capability-mismatch",
            "capability-unknown",
            "uuid-mismatch",
            "uuid-unset",
        ),
        _configuration,
    ),
    "section-unknown": _head,
    **dict.fromkeys(("section-version", "vmsd-too-new", "vmsd-too-old"), _version),
    **dict.fromkeys(("footer-missing", "footer-mismatch"), _footer),
    "device-load-failed": _payload,
    **dict.fromkeys(("section-load-failed", "section-id-unknown", "footer-error"), _section_by_id),
    **dict.fromkeys(("field-load-failed", "element-load-failed", "validation-failed"), _field),
    "pci-config": _pci_byte,
    "vring-num": _queue,
    "virtio-features": _guest_features,
    **dict.fromkeys(
        (
            "block-unknown",
            "block-size",
            "block-too-large",
            "block-not-migratable",
            "block-page-size",
            "block-address",
        ),
        _block,
    ),
    "subsection-unknown": _subsection,
    **dict.fromkeys(("footer-unread", "stream-error", "vmsd-stream-error", "section-header-unread"), _end),
}
"""How the bytes of an error are found, by its key; of others the line names nothing that could be looked for."""
