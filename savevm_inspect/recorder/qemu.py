"""Record a migration of a real QEMU into a capture folder."""

from collections.abc import Callable, Sequence
from os import PathLike, fspath
from pathlib import Path

from ..container.capture_folder import CaptureFolder
from ..errors import HostError, MissingPackage
from .options import RecordOptions
from .process import QemuCommand
from .running import run_to_end

_EXTRA = frozenset({"qemu", "qemu.qmp"})


def record_qemu(
    command: str | Sequence[str],
    output: str | PathLike[str],
    *,
    run_seconds: float = 1.0,
    bandwidth_bytes_per_s: int | None = None,
    downtime_limit_ms: int | None = None,
    capabilities: Sequence[str] = (),
    truth: bool = False,
    log_limit_bytes: int = 64 << 20,
    timeout_seconds: float = 120.0,
    force: bool = False,
    discard: bool = False,
    progress: Callable[[str], None] | None = None,
) -> CaptureFolder:
    """Start a QEMU, let its guest run, migrate it into a capture folder, and end it.

    The folder holds, beside ``capture.json``, the stream (``channel0.fwd``) and ``events.jsonl``:
    ``qmp.jsonl`` (all that was said over QMP), ``qemu.log`` (QEMU's trace events, which are in ``events.jsonl``,
    too, with what follows from them), ``recording.json``
    (command line, version, parameters and final figures of the migration) and, with ``truth``,
    ``memory.bin`` and ``registers.txt``. It appears when the recording ends, also when the migration has failed or
    was interrupted, as long as a byte came: ``capture.json`` says so. QEMU and all that it started have
    ended when this returns or raises, or when this process is killed.

    Args:
        command: QEMU's command line, split without a shell; ``-display none`` is added if it names no
            display. With ``-S`` the guest never runs.
        output: the folder to make; an earlier capture there is replaced, anything else is not.
        run_seconds: how long the guest runs before the migration starts.
        bandwidth_bytes_per_s: migration parameter ``max-bandwidth``; QEMU's own default if ``None``.
        downtime_limit_ms: migration parameter ``downtime-limit``; QEMU's own default if ``None``.
        capabilities: migration capabilities to switch on; those that need a second channel or a return
            path are refused by QEMU, as a pipe has neither.
        truth: also keep memory and registers of the stopped source, for comparison.
        log_limit_bytes: QEMU's logging is switched off when its log is larger.
        timeout_seconds: for the whole recording.
        force: replace an earlier capture at ``output`` with whatever else lies in its folder.
        discard: keep nothing of a migration that does not complete.
        progress: called with what happens, in one line, up to a hundred times a second.

    Returns:
        The capture, opened.

    Raises:
        MissingPackage: qemu.qmp is not installed.
        RecordError: QEMU is not there, ended, refused, failed or took too long; keeps its last words.
        HostError: the folder can't be written.
        SavevmError: something that is no capture lies at ``output``.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    options = RecordOptions(
        run_seconds=run_seconds,
        bandwidth_bytes_per_s=bandwidth_bytes_per_s,
        downtime_limit_ms=downtime_limit_ms,
        capabilities=tuple(capabilities),
        truth=truth,
        log_limit_bytes=log_limit_bytes,
        timeout_seconds=timeout_seconds,
        force=force,
        discard=discard,
        progress=progress,
    )
    qemu_command = QemuCommand.parse(command)
    try:
        # Late, because it imports qemu.qmp, which comes with an extra.
        from .recording import Recording  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise MissingPackage("a recording", "qemu.qmp", extra="record") from error
    try:
        run_to_end(Recording(qemu_command, Path(output), options).run())
    except OSError as error:
        raise HostError.of(fspath(output), error) from error
    return CaptureFolder(output)
