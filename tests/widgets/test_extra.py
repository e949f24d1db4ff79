"""The decoder does without widgets, and a missing extra says what to do."""

import subprocess
import sys

import pytest

from savevm_inspect.widgets.extra import NEEDED


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_opening_a_stream_loads_no_widgets() -> None:
    done = python(
        "import sys, savevm_inspect as si\nsi.open_stream(b'QEVM\\0\\0\\0\\3\\0')\n"
        "assert not {'ipywidgets', 'plotly', 'IPython'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", NEEDED)
@pytest.mark.parametrize("name", ["replay", "explore"])
def test_a_missing_package_is_named_with_the_command_that_brings_it(missing: str, name: str) -> None:
    done = python(
        f"""
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {missing!r} else find(name, *rest)
import savevm_inspect as si
try:
    si.{name}
except ImportError as error:
    print(error)
"""
    )
    assert done.stdout == f"a widget needs {missing}: pip install 'savevm-inspect[lab]'\n", done.stderr
