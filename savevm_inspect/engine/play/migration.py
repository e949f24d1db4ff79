"""A whole migration between two machines in one process: who runs when, and where the bytes go."""

from collections.abc import Iterator
from functools import partial

from ...errors import EngineError
from ...rules.status import MigrationStatus
from ...rules.threads import Side, Thread
from ...stream.events import Event
from ..incoming.migration import IncomingMigration
from ..outgoing.migration import OutgoingMigration
from ..sim.clock import VirtualClock
from ..sim.file_channel import FileChannel
from ..sim.network import MakeNetwork, VirtualNetwork, Watch
from ..sim.scheduler import CHECKPOINT, Choose, Deadlock, Scheduler, Steps, Wait, fair
from .scenario import Scenario
from .script import Script
from .snapshot import load_snapshot, save_snapshot
from .transport import Transport

_ENDS = frozenset({MigrationStatus.COMPLETED, MigrationStatus.FAILED, MigrationStatus.CANCELLED})


class NotConverged(EngineError):
    """The scenario's time is over before the migration is."""


class Migration:
    """Runs a scenario's source and its destination against each other.

    Iterate over :meth:`steps`: the run halts at each event, before and after each call of a handler, and all of
    :attr:`source` and :attr:`destination` can be looked at there. The same scenario gives the same run, so that
    going back is running again up to an earlier event.

    Args:
        scenario: what to run.
        watch: says who gets a copy of which channel's bytes.
        choose: which thread is next where several can go on; by default the one that waited longest.
        make_network: makes what lies between the two machines.

    Attributes:
        file: what the source has written, on the ways that lead over a file.
        failure: why the migration did not come to its end; ``None`` if it did, or was cancelled.
        scripts: what is done to it, each with what was not done yet.
    """

    def __init__(
        self,
        scenario: Scenario,
        watch: Watch | None = None,
        *,
        choose: Choose = fair,
        make_network: MakeNetwork = VirtualNetwork,
    ) -> None:
        self.scenario = scenario
        self.clock = VirtualClock()
        self.scheduler = Scheduler(self.clock, choose)
        self.network = make_network(
            self.scheduler,
            bandwidth_bytes_per_s=scenario.link_bytes_per_s,
            latency_us=scenario.latency_us,
            socket_buffer_bytes=scenario.socket_buffer_bytes,
            watch=watch,
        )
        self.file = FileChannel(self.scheduler, scenario.link_bytes_per_s)
        self.failure: EngineError | None = None
        self._watch = watch
        self.source: OutgoingMigration = OutgoingMigration(
            scenario.build_source(self.scheduler), scenario.source_options, self.network
        )
        self.destination = IncomingMigration(
            scenario.build_destination(self.scheduler),
            scenario.destination_options,
            listens=scenario.transport is not Transport.SNAPSHOT,
        )
        ends = self.source, self.destination, self.network
        self.scripts = [Script(*ends, scenario.script), *(Script(*ends, (step,)) for step in scenario.interventions)]
        self.scheduler.start(Thread.MAIN, self.scripts[0].play(), daemon=True)
        self.scheduler.start(Thread.MAIN, _TRANSPORTS[scenario.transport](self), daemon=False)
        for script in self.scripts[1:]:
            script.start(self.scheduler)

    def steps(self) -> Iterator[Event]:
        """Run to the end; each event comes as it happens.

        A failure of the migration is no error here: it is reported by events, and kept in :attr:`failure`. A run that
        can't come to its end is one: it is raised, and kept there, too. Both sides stay in the state that they are
        in then, as QEMU's do, and nobody has cleaned up.

        Raises:
            NotConverged: the scenario's time is over before the migration is.
            Deadlock: all tasks are blocked.
        """
        try:
            for event in self.scheduler.run():
                yield event
                if event.time_us > self.scenario.time_limit_us:
                    raise NotConverged(
                        f"not done after {self.scenario.time_limit_us} us; it does not converge",
                        phase=self.source.phase,
                    )
        except Deadlock as deadlock:
            self.failure = self._located(deadlock)
            raise self.failure from None
        except EngineError as error:
            self.failure = error
            raise
        self.failure = self.source.error or self.destination.error

    def _located(self, deadlock: Deadlock) -> Deadlock:
        """The same error, saying also where both sides stand."""
        sides = (self.source, self.destination)
        where = ", ".join(f"the {side.side} is in phase {side.phase}, state {side.status}" for side in sides)
        side = self.destination if deadlock.side is Side.DESTINATION else self.source
        return Deadlock(f"{deadlock.message}; {where}", deadlock.wait, phase=side.phase)

    def run(self) -> list[Event]:
        """Run to the end.

        Raises:
            EngineError: one side failed, or the scenario's time is over before the migration is.
        """
        events = list(self.steps())
        if self.failure is not None:
            raise self.failure
        return events

    def _live(self) -> Steps[None]:
        self.network.on_connect = self.destination.accept
        self._ask_source()
        yield CHECKPOINT

    def _over_file(self) -> Steps[None]:
        """Migrate into a file, then load it (migrate file:, -incoming file:)."""
        self.source.target = self.file
        self._ask_source()
        content = yield from self._whole_file()
        if content is not None:
            self.destination.load_file(content)

    def _over_snapshot(self) -> Steps[None]:
        """Save a snapshot, then load it into a machine that has just started (savevm, loadvm)."""

        def save() -> Steps[None]:
            self.source.emit_qmp("savevm")
            yield from save_snapshot(self.source, self.file)

        self.source.schedule(save)
        content = yield from self._whole_file()
        if content is not None:
            self.destination.schedule(partial(load_snapshot, self.destination, content))

    def _ask_source(self) -> None:
        def migrate() -> Steps[None]:
            self.source.emit_qmp("migrate")
            yield from self.source.migrate()

        self.source.schedule(migrate)

    def _whole_file(self) -> Steps[bytes | None]:
        """Wait for what the source writes; ``None`` if it failed."""
        source = self.source

        def done() -> bool:
            refused = source.status is MigrationStatus.NONE and source.error is not None
            return refused or (source.status in _ENDS and self.file.closed)

        yield Wait(what="the file to be whole", ready=done)
        sink = self._watch(0, back=False, resumed=False) if self._watch is not None else None
        if sink is not None:
            sink(bytes(self.file.data))
        return bytes(self.file.data) if source.status is MigrationStatus.COMPLETED else None


_TRANSPORTS = {
    Transport.LIVE: Migration._live,
    Transport.FILE: Migration._over_file,
    Transport.SNAPSHOT: Migration._over_snapshot,
}
"""What each way begins with."""
