"""Which phase may follow which, and which callback may be called where.

What may be called is not written here: it follows from the places in :data:`.callbacks.CALLBACKS`.
"""

from collections.abc import Mapping
from typing import Final

from ..errors import EngineError
from ..stream.events import Phase, Side, Thread
from .callbacks import CALLBACKS, Place

TRANSITIONS: Final[Mapping[Side, Mapping[Phase, tuple[Phase, ...]]]] = {
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


class PhaseGuard:
    """Where one side is, and what it may do there.

    Args:
        side: which end.
    """

    def __init__(self, side: Side) -> None:
        self.side = side
        self.phase = next(iter(TRANSITIONS[side]))

    def enter(self, phase: Phase) -> None:
        """Go to another phase.

        Raises:
            EngineError: it does not follow the present one.
        """
        following = TRANSITIONS[self.side][self.phase]
        if phase not in following:
            names = ", ".join(following) or "nothing"
            raise EngineError(f"the {self.side} can't enter {phase}; what follows is {names}", phase=self.phase)
        self.phase = phase

    def require(self, handler: str, section: str, *, thread: Thread, bql: bool) -> None:
        """Make sure that a callback may be called here and now.

        Args:
            handler: name of the callback.
            section: whose it is, as ``idstr (instance N)``, for the message.
            thread: the thread that is about to call.
            bql: whether it holds the big QEMU lock.

        Raises:
            EngineError: this phase, thread or state of the lock is not among its places.
        """
        here = Place(side=self.side, phase=self.phase, thread=thread, bql=bql)
        if here not in CALLBACKS[handler].places:
            lock = "with" if bql else "without"
            raise EngineError(
                f"must not be called here on the {self.side} (thread {thread}, {lock} the big QEMU lock)",
                phase=self.phase,
                handler=handler,
                section=section,
            )
