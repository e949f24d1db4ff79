"""The Kaitai reading of a stream: the same bytes, read by modules compiled from ``formats/*.ksy``.

It is a second opinion. Nothing of the framer or of the device schema takes part in it, so where the two
readings agree on every record, neither has made the bytes fit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from kaitaistruct import EndOfStreamError, KaitaiStream, KaitaiStructError, ValidationExprError

from .._ksy.device_lengths import lengths_of
from .._ksy.qemu_migration_envelope import QemuMigrationEnvelope
from ..errors import BadMagic, BadPayload, SavevmError, Truncated, Unsupported

_RecordType = QemuMigrationEnvelope.RecordType

_HEADER_BYTES = 8
_WORD_BYTES = 4

_PAGE_SIZE_CHECK = "/seq/0"
"""Place of ``page_size_known`` in qemu_migration_ram.ksy; no other format opens with an expression."""

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
        kind: ``header``, ``configuration``, ``start``, ``part``, ``end``, ``full``, ``command``, ``package``,
            ``eof``, ``description`` or ``padding``. A package is all that a command wraps, undivided.
        offset: its first byte, in bytes from the start of the source.
        length: number of bytes, with a section's footer.
        section_id: number of a section; ``None`` for all others.
        idstr: name of a section's device; ``None`` for all others.
    """

    kind: str
    offset: int
    length: int
    section_id: int | None = None
    idstr: str | None = None


def parse(source: Path | bytes | bytearray | memoryview, *, page_size: int = 0) -> QemuMigrationEnvelope:
    """Read a raw stream whole.

    Every record becomes Python objects, some 300 bytes of them for each RAM record; pages are kept as bytes.

    Args:
        source: a file, or its bytes; the stream opens it.
        page_size: the target page size in bytes, for a stream that does not tell it: not in its
            configuration, in a command or in a description. 0 if it is unknown.

    Returns:
        The tree of the compiled classes (``formats/qemu_migration_envelope.ksy``). It is a context manager
        that closes the file: what Kaitai reads late, such as the bitmaps of mapped-ram, needs it open.

    Raises:
        BadMagic: it does not open as a stream does.
        Truncated: it ends early.
        BadPayload: something is not what the format allows.
        Unsupported: the page size is unknown and there is RAM, or the length of a device is unknown, since
            there is no description or it does not name the device.
        SchemaError: the description is not what it must be.
        SavevmError: the file can't be opened.
    """
    try:
        file: BinaryIO = source.open("rb") if isinstance(source, Path) else BytesIO(source)
    except OSError as error:
        raise SavevmError(f"{error.filename}: {error.strerror}") from error
    try:
        return _parse(KaitaiStream(file), page_size)
    except BaseException:
        file.close()
        raise


def spans(tree: QemuMigrationEnvelope) -> list[RecordSpan]:
    """The top-level records of a tree, in stream order; together they are all of its bytes."""
    return list(_spans(tree))


def _parse(stream: KaitaiStream, page_size: int) -> QemuMigrationEnvelope:
    try:
        lengths = lengths_of(stream)
        tree = QemuMigrationEnvelope(  # type: ignore[no-untyped-call] # compiled, without types
            lengths.page_size if lengths else page_size, stream
        )
    except EndOfStreamError as error:
        raise Truncated(f"the stream ends early ({error})", offset=stream.pos()) from error
    except (KaitaiStructError, UnicodeDecodeError) as error:
        raise _refusal(error, stream.pos()) from error
    except RecursionError:
        raise BadPayload("more open sections than any stream has", offset=stream.pos()) from None
    if tree.padding.strip(b"\0"):
        offset = stream.size() - len(tree.padding.lstrip(b"\0"))
        raise BadPayload("bytes behind the end of the stream that are not zero", offset=offset)
    return tree


def _refusal(error: Exception, offset: int) -> BadMagic | BadPayload | Unsupported:
    """What a failed check of the compiled modules means, in this package's words."""
    if isinstance(error, ValidationExprError) and error.src_path == _PAGE_SIZE_CHECK:
        return Unsupported("RAM, but the stream does not tell the page size", offset=offset)
    words = " ".join(str(error).split())
    if offset <= _HEADER_BYTES:
        return BadMagic(f"not a migration stream of version 3 ({words})", offset=offset - _WORD_BYTES)
    return BadPayload(f"against the format ({words})", offset=offset)


def _spans(tree: QemuMigrationEnvelope) -> Iterator[RecordSpan]:
    yield RecordSpan(kind="header", offset=0, length=_HEADER_BYTES)
    if hasattr(tree, "configuration"):
        yield RecordSpan(
            kind="configuration", offset=_HEADER_BYTES, length=tree.configuration.ofs_end - _HEADER_BYTES
        )
    for record in tree.records:
        section_id, idstr = _named(record)
        package_bytes = len(getattr(record.body, "package", b"")) if hasattr(record, "body") else 0
        package = record.ofs_end - package_bytes
        yield RecordSpan(
            kind=_KINDS[record.record_type],
            offset=record.ofs_start,
            length=package - record.ofs_start,
            section_id=section_id,
            idstr=idstr,
        )
        if package_bytes:
            yield RecordSpan(kind="package", offset=package, length=package_bytes)
    end = tree.records[-1].ofs_end
    if hasattr(tree, "description"):
        length = tree.description.ofs_end - end
        yield RecordSpan(kind="description", offset=end, length=length)
        end += length
    if tree.padding:
        yield RecordSpan(kind="padding", offset=end, length=len(tree.padding))


def _named(record: QemuMigrationEnvelope.Record) -> tuple[int | None, str | None]:
    """Number and device of a section."""
    match record.record_type:
        case _RecordType.section_start | _RecordType.section_full:
            return record.body.name.section_id, record.body.name.idstr
        case _RecordType.section_part | _RecordType.section_end:
            return record.body.section_id, record.body.opening.name.idstr
        case _:
            return None, None
