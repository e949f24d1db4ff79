"""The front end's types, as its comments give them, and what a linter finds in it."""

import os
import subprocess
from pathlib import Path

import pytest

FRONT = Path(__file__).parent / "front"
TOOLS = FRONT / "node_modules" / ".bin"
SOURCES = Path(__file__).parents[2] / "savevm_inspect" / "widgets" / "front"

CHECKS = {
    "tsc": ("--project", "tsconfig.json"),
    "biome": ("lint", "--error-on-warnings", "--config-path=.", str(SOURCES)),
}


def checked(tool: str, *arguments: str) -> str:
    """What a tool complains about; the test is skipped where it was not installed."""
    if not (TOOLS / tool).exists() and "node" not in os.environ.get("SAVEVM_REQUIRE", "").split(","):
        pytest.skip(f"no {tool} here; npm ci in tests/widgets/front brings it")
    done = subprocess.run([TOOLS / tool, *arguments], cwd=FRONT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.node
@pytest.mark.parametrize("tool", CHECKS)
def test_nothing_is_complained_about(tool: str) -> None:
    assert checked(tool, *CHECKS[tool]) == ""


PLANTED = {
    "tsc": ('/** @param {number} count */ export const twice = (count) => count * "2";\n', "arithmetic operation"),
    "biome": ("export function valueOf(x) { x == 1; return; }\nlet valueOf;\n", "lint/"),
}


@pytest.mark.node
@pytest.mark.parametrize("tool", PLANTED)
def test_an_error_that_is_planted_is_found(tool: str, tmp_path: Path) -> None:
    code, said = PLANTED[tool]
    planted = tmp_path / "planted.js"
    planted.write_text(code)
    options = ("--strict", "--allowJs", "--checkJs", "--noEmit", "--ignoreConfig", "--types", "")
    arguments = {"tsc": (*options, str(planted)), "biome": (*CHECKS["biome"][:-1], str(planted))}
    assert said in checked(tool, *arguments[tool])
