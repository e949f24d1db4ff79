"""Plain plotly figures of streams and runs: of memory, of what happened, and to teach with."""

from .figures_lesson import in_jupyter, slider_figure, verdicts_figure
from .figures_ram import entropy_figure, iterations_figure, sent_figure
from .figures_run import pages_figure, pending_figure, phases_figure, resent_figure, run_figure, sections_figure

__all__ = [
    "entropy_figure",
    "in_jupyter",
    "iterations_figure",
    "pages_figure",
    "pending_figure",
    "phases_figure",
    "resent_figure",
    "run_figure",
    "sections_figure",
    "sent_figure",
    "slider_figure",
    "verdicts_figure",
]
