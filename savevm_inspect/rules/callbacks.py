"""What each of the 20 callbacks of QEMU 10.2's register.h promises, and where the machinery may call it.

The one table of the engine's rules: the engine's phase guard enforces it, the player shows it, and the
documentation is drawn from it. Facts are of QEMU 10.2: include/migration/register.h for promises and parameters,
migration/savevm.c and migration/migration.c for who calls what, in which thread and under which lock. Other versions
have other structures: :mod:`.interfaces`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .phases import Phase
from .signatures import (
    BUF,
    CAN_POSTCOPY,
    ERRP,
    F_IN,
    F_OUT,
    LEN,
    MIGRATION_STATE,
    MUST_PRECOPY,
    OPAQUE,
    TYPEDEFS,
    VERSION_ID,
    Signature,
)
from .threads import Side, Thread


class Returns(StrEnum):
    """What the value that a callback returns means."""

    NOTHING = "nothing"
    ZERO_OR_NEGATIVE = "0 if all is well, a negative errno if not"
    TRUE_OR_FALSE = "True if all is well, False if not"
    ANSWER = "True or False, the answer to the question; neither is an error"
    MORE_OR_DONE = "0 if there is more to send, 1 if there is nothing left for now, a negative errno on failure"
    PENDING = "the pending bytes: those that must be sent in precopy, those that can be sent in postcopy"


class BqlRule(StrEnum):
    """Whether the thread that calls holds the big QEMU lock."""

    HELD = "held"
    NOT_HELD = "not held"
    EITHER = "held in some places, not in others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in the machinery that calls a callback.

    Attributes:
        side: which end.
        phase: where in the migration.
        thread: the thread that makes the call.
        bql: whether it holds the big QEMU lock there.
    """

    side: Side
    phase: Phase
    thread: Thread
    bql: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The contract of one callback.

    Attributes:
        name: as register.h spells it.
        promise: in one sentence, what a device that has it does.
        signature: what it is given, and the C type of its value.
        places: every place that calls it, in the order of a run.
        returns: what its value means.
        absent: what it means for a device to have none.
        legacy: the header wants it replaced by a VMStateDescription.
        advice: what the header advises whoever writes one; empty for most.
        does: the jobs that are done by calling it, each by the name of the one callback that did only that in some
            version; empty for its own name.
    """

    name: str
    promise: str
    signature: Signature
    places: tuple[Place, ...]
    returns: Returns
    absent: str
    legacy: bool = False
    advice: str = ""
    does: tuple[str, ...] = ()

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that are done by calling it."""
        return self.does or (self.name,)

    @property
    def side(self) -> Side:
        """The side that calls it, the first one if both do."""
        return self.places[0].side

    @property
    def sides(self) -> tuple[Side, ...]:
        """Every side that calls it."""
        return tuple(dict.fromkeys(place.side for place in self.places))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in which it is called, on any side."""
        return tuple(dict.fromkeys(place.phase for place in self.places))

    @property
    def threads(self) -> tuple[Thread, ...]:
        """The threads that call it."""
        return tuple(dict.fromkeys(place.thread for place in self.places))

    @property
    def bql(self) -> BqlRule:
        """Whether the caller holds the big QEMU lock."""
        held = {place.bql for place in self.places}
        return BqlRule.EITHER if len(held) == 2 else BqlRule.HELD if held == {True} else BqlRule.NOT_HELD


def _source(phase: Phase, thread: Thread, *, bql: bool) -> Place:
    return Place(side=Side.SOURCE, phase=phase, thread=thread, bql=bql)


def _destination(phase: Phase, thread: Thread, *, bql: bool) -> Place:
    return Place(side=Side.DESTINATION, phase=phase, thread=thread, bql=bql)


_PREPARE = _source(Phase.PREPARE, Thread.MAIN, bql=True)
_SETUP = _source(Phase.SETUP, Thread.MIGRATION, bql=True)
_ITERATE = _source(Phase.ITERATE, Thread.MIGRATION, bql=False)
_COMPLETE = _source(Phase.COMPLETE, Thread.MIGRATION, bql=True)
_POSTCOPY = _source(Phase.POSTCOPY, Thread.MIGRATION, bql=False)
_POSTCOPY_END = _source(Phase.POSTCOPY, Thread.MIGRATION, bql=True)
_RECOVER = _source(Phase.POSTCOPY_RECOVER, Thread.MIGRATION, bql=False)
_CLEANUP = _source(Phase.CLEANUP, Thread.MAIN, bql=True)
_LOAD_SETUP = _destination(Phase.SETUP, Thread.MAIN, bql=True)
_LOAD = _destination(Phase.LOAD, Thread.MAIN, bql=True)
_LOAD_PACKAGE = _destination(Phase.POSTCOPY, Thread.MAIN, bql=True)
_LOAD_POSTCOPY = _destination(Phase.POSTCOPY, Thread.LISTEN, bql=False)
_LOAD_CLEANUP = _destination(Phase.CLEANUP, Thread.MAIN, bql=True)

# A migration has a thread of its own; a background snapshot, too, but it stops the VM for the devices before it
# iterates over RAM; savevm does everything in the main thread, under the lock.
_SETUPS = (
    _SETUP,
    _source(Phase.SETUP, Thread.SNAPSHOT, bql=True),
    _source(Phase.SETUP, Thread.MAIN, bql=True),
)
_ITERATIONS = (
    _ITERATE,
    _source(Phase.ITERATE, Thread.SNAPSHOT, bql=False),
    _source(Phase.ITERATE, Thread.MAIN, bql=True),
)
_SAVEVM_COMPLETE = _source(Phase.COMPLETE, Thread.MAIN, bql=True)
_SNAPSHOT_DEVICES = _source(Phase.COMPLETE, Thread.SNAPSHOT, bql=True)

_TABLE = (
    Callback(
        name="save_state",
        promise="Writes the whole state at once, in the newest version of its format, while the VM is stopped.",
        signature=Signature(returns="void", parameters=(F_OUT, OPAQUE)),
        legacy=True,
        places=(_COMPLETE, _SNAPSHOT_DEVICES, _SAVEVM_COMPLETE),
        returns=Returns.NOTHING,
        absent="no FULL section, unless the device is described by a VMStateDescription",
    ),
    Callback(
        name="save_prepare",
        promise="Says before anything is sent whether this device can be migrated at all.",
        signature=Signature(returns="int", parameters=(OPAQUE, ERRP)),
        places=(_PREPARE,),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="the device has no objection",
    ),
    Callback(
        name="save_setup",
        promise="Gets the source's bookkeeping ready and writes the device's first section.",
        signature=Signature(returns="int", parameters=(F_OUT, OPAQUE, ERRP)),
        places=_SETUPS,
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="no START section, so nothing would know its PART and END sections; it counts as plain device state",
    ),
    Callback(
        name="save_cleanup",
        promise="Gives up the source's bookkeeping; comes at every end, also if save_setup never ran.",
        signature=Signature(returns="void", parameters=(OPAQUE,)),
        places=(_CLEANUP,),
        returns=Returns.NOTHING,
        absent="there is nothing to give up",
    ),
    Callback(
        name="save_complete",
        promise="Writes all that is left: in precopy with the VM stopped, in postcopy while the other side runs it.",
        signature=Signature(returns="int", parameters=(F_OUT, OPAQUE)),
        does=("save_live_complete_precopy", "save_live_complete_postcopy"),
        places=(_COMPLETE, _SAVEVM_COMPLETE, _POSTCOPY_END),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="no END section",
    ),
    Callback(
        name="save_complete_precopy_thread",
        promise="Sends what is left over the multifd channels, in a thread of its own beside save_complete.",
        signature=TYPEDEFS["SaveCompletePrecopyThreadHandler"],
        places=(_source(Phase.COMPLETE, Thread.SAVE_STATE, bql=False),),
        returns=Returns.TRUE_OR_FALSE,
        absent="no thread is started for the device",
    ),
    Callback(
        name="is_active",
        promise="Says whether the device takes part in this migration; asked anew before most calls.",
        signature=Signature(returns="bool", parameters=(OPAQUE,)),
        places=(
            _PREPARE,
            *_SETUPS,
            *_ITERATIONS,
            _COMPLETE,
            _SAVEVM_COMPLETE,
            _POSTCOPY,
            _POSTCOPY_END,
            _RECOVER,
            _LOAD_SETUP,
        ),
        returns=Returns.ANSWER,
        absent="the device always takes part",
    ),
    Callback(
        name="has_postcopy",
        promise="Says whether the rest of the device's data may follow after the destination has started.",
        signature=Signature(returns="bool", parameters=(OPAQUE,)),
        places=(_COMPLETE, _POSTCOPY),
        returns=Returns.ANSWER,
        absent="all of it must have arrived before the destination starts",
    ),
    Callback(
        name="is_active_iterate",
        promise="Says whether the device wants its turn in the iterations, though it takes part otherwise.",
        signature=Signature(returns="bool", parameters=(OPAQUE,)),
        places=(*_ITERATIONS, _POSTCOPY),
        returns=Returns.ANSWER,
        absent="the device takes its turn",
    ),
    Callback(
        name="save_live_iterate",
        promise="Writes a chunk of data until the rate limit says stop, mostly while the VM runs; one section each.",
        signature=Signature(returns="int", parameters=(F_OUT, OPAQUE)),
        advice="Use data that only the migration thread touches, or that a lock of its own protects: the BQL is held "
        "in savevm alone.",
        places=(*_ITERATIONS, _POSTCOPY),
        returns=Returns.MORE_OR_DONE,
        absent="no PART sections",
    ),
    Callback(
        name="save_postcopy_prepare",
        promise="Writes what must go out just before the switch to postcopy, while the VM still runs.",
        signature=Signature(returns="bool", parameters=(F_OUT, OPAQUE, ERRP)),
        places=(_ITERATE,),
        returns=Returns.TRUE_OR_FALSE,
        absent="the device has nothing to do there",
    ),
    Callback(
        name="state_pending_estimate",
        promise="Guesses cheaply how many bytes are left, without a look at what the guest changed meanwhile.",
        signature=Signature(returns="void", parameters=(OPAQUE, MUST_PRECOPY, CAN_POSTCOPY)),
        places=(_ITERATE, _POSTCOPY),
        returns=Returns.PENDING,
        absent="the device adds nothing to the estimate, however much it holds back",
    ),
    Callback(
        name="state_pending_exact",
        promise="Finds out how many bytes are left, at the price of a synchronisation; takes the lock by itself.",
        signature=Signature(returns="void", parameters=(OPAQUE, MUST_PRECOPY, CAN_POSTCOPY)),
        places=(_ITERATE,),
        returns=Returns.PENDING,
        absent="the device adds nothing, so the switchover may come while it still has data",
    ),
    Callback(
        name="load_state",
        promise="Reads one section of any kind that the save callbacks wrote, to its last byte.",
        signature=Signature(returns="int", parameters=(F_IN, OPAQUE, VERSION_ID)),
        legacy=True,
        places=(_LOAD, _LOAD_PACKAGE, _LOAD_POSTCOPY),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="sections of the device can't be loaded, unless a VMStateDescription explains them",
    ),
    Callback(
        name="load_state_buffer",
        promise="Takes a piece of device state that came over a multifd channel.",
        signature=Signature(returns="bool", parameters=(OPAQUE, BUF, LEN, ERRP)),
        places=(
            _destination(Phase.LOAD, Thread.MULTIFD_RECV, bql=False),
            _destination(Phase.SWITCHOVER, Thread.MULTIFD_RECV, bql=False),
            _destination(Phase.POSTCOPY, Thread.MULTIFD_RECV, bql=False),
        ),
        returns=Returns.TRUE_OR_FALSE,
        absent="the device's state does not come over multifd channels",
    ),
    Callback(
        name="load_setup",
        promise="Gets the destination's bookkeeping ready, after the configuration and before the first section.",
        signature=Signature(returns="int", parameters=(F_IN, OPAQUE, ERRP)),
        places=(_LOAD_SETUP,),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="there is nothing to get ready",
    ),
    Callback(
        name="load_cleanup",
        promise="Gives up the destination's bookkeeping; comes at every end, also if load_setup never ran.",
        signature=Signature(returns="int", parameters=(OPAQUE,)),
        places=(_LOAD_CLEANUP,),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="there is nothing to give up",
    ),
    Callback(
        name="resume_prepare",
        promise="Gets the source ready to go on with a postcopy migration whose connection broke.",
        signature=Signature(returns="int", parameters=(MIGRATION_STATE, OPAQUE)),
        places=(_RECOVER,),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="the device has nothing to repeat",
    ),
    Callback(
        name="switchover_ack_needed",
        promise="Says whether the source must wait for this device's consent before it stops the VM.",
        signature=Signature(returns="bool", parameters=(OPAQUE,)),
        places=(_LOAD_SETUP,),
        returns=Returns.ANSWER,
        absent="the source need not wait for the device",
    ),
    Callback(
        name="switchover_start",
        promise="Learns that the source has stopped the VM and that the last data is on its way.",
        signature=Signature(returns="int", parameters=(OPAQUE,)),
        places=(_destination(Phase.SWITCHOVER, Thread.MAIN, bql=True),),
        returns=Returns.ZERO_OR_NEGATIVE,
        absent="the device is not notified",
    ),
)

CALLBACKS: Final[dict[str, Callback]] = {callback.name: callback for callback in _TABLE}
"""Every callback by its name, in the order of register.h."""
