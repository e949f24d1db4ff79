"""The explorer as a still picture: HTML without a script, for pages that have no kernel."""

from typing import Final

from ..markup import esc
from ..span import Span
from ..views.hexdump import ROW_BYTES, hex_rows
from ..views.outline import Outline
from ..views.summary import problems
from ..views.units import bytes_text
from .html import hex_pane, page, panel, table

_DEVICES: Final = 400
_ROWS: Final = 40
_BYTES: Final = 512
_BEFORE: Final = 64


def explorer_still(outline: Outline, selected: Span, *, kaitai: bool = False) -> str:
    """The devices of a stream, and a record with its bytes.

    Args:
        outline: of the stream.
        selected: the bytes that stand out.
        kaitai: show the record as Kaitai reads it.
    """
    stream = outline.stream
    machine = stream.configuration.machine if stream.configuration else "not said"
    wrong = problems(stream)
    state = f"{len(wrong)} problems, the first: {wrong[0]}" if wrong else "no problems"
    heading = (
        f"<h3>{esc(stream.name.rsplit('/', 1)[-1])}</h3><div class='muted'>machine {esc(machine)}; "
        f"{esc(bytes_text(stream.size_bytes))}; {len(stream.sections)} sections of {len(stream.devices)} devices; "
        f"{esc(state)}</div>"
    )
    devices = table(
        ("device", "sections", "bytes"),
        (
            (each.idstr, len(each.sections), sum(part.span.length for part in each.sections))
            for each in stream.devices[:_DEVICES]
        ),
    )
    columns = f"<div>{panel('devices', devices)}</div>{_record(outline, selected, kaitai)}"
    note = '<div class="note">A still picture of the explorer; run the notebook to look around.</div>'
    return page(heading, f'<div class="columns">{columns}</div>', note)


def _record(outline: Outline, selected: Span, kaitai: bool) -> str:
    """The rows of the record that the selected bytes are in, and its bytes around them."""
    number = outline.record_at(selected.channel, selected.offset)
    if number is None:
        return ""
    record, parts = outline.record_row(number), outline.parts(number, kaitai=kaitai)
    at = outline.part_at(number, selected.offset, kaitai=kaitai) or 0
    first = max(min(at - _ROWS // 2, len(parts) - _ROWS), 0)
    rows = ((f"{'  ' * row.depth}{row.name}", row.text) for row in parts[first : first + _ROWS])
    more = f'<div class="note">{len(parts)} rows in all</div>' if len(parts) > _ROWS else ""
    start = record.span.offset
    if selected.end > start + _BYTES:
        start += max(selected.offset - _BEFORE - start, 0) // ROW_BYTES * ROW_BYTES
    shown = Span(channel=record.span.channel, offset=start, length=min(_BYTES, record.span.end - start))
    runs = outline.names.within(shown)
    data = bytes(outline.stream.buffers[shown.channel][shown.offset : shown.end])
    drawn = hex_pane(hex_rows(data, shown.offset, runs, mark=selected), runs)
    title = f"{record.name}: {record.text}{', as Kaitai reads it' if kaitai else ''}"
    return (
        f"<div>{panel(title, table(('name', 'value'), rows), more)}</div>"
        f'<div class="wide">{panel("bytes", drawn)}</div>'
    )
