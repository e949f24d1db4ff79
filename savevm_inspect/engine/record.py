"""A scenario, run and written down as a capture folder."""

from collections.abc import Callable
from pathlib import Path

from ..container.capture_folder import CaptureWriter
from ..errors import NotFound
from ..stream.events import Event
from .migration import Migration
from .scenarios import SCENARIOS

MADE_BY = "savevm-inspect engine"


def record_scenario(name: str, path: Path, *, progress: Callable[[Event], object] | None = None) -> Path:
    """Run a scenario and write its bytes and events.

    Args:
        name: one of :data:`~savevm_inspect.engine.scenarios.SCENARIOS`.
        path: the folder to make; an earlier capture there is replaced.
        progress: called with each event after it was written.

    Returns:
        The folder.

    Raises:
        NotFound: no scenario has that name.
        EngineError: the migration failed; nothing is left behind.
        SavevmError: something that is no capture lies at ``path``.
    """
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise NotFound(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    with CaptureWriter(path, made_by=MADE_BY) as capture:
        for event in Migration(scenario, capture.open_channel(0).write).run():
            capture.add_event(event)
            if progress is not None:
                progress(event)
    return path
