"""What is read is never written over: which files are inputs now, by identity and not by name.

Whoever opens an input holds it, until it is closed or nobody has it any more; whoever writes a file asks first.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from ..errors import InputInUse

_Identity = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """An input."""

    name: str
    identity: _Identity
    folder: Path | None


class _Job:
    """Work to whose end all that it has read stays an input."""


_held: Final[WeakKeyDictionary[object, list[_Held]]] = WeakKeyDictionary()
_jobs: Final[list[_Job]] = []
_lock: Final = Lock()


def hold(owner: object, file: Path | int, name: str) -> None:
    """Say that a file is an input.

    Args:
        owner: for as long as this lives, or until :func:`release`.
        file: the file, or its descriptor; or a folder, all of whose files are inputs then. What has no content to
            lose, such as a pipe, is passed over, and what is not there.
        name: what the user calls it.
    """
    try:
        identity = _identity(os.fstat(file) if isinstance(file, int) else file.stat())
    except (OSError, ValueError):
        return  # whoever reads it says what is wrong with it
    if identity is None:
        return
    folder = Path(os.path.realpath(file)) if isinstance(file, Path) and file.is_dir() else None
    with _lock:
        for each in (owner, *_jobs):
            _held.setdefault(each, []).append(_Held(name, identity, folder))


def release(owner: object) -> None:
    """Say that an owner reads its files no more."""
    with _lock:
        _held.pop(owner, None)


@contextmanager
def one_job() -> Iterator[None]:
    """Keep all that is read in the ``with`` block as an input up to its end, also after it was closed."""
    job = _Job()
    _jobs.append(job)
    try:
        yield
    finally:
        _jobs.remove(job)
        release(job)


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Have a file as an input in a ``with`` block.

    Args:
        file: as for :func:`hold`.
    """
    job = _Job()
    hold(job, file, str(file))
    try:
        yield
    finally:
        release(job)


def refuse_input(output: Path) -> None:
    """Make sure that a file that is to be written is no input.

    Args:
        output: its name; links are followed.

    Raises:
        InputInUse: it is one, under this or another name, or a file in a folder that is one.
    """
    try:
        identity = _identity(output.stat())
    except (OSError, ValueError):
        return  # there is nothing to lose; whoever writes it says what is wrong with it
    with _lock:
        inputs = [each for held in _held.values() for each in held]
    for each in inputs:
        if identity == each.identity:
            raise InputInUse(f"{output}: is {_other(each.name, output)}an input; not overwritten")
        if each.folder is not None and (identity in _identities(each.folder) or _lies_in(output, each.folder)):
            raise InputInUse(f"{output}: is a file of {each.name}, an input; not overwritten")


def _identity(found: os.stat_result) -> _Identity | None:
    """What is the same for all names of a file; ``None`` for what has no content of its own."""
    if stat.S_ISBLK(found.st_mode):
        return (found.st_rdev,)
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None


def _identities(folder: Path) -> Iterator[_Identity | None]:
    """Those of the files in a folder, links followed."""
    try:
        for each in folder.iterdir():
            if each.exists():
                yield _identity(each.stat())
    except OSError:
        return  # it has gone, and its files with it


def _lies_in(output: Path, folder: Path) -> bool:
    return folder in Path(os.path.realpath(output)).parents


def _other(name: str, output: Path) -> str:
    return "" if name == str(output) else f"{name}, "
