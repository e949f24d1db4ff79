"""The parent of a QEMU, a program of its own: when QEMU ends, or the recorder, all that QEMU started ends as well.

Whatever loses its parent becomes a child of this process (a subreaper, prctl(2), on Linux), also what has left for
another session; so all of it is found and ended. Standard input is a pipe from the recorder, which closes it, or is
closed since the recorder was killed. The arguments are QEMU's command line.

It imports nothing of this package, so that it starts quickly.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Run a command until it or the recorder has ended.

    Args:
        argv: the command.

    Returns:
        Its exit status, as a shell has it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        # Standard output is not kept: it may be the guest's serial line.
        qemu = subprocess.Popen(  # noqa: S603 - no shell
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, close_fds=False, start_new_session=True
        )
    except OSError as error:
        sys.stderr.write(f"{argv[0]} can't be started: {error.strerror}\n")
        return _NOT_STARTED
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # what QEMU inherits is open as long as QEMU has it, no longer
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written into the pipe
    while qemu.poll() is None and 0 not in select.select([0, woken], [], [])[0]:
        with suppress(BlockingIOError):
            os.read(woken, select.PIPE_BUF)
    with suppress(ProcessLookupError, PermissionError):  # it may have ended
        os.killpg(qemu.pid, signal.SIGKILL)
    qemu.wait()
    _end_children()
    return qemu.returncode if qemu.returncode >= 0 else 128 - qemu.returncode


def _end_children() -> None:
    """End all children; theirs become ours by that, until there are none."""
    with suppress(ChildProcessError):
        while True:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> Iterator[int]:
    """The processes whose parent we are (proc(5): the number after the state, which follows the name)."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                yield int(process.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
