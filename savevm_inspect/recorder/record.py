"""Recordings of whatever can be recorded: a scenario of the engine, or a real QEMU."""

import shlex
import shutil
from collections.abc import Sequence
from os import PathLike
from typing import Any

from ..container.capture_folder import CaptureFolder
from ..engine.front import record_scenario
from ..engine.play.scenario import Scenario
from ..engine.scenarios import SCENARIOS
from .qemu import record_qemu


def record(what: Scenario | str | Sequence[str], output: str | PathLike[str], **options: Any) -> CaptureFolder:
    """Record a migration into a capture folder.

    Args:
        what: a scenario or its name; or the command line of a QEMU, as text, which is split without a shell, or
            as a list.
        output: the folder to make; an earlier capture there is replaced, anything else is not.
        options: of a scenario, what to change in it, as for :func:`~savevm_inspect.engine.front.run`; of a QEMU,
            the keyword arguments of :func:`~savevm_inspect.recorder.qemu.record_qemu`.

    Returns:
        The capture, opened.

    Raises:
        NotFound: it is neither the name of a scenario nor that of a program.
        EngineError: the scenario's time is over before the migration is.
        RecordError: QEMU ended, refused, failed or took too long; keeps its last words.
        MissingPackage: a QEMU is to be recorded, and qemu.qmp is not installed.
    """
    if isinstance(what, Scenario):
        return record_scenario(what, output, **options)
    if isinstance(what, str) and (what in SCENARIOS or not _is_command(what)):
        return record_scenario(what, output, **options)
    return record_qemu(what, output, **options)


def _is_command(text: str) -> bool:
    """Whether a text is the command line of a program, and no misspelt name of a scenario."""
    try:
        words = shlex.split(text)
    except ValueError:
        return True  # a quotation that does not end: the recorder says so
    return len(words) > 1 or bool(words and shutil.which(words[0]))
