"""What one should know of a stream that makes it no worse: QEMU loads it all the same."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..stream.records import AfterEnd, Broken, Configuration, EndOfStream, Framing, Record, Section, SectionKind
from ..vmstate.schema import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something remarkable.

    Attributes:
        offset: of the byte that it is about, on its channel.
        section: ``ram (instance 0)``, or empty if it is not about a section.
        message: one line.
    """

    offset: int
    section: str
    message: str

    def __str__(self) -> str:
        return f"{self.offset:#x}{f' in section {self.section}' if self.section else ''}: {self.message}"


class Remarkable(Protocol):
    """What remarks need of a stream."""

    @property
    def records(self) -> tuple[Record, ...]:
        """Its records, of all forward channels."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its sections, in stream order."""

    @property
    def description(self) -> Description | None:
        """The schema that it was read with."""

    @property
    def schema_from(self) -> str:
        """Where that comes from: ``stream`` if it is its own."""

    @property
    def offset(self) -> int:
        """Where it starts, in bytes."""

    @property
    def schema_unused(self) -> bool:
        """Whether a schema was given for nothing."""

    @property
    def schema_choice(self) -> str:
        """Which schema of the library was chosen by the sections, and why."""

    @property
    def ram_hooks(self) -> Sequence[int]:
        """Offsets of the words of RAM that leave pages to somebody else."""


def remarks(stream: Remarkable) -> Iterator[Remark]:
    """Look for what is remarkable.

    Args:
        stream: read to its end, or as far as it goes.

    Yields:
        The remarks, kind by kind.
    """
    if stream.schema_unused:
        what = "the schema that was given is not used: the stream has its own description"
        yield Remark(offset=stream.offset, section="", message=what)
    if stream.schema_choice:
        yield Remark(offset=stream.offset, section="", message=stream.schema_choice)
    yield from _device_state_alone(stream)
    yield from _inferred_ends(stream)
    yield from _pages_elsewhere(stream)
    yield from _refused_descriptions(stream)
    if any(isinstance(record, EndOfStream) for record in stream.records):
        yield from _open_sections(stream)
    yield from _lost(stream)
    yield from _against_the_description(stream)
    yield from _after_the_end(stream)


def _about(section: Section, message: str, offset: int | None = None) -> Remark:
    return Remark(
        offset=section.span.offset if offset is None else offset,
        section=f"{section.idstr} (instance {section.instance_id})",
        message=message,
    )


def _device_state_alone(stream: Remarkable) -> Iterator[Remark]:
    """What Xen's toolstack has QEMU write: no memory, which Xen sends itself (qmp_xen_save_devices_state)."""
    kinds = {section.kind for section in stream.sections}
    if kinds == {SectionKind.FULL} and not any(isinstance(record, Configuration) for record in stream.records):
        yield Remark(
            offset=stream.records[0].span.offset,
            section="",
            message="device state alone, as xen-save-devices-state writes it: no configuration and no RAM",
        )


def _inferred_ends(stream: Remarkable) -> Iterator[Remark]:
    """Sections that have neither a footer nor a description, as machine types up to 2.2 write them."""
    found = [section for section in stream.sections if section.framing is Framing.INFERRED and section.footer is None]
    if found:
        yield Remark(
            offset=found[0].span.offset,
            section="",
            message=f"neither footers nor a description: of {len(found)} sections, each is taken to end where the "
            "next one's header begins, and the last one before the last byte",
        )


def _pages_elsewhere(stream: Remarkable) -> Iterator[Remark]:
    for offset in stream.ram_hooks:
        for section in stream.sections:
            if section.span.offset <= offset < section.span.end and not section.span.channel:
                yield _about(
                    section,
                    "a RAM hook: its pages are not in the stream, but in a file beside it (ram.bin of Android's "
                    "emulator), or went over RDMA",
                    offset,
                )


def _refused_descriptions(stream: Remarkable) -> Iterator[Remark]:
    """Descriptions that are not what one must be; each costs its own device."""
    refused = stream.description.refused if stream.description else {}
    for key, error in refused.items():
        for section in stream.sections:
            if (section.idstr, section.instance_id) == key[:2] and section.framing is Framing.INFERRED:
                yield _about(section, f"its state is opaque: {error}")
                break


def _open_sections(stream: Remarkable) -> Iterator[Remark]:
    """Sections that were started and not ended; a destination keeps no account of them (qemu_loadvm_state_main)."""
    started: dict[int, Section] = {}
    for section in stream.sections:
        if section.kind is SectionKind.START:
            started[section.section_id] = section
        elif section.kind is not SectionKind.PART:
            started.pop(section.section_id, None)
    for section in started.values():
        yield _about(section, "started and never ended, of which QEMU takes no notice")


def _lost(stream: Remarkable) -> Iterator[Remark]:
    """What damage has cost."""
    for record in (each for each in stream.records if isinstance(each, Broken)):
        following = next((each for each in stream.sections if each.span.offset >= record.span.end), None)
        what = f"section {record.head}, {record.head.kind}" if record.head else "no known record"
        yield Remark(
            offset=record.lost.offset,
            section="",
            message=f"{record.lost.length} bytes are lost, up to {record.span.end:#x}: {what}; reading goes on with "
            + (f"section {following.head}" if following else "the end"),
        )


def _against_the_description(stream: Remarkable) -> Iterator[Remark]:
    """Devices that the stream's own description has and the stream has not, or the other way round."""
    if stream.description is None or stream.schema_from != "stream" or _is_cut(stream):
        return
    known = {*stream.description.devices, *stream.description.refused}
    names = {key[:2] for key in known}
    here = Counter((section.idstr, section.instance_id) for section in stream.sections)
    missing = [f"{key.idstr} (instance {key.instance_id})" for key in sorted(known) if here[key[:2]] <= key.nth]
    if missing:
        end = stream.records[-1].span.offset
        yield Remark(offset=end, section="", message=f"described, and not in the stream: {', '.join(missing)}")
    for section in stream.sections:
        if section.framing is Framing.INFERRED and (section.idstr, section.instance_id) not in names:
            yield _about(section, "the description does not have it; its state is opaque")


def _is_cut(stream: Remarkable) -> bool:
    """Whether the end was not reached, so that sections are missing anyway."""
    return not any(isinstance(record, EndOfStream | Broken) for record in stream.records)


def _after_the_end(stream: Remarkable) -> Iterator[Remark]:
    for record in stream.records:
        if isinstance(record, AfterEnd):
            yield Remark(
                offset=record.span.offset,
                section="",
                message=f"{record.span.length} bytes follow the end and are no part of the stream: {record.what}",
            )
