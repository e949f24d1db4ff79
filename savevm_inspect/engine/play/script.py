"""What a person does to a migration while it runs, as data: wait for something, then do something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from ...errors import SavevmError, did_you_mean
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...rules.threads import Thread
from ..machine.side import MigrationSide
from ..outgoing.migration import OutgoingMigration
from ..sim.connection import Network
from ..sim.scheduler import CHECKPOINT, Scheduler, Steps, Wait


class UserAction(StrEnum):
    """What a person, or fate, can do; by QEMU's names where it has any."""

    MIGRATE_START_POSTCOPY = "migrate-start-postcopy"
    MIGRATE_CONTINUE = "migrate-continue"
    MIGRATE_CANCEL = "migrate_cancel"
    MIGRATE_PAUSE = "migrate-pause"
    MIGRATE_RECOVER = "migrate-recover"
    NETWORK_FAILS = "the network fails"


def action_of(name: str) -> UserAction:
    """An action by its name.

    Raises:
        SavevmError: there is none; the message names what is near.
    """
    try:
        return UserAction(name)
    except ValueError:
        raise SavevmError(f"no user action {name!r}; {did_you_mean(str(name), UserAction)}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One user action, once all of its conditions hold.

    Attributes:
        do: what.
        status: the source's state to wait for.
        phase: the source's phase to wait for.
        iteration: the pass over RAM to wait for.
        event: number of the event to wait for; it is done at the first checkpoint after it.
        handler: the callback to wait for, by its name in the played version: until it is called.
        idstr: of the device whose callback that is; empty for any.
        at_call: at which of those calls, counted from 1.
        after_us: how long to wait then, in microseconds.

    Raises:
        SavevmError: no action is called so.
    """

    do: UserAction
    status: MigrationStatus | None = None
    phase: Phase | None = None
    iteration: int = 0
    event: int | None = None
    handler: str = ""
    idstr: str = ""
    at_call: int = 1
    after_us: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "do", action_of(self.do))  # its name is taken, too

    def __str__(self) -> str:
        conditions = (
            f"state {self.status}" if self.status is not None else "",
            f"phase {self.phase}" if self.phase is not None else "",
            f"pass {self.iteration} over RAM" if self.iteration else "",
            f"event {self.event}" if self.event is not None else "",
            f"call {self.at_call} of {' of '.join(filter(None, (self.handler, self.idstr)))}" if self.handler else "",
        )
        return " and ".join(filter(None, conditions)) or "the beginning"

    def due(self, source: OutgoingMigration, destination: MigrationSide) -> bool:
        """Whether its conditions hold."""
        return (
            (self.status is None or source.status == self.status)
            and (self.phase is None or source.phase == self.phase)
            and source.machine.stats.dirty_sync_count >= self.iteration
            and (self.event is None or source.scheduler.emitted > self.event)
            and (not self.handler or self._calls(source) + self._calls(destination) >= self.at_call)
        )

    def _calls(self, side: MigrationSide) -> int:
        """How often the callback that it waits for was called on one side."""
        return sum(
            count
            for (handler, idstr), count in side.calls_made.items()
            if handler == self.handler and self.idstr in ("", idstr)
        )


class Script:
    """What is done to one migration: one thing after the other.

    Args:
        source: whose user does it.
        destination: the other end.
        network: what fails, if it is to.
        script: what is done.

    Attributes:
        left: what was not done yet.
    """

    def __init__(
        self, source: OutgoingMigration, destination: MigrationSide, network: Network, script: tuple[Step, ...]
    ) -> None:
        self._source, self._destination, self._network = source, destination, network
        self.left = script

    def play(self) -> Steps[None]:
        """Do all of it; what is refused is answered with an error, and the next one follows."""
        source = self._source
        while self.left:
            step = self.left[0]
            for wait in (self._due, self._later):
                if not (waits := wait(step)).ready():
                    yield waits
            self.left = self.left[1:]
            if step.do is UserAction.NETWORK_FAILS:  # it waits for no main loop, and for no lock
                source.emit_qmp(step.do.value)
                self._network.fail()
            else:
                source.schedule(partial(_do, source, step.do))
            yield CHECKPOINT

    def start(self, scheduler: Scheduler) -> None:
        """Have it done in a thread of its own, which has no turn before its first step is due."""
        task = scheduler.start(Thread.MAIN, self.play(), daemon=True)
        task.wait = self._due(self.left[0]) if self.left else None

    def _due(self, step: Step) -> Wait:
        return Wait(
            what=f"the time for {step.do}",
            ready=lambda: step.due(self._source, self._destination),
            waits_for_user=True,
        )

    def _later(self, step: Step) -> Wait:
        clock = self._source.machine.clock
        until_us = clock.now_us + step.after_us
        return Wait(
            what=f"the time for {step.do}",
            ready=lambda: clock.now_us >= until_us,
            wake_us=lambda: until_us,
            waits_for_user=True,
        )


def _do(source: OutgoingMigration, do: UserAction) -> Steps[None]:
    source.emit_qmp(do.value)
    yield CHECKPOINT
    try:
        if do is UserAction.MIGRATE_RECOVER:
            yield from source.migrate()
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
