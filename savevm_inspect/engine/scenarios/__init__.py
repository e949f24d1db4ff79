"""Migrations worth watching, each as data: the machine, the guest, the link, and what it shows."""

from typing import Final

from ..play.scenario import Scenario
from .devices import DEVICES
from .failures import FAILURES
from .files import FILE
from .parts import NONE_DEVICES, OUR_DEVICES, PC_DEVICES
from .postcopy import LATE
from .precopy import PRECOPY
from .switchover import SWITCHOVER

__all__ = ["NONE_DEVICES", "OUR_DEVICES", "PC_DEVICES", "SCENARIOS"]

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario for scenario in (*PRECOPY, *SWITCHOVER, *LATE, *DEVICES, *FILE, *FAILURES)
}
"""Every scenario by its name."""
