"""Plain HTML for a notebook's cell: tables, bytes with their names, formats as drawings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from IPython.display import HTML

from ..errors import NotFound
from ..reader.stream import Stream
from ..span import Span
from ..views.bytes import ByteNames
from ..views.hexdump import hex_rows
from ..views.units import bytes_text
from .format_svg import format_svg
from .html import hex_pane, page, table

_BYTES_SHOWN = 512


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> HTML:
    """A table.

    Args:
        columns: their headings.
        rows: one value a column; whatever they hold is shown as text, never as HTML.
    """
    return HTML(page(table(columns, rows)))  # type: ignore[no-untyped-call]


def show_bytes(stream: Stream, span: Span, *, most: int = _BYTES_SHOWN) -> HTML:
    """Bytes of a stream in hexadecimal, each with its name.

    Args:
        stream: an open stream.
        span: which bytes, on any forward channel.
        most: no more than this many are shown.

    Raises:
        NotFound: the stream has no such channel.
    """
    if span.channel not in stream.buffers:
        raise NotFound(f"no channel {span.channel} in the stream")
    shown = Span(channel=span.channel, offset=span.offset, length=min(span.length, most))
    runs = ByteNames(stream).within(shown)
    rows = hex_rows(bytes(stream.buffers[shown.channel][shown.offset : shown.end]), shown.offset, runs)
    note = f"{bytes_text(shown.length)} of {bytes_text(span.length)}" if shown != span else ""
    return HTML(page(hex_pane(rows, runs, note=note)))  # type: ignore[no-untyped-call]


def show_format(ksy: Mapping[str, Any]) -> HTML:
    """A Kaitai format as a drawing: a box for each type, with its fields, and arrows to the types of these.

    Args:
        ksy: the format, as a YAML parser gives it.
    """
    return HTML(format_svg(ksy))  # type: ignore[no-untyped-call]
