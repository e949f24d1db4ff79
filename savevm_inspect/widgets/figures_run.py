"""Figures: plain plotly, no widgets. The player alone makes a widget of one."""

from collections.abc import Iterator
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..errors import printable
from ..payload.page_log import PageKind
from ..reader.stream import Stream
from ..rules.threads import Side
from ..timeline.timeline import Timeline
from ..views.series import device_sizes, kept_steps, page_series, peaks, pending_series, times_sent
from .style import (
    CAN_POSTCOPY,
    MUST_PRECOPY,
    NORMAL_PAGES,
    OPAQUE,
    OTHERS,
    PHASE_COLOURS,
    POSITION,
    THRESHOLD,
    ZERO_PAGES,
)

LAYOUT: Final[dict[str, Any]] = {
    "template": "plotly_white",
    "font": {"size": 12, "color": "#1f2937"},
    "margin": {"l": 90, "r": 20, "t": 48, "b": 44},
    "title": {"font": {"size": 15}, "x": 0, "xref": "container", "pad": {"l": 12}},
    "hoverlabel": {"align": "left"},
    "legend": {"orientation": "h", "x": 0, "y": -0.22, "title": {"text": ""}},
}
"""What all figures have in common."""

_POINTS: Final = 10_000
"""Points of all series of a map; more than a screen can show, and less than 400 kB."""

_BINS: Final = 2_000
_STEPS: Final = 1_000
_RUNS: Final = 300
"""Of bars, curves and phases: what a screen's width can tell apart."""


_RIBBON: Final[dict[str, Any]] = {
    "barmode": "overlay",
    "bargap": 0.25,
    "uniformtext": {"minsize": 10, "mode": "hide"},  # a name that does not fit into its phase is left out
}


