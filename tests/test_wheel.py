"""The built wheel, as who installs it has it: typed, so that mypy finds what is wrong in a script."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from savevm_inspect.widgets.front import EXTENSION, labextension, module

ROOT = Path(__file__).parent.parent

SCRIPT = """
import savevm_inspect as si

with si.open_stream("some.mig") as stream:
    names: list[str] = [device.idstr for device in stream.devices]
    offset: int = stream.sections[0].span.offset
    content: bytes = stream.memory["pc.ram"].read(16)
"""
PLANTED = "    wrong: str = stream.sections[0].span.offset\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; what the wheel needs lies where it lies for us."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(built, check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def mypy(python: Path, script: Path) -> list[str]:
    """The errors in a script that has nothing but the environment of an interpreter."""
    options = ("--strict", "--no-error-summary", "--python-executable", str(python), "--cache-dir", ".mypy_cache")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, script.name],
        cwd=script.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def test_the_package_is_that_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import savevm_inspect; print(savevm_inspect.__file__)"
    said = subprocess.run([installed, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert Path(said.strip()).is_relative_to(installed.parents[1])


def test_the_front_end_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from savevm_inspect.widgets.front import module; print(len(module()))"
    said = subprocess.run([installed, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert int(said) == len(module())


def test_the_extension_of_jupyterlab_is_installed_with_it(installed: Path) -> None:
    folder = installed.parents[1] / "share" / "jupyter" / "labextensions" / EXTENSION
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert files == labextension()


def test_a_script_is_checked_against_our_types(installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert mypy(installed, script) == []
    script.write_text(SCRIPT + PLANTED)
    line = len((SCRIPT + PLANTED).splitlines())
    (error,) = mypy(installed, script)
    assert error.startswith(f"script.py:{line}: error: Incompatible types in assignment")
    assert error.endswith("[assignment]")
