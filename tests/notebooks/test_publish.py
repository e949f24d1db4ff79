"""The quickstart runs headless, and is published as one page that needs no network."""

import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from savevm_inspect.errors import SavevmError
from savevm_inspect.widgets.publish import WIDGET_STATE, errors_in, execute, main, publish

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
QUICKSTART = NOTEBOOKS / "00_quickstart.ipynb"


class Sources(HTMLParser):
    """Collects what a page would fetch, and its scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.fetched: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag in ("script", "img", "iframe", "video", "audio", "source", "embed") and known.get("src"):
            self.fetched.append(known["src"] or "")
        if tag == "link" and known.get("href"):
            self.fetched.append(known["href"] or "")
        if tag == "script":
            self._in_script = True
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def sources(page: str) -> Sources:
    parser = Sources()
    parser.feed(page)
    return parser


def write(path: Path, *cells: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The quickstart as a page, made on a machine without QEMU."""
    scratch = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        folders = os.environ["PATH"].split(os.pathsep)
        patch.setenv("PATH", os.pathsep.join(each for each in folders if not _has_qemu(Path(each))))
        assert shutil.which("qemu-system-x86_64") is None
        return publish(QUICKSTART, scratch / "quickstart.html").read_text(encoding="utf-8")


def _has_qemu(folder: Path) -> bool:
    return (folder / "qemu-system-x86_64").exists()


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_each_notebook_is_committed_clean(path: Path) -> None:
    node = nbformat.read(path, as_version=4)
    nbformat.validate(node)
    assert (node.nbformat, node.nbformat_minor) == (4, 5)
    assert "widgets" not in node.metadata
    for cell in node.cells:
        assert cell.id
        assert len(cell.source.splitlines()) <= 30, "cells are short"
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_the_captures_beside_the_notebooks_are_those_of_the_tests() -> None:
    copies = sorted((NOTEBOOKS / "captures").glob("*.xz"))
    assert copies
    for copy in copies:
        assert copy.read_bytes() == (Path(__file__).parents[1] / "captures" / copy.name).read_bytes()


def test_the_published_page_asks_nobody(published: str) -> None:
    parser = sources(published)
    assert [each for each in parser.fetched if not each.startswith("data:")] == []
    assert not re.search(r"@import\s+(url\()?['\"]?https?:", published)
    assert not re.search(r"url\(['\"]?https?:", published)


def test_the_published_page_has_plotly_once_and_its_figures(published: str) -> None:
    parser = sources(published)
    library = [script for script in parser.scripts if len(script) > 1_000_000]
    figures = [script for script in parser.scripts if "Plotly.newPlot(" in script and script not in library]
    assert len(library) == 1
    assert len(figures) >= 4


def test_the_published_page_has_a_player_that_steps_and_the_explorer_as_a_picture(published: str) -> None:
    assert 'data-savevm-inspect=""><script type="application/json">' in published
    assert published.count("drawPages();</script>") == 1
    assert "A still picture of the explorer" in published
    assert "application/vnd.jupyter.widget" not in published


@pytest.mark.qemu
def test_the_quickstart_runs_with_a_real_qemu() -> None:
    node = execute(QUICKSTART)
    assert list(errors_in(node)) == []
    printed = "".join(
        output.get("text", "") for cell in node.cells if cell.cell_type == "code" for output in cell.outputs
    )
    assert "pc: pc-i440fx" in printed


def test_a_cell_that_fails_fails_the_page(tmp_path: Path) -> None:
    notebook = write(tmp_path / "failing.ipynb", "1 / 0")
    with pytest.raises(SavevmError, match="a cell failed: ZeroDivisionError: division by zero"):
        publish(notebook, tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()
    assert main([str(notebook), str(tmp_path / "out.html")]) == 1


def test_a_kernel_that_dies_is_one_line(tmp_path: Path) -> None:
    notebook = write(tmp_path / "dying.ipynb", "import os; os._exit(1)")
    with pytest.raises(SavevmError, match=r"the kernel died, or did not start: .*died"):
        publish(notebook, tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == [notebook]


def test_the_page_is_never_the_notebook(tmp_path: Path) -> None:
    notebook = write(tmp_path / "one.ipynb", "1")
    before = notebook.read_bytes()
    (tmp_path / "link").symlink_to(notebook)
    for output in (notebook, tmp_path / "link"):
        assert main([str(notebook), str(output)]) == 2
    assert notebook.read_bytes() == before


def test_an_error_that_the_notebook_lets_pass_fails_the_page(tmp_path: Path) -> None:
    cell = new_code_cell("raise ValueError('hidden')", metadata={"tags": ["raises-exception"]})
    notebook = tmp_path / "hidden.ipynb"
    nbformat.write(new_notebook(cells=[cell]), notebook)
    with pytest.raises(SavevmError, match="an output holds an error: ValueError: hidden"):
        publish(notebook, tmp_path / "out.html")


def test_a_widget_without_a_picture_fails_the_page(tmp_path: Path) -> None:
    notebook = write(tmp_path / "bare.ipynb", "import ipywidgets\nipywidgets.IntSlider()")
    with pytest.raises(SavevmError, match="has no still picture"):
        publish(notebook, tmp_path / "out.html")


def test_errors_are_found_wherever_they_are() -> None:
    error = new_output("error", ename="E", evalue="v", traceback=[])
    cell = new_code_cell("x", outputs=[error])
    node = new_notebook(cells=[cell])
    node.metadata["widgets"] = {WIDGET_STATE: {"state": {"id": {"state": {"outputs": [error]}}, "no": {"state": {}}}}}
    assert list(errors_in(node)) == ["E: v", "E: v"]


@pytest.mark.parametrize("content", [None, "no notebook", "{}"])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SavevmError, match=re.escape(str(path))):
        publish(path, tmp_path / "out.html")


def test_wrong_use_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().err
