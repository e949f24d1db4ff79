"""A scenario, run and written down as a capture folder."""

from collections.abc import Callable
from pathlib import Path

from ...container.capture_folder import CaptureWriter, Direction
from ...errors import NotFound
from ...stream.events import Event
from ..play.migration import Migration
from ..sim.pipe import Sink
from . import SCENARIOS

MADE_BY = "savevm-inspect engine"


def record_scenario(name: str, path: Path, *, progress: Callable[[Event], object] | None = None) -> Path:
    """Run a scenario and write its bytes and events.

    A migration that fails or is cancelled, as some are meant to, is recorded like any other: its events tell.

    Args:
        name: one of :data:`~savevm_inspect.engine.scenarios.SCENARIOS`.
        path: the folder to make; an earlier capture there is replaced.
        progress: called with each event after it was written.

    Returns:
        The folder.

    Raises:
        NotFound: no scenario has that name.
        EngineError: the scenario's time is over before the migration is; nothing is left behind.
        SavevmError: something that is no capture lies at ``path``.
    """
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise NotFound(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    with CaptureWriter(path, made_by=MADE_BY) as capture:

        def watch(number: int, *, back: bool, resumed: bool) -> Sink | None:
            if back and not scenario.source_options.return_path:
                return None
            direction = Direction.RETURN if back else Direction.FORWARD
            return capture.open_channel(number, direction, resumed=resumed).write

        for event in Migration(scenario, watch).steps():
            capture.add_event(event)
            if progress is not None:
                progress(event)
    return path
