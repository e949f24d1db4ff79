"""A bar on stderr for work that takes long, where somebody sees it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(output: Path, total_bytes: int) -> Iterator[Callable[[int], object]]:
    """Show how far a file is written.

    Args:
        output: the file.
        total_bytes: how much is to be written.

    Yields:
        What to call with the number of bytes that are done.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Late, because they take their time.
    from rich.progress import Progress  # noqa: PLC0415

    from .options import console  # noqa: PLC0415

    with Progress(console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"writing {output.name}", total=total_bytes)
        yield lambda done: bar.update(task, completed=done)
