"""Formats in JavaScript: Kaitai's own compiler and run time, and what they read."""

import json
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
    )
    assert done.returncode == 0, done.stderr
    answers: list[Answer] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="session")
def javascript() -> Callable[[list[Job]], list[Answer]]:
    """What compiles and reads in JavaScript, with the packages that it takes; for tests that are marked ``node``."""
    if not (FORMATS / "node_modules" / "kaitai-struct").is_dir():
        subprocess.run(["npm", "ci", "--prefix", str(FORMATS), "--silent"], check=True)
    return read_in_javascript
