"""``savevm-inspect lab``."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from ..errors import MissingPackage, SavevmError

_PACKAGE = Path(__file__).parent.parent
_NOTEBOOKS = (_PACKAGE / "_notebooks", _PACKAGE.parent / "notebooks")
"""Where the notebooks lie: in an installed package, and in a checkout."""


@click.command("lab")
@click.argument("notebook", default="00_quickstart.ipynb")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("savevm-inspect-notebooks"),
    show_default=True,
    help="Where an installed package puts its notebooks, so that they can be changed.",
)
def command(notebook: str, directory: Path) -> None:
    """Open JupyterLab on the notebooks, at NOTEBOOK, such as 01_kaitai."""
    if find_spec("jupyterlab") is None:
        raise MissingPackage("opening notebooks", "jupyterlab", extra="lab")
    folder = next(each for each in _NOTEBOOKS if each.is_dir())
    if folder == _NOTEBOOKS[0]:
        folder = _own_copy(folder, directory)
    known = sorted(folder.glob("*.ipynb"))
    opened = next((each for each in known if notebook in (each.name, each.stem)), None)
    if opened is None:
        raise SavevmError(f"no notebook {notebook!r}; there are {', '.join(each.name for each in known)}")
    arguments = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *_QUIET, str(opened)]
    raise click.exceptions.Exit(subprocess.run(arguments, check=False).returncode)  # noqa: S603 - our own arguments


_QUIET = (
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
"""What keeps JupyterLab from asking other hosts for news, updates and extensions."""


def _own_copy(folder: Path, directory: Path) -> Path:
    """Copy notebooks that are not there yet; what somebody changed is left alone."""
    directory.mkdir(parents=True, exist_ok=True)
    for source in folder.rglob("*"):
        target = directory / source.relative_to(folder)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        elif not target.exists():
            shutil.copy(source, target)
    return directory
