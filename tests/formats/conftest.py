"""Formats in JavaScript: Kaitai's own compiler and run time, and what they read."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FORMATS = Path(__file__).parents[2] / "formats"
SCRIPT = Path(__file__).parent / "read_in_javascript.mjs"

Job = dict[str, str]
Answer = dict[str, Any]


def read_in_javascript(jobs: list[Job]) -> list[Answer]:
    """Compile formats and read streams with them in one run of Node; the script says what goes in and comes out."""
    done = subprocess.run(
        ["node", str(SCRIPT), str(FORMATS)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Answer] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="session")
def javascript() -> Callable[[list[Job]], list[Answer]]:
    """What compiles and reads in JavaScript; skips with the reason where the machine has not what it takes."""
    missing = ""
    if shutil.which("node") is None:
        missing = "no node on this machine; it is needed to compile formats, not to use them"
    elif not all((FORMATS / "node_modules" / each).is_dir() for each in ("kaitai-struct-compiler", "kaitai-struct")):
        missing = "Kaitai's packages are not there; `npm ci` in formats/ brings them"
    if missing and "node" in os.environ.get("SAVEVM_REQUIRE", "").split(","):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    return read_in_javascript
