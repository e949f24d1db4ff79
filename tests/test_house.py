"""What holds of the package as a whole: its layers, its import time, and what importing it loads."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import savevm_inspect

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
    for name in dir(savevm_inspect):
        assert getattr(savevm_inspect, name) is not None or name.startswith("__")


def test_no_import_goes_in_a_circle() -> None:
    """Imports for the type checker alone count, too; the error names the modules of the first circle."""
    graph = grimp.build_graph("savevm_inspect", exclude_type_checking_imports=False, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert "savevm_inspect.engine.machine.machine" in imports
    TopologicalSorter(imports).prepare()
