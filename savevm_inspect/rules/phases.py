"""The phases of a migration, and which may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .threads import Side


class Phase(StrEnum):
    """Where in its life a migration is; the order here is the order of a precopy run."""

    PREPARE = "prepare"
    SETUP = "setup"
    ITERATE = "iterate"
    SWITCHOVER = "switchover"
    COMPLETE = "complete"
    LOAD = "load"
    POSTCOPY = "postcopy"
    POSTCOPY_PAUSED = "postcopy-paused"
    POSTCOPY_RECOVER = "postcopy-recover"
    CLEANUP = "cleanup"


PHASE_TRANSITIONS: Final[Mapping[Side, Mapping[Phase, tuple[Phase, ...]]]] = {
    Side.SOURCE: {
        Phase.PREPARE: (Phase.SETUP,),
        # A background snapshot saves its devices first: it completes, then iterates.
        Phase.SETUP: (Phase.ITERATE, Phase.COMPLETE, Phase.CLEANUP),
        Phase.ITERATE: (Phase.SWITCHOVER, Phase.CLEANUP),
        Phase.SWITCHOVER: (Phase.COMPLETE, Phase.CLEANUP),
        Phase.COMPLETE: (Phase.ITERATE, Phase.POSTCOPY, Phase.CLEANUP),
        Phase.POSTCOPY: (Phase.POSTCOPY_PAUSED, Phase.CLEANUP),
        Phase.POSTCOPY_PAUSED: (Phase.POSTCOPY_RECOVER, Phase.CLEANUP),
        Phase.POSTCOPY_RECOVER: (Phase.POSTCOPY, Phase.POSTCOPY_PAUSED, Phase.CLEANUP),
        Phase.CLEANUP: (),
    },
    Side.DESTINATION: {
        Phase.SETUP: (Phase.LOAD, Phase.CLEANUP),
        Phase.LOAD: (Phase.SWITCHOVER, Phase.POSTCOPY, Phase.CLEANUP),
        Phase.SWITCHOVER: (Phase.LOAD, Phase.CLEANUP),
        Phase.POSTCOPY: (Phase.POSTCOPY_PAUSED, Phase.CLEANUP),
        Phase.POSTCOPY_PAUSED: (Phase.POSTCOPY_RECOVER, Phase.CLEANUP),
        Phase.POSTCOPY_RECOVER: (Phase.POSTCOPY, Phase.POSTCOPY_PAUSED, Phase.CLEANUP),
        Phase.CLEANUP: (),
    },
}
"""For each side, the phases that may follow a phase; the first one of each side is where it begins.

A source that is refused in PREPARE never gets to CLEANUP: nothing was set up (migration.c, migrate_init).
"""
