"""Figures of guest memory: how often pages were sent, what each iteration cost, and what memory looks like."""

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from ..memory.iterations import IterationsFrom
from ..reader.stream import Stream
from ..views.ram_maps import PageMap, entropy_map, sent_map
from .figures_run import LAYOUT, plain_text
from .style import NORMAL_PAGES, WASTED

_MIB: Final = 1 << 20

_FROM: Final = {
    IterationsFrom.EVENTS: "as the events state them",
    IterationsFrom.INFERRED: "inferred",
    IterationsFrom.UNKNOWN: "only the last sending of each page is there",
}


def sent_figure(stream: Stream, block: str) -> go.Figure:
    """How often each page of a block was sent, as a map of the block.

    Args:
        stream: the stream.
        block: name of the RAM block.

    Raises:
        NotFound: there is no such block.
    """
    times = sent_map(stream, block)
    scale: dict[str, Any] = {
        "colorscale": "Blues",
        "zmin": 0,
        "zmax": max(float(np.nanmax(times.values)), 1),
        "colorbar": {"title": {"text": "times"}},
    }
    title = f"How often each page of {block} was sent"
    return _map_figure(times, title, "sent %{z} times", scale)


def entropy_figure(stream: Stream, block: str) -> go.Figure:
    """The entropy of a block's final pages, as a map of the block; what is compressed or encrypted has nearly 8.

    Args:
        stream: the stream.
        block: name of the RAM block.

    Raises:
        NotFound: there is no such block.
        BadPayload: a page can't be unpacked.
    """
    entropy = entropy_map(stream, block)
    scale: dict[str, Any] = {
        "colorscale": "Viridis",
        "zmin": 0,
        "zmax": 8,
        "colorbar": {"title": {"text": "bits a byte"}},
    }
    return _map_figure(entropy, f"Entropy of the pages of {block}", "%{z:.2f} bits a byte", scale)


def iterations_figure(stream: Stream) -> go.Figure:
    """What each iteration sent, in bytes: what was needed, and what a later sending overwrote."""
    history = stream.history
    iterations = history.iterations()
    names = [f"{each.number}{', postcopy' if each.postcopy else ''}" for each in iterations]
    figure = go.Figure()
    for name, colour, values in (
        ("needed", NORMAL_PAGES, [each.page_bytes - each.wasted_bytes for each in iterations]),
        ("overwritten later", WASTED, [each.wasted_bytes for each in iterations]),
    ):
        figure.add_trace(
            go.Bar(
                x=names,
                y=values,
                name=name,
                marker={"color": colour},
                customdata=[(each.sent_pages, each.resent_pages) for each in iterations],
                hovertemplate=(
                    "iteration %{x}<br>%{y} bytes " + name + "<br>of %{customdata[0]} pages, "
                    "%{customdata[1]} of them sent before<extra></extra>"
                ),
            )
        )
    figure.update_layout(
        **LAYOUT, barmode="stack", height=340, title_text="What each iteration cost", legend_traceorder="normal"
    )
    figure.update_xaxes(title_text=f"iteration ({_FROM[history.iterations_from]})", type="category")
    figure.update_yaxes(title_text="bytes", rangemode="tozero")
    return figure


def _map_figure(cells: PageMap, title: str, value: str, scale: dict[str, Any]) -> go.Figure:
    rows, columns = cells.values.shape
    addrs = cells.addrs()
    figure = go.Figure(
        go.Heatmap(
            z=cells.values,
            x=np.arange(columns + 1),  # edges of cells
            y=np.arange(rows + 1) * columns * cells.cell_bytes / _MIB,
            customdata=[[f"{addr:#x}" for addr in row] for row in addrs.tolist()],
            hovertemplate=f"at %{{customdata}}<br>{value}<extra></extra>",
            **scale,
        )
    )
    figure.update_layout(**LAYOUT, height=160 + 4 * max(rows, 20), title_text=plain_text(title))
    figure.update_xaxes(title_text=f"{columns} cells a row, {cells.cell_bytes} bytes a cell")
    figure.update_yaxes(title_text="address in the block (MiB)", autorange="reversed")
    return figure
