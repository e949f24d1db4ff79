"""Migrations worth watching, each as data: the machine, the guest, the link, and what it shows."""

from typing import Final

from ...errors import NotFound, did_you_mean
from ..play.scenario import Scenario
from .devices import DEVICES
from .failures import FAILURES
from .files import FILE
from .misconceptions import MISCONCEPTIONS
from .parts import NONE_DEVICES, OUR_DEVICES, PC_DEVICES
from .postcopy import LATE
from .precopy import PRECOPY
from .switchover import SWITCHOVER

__all__ = ["NONE_DEVICES", "OUR_DEVICES", "PC_DEVICES", "SCENARIOS", "Scenarios"]


class Scenarios(dict[str, Scenario]):
    """Scenarios by name; one that is not there raises NotFound, which names those that are alike."""

    def __missing__(self, name: str) -> Scenario:
        raise NotFound(f"no scenario {name!r}; {did_you_mean(str(name), self, cutoff=0.6)}")

    def __repr__(self) -> str:
        return f"<{len(self)} scenarios: {', '.join(self)}>"


SCENARIOS: Final = Scenarios(
    {
        scenario.name: scenario
        for scenario in (*PRECOPY, *SWITCHOVER, *LATE, *MISCONCEPTIONS, *DEVICES, *FILE, *FAILURES)
    }
)
"""Every scenario by its name."""
