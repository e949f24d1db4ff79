"""What one trace event of QEMU means to us: which kind of event it becomes, and how its arguments become keys."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..rules.phases import Phase
from ..rules.threads import Side, Thread
from ..stream.events import EventKind
from ..wire import MigCmd, MigRpMessage

Keys = dict[str, Any]
"""Keys of an :class:`~savevm_inspect.stream.events.Event`."""

_LARGEST: Final = (1 << 63) - 1
_NUMBERS: Final = frozenset(
    (
        "section_id",
        "instance_id",
        "version_id",
        "must_precopy",
        "can_postcopy",
        "stopcopy_bytes",
        "threshold_bytes",
        "dirty_pages",
    )
)


class NotAsPrinted(ValueError):
    """The arguments of a trace event are not what QEMU prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One row of the table.

    Attributes:
        name: QEMU's name of the trace event.
        kind: what kind of event it becomes.
        summary: what QEMU says with it, in one sentence.
        side: the end that logs it; ``None`` if both do.
        thread: the thread that logs it, by the source code's rules; ``None`` if several do.
        loads: it is logged by whoever reads the main channel: the main thread, after LISTEN the listen thread.
        phase: the phase that begins with it; ``None`` if it changes none.
        bql: whether its thread holds the big QEMU lock from here on; ``None`` if it changes nothing.
        idle: it is logged in each turn of a loop that may have nothing to do.
        pattern: regular expression of its arguments, whose groups :attr:`read` gets; empty for those without.
        read: turns the groups into keys of the event.
    """

    name: str
    kind: EventKind = EventKind.LOG
    summary: str
    side: Side | None = None
    thread: Thread | None = None
    loads: bool = False
    phase: Phase | None = None
    bql: bool | None = None
    idle: bool = False
    pattern: str = ""
    read: Callable[[Mapping[str, str]], Keys]

    def keys(self, arguments: str) -> Keys:
        """The event's keys that its arguments give.

        Args:
            arguments: as QEMU printed them.

        Raises:
            NotAsPrinted: they do not have the form that any known version prints.
        """
        if not self.pattern:
            return self.read({})
        found = re.fullmatch(self.pattern, arguments, re.DOTALL)
        if found is None:
            raise NotAsPrinted(f"{self.name} {arguments[:80]!r}")
        return self.read({key: value for key, value in found.groupdict().items() if value is not None})


def number(text: str) -> int:
    """A number as QEMU printed it, in decimal or in hex after ``0x``.

    Raises:
        NotAsPrinted: it is larger than any that QEMU prints.
    """
    value = int(text, 16 if text.startswith("0x") else 10) if len(text) <= 20 else _LARGEST + 1
    if abs(value) > _LARGEST:
        raise NotAsPrinted(f"number {text[:24]}")
    return value


def plain(groups: Mapping[str, str]) -> Keys:
    """Groups that are named as the keys they become."""
    return {
        key: number(value) if key in _NUMBERS or key in ("returned", "addr") else value
        for key, value in groups.items()
    }


def failing(groups: Mapping[str, str]) -> Keys:
    """As :func:`plain`; a negative ``returned`` is an error, too."""
    keys = plain(groups)
    if keys["returned"] < 0:
        keys["error"] = f"returned {keys['returned']}"
    return keys


def named(name: str) -> Callable[[Mapping[str, str]], Keys]:
    """As :func:`plain`, with a name of our own."""
    return lambda groups: plain(groups) | {"name": name}


def sent_command(groups: Mapping[str, str]) -> Keys:
    """A command that the source logs by its number."""
    value = number(groups["command"])
    try:
        return {"name": MigCmd(value).name}
    except ValueError:
        return {"name": f"command {value}"}


def received_command(groups: Mapping[str, str]) -> Keys:
    """A command that the destination logs by its name (mig_cmd_args)."""
    return {"name": f"MIG_CMD_{groups['command']}"}


_REQUESTS: Final = (MigRpMessage.MIG_RP_MSG_REQ_PAGES, MigRpMessage.MIG_RP_MSG_REQ_PAGES_ID)


def sent_message(groups: Mapping[str, str]) -> Keys:
    """A message of the return path, by its number; two of them ask for pages."""
    value = number(groups["message"])
    try:
        message = MigRpMessage(value)
    except ValueError:
        return {"name": f"message {value}"}
    if message in _REQUESTS:
        return {"event": EventKind.PAGE_REQUEST}
    return {"name": message.name}


def pending_of_7_2(groups: Mapping[str, str]) -> Keys:
    """One function for both figures then, which synchronises when little is left (qemu_savevm_state_pending)."""
    return {
        "must_precopy": number(groups["pre"]),
        "can_postcopy": number(groups["compat"]) + number(groups["post"]),
        "threshold_bytes": number(groups["max"]),
    }


def pending_of_11(groups: Mapping[str, str]) -> Keys:
    """What can be sent only with the source stopped is given apart; it is part of ``must_precopy``, too."""
    stopcopy_bytes = number(groups["stopcopy"])
    return {
        "name": "final" if groups["final"] == "1" else "exact" if groups["exact"] == "1" else "estimate",
        "must_precopy": number(groups["precopy"]) + stopcopy_bytes,
        "can_postcopy": number(groups["postcopy"]),
        "stopcopy_bytes": stopcopy_bytes,
    }
