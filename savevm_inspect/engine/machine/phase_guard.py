"""Which phase may follow which, and which callback may be called where.

What may be called is not written here: it follows from the places of the callbacks, as QEMU's version has them.
"""

from ...errors import EngineError
from ...rules.callbacks import Place
from ...rules.interfaces import INTERFACES, PLAYED, Interface
from ...rules.phases import PHASE_TRANSITIONS, Phase
from ...rules.threads import Side, Thread


class PhaseGuard:
    """Where one side is, and what it may do there.

    Args:
        side: which end.
        interface: what the version of QEMU calls where.
    """

    def __init__(self, side: Side, interface: Interface = INTERFACES[PLAYED]) -> None:
        self.side = side
        self._callbacks = interface.callbacks
        self.phase = next(iter(PHASE_TRANSITIONS[side]))

    def enter(self, phase: Phase) -> None:
        """Go to another phase.

        Raises:
            EngineError: it does not follow the present one.
        """
        following = PHASE_TRANSITIONS[self.side][self.phase]
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
        if here not in self._callbacks[handler].places:
            lock = "with" if bql else "without"
            raise EngineError(
                f"must not be called here on the {self.side} (thread {thread}, {lock} the big QEMU lock)",
                phase=self.phase,
                handler=handler,
                section=section,
            )
