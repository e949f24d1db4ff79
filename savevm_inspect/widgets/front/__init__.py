"""The front end: plain JavaScript modules, joined to the one module that a widget, a page or JupyterLab needs.

The files are ES modules of their own, as tests and editors read them. A page that is opened from a disk can't load
modules from files, so they are joined: imports between them go, and the style sheet becomes a constant.

Building the wheel runs this file by itself (``hatch_build.py``), so it needs the standard library alone.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

MODULES: Final = (
    "run.js",
    "axis.js",
    "colours.js",
    "dom.js",
    "canvas.js",
    "player.js",
    "outline.js",
    "virtual.js",
    "explorer.js",
    "kernel.js",
    "entry.js",
    "lab.js",
)
"""In an order in which each comes after what it imports."""

PAGE_DATA: Final = "application/vnd.savevm-inspect.player+json"
"""The MIME type of what is drawn without a kernel."""

EXTENSION: Final = "savevm-inspect"
"""The name of the extension of JupyterLab and Notebook 7 that draws it."""

_REMOTE: Final = "remote.js"
"""A classic script, which JupyterLab loads; it loads the module."""

_FOLDER: Final = Path(__file__).parent
_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)


@cache
def module() -> str:
    """The front end as one ES module without imports; its default export is what anywidget renders."""
    style = f"const STYLE = {json.dumps((_FOLDER / 'style.css').read_text(encoding='utf-8'))};\n"
    return style + "".join(_IMPORT.sub("", (_FOLDER / name).read_text(encoding="utf-8")) for name in MODULES)


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


def labextension() -> dict[str, str]:
    """The prebuilt extension of JupyterLab and Notebook 7 that draws :data:`PAGE_DATA` in a notebook.

    Returns:
        The text of each file, by its path in ``share/jupyter/labextensions/savevm-inspect``. Names have a digest of
        the content, so that no browser takes an older file for the present one.
    """
    front = f"static/front.{_digest(module())}.js"
    remote = (_FOLDER / _REMOTE).read_text(encoding="utf-8").replace("front.js", Path(front).name)
    load = f"static/remoteEntry.{_digest(remote)}.js"
    package = {
        "name": EXTENSION,
        "version": "0",
        "jupyterlab": {"_build": {"load": load, "extension": "./extension"}},
    }
    install = {
        "packageManager": "python",
        "packageName": EXTENSION,
        "uninstallInstructions": f"pip uninstall {EXTENSION}",
    }
    return {
        front: module(),
        load: remote,
        "package.json": json.dumps(package),
        "install.json": json.dumps(install),
    }


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
