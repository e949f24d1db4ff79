"""The top-level records of a tree as spans, to be held against ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .._ksy.compiled.qemu_migration_envelope import QemuMigrationEnvelope
from ..wire import QEMU_VM_FILE_VERSION

_RecordType = QemuMigrationEnvelope.RecordType

_HEADER_BYTES = 8

_KINDS = {
    _RecordType.section_start: "start",
    _RecordType.section_part: "part",
    _RecordType.section_end: "end",
    _RecordType.section_full: "full",
    _RecordType.command: "command",
    _RecordType.eof: "eof",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSpan:
    """One top-level record as Kaitai read it.

    Attributes:
        kind: ``header``, ``configuration``, ``start``, ``part``, ``end``, ``full``, ``command``, ``eof``,
            ``description`` or ``padding``.
        offset: its first byte, in bytes on its channel.
        length: number of bytes, with a section's footer.
        section_id: number of a section; ``None`` for all others.
        idstr: name of a section's device; ``None`` for all others.
    """

    kind: str
    offset: int
    length: int
    section_id: int | None = None
    idstr: str | None = None


def spans(tree: QemuMigrationEnvelope) -> list[RecordSpan]:
    """The top-level records of a main channel's tree, in stream order; of a whole stream they are all bytes."""
    return list(_spans(tree))


def _spans(tree: Any) -> Iterator[RecordSpan]:
    start = getattr(tree._io, "start", 0)
    if getattr(tree, "version", None) != QEMU_VM_FILE_VERSION:
        return
    end = start + _HEADER_BYTES
    yield RecordSpan(kind="header", offset=start, length=_HEADER_BYTES)
    if hasattr(tree, "configuration"):
        length = tree.configuration.ofs_end - end
        yield RecordSpan(kind="configuration", offset=end, length=length)
        end += length
    for record in getattr(tree, "records", ()):
        section_id, idstr = named(record)
        yield RecordSpan(
            kind=_KINDS[record.record_type],
            offset=record.ofs_start,
            length=record.ofs_end - record.ofs_start,
            section_id=section_id,
            idstr=idstr,
        )
        end = record.ofs_end
    if hasattr(tree, "description"):
        length = tree.description.ofs_end - end
        yield RecordSpan(kind="description", offset=end, length=length)
        end += length
    if hasattr(tree, "padding") and tree.padding.len_content:
        yield RecordSpan(kind="padding", offset=end, length=tree.padding.len_content)


def named(record: Any) -> tuple[int | None, str | None]:
    """Number and device of a section; of a record that is none, ``None`` twice."""
    match record.record_type:
        case _RecordType.section_start | _RecordType.section_full:
            return record.body.name.section_id, record.body.name.idstr
        case _RecordType.section_part | _RecordType.section_end:
            return record.body.section_id, record.body.opening.name.idstr
        case _:
            return None, None
