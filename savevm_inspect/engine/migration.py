"""A whole migration between two machines in one process: who runs when, and where the bytes go."""

import errno
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

from ..errors import EngineError
from ..stream.events import Event, EventKind, Side
from .clock import Clock, Link
from .destination import Destination
from .qemu_file import QEMUFile
from .source import Source

if TYPE_CHECKING:
    from .scenarios import Scenario

_RECORD_ENDS: Final = (EventKind.RECORD, EventKind.COMMAND)


class Migration:
    """Runs a scenario's source and its destination against each other.

    The destination gets a record as soon as its last byte has gone over the link, as upstream, where what is
    written waits in a buffer for a while.

    Args:
        scenario: what to run.
        sink: gets the stream's bytes as they go out.
    """

    def __init__(self, scenario: "Scenario", sink: Callable[[bytes], object] | None = None) -> None:
        self.scenario = scenario
        self.clock = Clock()
        numbers = count()
        self._sink = sink
        self._arrived = bytearray()
        self._fed = 0
        self._ends: deque[int] = deque()
        f = QEMUFile(self._send, Link(self.clock, scenario.link_bytes_per_s))
        self.source = Source(scenario.build_source(self.clock), f, scenario.parameters, numbers)
        self.destination = Destination(scenario.build_destination(self.clock), numbers)

    def run(self) -> Iterator[Event]:
        """Run to the end; each event comes as it happens.

        Raises:
            EngineError: one side failed; the other had its chance to clean up. Or the scenario's time is over
                before the migration is.
        """
        broken: EngineError | None = None
        steps = self.source.steps()
        while True:
            try:
                event = next(steps, None)
            except EngineError:
                if broken is not None:
                    raise broken  # noqa: B904 - it came first and has a cause of its own
                yield from self._hang_up()
                raise
            if event is None:
                break
            yield event
            if event.side is Side.SOURCE and event.event in _RECORD_ENDS:
                self._ends.append((event.offset or 0) + (event.length or 0))
            if broken is not None:
                continue
            try:
                yield from self._deliver()
            except EngineError as error:
                broken = error
                self.source.f.set_error(-errno.EPIPE)
            if event.time_us > self.scenario.time_limit_us:
                broken = self.source.fail(f"not done after {self.scenario.time_limit_us} us; it does not converge")
                self.source.f.set_error(-errno.ETIMEDOUT)
                yield from self._hang_up()
        if broken is not None:
            raise broken
        yield from self._deliver()
        yield from self.destination.finish()

    def _send(self, data: bytes) -> None:
        self._arrived += data
        if self._sink is not None:
            self._sink(data)

    def _deliver(self) -> Iterator[Event]:
        """Feed the destination with the records that have arrived whole."""
        whole = 0
        while self._ends and self._ends[0] <= self._fed + len(self._arrived):
            whole = self._ends.popleft() - self._fed
        if whole:
            data = bytes(self._arrived[:whole])
            del self._arrived[:whole]
            self._fed += whole
            yield from self.destination.feed(data)

    def _hang_up(self) -> Iterator[Event]:
        """Let the destination find out that nothing more will come."""
        with suppress(EngineError):  # that is what it is meant to say; the cause is raised by the caller
            yield from self.destination.finish()
