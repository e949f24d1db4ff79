"""Migrations worth watching, each as data: the machine, the guest, the link, and what it shows."""

from difflib import get_close_matches
from typing import Final

from ...errors import NotFound
from ..play.scenario import Scenario
from .devices import DEVICES
from .failures import FAILURES
from .files import FILE
from .parts import NONE_DEVICES, OUR_DEVICES, PC_DEVICES
from .postcopy import LATE
from .precopy import PRECOPY
from .switchover import SWITCHOVER

__all__ = ["NONE_DEVICES", "OUR_DEVICES", "PC_DEVICES", "SCENARIOS", "Scenarios"]


class Scenarios(dict[str, Scenario]):
    """Scenarios by name; one that is not there raises NotFound, which names those that are alike."""

    def __missing__(self, name: str) -> Scenario:
        alike = get_close_matches(str(name), self, n=3)
        hint = f"did you mean {' or '.join(alike)}?" if alike else f"there are {', '.join(self)}"
        raise NotFound(f"no scenario {name!r}; {hint}")

    def __repr__(self) -> str:
        return f"<{len(self)} scenarios: {', '.join(self)}>"


SCENARIOS: Final = Scenarios(
    {scenario.name: scenario for scenario in (*PRECOPY, *SWITCHOVER, *LATE, *DEVICES, *FILE, *FAILURES)}
)
"""Every scenario by its name."""
