"""What users ask of the engine: a scenario by its name, with changes; to run it, and to record it."""

from collections.abc import Callable
from os import PathLike
from typing import Any

from ..container.capture_folder import CaptureFolder, CaptureOutcome, Direction
from ..container.capture_writer import CaptureWriter
from ..container.source import SourceLike
from ..reader.stream import Stream, open_stream
from ..stream.events import Event
from .play.changes import changed
from .play.load import Load
from .play.migration import Migration
from .play.run import CAPTURED, MADE_BY, Run, outcome_of
from .play.scenario import Scenario
from .scenarios import SCENARIOS
from .sim.pipe import Sink
from .sim.scheduler import Choose, fair


def scenario(scenario: Scenario | str, **changes: Any) -> Scenario:
    """A scenario of the engine, possibly with other values.

    Args:
        scenario: one, or the name of one of ``savevm_inspect.scenarios``.
        changes: values to change: the fields of a scenario, and by their bare names those of its guest
            (``writes_per_s=``, ``hot_pages=``) and of its migration parameters (``downtime_limit_ms=``).
            ``capabilities=["multifd"]`` takes QEMU's names.

    Raises:
        NotFound: no scenario has that name.
        SavevmError: a change is unknown, or its value is invalid; the message names what is near.
    """
    found = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    return changed(found, changes)


def run(scenario: Scenario | str, *, choose: Choose = fair, **changes: Any) -> Run:
    """Run a migration between two machines of the engine, in virtual time.

    A migration that fails, is cancelled, or does not converge within its time is a result like any other, which
    :attr:`~savevm_inspect.engine.play.run.Run.outcome` states; it raises nothing.

    Args:
        scenario: as for :func:`scenario`.
        choose: says which thread is next: it gets the tasks that can go on, in the order in which they began, and
            returns one of them (``random.Random(1).choice``). By default the one that waited longest.
        changes: as for :func:`scenario`.

    Returns:
        The run, at its end.

    Raises:
        NotFound: no scenario has that name.
        SavevmError: a change is unknown, or its value is invalid.
    """
    return Run(_scenario(scenario, **changes), choose=choose)


def load(stream: Stream | SourceLike, scenario: Scenario | str, **changes: Any) -> Load:
    """Have a destination alone load a stream, as from a file.

    Args:
        stream: opened, or whatever :func:`savevm_inspect.open_stream` opens; it need not be sound.
        scenario: whose destination loads it, as for :func:`scenario`.
        changes: as for :func:`scenario`.

    Returns:
        What came of it: the machine, the events, the error; and what the stream asks for that a file does not have.

    Raises:
        NotFound: no scenario has that name.
        SavevmError: a change is invalid, the stream can't be opened, or its pages lie on further channels.
    """
    chosen = _scenario(scenario, **changes)
    if isinstance(stream, Stream):
        return Load(stream, chosen)
    with open_stream(stream, strict=False) as opened:
        return Load(opened, chosen)


_scenario = scenario  # by which those find it whose argument has its name


def record_scenario(
    scenario: Scenario | str,
    output: str | PathLike[str],
    *,
    progress: Callable[[Event], object] | None = None,
    force: bool = False,
    discard: bool = False,
    **changes: Any,
) -> CaptureFolder:
    """Run a scenario and write its bytes and events as they come.

    A migration that fails or is cancelled, as some are meant to, is recorded like any other: its events say so.

    Args:
        scenario: as for :func:`scenario`.
        output: the folder to make; an earlier capture there is replaced.
        progress: called with each event after it was written.
        force: replace an earlier capture with whatever else is in its folder.
        discard: keep nothing of a run that does not come to its end.
        changes: as for :func:`scenario`.

    Returns:
        The folder, opened.

    Raises:
        NotFound: no scenario has that name.
        EngineError: the scenario's time is over before the migration is; what was recorded until then is kept.
        SavevmError: a change is invalid, or something that is no capture is at ``output``.
    """
    chosen = _scenario(scenario, **changes)
    with CaptureWriter(output, made_by=MADE_BY, force=force, discard=discard) as capture:

        def watch(number: int, *, back: bool, resumed: bool) -> Sink | None:
            if back and not chosen.source_options.return_path:
                return None
            direction = Direction.RETURN if back else Direction.FORWARD
            return capture.open_channel(number, direction, resumed=resumed).write

        migration = Migration(chosen, watch)
        for event in migration.steps():
            capture.add_event(event)
            if progress is not None:
                progress(event)
        capture.outcome = CAPTURED.get(outcome_of(migration), CaptureOutcome.INTERRUPTED)
        capture.error = str(migration.failure or "")
    return CaptureFolder(output)
