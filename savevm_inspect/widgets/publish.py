"""A notebook, executed and written as one HTML file that opens without a network.

Figures stay live: plotly's script is embedded once. So do players: the module that draws them is embedded once, and
their data where they stand. The explorer becomes the still picture that stands beside it in its output.
``python -m savevm_inspect.widgets.publish NOTEBOOK OUTPUT`` does it from a shell.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..container.held_inputs import held
from ..container.whole_file import is_standard_output, whole_file
from ..errors import HostError, MissingPackage, SavevmError
from .extra import EXTRA
from .front import PAGE_DATA, page_element, page_script

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE: Final = "application/vnd.jupyter.widget-state+json"
PLOTLY: Final = "application/vnd.plotly.v1+json"
HTML: Final = "text/html"

_TEMPLATE: Final = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{{ resources.own_scripts }}{%- endblock html_head_js -%}
{%- block jupyter_widgets -%}{%- endblock jupyter_widgets -%}
{%- block html_head_js_mathjax -%}{%- endblock html_head_js_mathjax -%}
{%- block html_head_js_mermaidjs -%}{%- endblock html_head_js_mermaidjs -%}
{%- block notebook_css -%}
{{ super() }}
{{ resources.include_css("static/theme-dark.css") | replace("<style", resources.style_if_dark) }}
<style>:root { color-scheme: light dark; } .js-plotly-plot { background: white; }</style>
{%- endblock notebook_css -%}
{%- block body_header -%}<body class="jp-Notebook"><main>{%- endblock body_header -%}
"""
"""JupyterLab's page without the scripts that it would fetch from other hosts, in the theme its reader prefers."""


_IF_DARK: Final = '<style media="(prefers-color-scheme: dark)"'


def publish(notebook: Path, output: Path, *, timeout_s: int = 300) -> Path:
    """Execute a notebook and write it as HTML.

    Args:
        notebook: the notebook; it is not changed.
        output: the file to write, ``-`` for standard output; it appears whole or not at all.
        timeout_s: for each cell, in seconds.

    Returns:
        The file.

    Raises:
        SavevmError: a cell failed or an output holds an error, the kernel died, or a widget has no still picture.
        InputInUse: the output is the notebook.
        HostError: a file can't be read or written.
        MissingPackage: nbclient or nbconvert is not installed.
    """
    with held(notebook), whole_file(output) as draft:
        node = execute(notebook, timeout_s=timeout_s)
        live, players = _make_still(node)
        scripts = (_plotly_script() if live else "") + (page_script() if players else "")
        draft.write_text(_render(node, title=notebook.stem, scripts=scripts), encoding="utf-8")
    return output


def execute(notebook: Path, *, timeout_s: int = 300) -> "NotebookNode":
    """Execute a notebook in its own folder, with this package.

    Args:
        notebook: the notebook; the file is not changed.
        timeout_s: for each cell, in seconds.

    Returns:
        The notebook with its outputs, none of which holds an error.

    Raises:
        SavevmError: a cell failed, or an output holds an error, or the kernel died.
        HostError: it can't be read.
        MissingPackage: nbclient is not installed.
    """
    try:
        import nbformat  # noqa: PLC0415 - late, as only publishing needs these
        from jupyter_client.kernelspec import NoSuchKernel  # noqa: PLC0415
        from nbclient import NotebookClient  # noqa: PLC0415
        from nbclient.exceptions import CellControlSignal  # noqa: PLC0415
        from traitlets.config import Config  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingPackage("executing a notebook", str(error.name), extra=EXTRA) from error
    try:
        node: NotebookNode = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise HostError.of(notebook, error) from error
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise SavevmError(f"{notebook}: not a notebook ({error})") from error
    # The kernel must find the package that publishes, also in a checkout that is not installed.
    roots = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))}
    with tempfile.TemporaryDirectory(prefix="savevm-inspect-") as folder:
        # By default the kernel would be spoken to by TCP, which anybody on the machine may listen to.
        private = {"transport": "ipc", "ip": str(Path(folder) / "kernel")}
        client = NotebookClient(
            node,
            timeout=timeout_s,
            kernel_name="python3",
            config=Config({"KernelManager": private}),
            resources={"metadata": {"path": str(notebook.parent.resolve())}},
        )
        try:
            client.execute(env=environment)
        except CellControlSignal as error:
            last_line = _COLOURS.sub("", str(error)).strip().splitlines()[-1]
            raise SavevmError(f"{notebook}: a cell failed: {last_line}") from error
        except (RuntimeError, NoSuchKernel) as error:  # DeadKernelError and its like
            raise SavevmError(f"{notebook}: the kernel died, or did not start: {error}") from error
    for problem in errors_in(node):
        raise SavevmError(f"{notebook}: an output holds an error: {problem}")
    return node


def errors_in(node: "NotebookNode") -> Iterator[str]:
    """The errors that a notebook's outputs hold, those within output widgets included.

    Args:
        node: an executed notebook.

    Yields:
        Name and text of each.
    """
    for output in _all_outputs(node):
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"


_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
"""What IPython colours its tracebacks with."""


def _all_outputs(node: "NotebookNode") -> Iterator[Any]:
    for cell in node.cells:
        yield from cell.get("outputs", ())
    models = node.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for model in models.values():
        yield from model["state"].get("outputs", ())


def _make_still(node: "NotebookNode") -> tuple[bool, bool]:
    """Put live figures, players and still pictures in the place of what needs a kernel or JupyterLab.

    Returns:
        Whether there is a live figure, and whether there is a player.
    """
    live = players = False
    for cell in node.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if PAGE_DATA in data:
                data[HTML] = page_element(data.pop(PAGE_DATA))
                data.pop(WIDGET_VIEW, None)
                players = True
            elif WIDGET_VIEW in data:
                if HTML not in data:
                    raise SavevmError(f"the widget {data.get('text/plain', '')[:60]!r} has no still picture")
                del data[WIDGET_VIEW]
            elif PLOTLY in data:
                data[HTML] = _live_figure(data.pop(PLOTLY))
                live = True
    node.metadata.pop("widgets", None)
    return live, players


def _live_figure(figure: dict[str, Any]) -> str:
    import plotly.io  # noqa: PLC0415 - late, so that a page without figures does not pay for it

    shown = {"data": figure["data"], "layout": figure["layout"]}
    html: str = plotly.io.to_html(
        shown, include_plotlyjs=False, include_mathjax=False, full_html=False, config={"displaylogo": False}
    )
    return html


def _render(node: "NotebookNode", *, title: str, scripts: str) -> str:
    try:
        from nbconvert import HTMLExporter  # noqa: PLC0415 - late, as above
    except ModuleNotFoundError as error:
        raise MissingPackage("publishing a notebook", str(error.name), extra=EXTRA) from error
    exporter = HTMLExporter(raw_template=_TEMPLATE)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"name": title}, "own_scripts": scripts, "style_if_dark": _IF_DARK}
    body, _ = exporter.from_notebook_node(node, resources=resources)
    return str(body)


def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - late, as above

    return f"<script>{get_plotlyjs()}</script>"


def main(arguments: list[str]) -> int:
    """What the module does when it is run; its exit status is as that of the command line."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m savevm_inspect.widgets.publish NOTEBOOK OUTPUT\n")
        return 2
    try:
        written = publish(Path(arguments[0]), Path(arguments[1]))
    except SavevmError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    if not is_standard_output(written):
        sys.stderr.write(f"wrote {written}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
