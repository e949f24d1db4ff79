"""A stream as four tables: its sections, their fields, its pages, and what happened.

Rows are made when a table is asked for them: pages and their contents some at a time, never as objects.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields as dataclass_fields
from typing import Any, Final, NamedTuple, get_args, get_type_hints

import numpy as np

from ..memory.content import ContentClass, classify_sendings
from ..payload.page_log import PageKind
from ..reader.stream import Stream
from ..stream.events import Event
from ..stream.records import Framing, Section, SectionKind
from ..stream.values import FieldValue, Undecoded
from ..trace.from_stream import stream_events
from ..trace.recorded import Recorded
from .columns import Batch, Column, ColumnType
from .summary import is_decoded
from .table import Table

_PAGES_A_BATCH: Final = 1 << 16
_ROWS_A_BATCH: Final = 1 << 13
_BYTES_A_BATCH: Final = 16 << 20


class Tables(NamedTuple):
    """The tables of a stream.

    Attributes:
        sections: a row a section, in stream order.
        fields: a row a field of every decoded section.
        pages: a row a sending of a page.
        events: a row an event of its capture folder; of a stream alone, a row a record, as it was written.
    """

    sections: Table
    fields: Table
    pages: Table
    events: Table


def tables(stream: Stream) -> Tables:
    """A stream as tables.

    Args:
        stream: an open stream; it must stay open as long as rows are asked for.
    """
    return Tables(_sections(stream), _fields(stream), _pages(stream), _events(stream))


# Sections -----------------------------------------------------------------------------------------------------

_U8, _U32, _U64, _I64 = ColumnType.UINT8, ColumnType.UINT32, ColumnType.UINT64, ColumnType.INT64
_BOOL, _TEXT, _CATEGORY = ColumnType.BOOL, ColumnType.TEXT, ColumnType.CATEGORY

_SECTION_KINDS: Final = tuple(SectionKind)
_FRAMINGS: Final = tuple(Framing)

SECTION_COLUMNS: Final = (
    Column("section", _U32, "number of the section in the stream, from 0"),
    Column("section_id", _U32, "the number that PART, END and footers refer to"),
    Column("idstr", _TEXT, "the device's name"),
    Column("instance_id", _U32, "which of the devices of that name"),
    Column("version_id", _U32, "version of the device's format"),
    Column("kind", _CATEGORY, "start, part, end or full", categories=_SECTION_KINDS),
    Column("channel", _U8, "channel it lies on; 0 is the main one"),
    Column("offset", _U64, "its type byte, in bytes on its channel"),
    Column("length_bytes", _U64, "from the type byte through the footer"),
    Column("payload_offset", _U64, "first byte between header and footer, in bytes on its channel"),
    Column("payload_bytes", _U64, "length between header and footer"),
    Column("framing", _CATEGORY, "how its end became known", categories=_FRAMINGS),
    Column("decoded", _BOOL, "whether no byte of it is left unexplained"),
)


def _sections(stream: Stream) -> Table:
    def batches() -> Iterator[Batch]:
        for start in range(0, len(stream.sections), _ROWS_A_BATCH):
            some = stream.sections[start : start + _ROWS_A_BATCH]
            yield _columns(SECTION_COLUMNS, [_section_row(stream, start + n, each) for n, each in enumerate(some)])

    return Table("sections", SECTION_COLUMNS, batches, len(stream.sections))


def _section_row(stream: Stream, number: int, section: Section) -> tuple[Any, ...]:
    return (
        number,
        section.section_id,
        section.idstr,
        section.instance_id,
        section.version_id,
        _SECTION_KINDS.index(section.kind),
        section.span.channel,
        section.span.offset,
        section.span.length,
        section.payload.offset,
        section.payload.length,
        _FRAMINGS.index(section.framing),
        is_decoded(stream, section),
    )


def _columns(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> Batch:
    """Rows as columns."""
    return {column.name: list(values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)}


# Fields -------------------------------------------------------------------------------------------------------

_VALUES: Final = ("int", "bool", "text", "bytes", "ints", "bools", "undecoded")

FIELD_COLUMNS: Final = (
    Column("section", _U32, "number of the section in the stream, as in the table of sections"),
    Column("idstr", _TEXT, "the device's name"),
    Column("instance_id", _U32, "which of the devices of that name"),
    Column("path", _TEXT, "the field's names from the device down, joined with /"),
    Column("type", _TEXT, "QEMU's name of the type, with [count] after it for a run of numbers"),
    Column("channel", _U8, "channel it lies on"),
    Column("offset", _U64, "its first byte, in bytes on its channel"),
    Column("length_bytes", _U64, "number of its bytes"),
    Column("value_kind", _CATEGORY, "what it holds, and so which of the next columns has it", categories=_VALUES),
    Column("value_int", _I64, "a number, or a flag as 0 or 1; missing from 2**63 on", optional=True),
    Column("value_uint", _U64, "the same; missing below 0", optional=True),
    Column(
        "value_ints", ColumnType.INTS, "a run of numbers or flags; missing if one is 2**63 or more", optional=True
    ),
    Column("value_uints", ColumnType.UINTS, "the same; missing if one is below 0", optional=True),
    Column("value_text", _TEXT, "text; the reason of undecoded; numbers that fit into neither", optional=True),
    Column("value_bytes", ColumnType.BYTES, "bytes that are bytes by nature, or undecoded", optional=True),
    Column("meaning", _TEXT, "what a number says, where its bits have names", optional=True),
)

_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)


def _fields(stream: Stream) -> Table:
    def rows() -> Iterator[tuple[Any, ...]]:
        for number, section in enumerate(stream.sections):
            for field in stream.decode(section):
                yield _field_row(number, section, field)

    def batches() -> Iterator[Batch]:
        batch: list[tuple[Any, ...]] = []
        held = 0
        for row in rows():
            batch.append(row)
            held += row[7]
            if len(batch) == _ROWS_A_BATCH or held >= _BYTES_A_BATCH:
                yield _columns(FIELD_COLUMNS, batch)
                batch, held = [], 0
        if batch:
            yield _columns(FIELD_COLUMNS, batch)

    return Table("fields", FIELD_COLUMNS, batches)


def _field_row(number: int, section: Section, field: FieldValue) -> tuple[Any, ...]:
    return (
        number,
        section.idstr,
        section.instance_id,
        field.path,
        field.type,
        field.span.channel,
        field.span.offset,
        field.span.length,
        *_value(field.value),
        field.meaning or None,
    )


def _value(value: Any) -> tuple[Any, ...]:
    """The columns from ``value_kind`` to ``value_bytes``."""
    kind, text, data = "int", None, None
    numbers: tuple[int, ...] | None = None
    match value:
        case bool() | int():
            kind = "bool" if isinstance(value, bool) else "int"
            number = int(value)
            text = None if number in _INT64 or number in _UINT64 else str(number)
            return (
                _VALUES.index(kind),
                number if number in _INT64 else None,
                number if number in _UINT64 else None,
                *(None, None, text, None),
            )
        case str():
            kind, text = "text", value
        case bytes():
            kind, data = "bytes", value
        case Undecoded():
            kind, text, data = "undecoded", value.why, value.data
        case _:
            kind = "bools" if value and isinstance(value[0], bool) else "ints"
            numbers = tuple(map(int, value))
    if numbers is not None and not any(all(each in fits for each in numbers) for fits in (_INT64, _UINT64)):
        text = " ".join(map(str, numbers))
    signed = numbers if numbers is not None and all(each in _INT64 for each in numbers) else None
    unsigned = numbers if numbers is not None and all(each in _UINT64 for each in numbers) else None
    return _VALUES.index(kind), None, None, signed, unsigned, text, data


# Pages --------------------------------------------------------------------------------------------------------

_KINDS: Final = tuple(kind.name.lower() for kind in PageKind)
_CONTENTS: Final = tuple(each.name.lower() for each in ContentClass)


def page_columns(blocks: Sequence[str]) -> tuple[Column, ...]:
    """The columns of pages.

    Args:
        blocks: the names of the RAM blocks.
    """
    return (
        Column("order", _U64, "number of the sending, from 0"),
        Column("block", _CATEGORY, "the RAM block", categories=tuple(blocks)),
        Column("addr", _U64, "address of the page in its block, in bytes"),
        Column("kind", _CATEGORY, "how it lies in the stream", categories=_KINDS),
        Column("iteration", _U32, "number of the pass over RAM, from 1; docs/tables.md says how sure"),
        Column("postcopy", _BOOL, "whether the guest ran on at the destination"),
        Column("section", _U32, "running number of the RAM section, from 0; with multifd it says nothing"),
        Column("epoch", _U32, "how many times all channels were brought into line before"),
        Column("channel", _U8, "channel of its content; 128 and more: what was unpacked of that channel less 128"),
        Column("offset", _U64, "its content, in bytes on its channel"),
        Column("length_bytes", _U32, "length of its content"),
        Column("cost_bytes", _U32, "what the sending cost: word, name and content"),
        Column("sent_before", _BOOL, "whether the page had been sent before"),
        Column("overwritten", _BOOL, "whether a later sending made this one useless"),
        Column("content", _CATEGORY, "what the sending's bytes look like", categories=_CONTENTS),
        Column("entropy_bits", ColumnType.FLOAT32, "entropy in bits a byte, 0 to 8; NaN where there is no page"),
    )


def _pages(stream: Stream) -> Table:
    def batches() -> Iterator[Batch]:
        pages, history = stream.pages, stream.history
        for start in range(0, len(pages), _PAGES_A_BATCH):
            numbers = np.arange(start, min(start + _PAGES_A_BATCH, len(pages)))
            rows = pages.rows[numbers]
            content = classify_sendings(pages, stream.buffers, numbers)
            yield {
                "order": numbers,
                "length_bytes": rows["length"],
                "iteration": history.iteration[numbers],
                "postcopy": history.postcopy[numbers],
                "cost_bytes": history.cost_bytes[numbers],
                "sent_before": history.resent[numbers],
                "overwritten": history.overwritten[numbers],
                "content": content.classes,
                "entropy_bits": content.entropy,
                **{name: rows[name] for name in ("block", "addr", "kind", "section", "epoch", "channel", "offset")},
            }

    names = [block.name for block in stream.blocks]
    return Table("pages", page_columns(names), batches, len(stream.pages))


# Events -------------------------------------------------------------------------------------------------------


def _event_column(name: str, hint: Any) -> Column:
    optional = type(None) in get_args(hint)
    types = [each for each in get_args(hint) or (hint,) if each is not type(None)]
    if types[0] is bool:
        return Column(name, _BOOL, optional=optional)
    if int in types:
        return Column(name, _I64, optional=optional)
    return Column(name, ColumnType.TEXTS if get_args(types[0]) else _TEXT, optional=optional)


EVENT_COLUMNS: Final = tuple(
    _event_column(field.name, get_type_hints(Event)[field.name]) for field in dataclass_fields(Event)
)
"""The keys of ``events.jsonl``, which :class:`~savevm_inspect.stream.events.Event` explains."""


def _events(stream: Stream) -> Table:
    def batches() -> Iterator[Batch]:
        capture = stream.source.capture
        batch: list[tuple[Any, ...]] = []
        for event in Recorded.open(capture).events(stream) if capture is not None else stream_events(stream):
            batch.append(tuple(_plain(getattr(event, column.name), column.type) for column in EVENT_COLUMNS))
            if len(batch) == _ROWS_A_BATCH:
                yield _columns(EVENT_COLUMNS, batch)
                batch = []
        if batch:
            yield _columns(EVENT_COLUMNS, batch)

    return Table("events", EVENT_COLUMNS, batches)


def _plain(value: Any, kind: ColumnType) -> Any:
    """A key of an event as the plain type of its column: a handler may return a flag or a number."""
    if value is None or kind not in _PLAIN:
        return value
    return _PLAIN[kind](value)


_PLAIN: Final = {ColumnType.TEXT: str, ColumnType.INT64: int}
