"""How a QEMU is to be recorded."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What :func:`~savevm_inspect.recorder.qemu.record_qemu` was asked for.

    Attributes:
        run_seconds: how long the guest runs before the migration starts.
        bandwidth_bytes_per_s: migration parameter ``max-bandwidth``, or ``None`` to leave it.
        downtime_limit_ms: migration parameter ``downtime-limit``, or ``None`` to leave it.
        capabilities: names of the migration capabilities to switch on.
        truth: also take memory and registers of the stopped source.
        log_limit_bytes: size of QEMU's log at which its logging is switched off.
        timeout_seconds: for the whole recording.
        force: replace an earlier capture with whatever else lies in its folder.
        discard: keep nothing of a migration that does not complete.
        progress: called with what happens, in one line.
    """

    run_seconds: float
    bandwidth_bytes_per_s: int | None
    downtime_limit_ms: int | None
    capabilities: tuple[str, ...]
    truth: bool
    log_limit_bytes: int
    timeout_seconds: float
    force: bool
    discard: bool
    progress: Callable[[str], None] | None

    def migration_parameters(self) -> dict[str, int]:
        """The parameters to set, by QMP's names (qapi/migration.json, MigrationParameters)."""
        named = {"max-bandwidth": self.bandwidth_bytes_per_s, "downtime-limit": self.downtime_limit_ms}
        return {name: value for name, value in named.items() if value is not None}
