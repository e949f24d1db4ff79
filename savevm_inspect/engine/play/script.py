"""What a person does to a migration while it runs, as data: wait for something, then do something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from ...errors import SavevmError
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ..outgoing.migration import OutgoingMigration
from ..sim.network import Network
from ..sim.scheduler import CHECKPOINT, Steps, Wait


class UserAction(StrEnum):
    """What a person, or fate, can do; by QEMU's names where it has any."""

    MIGRATE_START_POSTCOPY = "migrate-start-postcopy"
    MIGRATE_CONTINUE = "migrate-continue"
    MIGRATE_CANCEL = "migrate_cancel"
    MIGRATE_PAUSE = "migrate-pause"
    MIGRATE_RECOVER = "migrate-recover"
    NETWORK_FAILS = "the network fails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One user action, once all of its conditions hold.

    Attributes:
        do: what.
        status: the source's state to wait for.
        phase: the source's phase to wait for.
        iteration: the pass over RAM to wait for.
        after_us: how long to wait then, in microseconds.
    """

    do: UserAction
    status: MigrationStatus | None = None
    phase: Phase | None = None
    iteration: int = 0
    after_us: int = 0

    def due(self, source: OutgoingMigration) -> bool:
        """Whether its conditions hold."""
        return (
            (self.status is None or source.status is self.status)
            and (self.phase is None or source.phase is self.phase)
            and source.machine.stats.dirty_sync_count >= self.iteration
        )


def play(source: OutgoingMigration, network: Network, script: tuple[Step, ...]) -> Steps[None]:
    """Do one thing after the other; what is refused is answered with an error, and the next one follows.

    Args:
        source: whose user does it.
        network: what fails, if it is to.
        script: what is done.
    """
    for step in script:
        yield from _wait_for(source, step)
        source.schedule(partial(_do, source, network, step.do))
        yield CHECKPOINT


def _wait_for(source: OutgoingMigration, step: Step) -> Steps[None]:
    clock, what = source.machine.clock, f"the time for {step.do}"
    yield Wait(what=what, ready=lambda: step.due(source), waits_for_user=True)
    until_us = clock.now_us + step.after_us
    yield Wait(what=what, ready=lambda: clock.now_us >= until_us, wake_us=lambda: until_us, waits_for_user=True)


def _do(source: OutgoingMigration, network: Network, do: UserAction) -> Steps[None]:
    source.emit_qmp(do.value)
    yield CHECKPOINT
    try:
        if do is UserAction.MIGRATE_RECOVER:
            yield from source.migrate()
        elif do is UserAction.NETWORK_FAILS:
            network.fail()
        else:
            _COMMANDS[do](source)
    except SavevmError as error:
        source.emit_qmp(do.value, error=str(error))
    yield CHECKPOINT


_COMMANDS: Final[Mapping[UserAction, Callable[[OutgoingMigration], None]]] = {
    UserAction.MIGRATE_START_POSTCOPY: OutgoingMigration.start_postcopy,
    UserAction.MIGRATE_CONTINUE: OutgoingMigration.continue_,
    UserAction.MIGRATE_CANCEL: OutgoingMigration.cancel,
    UserAction.MIGRATE_PAUSE: OutgoingMigration.pause,
}
"""The commands that take no time."""
