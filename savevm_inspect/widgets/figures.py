"""Plain plotly figures of streams and runs: of memory, and of what happened."""

from .figures_ram import entropy_figure, iterations_figure, sent_figure
from .figures_run import pages_figure, pending_figure, phases_figure, resent_figure, run_figure, sections_figure

__all__ = [
    "entropy_figure",
    "iterations_figure",
    "pages_figure",
    "pending_figure",
    "phases_figure",
    "resent_figure",
    "run_figure",
    "sections_figure",
    "sent_figure",
]
