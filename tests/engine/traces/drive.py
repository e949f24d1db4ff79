"""The engine, driven by a real QEMU's trace: the same devices, figures, returned values, requests, actions.

Only what QEMU does not decide comes from the trace. In which order sections begin and end, which states follow, what
is asked, commanded and answered, is the engine's doing, to be held against QEMU's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from savevm_inspect.engine.incoming.postcopy import PostcopyState
from savevm_inspect.engine.outgoing.pending import PendingQuery
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import OUR_MACHINE, Scenario
from savevm_inspect.engine.play.script import UserAction
from savevm_inspect.engine.sim.pipe import Sink
from savevm_inspect.engine.sim.scheduler import CHECKPOINT, Steps, Task, Wait, fair
from savevm_inspect.rules.compat import Version
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.wire import MigCmd, MigRpMessage

from .devices import Built, DrivenPace, DrivenRate, Progress
from .plan import Plan, Then

_S: Final = MigrationStatus
_BLOCK: Final = "pc.ram"
_NUMBER_BYTES: Final = 4

PING: Final = MigCmd.MIG_CMD_PING.name
PONG: Final = MigRpMessage.MIG_RP_MSG_PONG.name


@dataclass(slots=True)
class Driven:
    """A run of the engine.

    Attributes:
        events: all of them; of a run that failed up to there.
        channels: the bytes that went over each channel, by its direction (back or not) and number.
    """

    events: tuple[Event, ...] = ()
    channels: dict[tuple[bool, int], bytearray] = field(default_factory=dict)

    def watch(self, number: int, *, back: bool, resumed: bool) -> Sink:
        """Keep what goes over a channel."""
        del resumed
        return self.channels.setdefault((back, number), bytearray()).extend

    def number(self, event: Event) -> str:
        """The number of a PING that is sent or obeyed, or of a PONG that is heard; empty for all else."""
        back = event.event is EventKind.RECORD and event.name == PONG and event.side is Side.SOURCE
        if not back and (event.event is not EventKind.COMMAND or event.name != PING):
            return ""
        assert event.offset is not None
        assert event.length is not None
        end = event.offset + event.length
        return f"{int.from_bytes(self.channels[back, event.channel or 0][end - _NUMBER_BYTES : end], 'big'):#x}"


def drive(plan: Plan) -> Driven:
    """Run the engine by a plan."""
    driven = Driven()
    progress = Progress(plan)
    scenario = Scenario(
        name="driven",
        title="driven",
        teaches="",
        machine=replace(OUR_MACHINE, version=Version.parse(plan.version)),
        interface=plan.version,
        devices=(Built(progress),),
        ram_bytes=0,
        capabilities=plan.capabilities,
        transport=plan.transport,
    )
    migration = Migration(scenario, driven.watch, choose=_Choose(progress))
    source = migration.source
    source.rate = DrivenRate()
    source.pace = DrivenPace(source, progress)
    source.pending = PendingQuery(source, source.pace)
    migration.scheduler.start(Thread.MAIN, _user(migration, progress), daemon=True)
    migration.scheduler.start(Thread.FAULT, _guest(migration, progress), daemon=True)
    driven.events = tuple(migration.steps())
    return driven


@dataclass(frozen=True, slots=True)
class _Choose:
    """Keeps what the destination answers from a source that has not come as far as QEMU's had."""

    progress: Progress

    def __call__(self, ready: Sequence[Task]) -> Task:
        plan, number = self.progress.plan, self.progress.number
        loaded = next((index for index, each in enumerate(plan.rounds) if each.package_loaded), -1)
        switched = number >= 0 and any(each.then is Then.POSTCOPY for each in plan.rounds[: number + 1])
        if switched and number < loaded:
            return fair([task for task in ready if task.thread is not Thread.RETURN_PATH] or ready)
        return fair(ready)


def _user(migration: Migration, progress: Progress) -> Steps[None]:
    """Do what QEMU's user did, where the trace shows it."""
    source = migration.source
    for number, each in enumerate(progress.plan.rounds):
        if each.then not in _ACTIONS:
            continue
        yield _when("its round", partial(_reached, progress, number))
        if each.then is Then.PAUSES:
            yield _when("requests", lambda: len(progress.asked) == len(progress.plan.requests[0]))
        source.schedule(partial(_do, migration, _ACTIONS[each.then]))
        if each.then is Then.PAUSES:
            yield _when("the pause", partial(_both_paused, migration))
            source.schedule(partial(_do, migration, UserAction.MIGRATE_RECOVER))


def _when(what: str, ready: Callable[[], bool]) -> Wait:
    return Wait(what=what, ready=ready, waits_for_user=True)


def _both_paused(migration: Migration) -> bool:
    return all(side.status is _S.POSTCOPY_PAUSED for side in (migration.source, migration.destination))


def _runs(migration: Migration) -> bool:
    destination = migration.destination
    return (destination.postcopy.state, destination.status) == (PostcopyState.RUNNING, _S.POSTCOPY_ACTIVE)


def _reached(progress: Progress, number: int) -> bool:
    cancelled = progress.plan.rounds[number].then is Then.CANCELLED
    return progress.number >= number and not (cancelled and progress.parts_left)


def _do(migration: Migration, do: UserAction) -> Steps[None]:
    source = migration.source
    match do:
        case UserAction.MIGRATE_START_POSTCOPY:
            source.start_postcopy()
        case UserAction.MIGRATE_PAUSE:
            source.pause()
        case UserAction.MIGRATE_CANCEL:
            source.cancel()
        case _:
            yield from source.migrate()
    yield CHECKPOINT


_ACTIONS: Final = {
    Then.POSTCOPY: UserAction.MIGRATE_START_POSTCOPY,
    Then.PAUSES: UserAction.MIGRATE_PAUSE,
    Then.CANCELLED: UserAction.MIGRATE_CANCEL,
}


def _guest(migration: Migration, progress: Progress) -> Steps[None]:
    """Wait for pages as QEMU's guest did; what was not placed before the break is asked for again after it."""
    destination, plan = migration.destination, progress.plan
    guest, postcopy = destination.machine.guest, destination.postcopy
    asked = 0
    for part in plan.requests:
        yield _when("postcopy", partial(_runs, migration))
        for addr in part:
            asked += 1
            guest.fault = (_BLOCK, addr)
            yield _when("the request", partial(_has_come, progress, asked))
            guest.fault = None
            if part is plan.requests[1] or addr not in plan.again:
                postcopy.placed(_BLOCK, addr)
        if part is plan.requests[0] and plan.bitmaps:
            yield _when("the break", lambda: destination.status is _S.POSTCOPY_PAUSED)
            asked += len(plan.again)
            yield _when("what is asked for again", partial(_has_come, progress, asked))
            for addr in plan.again:
                postcopy.placed(_BLOCK, addr)


def _has_come(progress: Progress, asked: int) -> bool:
    return len(progress.asked) >= asked
