"""The front end: plain JavaScript modules, joined to the one module that a widget or a page needs.

The files are ES modules of their own, as tests and editors read them. A page that is opened from a disk can't load
modules from files, so they are joined: imports between them go, and the style sheet becomes a constant.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

MODULES: Final = ("run.js", "axis.js", "colours.js", "canvas.js", "player.js", "entry.js")
"""In an order in which each comes after what it imports."""

PAGE_DATA: Final = "application/vnd.savevm-inspect.player+json"
"""The MIME type of what a page without a kernel draws."""

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)


@cache
def module() -> str:
    """The front end as one ES module without imports; its default export is what anywidget renders."""
    folder = files(__name__)
    style = f"const STYLE = {json.dumps((folder / 'style.css').read_text(encoding='utf-8'))};\n"
    return style + "".join(_IMPORT.sub("", (folder / name).read_text(encoding="utf-8")) for name in MODULES)


def page_element(data: Mapping[str, Any]) -> str:
    """A player as an element of a page that has :func:`page_script`.

    Args:
        data: what an output holds of it, by :data:`PAGE_DATA`.
    """
    text = json.dumps(data).replace("<", "\\u003c")
    return f'<div data-savevm-inspect><script type="application/json">{text}</script></div>'


def page_script() -> str:
    """The module as an element of a page, which draws all that the page holds."""
    joined = module().replace("</script", "<\\/script")
    return f'<script type="module">{joined}\ndrawPages();</script>'
