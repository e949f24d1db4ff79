"""Where in its life a migration is, and when its thread takes the lock: derived line by line."""

from typing import Any

from ..rules.phases import Phase
from ..rules.status import MigrationStatus, entered
from ..rules.threads import Side
from ..stream.events import EventKind
from .facts import Facts
from .lines import TraceLine
from .meaning import Meaning
from .rules import CHECKPOINT_PHASE

_Step = tuple[Phase | None, bool | None]
"""The phase that begins, and whether the lock is held from here on; ``None`` if that does not change."""

_NOT_LOADING = (None, Phase.SETUP, Phase.SWITCHOVER)


class Course:
    """The phase of one end.

    Args:
        facts: of its log.

    Attributes:
        phase: where it is; ``None`` before a line shows it.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._side = facts.side
        self._status = ""
        self.phase: Phase | None = None

    def follow(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any], *, is_full: bool) -> bool | None:
        """Go on to the phase that a line says.

        Args:
            line: the next one of the log.
            meaning: of its trace event.
            keys: what its arguments said.
            is_full: whether the section that begins next is a FULL one.

        Returns:
            Whether the thread that migrates holds the big QEMU lock from here on; ``None`` if nothing changes.
        """
        if self._side is Side.DESTINATION:
            phase, bql = self._of_load(line, meaning, keys)
        elif self._facts.snapshot:
            phase, bql = self._of_snapshot(line, meaning, keys, is_full=is_full)
        else:
            phase, bql = self._of_source(line, meaning, keys)
        self.phase = phase or self.phase
        return bql

    def _of_status(self, name: str) -> _Step:
        self._status = name
        status = entered(self._side, name)
        if status is None:
            return None, None
        if status.phase is Phase.POSTCOPY and self.phase is Phase.ITERATE:
            return Phase.SWITCHOVER, None  # 7.2 says the status first, and stops the VM then
        return status.phase, status.bql

    def _of_source(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> _Step:
        if meaning.kind is EventKind.STATE:
            return self._of_status(keys["name"])
        if line.name == "vmstate_downtime_checkpoint":
            phase = CHECKPOINT_PHASE.get(keys["name"])
            return phase, None if phase is None else True
        if line.name == "migration_completion_vm_stop" and self.phase is Phase.ITERATE:
            return Phase.SWITCHOVER, True
        if meaning.idle and self._status == MigrationStatus.POSTCOPY_ACTIVE and self.phase is Phase.COMPLETE:
            return Phase.POSTCOPY, False  # 7.2 says the status before it completes what can't follow later
        return meaning.phase, meaning.bql

    def _of_snapshot(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any], *, is_full: bool) -> _Step:
        """Devices are saved at once with the VM stopped, RAM after that while it runs (bg_migration_thread)."""
        if line.name == "savevm_state_iterate":
            return Phase.ITERATE, False
        if line.name == "savevm_section_start" and is_full:
            return Phase.COMPLETE, True
        return self._of_source(line, meaning, keys)

    def _of_load(self, line: TraceLine, meaning: Meaning, keys: dict[str, Any]) -> _Step:
        if meaning.kind is EventKind.STATE:
            return self._of_status(keys["name"])
        if line.name == "qemu_loadvm_state_section" and self.phase in _NOT_LOADING:
            return Phase.LOAD, None
        if line.name == "loadvm_process_command" and keys["name"] == "MIG_CMD_SWITCHOVER_START":
            return Phase.SWITCHOVER, None
        return meaning.phase, meaning.bql
