"""What player and explorer have in common: a box of widgets that also shows itself where no kernel runs."""

from typing import Any

import ipywidgets


class StillBox(ipywidgets.VBox):  # type: ignore[misc]
    """A box of widgets with a still picture of itself beside it, for pages that have no kernel."""

    def still(self) -> str:
        """The picture: a whole piece of HTML that needs no script."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/html"] = self.still()
        return bundle


def html_widget(value: str = "") -> ipywidgets.HTML:
    """A piece of HTML among widgets."""
    return ipywidgets.HTML(value, layout={"margin": "2px 4px"})
