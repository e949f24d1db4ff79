"""A verb that maps a file goes on in a child process; its parent says what happened if the file became shorter.

An access to what is no longer there ends the child with SIGBUS (see ``container/input_file.py``). All else passes
through: the child has the terminal, signals that were meant for the parent reach it, its exit status is the parent's.
"""

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NoReturn

from ..container.input_file import COPIED_BYTES

OUR_PROCESS: Final = object()
"""What click's context holds if the process is that of the command line, and not one that calls a verb."""

_PASSED_ON: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def supervise(names: Iterable[str]) -> None:
    """Return in a child, if one of the files is large enough to be mapped; nothing else happens if none is.

    Args:
        names: of files and capture folders; others are passed over.
    """
    lengths = {path: path.stat().st_size for path in _files(names)}
    if max(lengths.values(), default=0) <= COPIED_BYTES or not hasattr(signal, "sigwaitinfo"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    waited = {signal.SIGCHLD, *_PASSED_ON}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    child = os.fork()
    if child:
        _wait(child, waited, lengths)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _files(names: Iterable[str]) -> list[Path]:
    found = []
    for path in map(Path, names):
        found += [each for each in path.iterdir() if each.is_file()] if path.is_dir() else [path]
    return [path for path in found if path.is_file()]


def _wait(child: int, waited: set[signal.Signals], lengths: dict[Path, int]) -> NoReturn:
    """Pass signals on until the child ends, and end as it did."""
    while True:
        found = signal.sigwaitinfo(waited)
        if found.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                break
        elif found.si_code <= 0:  # somebody's kill(); the terminal's own signals reach the child, too
            os.kill(child, found.si_signo)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGBUS:
        os.write(sys.stderr.fileno(), f"savevm-inspect: {_blame(lengths)}\n".encode(errors="backslashreplace"))
        os._exit(1)
    if code < 0:
        if -code != signal.SIGKILL:  # whose action nobody can set
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    os._exit(code)


def _blame(lengths: dict[Path, int]) -> str:
    for path, length in lengths.items():
        if not path.exists() or path.stat().st_size < length:
            return f"{path}: the file became shorter while it was read"
    return f"{', '.join(map(str, lengths))}: the operating system could not read it (SIGBUS)"
