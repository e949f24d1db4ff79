"""The packages that come with the extra ``lab``, and what to say where they are missing."""

from importlib.util import find_spec
from typing import Final

PIP_COMMAND: Final = "pip install 'savevm-inspect[lab]'"

NEEDED: Final = ("ipywidgets", "plotly", "anywidget", "IPython")
"""anywidget is what plotly makes its widget of."""


def require_extra() -> None:
    """Make sure that widgets and figures can be made.

    Raises:
        ImportError: a package is missing; the message has the command that brings it.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(f"widgets need {', '.join(missing)}, which the extra 'lab' brings: {PIP_COMMAND}")
