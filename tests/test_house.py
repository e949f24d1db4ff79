"""What holds of the package as a whole: its layers, its import time, and what importing it loads."""

import json
import pydoc
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import savevm_inspect

from . import api_doc
from .retired_words import hits

ROOT = Path(__file__).parent.parent

FORBIDDEN = ("ipywidgets", "plotly", "anywidget", "IPython", "jupyterlab", "numpy", "rich", "click", "kaitaistruct")


def test_rooms_import_only_from_rooms_below() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_the_package_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.process_time(); import savevm_inspect; "
        "print(time.process_time() - start); print(*sys.modules)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)
    ]
    seconds = min(float(each.stdout.splitlines()[0]) for each in runs)
    loaded = {name.partition(".")[0] for name in runs[0].stdout.splitlines()[1].split()}
    assert seconds < 0.3
    assert not loaded & set(FORBIDDEN)


def test_every_public_name_is_there() -> None:
    for name in savevm_inspect.__all__:
        assert getattr(savevm_inspect, name) is not None
    assert sorted(savevm_inspect.__all__) == sorted(savevm_inspect._PUBLIC)
    assert set(savevm_inspect.__all__) <= set(dir(savevm_inspect))
    assert not hasattr(savevm_inspect, "opn_stream")


def test_no_import_goes_in_a_circle() -> None:
    """Imports for the type checker alone count, too; the error names the modules of the first circle."""
    graph = grimp.build_graph("savevm_inspect", exclude_type_checking_imports=False, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert "savevm_inspect.engine.machine.machine" in imports
    TopologicalSorter(imports).prepare()


def test_help_lists_every_public_name() -> None:
    text = pydoc.plain(pydoc.render_doc(savevm_inspect))
    assert [name for name in savevm_inspect.__all__ if name not in text] == []


def test_without_the_extra_the_package_still_lists_what_is_there() -> None:
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'plotly' else find(name, *rest)\n"
        "import savevm_inspect as si, pydoc; pydoc.render_doc(si); print(*dir(si))\n"
        "try: si.replay\n"
        "except ImportError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, error = result.stdout.splitlines()
    assert "open_stream" in names.split()
    assert "replay" not in names.split()
    assert "pip install 'savevm-inspect[lab]'" in error


def test_the_document_of_the_interface_is_current() -> None:
    assert api_doc.DOC.read_text(encoding="utf-8") == api_doc.drawn(), "python tests/api_doc.py renews it"


def python_of_documents() -> Iterator[tuple[str, str]]:
    """The Python of the notebooks and the documents, by where it is."""
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path.name, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        yield path.name, "\n".join(re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL))


def test_notebooks_and_documents_come_in_by_the_front_door() -> None:
    deep = [
        (where, line)
        for where, code in python_of_documents()
        for line in code.splitlines()
        if re.match(r"\s*(from|import)\s+savevm_inspect", line) and line.strip() != "import savevm_inspect as si"
    ]
    assert deep == []


def test_no_retired_name_or_phrase_is_used() -> None:
    """Each line says what the project says instead; the list is ``tests/retired_words.toml``."""
    assert not list(hits())


def test_no_two_classes_share_a_name() -> None:
    names = Counter(
        name
        for path in (ROOT / "savevm_inspect").rglob("*.py")
        if "compiled" not in path.parts
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert [name for name, count in names.items() if count > 1] == []
