"""A QEMU as a child process: its command line, its last words, and its certain end."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import RecordError
from .last_words import LastWords

_SUPERVISOR = Path(__file__).with_name("supervisor.py")

_DEBIAN_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-i386": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-ppc": "qemu-system-ppc",
    "qemu-system-ppc64": "qemu-system-ppc",
}
"""Binary -> the package of Debian that has it; ``qemu-system`` brings all others."""

_DISPLAY_OPTIONS = frozenset({"display", "nographic", "vnc", "spice", "curses"})

_REFUSED_OPTIONS = {
    "daemonize": "it would outlive the recording",
    "incoming": "a destination has nothing to record until something migrates into it",
}

TRACE_PATTERNS = (
    "savevm_*",
    "qemu_savevm_*",
    "migration_*",
    "migrate_*",
    "vmstate_save",
    "vmstate_downtime_*",
    "ram_*",
    "runstate_*",
    "postcopy_start*",
    "source_return_path_*",
    "multifd_send_sync_*",
    "multifd_send_thread_*",
    "-migration_bitmap_clear_dirty",
    "-ram_save_page",
    "-ram_load_*",
    "-ram_discard_*",
    "-ram_block_discard_*",
    "-migration_pagecache_*",
)
"""QEMU's trace events to switch on, and (``-``) those to switch off again because they come for every page.

Patterns, because a pattern without a match is no error: names came and went between 7.2 and 11.1
(migration/trace-events).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuCommand:
    """A command line of QEMU, taken apart and found.

    Attributes:
        argv: the words as given, the first one replaced by the program's path.
    """

    argv: tuple[str, ...]

    @classmethod
    def parse(cls, command: str | Sequence[str]) -> "QemuCommand":
        """Split a command line as a shell would, without a shell, and find its program.

        Args:
            command: one string, or its words.

        Raises:
            RecordError: it can't be split, its program is not there, or an option forbids recording.
        """
        try:
            words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
        except ValueError as error:
            raise RecordError(f"QEMU's command line can't be split into words: {error}") from error
        if not words:
            raise RecordError("QEMU's command line is empty, expected e.g. 'qemu-system-x86_64 -m 16'")
        if any("\0" in word for word in words):
            raise RecordError("QEMU's command line holds a zero byte")
        program = shutil.which(words[0])
        if program is None:
            package = _DEBIAN_PACKAGES.get(Path(words[0]).name, "qemu-system")
            raise RecordError(f"{words[0]} was not found; on Debian: apt install {package}")
        command_line = cls(argv=(program, *words[1:]))
        for option, reason in _REFUSED_OPTIONS.items():
            if option in command_line.options():
                raise RecordError(f"QEMU can't be recorded with -{option}: {reason}")
        return command_line

    def options(self) -> frozenset[str]:
        """The names of the options in it; QEMU takes one dash or two."""
        return frozenset(word.lstrip("-") for word in self.argv[1:] if word.startswith("-"))

    def recorded(self, *, qmp_fd: int, log: Path) -> tuple[str, ...]:
        """The words to start it with so that it can be driven and followed.

        Args:
            qmp_fd: an inherited socket that becomes a QMP monitor.
            log: file for its trace log.
        """
        extra = [
            *("-chardev", f"socket,id=savevm-inspect-qmp,fd={qmp_fd}"),
            *("-mon", "chardev=savevm-inspect-qmp,mode=control"),
            *("-msg", "timestamp=on"),
            *("-D", str(log)),
        ]
        if not self.options() & _DISPLAY_OPTIONS:
            extra += ["-display", "none"]
        for pattern in TRACE_PATTERNS:
            extra += ["-trace", pattern]
        return (*self.argv, *extra)


class QemuProcess:
    """A running QEMU; at the end of its ``with`` block neither it nor anything that it started runs any more.

    Its parent sees to that (:mod:`~savevm_inspect.recorder.supervisor`), also if this process is killed. Both get
    sessions of their own, so that Ctrl-C in the terminal reaches the recorder alone.

    Args:
        argv: program and arguments.
        pass_fds: file descriptors to inherit.

    Raises:
        RecordError: no process can be started.
    """

    def __init__(self, argv: Sequence[str], *, pass_fds: Sequence[int]) -> None:
        self._words = LastWords()
        try:
            with self._words.write_fd() as stderr:
                self._supervisor = subprocess.Popen(  # noqa: S603 - no shell
                    [sys.executable, "-I", "-S", str(_SUPERVISOR), *argv],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    pass_fds=pass_fds,
                    start_new_session=True,
                )
        except OSError as error:
            self._words.close()
            raise RecordError(f"{argv[0]} can't be started: {error.strerror}") from error

    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._supervisor.poll() is not None

    def last_words(self) -> str:
        """The end of what it printed on its standard error, at most 2000 bytes."""
        return self._words.text()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        self._supervisor.wait()
        self._words.close()
