"""What follows what in QEMU 10.2, for each kind of migration, read off its source: data only.

A course is a tuple of steps. ``lock`` is whether the big QEMU lock is held at the step, ``only`` what must be so.
Steps of a loop are in a row of their own with ``loop`` set; a course leaves its loop at the step past.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a step is."""

    WALK = "walk"
    STATE = "state"
    COMMAND = "command"
    RECORD = "record"
    VM = "vm"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done.

    Attributes:
        kind: what it is.
        name: key of a walk (rules.WALKS), state, command with its number, record, or what becomes of the VM.
        lock: whether the big QEMU lock is held.
        only: what must be so for it to happen; empty if it always does.
        loop: whether it belongs to the rounds.
    """

    kind: Kind
    name: str
    lock: bool
    only: str = ""
    loop: bool = False


_W: Final = Kind.WALK
_S: Final = Kind.STATE
_C: Final = Kind.COMMAND
_R: Final = Kind.RECORD
_V: Final = Kind.VM

_BEGIN: Final = (
    Step(_W, "prepare", True),
    Step(_S, "setup", True),
    Step(_R, "header", True),
    Step(_R, "configuration", True, "machine type newer than 2.3"),
    Step(_C, "OPEN_RETURN_PATH", False, "return path"),
    Step(_C, "PING 1", False, "return path"),
    Step(_C, "POSTCOPY_ADVISE", False, "postcopy-ram or dirty-bitmaps"),
    Step(_C, "ENABLE_COLO", False, "x-colo"),
    Step(_W, "setup", True),
    Step(_S, "wait-unplug", False, "a failover device is plugged in"),
    Step(_S, "active", False),
    Step(_W, "estimate", False, loop=True),
    Step(_W, "exact", False, "estimate below the threshold", loop=True),
    Step(_W, "iterate", False, "neither postcopy nor completion is due", loop=True),
)
_SWITCHOVER: Final = (
    Step(_V, "stopped", True),
    Step(_S, "pre-switchover", True, "pause-before-switchover"),
    Step(_S, "device", True),
    Step(_C, "SWITCHOVER_START", True, "machine type of 10.0 or later"),
)
_CLEANUP: Final = (Step(_W, "cleanup", True),)

ORDER: Final[dict[str, tuple[Step, ...]]] = {
    "precopy": (
        *_BEGIN,
        *_SWITCHOVER,
        Step(_W, "save threads", False, "multifd device state"),
        Step(_W, "complete", True),
        Step(_W, "device state", True),
        Step(_R, "eof", True),
        Step(_R, "description", True, "not suppressed"),
        Step(_S, "completed", True),
        Step(_V, "postmigrate", True),
        *_CLEANUP,
    ),
    "postcopy": (
        *_BEGIN,
        Step(_W, "postcopy prepare", False),
        *_SWITCHOVER,
        Step(_W, "save threads before postcopy", False, "multifd device state"),
        Step(_W, "complete before postcopy", True),
        Step(_C, "POSTCOPY_RAM_DISCARD", True, "postcopy-ram, a block with pages to discard"),
        Step(_C, "PING 2", True, "postcopy-ram"),
        Step(_C, "POSTCOPY_LISTEN", True),
        Step(_W, "device state", True),
        Step(_C, "PING 3", True, "postcopy-ram"),
        Step(_C, "PING 0x42", True, "return path"),
        Step(_C, "POSTCOPY_RUN", True),
        Step(_C, "PACKAGED", True),
        Step(_C, "PING 4", True, "postcopy-ram"),
        Step(_S, "postcopy-device", True, "return path"),
        Step(_W, "estimate", False, loop=True),
        Step(_S, "postcopy-active", False, loop=True),
        Step(_W, "iterate in postcopy", False, "something is pending", loop=True),
        Step(_W, "complete postcopy", True),
        Step(_R, "eof", True),
        Step(_S, "completed", True),
        Step(_V, "postmigrate", True),
        *_CLEANUP,
    ),
    "postcopy recovery": (
        Step(_S, "postcopy-paused", False),
        Step(_S, "postcopy-recover-setup", True),
        Step(_S, "postcopy-recover", True),
        Step(_W, "resume", False),
        Step(_C, "POSTCOPY_RESUME", False),
        Step(_S, "postcopy-active", False),
    ),
    "background snapshot": (
        Step(_W, "prepare", True),
        Step(_S, "setup", True),
        Step(_R, "header", True),
        Step(_R, "configuration", True, "machine type newer than 2.3"),
        Step(_W, "setup", True),
        Step(_S, "wait-unplug", False, "a failover device is plugged in"),
        Step(_S, "active", False),
        Step(_V, "stopped", True),
        Step(_W, "device state", True),
        Step(_V, "started", True),
        Step(_W, "iterate", False, loop=True),
        Step(_S, "completed", True),
        *_CLEANUP,
    ),
    "savevm": (
        Step(_V, "stopped", True),
        Step(_W, "prepare", True),
        Step(_S, "setup", True),
        Step(_R, "header", True),
        Step(_R, "configuration", True, "machine type newer than 2.3"),
        Step(_W, "setup", True),
        Step(_W, "iterate", True, loop=True),
        Step(_C, "SWITCHOVER_START", True, "machine type of 10.0 or later"),
        Step(_W, "complete", True),
        Step(_W, "device state", True),
        Step(_R, "eof", True),
        Step(_R, "description", True, "not suppressed"),
        *_CLEANUP,
        Step(_S, "completed", True),
        Step(_V, "started", True, "it ran before"),
    ),
}
"""The source's courses, where nothing fails.