def sections_figure(stream: Stream, *, most: int = 25) -> go.Figure:
    """The devices of a stream by the bytes that they take.

    Args:
        stream: the stream.
        most: how many to show; the others are one bar.
    """
    sizes = device_sizes(stream)
    shown, rest = sizes[:most], sizes[most:]
    names = [printable(f"{each.idstr} ({each.instance_id})") for each in shown]
    values = [each.size_bytes for each in shown]
    colours = [NORMAL_PAGES if each.decoded else OPAQUE for each in shown]
    if rest:
        names.append(f"{len(rest)} others")
        values.append(sum(each.size_bytes for each in rest))
        colours.append(OTHERS)
    figure = go.Figure(
        go.Bar(
            x=values,
            y=_plain(names),
            orientation="h",
            marker={"color": colours},
            hovertemplate="%{y}<br>%{x} bytes<extra></extra>",
        )
    )
    figure.update_layout(
        **{**LAYOUT, "margin": {"l": 10, "r": 20, "t": 48, "b": 44}},
        height=110 + 20 * len(names),
        title_text="Bytes of each device, headers and footers included",
    )
    figure.update_xaxes(title_text="bytes (logarithmic)", type="log", dtick=1)
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def pages_figure(stream: Stream) -> go.Figure:
    """Where in memory the pages lie, in the order in which they were sent."""
    figure = go.Figure()
    found = page_series(stream)
    step = max(-(-sum(len(series.number) for series in found) // _POINTS), 1)
    for series in found:
        zero = series.kind is PageKind.ZERO
        figure.add_trace(
            go.Scattergl(
                x=series.number[::step],
                y=series.addr[::step] / (1 << 20),
                mode="markers",
                marker={"size": 3, "color": ZERO_PAGES if zero else NORMAL_PAGES},
                name=plain_text(f"{series.block}, {'zero' if zero else 'with content'} ({series.total} pages)"),
                hovertemplate="page %{x} of the stream<br>at %{y:.3f} MiB<extra></extra>",
            )
        )
    figure.update_layout(**LAYOUT, height=420, title_text="Pages in the order in which they were sent")
    figure.update_layout(legend_itemsizing="constant")
    figure.update_xaxes(title_text="number of the page in the stream")
    figure.update_yaxes(title_text="address in its block (MiB)")
    return figure


def resent_figure(stream: Stream, block: str) -> go.Figure:
    """How often each page of a block was sent; in a large block, the most often sent of neighbouring pages.

    Args:
        stream: the stream.
        block: name of the RAM block.

    Raises:
        NotFound: there is no such block.
    """
    counts, pages = peaks(times_sent(stream, block), _BINS)
    addr_mib = [number * pages * stream.page_size / (1 << 20) for number in range(len(counts))]
    of = "each page" if pages == 1 else f"the most often sent of {pages} pages"
    figure = go.Figure(
        go.Scattergl(x=addr_mib, y=counts, mode="lines", line={"shape": "hv", "width": 1, "color": NORMAL_PAGES})
    )
    figure.update_layout(**LAYOUT, height=300, title_text=plain_text(f"How often {of} of {block} was sent"))
    figure.update_xaxes(title_text="address in the block (MiB)")
    figure.update_yaxes(title_text="times", rangemode="tozero")
    return figure


def pending_figure(timeline: Timeline) -> go.Figure:
    """What was left to send, against what fits into the downtime limit, over time."""
    figure = go.Figure(_pending_traces(timeline, by_time=True))
    figure.update_layout(**LAYOUT, height=340, title_text="Pending bytes against the threshold")
    figure.update_xaxes(title_text="time since the migration's start (ms)")
    figure.update_yaxes(title_text="bytes", rangemode="tozero")
    return figure


def phases_figure(timeline: Timeline) -> go.Figure:
    """The phases of both sides over time."""
    figure = go.Figure(list(_ribbon_bars(timeline, by_time=True)))
    figure.update_layout(**LAYOUT, **_RIBBON, height=220, title_text="Phases of both sides over time")
    figure.update_xaxes(title_text="time since the migration's start (ms)")
    _sides_axis(figure)
    return figure


def run_figure(timeline: Timeline, index: int) -> go.Figure:
    """Phases and pending bytes over the events of a run, with a line at one event; what the player shows.

    Args:
        timeline: the run.
        index: of the event; the line is the figure's only shape.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.28, 0.72], vertical_spacing=0.06)
    for bar in _ribbon_bars(timeline, by_time=False):
        figure.add_trace(bar, row=1, col=1)
    for trace in _pending_traces(timeline, by_time=False):
        figure.add_trace(trace, row=2, col=1)
    figure.update_layout(
        **{**LAYOUT, "margin": {"l": 90, "r": 20, "t": 12, "b": 40}},
        **_RIBBON,
        autosize=True,
        height=320,
        shapes=[position_line(index)],
    )
    figure.update_xaxes(range=[-0.5, len(timeline) + 0.5])
    figure.update_xaxes(title_text="event", row=2, col=1)
    _sides_axis(figure, row=1, col=1)
    figure.update_yaxes(title_text="pending bytes", rangemode="tozero", row=2, col=1)
    return figure


def position_line(index: int) -> dict[str, Any]:
    """The line that marks an event, as a plotly shape."""
    middle = index + 0.5
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": middle,
        "x1": middle,
        "y0": 0,
        "y1": 1,
        "line": {"color": POSITION, "width": 2},
    }


def _ribbon_bars(timeline: Timeline, *, by_time: bool) -> Iterator[go.Bar]:
    """One trace for each phase, however often it comes."""
    for phase, colour in PHASE_COLOURS.items():
        runs = sorted((run for run in timeline.phases() if run.phase is phase), key=lambda run: run.first - run.last)[
            :_RUNS
        ]  # the longest
        if not runs:
            continue
        edges = [(run.start_us / 1000, run.end_us / 1000) if by_time else (run.first, run.last + 1) for run in runs]
        yield go.Bar(
            base=[start for start, _ in edges],
            x=[end - start for start, end in edges],
            y=[run.side.value for run in runs],
            orientation="h",
            marker={"color": colour},
            text=[phase.value] * len(runs),
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "#fff"},
            name=phase.value,
            showlegend=False,
            customdata=[(run.first, run.last, run.start_us / 1000, run.end_us / 1000) for run in runs],
            hovertemplate=(
                "%{y}: " + phase.value + "<br>events %{customdata[0]} to %{customdata[1]}<br>"
                "%{customdata[2]:.3f} to %{customdata[3]:.3f} ms<extra></extra>"
            ),
        )


def _sides_axis(figure: go.Figure, **where: int) -> None:
    order = [Side.DESTINATION.value, Side.SOURCE.value]
    figure.update_yaxes(categoryorder="array", categoryarray=order, automargin=True, **where)


def _pending_traces(timeline: Timeline, *, by_time: bool) -> list[go.Scatter]:
    series = pending_series(timeline)
    kept = kept_steps(series, _STEPS)
    x = [series.time_ms[each] if by_time else series.index[each] + 0.5 for each in kept]
    curves: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("must_precopy", series.must_precopy, {"color": MUST_PRECOPY, "width": 2}),
        ("can_postcopy", series.can_postcopy, {"color": CAN_POSTCOPY, "width": 2}),
        ("threshold", series.threshold_bytes, {"color": THRESHOLD, "width": 1.5, "dash": "dash"}),
    )
    return [
        go.Scatter(
            x=x,
            y=[values[each] for each in kept],
            name=name,
            mode="lines+markers" if name != "threshold" else "lines",
            line={**line, "shape": "hv"},
            marker={"size": 5},
            zorder=1 if name == "must_precopy" else 0,
            hovertemplate=f"{name}: %{{y}} bytes<extra></extra>",
        )
        for name, values, line in curves
    ]


def plain_text(text: str) -> str:
    """Text for plotly, which reads some HTML in labels; what comes from a stream must not be read as such."""
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(texts: list[str]) -> list[str]:
    return [plain_text(text) for text in texts]
