"""How fast the reference engine is: a guest of 1 GiB, five passes with a fifth of it dirtied in each.

    python benchmarks/engine.py [--mib 1024] [--repeat 3]

Ratios to a plain numpy copy of as many bytes, taken in the same run; the peak of memory is the whole process's, with
both machines in it. The link is virtual, and takes no real time.
"""

import argparse
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from savevm_inspect.engine.incoming.migration import IncomingMigration
from savevm_inspect.engine.machine.machine import Machine
from savevm_inspect.engine.outgoing.migration import OutgoingMigration
from savevm_inspect.engine.play.migration import Migration
from savevm_inspect.engine.play.scenario import Scenario
from savevm_inspect.engine.play.stepper import Stepper
from savevm_inspect.engine.scenarios import NONE_DEVICES, SCENARIOS
from savevm_inspect.engine.sim.clock import VirtualClock
from savevm_inspect.engine.sim.file_channel import FileChannel
from savevm_inspect.engine.sim.network import VirtualNetwork
from savevm_inspect.engine.sim.scheduler import Scheduler, Steps, Wait
from savevm_inspect.errors import NotFound
from savevm_inspect.rules.options import MigrationParameters
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Thread
from savevm_inspect.stream.events import Event, EventKind

PASSES = 5
SHARE = 0.2
STEPS = 10_000


def scenario_of(mib: int) -> Scenario:
    """A guest, and a link that takes virtual time only."""
    return Scenario(
        name="benchmark",
        title="",
        teaches="",
        devices=NONE_DEVICES,
        ram_bytes=mib << 20,
        link_bytes_per_s=1 << 28,
        # What fits into the downtime limit is one byte: a round with anything left is never the last.
        parameters=MigrationParameters(
            max_bandwidth_bytes_per_s=0, downtime_limit_ms=1000, avail_switchover_bandwidth_bytes_per_s=1
        ),
    )


def fill(machine: Machine) -> None:
    """Give each page something other than zeros."""
    machine.guest.blocks[0].page_contents[:, 0] = 1


def dirtying(machine: Machine, events: Iterator[Event]) -> Iterator[Event]:
    """Have the guest write to a fifth of its pages each time there is nothing left to send."""
    block, random, passes = machine.guest.blocks[0], np.random.default_rng(1), 0
    for event in events:
        yield event
        clean = event.event is EventKind.PENDING and event.name == "estimate" and not event.must_precopy
        if clean and passes < PASSES:
            pages = random.choice(block.num_pages, int(block.num_pages * SHARE), replace=False)
            block.page_contents[pages, 8] += 1
            block.dirty_log[pages] = True
            passes += 1
    assert passes == PASSES


class Outlet(FileChannel):
    """A file that hands on what is written to it, and keeps nothing."""

    def __init__(
        self, scheduler: Scheduler, bandwidth_bytes_per_s: int, sink: Callable[[bytes | memoryview], object]
    ) -> None:
        super().__init__(scheduler, bandwidth_bytes_per_s)
        self._sink = sink

    def write(self, data: bytes | memoryview) -> int:
        """Take bytes, and the time that they need."""
        self._sink(data)
        self.spend(len(data))
        return 0


def produce(mib: int, sink: Callable[[bytes | memoryview], object] = len) -> float:
    """Seconds that the source takes to write the stream."""
    scheduler = Scheduler(VirtualClock())
    scenario = scenario_of(mib)
    network = VirtualNetwork(scheduler, bandwidth_bytes_per_s=scenario.link_bytes_per_s)
    source = OutgoingMigration(scenario.build_source(scheduler), scenario.source_options, network)
    source.target = Outlet(scheduler, scenario.link_bytes_per_s, sink)
    fill(source.machine)
    source.schedule(source.migrate)

    def wait() -> Steps[None]:
        yield Wait(what="the end", ready=lambda: source.status is MigrationStatus.COMPLETED)

    scheduler.start(Thread.MAIN, wait())
    with timed() as taken:
        for _ in dirtying(source.machine, scheduler.run()):
            pass
    return taken[0]


def load(mib: int, path: Path) -> float:
    """Seconds that the destination takes to load it."""
    scheduler = Scheduler(VirtualClock())
    scenario = scenario_of(mib)
    destination = IncomingMigration(scenario.build_destination(scheduler), scenario.destination_options)
    destination.machine.guest.blocks[0].page_contents[:, 0] = 0  # touched, as the source's is
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        data[:: mmap.PAGESIZE]
        with timed() as taken:
            destination.load_file(data)  # type: ignore[arg-type]
            for _ in scheduler.run():
                pass
        destination.from_src_file = None
    assert destination.status is MigrationStatus.COMPLETED
    return taken[0]


def copy(mib: int) -> float:
    """Seconds of a plain copy of as many bytes."""
    source, target = np.ones(mib << 20, np.uint8), np.ones(mib << 20, np.uint8)
    with timed() as taken:
        for share in (1, *(SHARE,) * PASSES):
            end = int(len(source) * share)
            np.copyto(target[:end], source[:end])
    return taken[0]


def walk() -> tuple[float, int]:
    """Seconds of stepping through events forth and back."""
    base = SCENARIOS["never-converges"]
    stepper = Stepper(base)
    done = 0
    with timed() as taken:
        while done < STEPS:
            try:
                stepper.forward()
                done += 1
            except NotFound:
                stepper = Stepper(base)
        for _ in range(min(done, stepper.position)):
            stepper.back()
    return taken[0], done


def peak(mib: int) -> None:
    """Print the most memory that a whole migration needs, as a multiple of the guest's."""
    before = most_kib()
    migration = Migration(scenario_of(mib))
    fill(migration.source.machine)
    for _ in dirtying(migration.source.machine, migration.steps()):
        pass
    here, there = (side.machine.guest.blocks[0].page_contents for side in (migration.source, migration.destination))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(here, there, strict=True))
    print((most_kib() - before) / (mib << 10))


def most_kib() -> int:
    """The most memory that this process had at once (a new program begins anew, unlike getrusage's)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def timed() -> Iterator[list[float]]:
    """Seconds that the block takes, in a list."""
    taken = [0.0]
    start = time.perf_counter()
    yield taken
    taken[0] = time.perf_counter() - start


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(options.mib)
        return
    copies = median(copy(options.mib) for _ in range(options.repeat))
    produced = median(produce(options.mib) for _ in range(options.repeat))
    print(f"producing   {produced / copies:5.2f} x a copy of as many bytes (at most 4)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream"
        with path.open("wb") as file:
            produce(options.mib, file.write)
        loaded = median(load(options.mib, path) for _ in range(options.repeat))
    print(f"loading     {loaded / copies:5.2f} x a copy of as many bytes (at most 4)")
    command = [sys.executable, __file__, "--peak", "--mib", str(options.mib)]
    most = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(f"memory      {most:5.2f} x the guest's, with both machines (at most 2.2)")
    seconds, events = walk()
    print(f"stepping    {seconds:5.2f} s for {events} events and back (at most 10)")


if __name__ == "__main__":
    main()
