"""The player's figure as a still picture, for pages without a kernel: SVG, drawn by hand."""

from collections.abc import Iterator, Sequence
from typing import Final

from ..markup import esc
from ..rules.threads import Side
from ..timeline.timeline import Timeline
from ..views.series import PendingSeries, pending_series
from ..views.units import bytes_text
from .style import CAN_POSTCOPY, MUST_PRECOPY, PHASE_COLOURS, POSITION, THRESHOLD

_WIDTH: Final = 1000
_LEFT: Final = 90
_RIGHT: Final = 985
_ROW_HEIGHT: Final = 26
_TOP: Final = 84
_BOTTOM: Final = 250
_CHAR: Final = 6.6
"""Width of a character at the size used, near enough to decide whether a name fits."""

_CURVE_POINTS: Final = 2000


def run_svg(timeline: Timeline, index: int) -> str:
    """Phases and pending bytes over the events of a run, with a line at one event.

    Args:
        timeline: the run.
        index: of the event.
    """
    scale = (_RIGHT - _LEFT) / max(len(timeline), 1)
    series = pending_series(timeline)
    x = _LEFT + (index + 0.5) * scale
    pieces = [*_ribbon(timeline, scale), *_curves(series, scale)]
    pieces.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{_BOTTOM}" stroke="{POSITION}" stroke-width="2"/>')
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_BOTTOM + 44}" role="img" aria-label="phases and pending bytes" '
        'style="width:100%;height:auto;font:12px system-ui,sans-serif" fill="#334155">' + "".join(pieces) + "</svg>"
    )


def _ribbon(timeline: Timeline, scale: float) -> Iterator[str]:
    for row, side in enumerate(Side):
        top = 8 + row * (_ROW_HEIGHT + 6)
        yield _text(_LEFT - 8, top + 17, side.value, anchor="end")
        for run in timeline.phases():
            if run.side is side:
                start, width = _LEFT + run.first * scale, (run.last + 1 - run.first) * scale
                yield (
                    f'<rect x="{start:.1f}" y="{top}" width="{width:.1f}" height="{_ROW_HEIGHT}" '
                    f'fill="{PHASE_COLOURS[run.phase]}"><title>{esc(run.phase)}</title></rect>'
                )
                if width > _CHAR * len(run.phase) + 6:
                    yield _text(start + width / 2, top + 17, run.phase, anchor="middle", fill="#fff")


def _curves(series: PendingSeries, scale: float) -> Iterator[str]:
    curves: tuple[tuple[str, Sequence[int | None], str, str], ...] = (
        ("must_precopy", series.must_precopy, MUST_PRECOPY, ""),
        ("can_postcopy", series.can_postcopy, CAN_POSTCOPY, ""),
        ("threshold", series.threshold_bytes, THRESHOLD, ' stroke-dasharray="6 4"'),
    )
    highest = max((value for _, values, _, _ in curves for value in values if value), default=0)
    for tick in (0, highest // 2, highest) if highest else (0,):
        y = _y(tick, highest)
        yield f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5eaf0"/>'
        yield _text(_LEFT - 8, y + 4, bytes_text(tick), anchor="end")
    step = max(len(series.index) // _CURVE_POINTS, 1)
    for position, (name, values, colour, dash) in reversed(tuple(enumerate(curves))):  # the first one on top
        points: list[str] = []
        last: float | None = None
        for event, value in zip(series.index[::step], values[::step], strict=True):
            if value is None:
                continue
            x, y = _LEFT + (event + 0.5) * scale, _y(value, highest)
            points += [f"{x:.1f},{last:.1f}"] if last is not None else []
            points.append(f"{x:.1f},{y:.1f}")
            last = y
        yield f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        x = _LEFT + position * 150
        yield f'<line x1="{x}" x2="{x + 22}" y1="{_BOTTOM + 26}" y2="{_BOTTOM + 26}" stroke="{colour}" '
        yield f'stroke-width="2"{dash}/>{_text(x + 28, _BOTTOM + 30, name)}'


def _y(value: int, highest: int) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * value / max(highest, 1)


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = "#334155") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{esc(text)}</text>'
