"""Figures that notebooks teach with: one with a slider, and a table of verdicts in colours."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import plotly.io

from ..errors import SavevmError
from .figures_run import LAYOUT, plain_text

_KINDS: Final = ("#4c78a8", "#c23b3a", "#d8a13c", "#54a24b", "#8e5aa8", "#9aa5b1", "#9d755d", "#1f5f99")
"""Colours of kinds, in the order in which they come up."""

_LETTERS: Final = 24
"""The longest text of a cell that stands in it; a longer one is seen under the pointer alone."""


def in_jupyter() -> None:
    """Have JupyterLab draw the figures of this notebook; nothing is fetched, and its outputs hold no library."""
    plotly.io.renderers.default = "plotly_mimetype"


def slider_figure(label: str, figures: Mapping[object, go.Figure]) -> go.Figure:
    """Several figures as one, with a slider that chooses among them; it needs no kernel.

    Args:
        label: what the slider changes, with the unit.
        figures: by the value that each is of, in the slider's order; the first one's axes are those of all.

    Raises:
        SavevmError: there is no figure.
    """
    if not figures:
        raise SavevmError("a slider needs at least one figure")
    first = next(iter(figures.values()))
    whole = go.Figure(layout=first.layout)
    owners = [value for value, figure in figures.items() for _ in figure.data]
    for figure in figures.values():
        for trace in figure.data:
            whole.add_trace(trace)
            whole.data[-1].visible = figure is first
    steps = [
        {
            "label": plain_text(str(value)),
            "method": "update",
            "args": [
                {"visible": [owner == value for owner in owners]},
                {"title.text": figure.layout.title.text or ""},
            ],
        }
        for value, figure in figures.items()
    ]
    below = {"l": first.layout.margin.l or 80, "r": 20, "t": 48, "b": 150}
    whole.update_layout(
        margin=below,
        height=(first.layout.height or 340) + 110,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        sliders=[
            {"steps": steps, "currentvalue": {"prefix": plain_text(f"{label}: ")}, "pad": {"t": 76}, "active": 0}
        ],
    )
    return whole


def verdicts_figure(
    title: str, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[tuple[str, str]]]
) -> go.Figure:
    """A table of verdicts: each cell has the colour of its kind, and its reason under the pointer.

    Args:
        title: of the figure.
        rows: names of the rows, from top to bottom.
        columns: names of the columns.
        cells: for each row a kind and a reason for each column; an empty kind is no cell.

    Raises:
        SavevmError: the cells are not as many as rows and columns say.
    """
    if len(cells) != len(rows) or any(len(row) != len(columns) for row in cells):
        raise SavevmError(f"{len(rows)} rows of {len(columns)} cells are needed")
    kinds = list(dict.fromkeys(kind for row in cells for kind, _ in row if kind))
    small = len(columns) * len(rows) <= 100 and all(len(kind) <= _LETTERS for kind in kinds)
    figure = go.Figure()
    for number, kind in enumerate(kinds):
        colour = _KINDS[number % len(_KINDS)]
        figure.add_trace(
            go.Heatmap(
                z=[[1 if each == kind else None for each, _ in row] for row in cells],
                x=list(map(plain_text, columns)),
                y=list(map(plain_text, rows)),
                customdata=[[plain_text(reason) if each == kind else None for each, reason in row] for row in cells],
                hovertemplate="%{y}, %{x}: " + plain_text(kind) + "<br>%{customdata}<extra></extra>",
                colorscale=[[0, colour], [1, colour]],
                showscale=False,
                name=plain_text(kind),
                showlegend=True,
                xgap=2 if small else 0.5,
                ygap=2 if small else 0.5,
                **(_in_the_cells(kind, cells) if small else {}),
            )
        )
    figure.update_layout(
        **{**LAYOUT, "margin": {"l": 10, "r": 20, "t": 64, "b": 60}},
        title_text=plain_text(title),
        height=max(150 + len(rows) * (52 if small else 15), 260),
        plot_bgcolor="#ffffff",
    )
    figure.update_xaxes(side="top", type="category", showgrid=False, showticklabels=small)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True, showgrid=False)
    return figure


def _in_the_cells(kind: str, cells: Sequence[Sequence[tuple[str, str]]]) -> dict[str, Any]:
    """What stands in the cells of a kind: its name."""
    return {
        "text": [[plain_text(kind) if each == kind else "" for each, _ in row] for row in cells],
        "texttemplate": "%{text}",
        "textfont": {"color": "#ffffff", "size": 12},
    }
