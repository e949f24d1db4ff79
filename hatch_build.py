"""What building a wheel adds to it: the front end as a prebuilt extension of JupyterLab and Notebook 7."""

# ruff: noqa: ARG002 - the arguments are hatchling's
import runpy
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONT = Path("savevm_inspect", "widgets", "front", "__init__.py")


class LabExtension(BuildHookInterface):  # type: ignore[type-arg]
    """Writes the extension's files where the wheel is built, so that none of them is committed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Join the modules and have the wheel take them."""
        front = runpy.run_path(str(Path(self.root, FRONT)))
        self.scratch = Path(mkdtemp(prefix="savevm-inspect-"))
        for name, text in front["labextension"]().items():
            path = self.scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        build_data["shared_data"][str(self.scratch)] = f"share/jupyter/labextensions/{front['EXTENSION']}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take them away."""
        shutil.rmtree(self.scratch)
