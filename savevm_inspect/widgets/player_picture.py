"""One event of a run as a picture (PNG), for where the module does not draw it: GitHub, VS Code, nbconvert."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from ..errors import printable
from ..rules.threads import Side
from ..timeline.timeline import Timeline
from ..views.moment import Moment, Playback
from ..views.space_time import ArrowKind, arrows, call_bars, downtime, thread_rows
from .style import PHASE_COLOURS

_WIDTH: Final = 1000
_LEFT: Final = 150
_RIGHT: Final = _WIDTH - 12
_ROW: Final = 19
_LINE: Final = 17
_MOST_ROWS: Final = 20
_MOST_FACTS: Final = 14
_MOST_CHARS: Final = 160
_COLOURS: Final = 64
"""So many are enough for what is drawn, and keep the picture small."""

_INK: Final = "#1f2937"
_MUTED: Final = "#4b5563"
_SOFT: Final = "#f1f4f8"
_CALL: Final = "#3f73ad"
_STOPPED: Final = "#fbe3d3"
_CHANGED: Final = "#fff0c2"
_ARROWS: Final = {ArrowKind.RECORD: "#94a3b8", ArrowKind.REQUEST: "#a61d60", ArrowKind.RETURN_PATH: "#6b7280"}

_FONT: Final = ImageFont.load_default(13)
_BIG: Final = ImageFont.load_default(17)


def player_picture(playback: Playback, index: int) -> bytes:
    """A run as a space-time diagram, and one of its events.

    Args:
        playback: the run.
        index: of the event.

    Returns:
        A PNG file of at most 100 kB, whatever the run's length.
    """
    moment, timeline = playback.moment(index), playback.timeline
    rows = min(len(thread_rows(timeline)), _MOST_ROWS)
    notes = [each for each in (playback.outcome, playback.problem, playback.unseen) if each]
    lines = max(len(moment.states) + 1, min(len(moment.card.rows), _MOST_FACTS) + 4)
    height = 90 + _LINE * (len(notes) + lines) + (rows + 4) * _ROW
    sheet = _Sheet(height)
    sheet.write(12, playback.capture.name, font=_BIG)
    sheet.line(7)
    sheet.write(12, f"recorded by {playback.capture.made_by}; event {index} of {len(timeline) - 1}", _MUTED)
    sheet.line()
    for each in notes:
        sheet.write(12, each, "#b42318")
        sheet.line()
    sheet.line(-8)
    _diagram(sheet, timeline, index)
    _event(sheet, moment)
    return sheet.png()


@dataclass(slots=True)
class _Sheet:
    """A sheet that is written from top to bottom.

    Attributes:
        height: in pixels.
        y: how far down it is written.
    """

    height: int
    y: float = 8
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (_WIDTH, self.height), "#ffffff")
        self.draw = ImageDraw.Draw(self.image)

    def line(self, more: int = 0) -> None:
        self.y += _LINE + more

    def write(
        self,
        x: float,
        text: str,
        fill: str = _INK,
        *,
        to: float = _RIGHT,
        font: ImageFont.FreeTypeFont | ImageFont.ImageFont = _FONT,
    ) -> None:
        """Write a text on the present line, as much of it as there is room for."""
        shown = printable(text[:_MOST_CHARS])
        while shown and self.draw.textlength(shown, font) > to - x:
            shown = shown[: int(len(shown) * 0.9)]
        self.draw.text((x, self.y), shown, fill, font)

    def png(self) -> bytes:
        file = BytesIO()
        self.image.quantize(_COLOURS).save(file, "PNG", optimize=True)
        return file.getvalue()


def _diagram(sheet: _Sheet, timeline: Timeline, index: int) -> None:
    """The phases of the source, a row for each thread, the phases of the destination; events from left to right."""
    threads = thread_rows(timeline)
    scale = (_RIGHT - _LEFT) / max(len(timeline), 1)
    x = [_LEFT + (event + 0.5) * scale for event in range(len(timeline))]
    top: dict[int, float] = {}
    sheet.line()
    start = sheet.y
    bottom = start + (min(len(threads), _MOST_ROWS) + 2) * _ROW
    stop = downtime(timeline)
    if stop is not None and stop.resumed is not None:
        sheet.draw.rectangle((x[stop.stopped], start, x[stop.resumed], bottom), _STOPPED)
    _phases(sheet, timeline, Side.SOURCE, x)
    for number, thread in enumerate(threads[:_MOST_ROWS]):
        top[number] = sheet.y
        sheet.write(12, f"{thread.side.value} {thread.thread or 'not said'}", _MUTED, to=_LEFT - 6)
        sheet.draw.line((_LEFT, sheet.y + 9, _RIGHT, sheet.y + 9), _SOFT)
        sheet.y += _ROW
    for bar in call_bars(timeline, threads):
        if bar.row in top:
            y = top[bar.row] + 3
            sheet.draw.rectangle((x[bar.first], y, max(x[bar.last], x[bar.first] + 1), y + 11), _CALL)
    rows = {(row.side, row.thread): number for number, row in enumerate(threads)}
    for arrow in arrows(timeline):
        sent, received = timeline.events[arrow.sent], timeline.events[arrow.received]
        ends = rows[sent.side, sent.thread], rows[received.side, received.thread]
        if all(each in top for each in ends):
            places = (x[arrow.sent], top[ends[0]] + 14, x[arrow.received], top[ends[1]] + 3)
            sheet.draw.line(places, _ARROWS[arrow.kind])
    _phases(sheet, timeline, Side.DESTINATION, x)
    sheet.draw.line((x[index], start - 4, x[index], bottom + 2), _INK, 2)
    if stop is not None and stop.length_us is not None:
        sheet.write(_LEFT, f"downtime {stop.length_us / 1000:.3f} ms", "#9a3412")
    sheet.line(8)


def _phases(sheet: _Sheet, timeline: Timeline, side: Side, x: Sequence[float]) -> None:
    sheet.write(12, side.value, to=_LEFT - 6)
    for run in timeline.phases():
        if run.side is side:
            sheet.draw.rectangle((x[run.first], sheet.y, x[run.last] + 1, sheet.y + 15), PHASE_COLOURS[run.phase])
            if sheet.draw.textlength(run.phase.value, _FONT) < x[run.last] - x[run.first] - 4:
                sheet.write(x[run.first] + 3, run.phase.value, "#000000")
    sheet.y += _ROW


def _event(sheet: _Sheet, moment: Moment) -> None:
    """The card at the left, both sides after the event at the right."""
    card, top = moment.card, sheet.y
    middle = 440
    sheet.write(12, f"{card.verb}: {card.heading}", "#b42318" if card.failed else _INK, to=middle - 12, font=_BIG)
    sheet.line(6)
    facts = [("device", card.subject)] if card.subject else []
    facts += [("phase", card.phase.value)] if card.phase is not None else []
    for label, text in (*facts, *card.rows[:_MOST_FACTS]):
        sheet.write(12, label, _MUTED, to=_LEFT - 6)
        sheet.write(_LEFT, text, to=middle - 12)
        sheet.line()
    sheet.y = top + 2
    columns = (middle, middle + 150, middle + 360)
    _cells(sheet, columns, (("after this event", False), ("source", False), ("destination", False)), _MUTED)
    for row in moment.states:
        cells = (row.label, False), (row.source, row.source_changed), (row.destination, row.destination_changed)
        _cells(sheet, columns, cells, _INK)


def _cells(sheet: _Sheet, columns: Sequence[int], cells: Iterable[tuple[str, bool]], ink: str) -> None:
    for x, end, (text, changed) in zip(columns, (*columns[1:], _RIGHT), cells, strict=True):
        if changed:
            sheet.draw.rectangle((x - 3, sheet.y, end - 6, sheet.y + _LINE - 1), _CHANGED)
        sheet.write(x, text, ink, to=end - 8)
    sheet.line()
