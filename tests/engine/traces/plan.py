"""What of a real QEMU's trace the engine gets before it is driven: figures, returned values, requests, actions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from savevm_inspect.engine.machine.handlers import Pending
from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.wire import MigCmd

from .truth import Course, Device, TraceTruth, course

_S: Final = MigrationStatus
_DISCARD: Final = MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD.name
_RECV_BITMAP: Final = MigCmd.MIG_CMD_RECV_BITMAP.name
_LISTEN: Final = MigCmd.MIG_CMD_POSTCOPY_LISTEN.name
_RESUME_ACK: Final = "MIG_RP_MSG_RESUME_ACK"

BY_NAME: Final = {"xbzrle": Capability.XBZRLE, "switchover-ack": Capability.SWITCHOVER_ACK}
"""Capabilities that leave no mark in every trace, by what a capture is called."""

IN_FILES: Final = frozenset({"tofile", "bgsnap"})
"""Kinds of captures without a destination."""


class Then(Enum):
    """What comes of a round."""

    GOES_ON = auto()
    POSTCOPY = auto()
    COMPLETES = auto()
    PAUSES = auto()
    CANCELLED = auto()


@dataclass(slots=True, kw_only=True)
class Round:
    """One round of the migration thread, as the trace tells it.

    Attributes:
        estimate: the cheap figures; ``None`` if they are not known.
        exact: the dear ones; ``None`` if they were not asked for.
        final: those of the last query, when the VM has stopped; ``None`` if there was none.
        stated_bytes: the threshold; ``None`` if the version does not log it.
        parts: what the PART sections' handlers returned; none if the rate limit was used up.
        package_loaded: postcopy became active in it.
        then: what came of it.
    """

    estimate: Pending | None = None
    exact: Pending | None = None
    final: Pending | None = None
    stated_bytes: int | None = None
    parts: list[int] = field(default_factory=list)
    package_loaded: bool = False
    then: Then = Then.GOES_ON

    def threshold_bytes(self, version: str) -> int:
        """The smallest threshold with which QEMU asks and ends as it did.

        Args:
            version: 11.1 asks for exact figures also if precopy has nothing more to send.
        """
        if self.stated_bytes is not None:
            return self.stated_bytes
        estimate = self.estimate or Pending()
        anyway = version == "11.1" and not estimate.must_precopy
        least = estimate.total + 1 if self.exact is not None and not anyway else 0
        last = self.exact or estimate
        return max(least, last.total) if self.then is Then.COMPLETES else least


@dataclass(slots=True, kw_only=True)
class Plan:
    """What of a trace the engine gets beforehand.

    Attributes:
        version: of QEMU.
        devices: the inventory.
        capabilities: those that were on.
        way: over what the bytes go.
        rounds: in their order.
        discards: how many discards were sent.
        bitmaps: how many blocks' bitmaps were asked for in the recovery.
        requests: pages that the destination asked for, before and after a break.
        again: those of the first that are asked for again after it.
    """

    version: str
    devices: Sequence[Device]
    capabilities: frozenset[Capability]
    transport: Transport
    rounds: list[Round]
    discards: int
    bitmaps: int
    requests: tuple[list[int], list[int]]
    again: list[int]

    @property
    def all_requests(self) -> int:
        """How many requests reach the source."""
        return len(self.requests[0]) + len(self.again) + len(self.requests[1])


def plan_of(truth: TraceTruth, version: str, kind: str) -> Plan:
    """Read off a trace of a source what the engine is to get.

    Args:
        truth: with the source's log.
        version: of QEMU.
        kind: of the capture, the end of its name.
    """
    assert truth.source is not None
    named = {BY_NAME[kind]} if kind in BY_NAME else set()
    before, after = _requests(truth.events)
    again = after[: _asked_by_listen_thread(truth.events)]
    return Plan(
        version=version,
        devices=truth.inventory,
        capabilities=frozenset(map(Capability, truth.capabilities)) | named,
        transport=Transport.FILE if kind in IN_FILES else Transport.LIVE,
        rounds=_rounds(truth.events, version),
        discards=truth.source.commands.count(_DISCARD),
        bitmaps=truth.source.commands.count(_RECV_BITMAP),
        requests=(before, after[len(again) :]),
        again=again,
    )


def _rounds(events: Sequence[Event], version: str) -> list[Round]:
    rounds: list[Round] = []
    listening = False
    for event in events:
        if event.side is not Side.SOURCE:
            continue
        seen = course([event], Side.SOURCE)
        last = rounds[-1] if rounds else None
        if seen.pending:
            _add_figures(rounds, seen)
        elif seen.sections and seen.sections[0].kind == "part":
            if last is None:
                rounds.append(last := Round())
            last.parts.append(seen.sections[0].returned or 0)
        elif seen.sections and seen.sections[0].kind == "end" and last is not None:
            last.then = Then.COMPLETES
        elif seen.commands == [_LISTEN] and last is not None:
            last.then = Then.POSTCOPY
            last.parts.clear()  # a section in this round is save_postcopy_prepare's, which says nothing of pages
            listening = True
        elif seen.states and last is not None:
            last.then = _THEN.get(seen.states[0], last.then)
            loaded = version == "11.1" and listening and seen.states == [_S.POSTCOPY_ACTIVE.value]
            last.package_loaded |= loaded and last.then is Then.GOES_ON
    postcopy = [each.then for each in rounds].index(Then.POSTCOPY) if listening else len(rounds)
    if version != "11.1" and listening:
        rounds[postcopy + 1].package_loaded = True  # there it is active from the beginning
    return rounds


_THEN: Final = {_S.POSTCOPY_PAUSED.value: Then.PAUSES, _S.CANCELLING.value: Then.CANCELLED}


def _add_figures(rounds: list[Round], seen: Course) -> None:
    figures = seen.pending[0]
    pending = Pending(must_precopy=figures.must_precopy, can_postcopy=figures.can_postcopy)
    last = rounds[-1] if rounds else None
    if figures.name == "estimate":
        rounds.append(Round(estimate=pending, stated_bytes=figures.threshold_bytes))
    elif figures.name == "final" and last is not None:
        last.final = pending
    elif last is not None and last.exact is None and not last.parts and figures.threshold_bytes is None:
        last.exact = pending
    else:  # 7.2 has one call, which gives the exact figures alone
        rounds.append(Round(exact=pending, stated_bytes=figures.threshold_bytes))


def _requests(events: Sequence[Event]) -> tuple[list[int], list[int]]:
    before: list[int] = []
    after: list[int] = []
    now = before
    for event in events:
        if event.side is not Side.SOURCE:
            continue
        if event.event is EventKind.RECORD and event.name == _RESUME_ACK:
            now = after
        elif event.event is EventKind.PAGE_REQUEST and event.addr is not None:
            now.append(event.addr)
    return before, after


def _asked_by_listen_thread(events: Sequence[Event]) -> int:
    asked = [event for event in events if event.side is Side.DESTINATION and event.event is EventKind.PAGE_REQUEST]
    return sum(event.thread is Thread.LISTEN for event in asked)
