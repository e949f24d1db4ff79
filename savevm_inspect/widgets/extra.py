"""The packages that come with the extra ``lab``, and what to say where they are missing."""

from importlib.util import find_spec
from typing import Final

from ..errors import MissingPackage

EXTRA: Final = "lab"

NEEDED: Final = ("ipywidgets", "plotly", "anywidget", "comm", "IPython", "PIL")


def require_extra() -> None:
    """Make sure that widgets and figures can be made.

    Raises:
        MissingPackage: a package is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingPackage("a widget", ", ".join(missing), extra=EXTRA)
