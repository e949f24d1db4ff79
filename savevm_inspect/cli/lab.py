"""``savevm-inspect lab``."""

import os
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


class _PassesOn(click.Command):
    """A command that keeps what follows ``--`` as it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take it away before click looks for options."""
        mine, passed = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else (args, [])
        ctx.params["passed_on"] = tuple(passed)
        return super().parse_args(ctx, mine)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Its arguments, and that more may follow."""
        return [*super().collect_usage_pieces(ctx), "[-- JUPYTER ARGS]"]


@click.command("lab", cls=_PassesOn)
@click.argument("notebook", default="00_quickstart.ipynb")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("savevm-inspect-notebooks"),
    show_default=True,
    help="Where an installed package puts its notebooks, so that they can be changed.",
)
def command(notebook: str, directory: Path, passed_on: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks, at NOTEBOOK, such as 13_kaitai.

    JUPYTER ARGS go to JupyterLab as they are. As root, as in a container, it gets --allow-root.
    """
    if find_spec("jupyterlab") is None:
        raise MissingPackage("opening notebooks", "jupyterlab", extra="lab")
    folder = next(each for each in _NOTEBOOKS if each.is_dir())
    if folder == _NOTEBOOKS[0]:
        folder = _own_copy(folder, directory)
    known = sorted(folder.glob("*.ipynb"))
    opened = next((each for each in known if notebook in (each.name, each.stem)), None)
    if opened is None:
        raise SavevmError(f"no notebook {notebook!r}; there are {', '.join(each.name for each in known)}")
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    lab = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *_QUIET, *as_root]
    arguments = [*lab, *passed_on, str(opened)]
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
