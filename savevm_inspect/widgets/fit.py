"""Keeps figures as wide as the cell that they stand in."""

from typing import Any

import anywidget

_SCRIPT = """
export default {
  render({ el }) {
    el.style.width = "100%";
    const observer = new ResizeObserver(() => window.dispatchEvent(new Event("resize")));
    observer.observe(el);
    return () => observer.disconnect();
  },
};
"""


class Fit(anywidget.AnyWidget):
    """An invisible strip that notifies the page when it becomes wider or narrower.

    plotly's figure widget is drawn before it has a place on the page, with a width of its own, and follows the
    window's width alone; in JupyterLab the window keeps its width when a side bar opens.
    """

    _esm = _SCRIPT

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(layout={"width": "100%", "height": "0", "margin": "0"}, **kwargs)
