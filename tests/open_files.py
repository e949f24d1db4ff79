"""What this process has open, so that a test sees what a call left open."""

from contextlib import suppress
from pathlib import Path


def open_files() -> set[tuple[str, Path]]:
    """Every open file descriptor with what it leads to.

    Compare with `<=`: what an earlier test had left to the garbage collector may be closed meanwhile.
    """
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor that listed the folder
            found.add((link.name, link.readlink()))
    return found