A background snapshot's device state, end mark and description are written to a buffer; their bytes come last. What is
between POSTCOPY_LISTEN and POSTCOPY_RUN is written to a buffer, too, and sent after PACKAGED. RECV_BITMAP is sent by
RAM's own ``resume_prepare``. Postcopy becomes active in the first round that finds PONG 0x42 there, or, with nothing
pending, has waited for it. The lock is given up in pre-switchover until migrate-continue."""

INCOMING: Final[dict[str, tuple[Step, ...]]] = {
    "precopy": (
        Step(_S, "setup", True),
        Step(_S, "active", True),
        Step(_R, "header", True),
        Step(_R, "configuration", True, "machine type newer than 2.3"),
        Step(_W, "load setup", True),
        Step(_W, "ack", True, "switchover-ack"),
        Step(_W, "load", True, loop=True),
        Step(_W, "load buffer", False, "multifd device state", loop=True),
        Step(_W, "switchover", True, "the command comes", loop=True),
        Step(_R, "eof", True),
        Step(_R, "description", True, "not suppressed"),
        Step(_V, "started", True, "it ran on the source, and autostart"),
        Step(_S, "completed", True),
        Step(_W, "load cleanup", True),
    ),
    "postcopy": (
        Step(_S, "setup", True),
        Step(_S, "active", True),
        Step(_R, "header", True),
        Step(_R, "configuration", True, "machine type newer than 2.3"),
        Step(_W, "load setup", True),
        Step(_W, "ack", True, "switchover-ack"),
        Step(_W, "load", True, loop=True),
        Step(_W, "load buffer", False, "multifd device state", loop=True),
        Step(_W, "switchover", True, "the command comes", loop=True),
        Step(_S, "postcopy-device", False, "return path"),
        Step(_W, "load package", True),
        Step(_S, "postcopy-active", True),
        Step(_V, "started", True, "autostart"),
        Step(_W, "load in postcopy", False, loop=True),
        Step(_R, "eof", False),
        Step(_S, "completed", False),
        Step(_W, "load cleanup", True),
    ),
    "postcopy recovery": (
        Step(_S, "postcopy-paused", False),
        Step(_S, "postcopy-recover", True),
        Step(_S, "postcopy-active", False),
    ),
    "loadvm": (
        Step(_V, "stopped", True),
        Step(_R, "header", True),
        Step(_R, "configuration", True, "machine type newer than 2.3"),
        Step(_W, "load setup", True),
        Step(_W, "ack", True, "switchover-ack"),
        Step(_W, "load", True, loop=True),
        Step(_W, "switchover", True, "the command comes", loop=True),
        Step(_R, "eof", True),
        Step(_R, "description", True, "not suppressed"),
        Step(_W, "load cleanup", True),
        Step(_V, "started", True, "it ran before"),
    ),
}
"""The destination's courses, where nothing fails; ``load in postcopy`` begins beside ``load package``."""
