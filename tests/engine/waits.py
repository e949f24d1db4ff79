"""How long a guest waited for its pages, off the events of a run."""

from typing import Any, Final

from savevm_inspect.engine.play.run import Run
from savevm_inspect.rules.threads import Side

RANDOM_WRITER: Final[dict[str, Any]] = {
    "ram_bytes": 8 << 20,
    "filled": 1.0,
    "writes_per_s": 1000,
    "hot_pages": 1024,
    "max_bandwidth_bytes_per_s": 0,
    "max_postcopy_bandwidth_bytes_per_s": 0,
    "link_bytes_per_s": 8_000_000,
}
"""Changes of a scenario: a guest that waits for pages often, and a link that nothing but itself limits."""


def waits_ms(run: Run) -> list[float]:
    """How long each wait of the destination's guest for a page was, in milliseconds; all of them have ended."""
    found = [wait.wait_us for wait in run.page_waits if wait.stopped.side is Side.DESTINATION]
    assert None not in found
    return [wait_us / 1000 for wait_us in found if wait_us is not None]
