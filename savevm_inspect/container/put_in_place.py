"""A folder takes the name of another in one step: at no time is neither of them there, also if we are killed."""

import ctypes
import errno
import os
import tempfile
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_IS_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST)
_NO_EXCHANGE: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
"""What renameat2(2) says where the kernel or the file system can't exchange names."""


def put_in_place(folder: Path, target: Path) -> None:
    """Give a folder another name; a folder that has that name gets the one that this one had.

    Args:
        folder: what is complete.
        target: its name from now on, in the same file system.

    Raises:
        OSError: it can't be renamed; both are as they were.
    """
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in _IS_TAKEN:
            raise
        if not _exchange(folder, target):
            _exchange_in_steps(folder, target)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once, if the system can."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _exchange_in_steps(folder: Path, target: Path) -> None:
    """Exchange two names by a third one, which nobody sweeps: killed in the middle, we leave the old folder there."""
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.replaced-"))
    target.rename(aside)
    try:
        folder.rename(target)
    except OSError:
        aside.rename(target)
        raise
    aside.rename(folder)
