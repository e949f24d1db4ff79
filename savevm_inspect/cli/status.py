"""How the command line ends: one line for each error, and an exit status that says of which kind it was."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final, NoReturn

import click

from ..container.held_inputs import one_job
from ..errors import HostError, SavevmError

OK, SIGNAL = 0, 128
"""Exit statuses beside those of errors; that of a signal is added to the last one."""


class _Terminated(BaseException):
    """SIGTERM came; not an Exception, so that nobody takes it for a failure of his own."""

    exit_status = SIGNAL + signal.SIGTERM


class _HungUp(BaseException):
    """SIGHUP came."""

    exit_status = SIGNAL + signal.SIGHUP


_ENDING: Final = {signal.SIGTERM: _Terminated, signal.SIGHUP: _HungUp}


def run(command: click.Command, process: object) -> NoReturn:
    """Run a command with this process' arguments, and end the process.

    Signals that ask to end unwind what is open, so that no draft is left.

    Args:
        command: the command.
        process: what its verbs know that by: the process is theirs.
    """
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, _end)
    status = status_of(command, obj=process)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        status = _host(error)
    sys.exit(status)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise _ENDING[signal.Signals(number)](f"ended by {signal.Signals(number).name}")


def status_of(command: click.Command, arguments: Sequence[str] | None = None, obj: object = None) -> int:
    """Run a command, and say on stderr what went wrong.

    Args:
        command: the command.
        arguments: its arguments; those of this process if ``None``.
        obj: what click's context holds.

    Returns:
        The exit status.
    """
    try:
        _keep_standard_files()
        with one_job():
            # It returns what a verb returns, or the status that it asked for by Exit.
            return int(command.main(arguments, standalone_mode=False, obj=obj) or OK)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        return _said("interrupted", error.__cause__ or error.__context__, SIGNAL + signal.SIGINT)
    except (SavevmError, _Terminated, _HungUp) as error:
        return _said(str(error), error, error.exit_status)
    except OSError as error:
        return _host(error)
    except SystemExit:  # so click ends if nobody reads on, and only then
        _discard_output()
        return SIGNAL + signal.SIGPIPE


def _host(error: OSError) -> int:
    """What nobody else has said: mostly standard output can't be written."""
    if error.filename is None:
        _discard_output()
    return _said(f"{error.filename or 'standard output'}: {error.strerror or error}", error, HostError.exit_status)


def _said(message: str, error: BaseException | None, status: int) -> int:
    """Print a message, and a line for each note that somebody put to the error."""
    for line in (message, *getattr(error, "__notes__", ())):
        click.echo(f"savevm-inspect: {line}", err=True)
    return status


def _keep_standard_files() -> None:
    """Make sure that no file of ours gets the number of a standard one that is closed, and what is printed.

    Raises:
        HostError: there is no standard output.
    """
    closed = [number for number in range(3) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
    if 1 in closed:
        raise HostError("standard output is closed")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _discard_output() -> None:
    """Let what is still to be printed go nowhere, instead of failing once more when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
