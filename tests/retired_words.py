"""Looks for names and phrases that the project no longer uses; ``make lint`` runs it.

What they are, and where they may still be, is data: ``tests/retired_words.toml``.
"""

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

_INSTALLED = {"node_modules", "__pycache__", "out", "build", "dist"}


@dataclass(frozen=True)
class Retired:
    """A pattern that is not to be found.

    Attributes:
        pattern: searched in each line of a file, and in its path.
        instead: what the project says now.
        allowed: where it may be, searched in ``path: line``.
    """

    pattern: re.Pattern[str]
    instead: str
    allowed: tuple[re.Pattern[str], ...]


def retired(data: dict[str, Any] = DATA) -> tuple[Retired, ...]:
    """The patterns of the data file."""
    return tuple(
        Retired(re.compile(each["pattern"]), each["instead"], tuple(map(re.compile, each.get("allowed", ()))))
        for each in data["retired"]
    )


def hits_in(path: str, text: str, patterns: Sequence[Retired]) -> Iterator[str]:
    """What a file says that it may not say, one line each.

    Args:
        path: from the root, with slashes.
        text: its content.
        patterns: what to look for.
    """
    for each in patterns:
        if each.pattern.search(path) or each.pattern.search(text):
            for number, line in enumerate([path, *text.splitlines()]):
                found = each.pattern.search(line)
                if found and not any(allowed.search(f"{path}: {line}") for allowed in each.allowed):
                    yield f"{path}:{number}: {found[0].strip()!r} is retired: {each.instead}"


def hits(root: Path = ROOT, data: dict[str, Any] = DATA) -> Iterator[str]:
    """The same of all files below a folder, without hidden folders and what was installed."""
    patterns = retired(data)
    skipped = [re.compile(each) for each in data["files"]["skipped"]]
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _INSTALLED)
        for file in (Path(folder, name) for name in sorted(names)):
            path = file.relative_to(root).as_posix()
            if file.suffix in data["files"]["suffixes"] and not any(each.search(path) for each in skipped):
                yield from hits_in(path, file.read_text(encoding="utf-8"), patterns)


if __name__ == "__main__":
    found = list(hits())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
