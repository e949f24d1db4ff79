"""Files that appear under their names when they are whole, and not before; never in the place of an input.

All that this package writes for its users, but for captures, is written through here. A draft lies in a folder of its
own beside the output; a process that is killed leaves it there, and the next one that writes there sweeps it.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import HostError, SavevmError
from .held_inputs import refuse_input
from .spool import spool_folder

STANDARD_OUTPUT: Final = "-"

_DRAFT: Final = (".savevm-inspect-", ".draft")
_DESCRIPTOR: Final = re.compile(r"(?:/proc/(?:self|\d+)|/dev)/fd/(\d+)")
_STEP_BYTES: Final = 1 << 20
_LINKS_LIMIT: Final = 40


@contextmanager
def whole_file(output: Path) -> Iterator[Path]:
    """Write a file whole or not at all: what lies in the draft at the end takes the place of the file.

    Args:
        output: the file; replaced if it exists, and left as it was if anything goes wrong. A link stays one: the
            file that it leads to is written. ``-`` is standard output; that, a pipe and a device get the bytes when
            they are complete.

    Yields:
        Path of the draft, which is to be made.

    Raises:
        InputInUse: it is also an input.
        HostError: it can't be written; nothing is left of the draft.
    """
    with _host_errors(output):
        if not _is_replaced(output):
            with draft_folder(Path(spool_folder())) as folder:
                yield folder / "content"
                with (folder / "content").open("rb") as content, _opened(output) as stream:
                    shutil.copyfileobj(content, stream, _STEP_BYTES)
            return
        refuse_input(output)
        target = Path(os.path.realpath(output))  # unlike Path.resolve, it raises nothing for links in a circle
        with draft_folder(target.parent) as folder:
            yield folder / "content"
            (folder / "content").replace(target)


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """A folder for drafts that goes at the end; and with it those of processes that were killed.

    Args:
        parent: the folder to make it in; what is renamed into that appears in one step.

    Yields:
        Its path.

    Raises:
        OSError: it can't be made.
    """
    prefix, suffix = _DRAFT
    for left in parent.glob(f"{prefix}*{suffix}"):
        _sweep(left)
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix, suffix=suffix))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            break
        os.close(lock)  # somebody swept it before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Take away a draft that nobody writes any more."""
    with suppress(OSError):  # it is another user's, or has gone meanwhile
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def is_standard_output(output: Path) -> bool:
    """Whether a file is what this process prints to, by whatever name."""
    return str(output) == STANDARD_OUTPUT or _descriptor(output) == 1


@contextmanager
def _host_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads on, which is no mistake
    except OSError as error:
        raise HostError.of("standard output" if str(output) == STANDARD_OUTPUT else output, error) from error


def _is_replaced(output: Path) -> bool:
    """Whether a file of that name can be replaced, or would be, if it were there."""
    if str(output) == STANDARD_OUTPUT or _descriptor(output) is not None:
        return False
    try:
        mode = output.stat().st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise SavevmError(f"{output}: is a folder, expected a file")
    return stat.S_ISREG(mode)


def _opened(output: Path) -> BinaryIO:
    """Open what can't be replaced.

    A descriptor is used as it is: opened by its name, a file would be written from its start on.
    """
    descriptor = 1 if str(output) == STANDARD_OUTPUT else _descriptor(output)
    return os.fdopen(os.dup(descriptor), "wb") if descriptor is not None else output.open("wb")


def _descriptor(output: Path) -> int | None:
    """The descriptor that a name such as ``/dev/stdout`` leads to; ``None`` for other names."""
    path = output.absolute()
    for _ in range(_LINKS_LIMIT):
        found = _DESCRIPTOR.fullmatch(str(path))
        if found is not None:
            return int(found[1]) if _is_mine(path) else None
        try:
            path = path.parent / path.readlink()
        except (OSError, ValueError):
            return None
    return None


def _is_mine(path: Path) -> bool:
    return str(path.parent.resolve()) == f"/proc/{os.getpid()}/fd"
