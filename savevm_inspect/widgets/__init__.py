"""Figures, hex pane, explorer and player for notebooks; the only room that knows Jupyter and plotly.

Importing it makes sure that what it draws with is there.
"""

from .extra import require_extra

require_extra()
