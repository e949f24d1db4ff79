"""Holding the engine's course against that of a real QEMU, event by event, each thread for itself.

A course becomes lines of text, one an event. Rows of :data:`.differences.DIFFERENCES_FROM_10_2` rewrite the
engine's lines where that QEMU is known to differ; what is unequal then is unexplained.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from pathlib import Path
from typing import Final

from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind

from .differences import DIFFERENCES_FROM_10_2, Difference
from .drive import PING, PONG, drive
from .plan import plan_of
from .truth import SKIPPED, TraceTruth, course, read_truth

_WRITES: Final = frozenset(
    (
        "save_live_iterate",
        "save_complete",
        "save_live_complete_precopy",
        "save_live_complete_postcopy",
        "save_postcopy_prepare",
    )
)
_REQUESTS: Final = "MIG_RP_MSG_REQ_PAGES"
_ANY: Final = " *"
_PING_LINES: Final = frozenset(("savevm_send_ping", "loadvm_process_command_ping"))
_SOURCE_LOG: Final = re.compile(r"(?P<name>trace-\w+-(?P<version>[\d.]+)-(?P<kind>[\w-]+))(\.src)?\.trace(\.xz)?")

Emitted = list[tuple[Thread | None, str]]
"""A course: the lines in their order, each with its thread, which a log may leave open."""


@dataclass(slots=True, kw_only=True)
class Comparison:
    """What came of comparing one end.

    Attributes:
        events: how many were compared.
        applied: how often each row explained something.
        unexplained: lines of a diff; empty if the two courses are equal.
    """

    events: int = 0
    applied: Counter[Difference] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


Number = Callable[[Event], str]
"""Gives the number of a PING or a PONG; empty for all else."""


def traced_numbers(events: Sequence[Event]) -> Number:
    """The numbers that a trace gives: a PING's in a line of its own, one for each command."""
    numbers: dict[int, str] = {}
    for side in Side:
        own = [event for event in events if event.side is side]
        pings = [event.seq for event in own if event.event is EventKind.COMMAND and event.name == PING]
        logged = [_last_word(event) for event in own if event.event is EventKind.LOG and event.name in _PING_LINES]
        numbers |= zip(pings, logged, strict=True)
        if side is Side.SOURCE:
            numbers |= {event.seq: _last_word(event) for event in own if event.name == PONG}
    return lambda event: numbers.get(event.seq, "")


def _last_word(event: Event) -> str:
    return (event.upstream or "").rpartition(" ")[2]


def lines_of(events: Iterable[Event], side: Side, number: Number) -> Emitted:
    """One end's course.

    Args:
        events: of a trace or of the engine.
        side: which end.
        number: of its PINGs and PONGs.
    """
    lines: Emitted = []
    returned: dict[Thread | None, int] = {}
    for event in events:
        if event.side is not side:
            continue
        if event.event is EventKind.RETURN and event.handler in _WRITES and event.returned is not None:
            returned[event.thread] = int(event.returned)
        line = _line(_as_traced(event, returned), side)
        if line:
            lines.append((event.thread, f"{line} {number(event)}".rstrip()))
    return lines


def _as_traced(event: Event, returned: dict[Thread | None, int]) -> Event:
    """An event of the engine's as the trace has it: the end of a section says what the handler returned."""
    if event.event is EventKind.RECORD and event.name != "start" and event.returned is None:
        return replace(event, returned=returned.pop(event.thread, 0))
    if event.event is EventKind.LOG and event.name == "skip":
        return replace(event, name=SKIPPED, section_id=0)
    return event


def _line(event: Event, side: Side) -> str:
    single = course([event], side)
    if not single.order or any(answer.startswith(_REQUESTS) for answer in single.answers):
        return ""  # a request is an event of its own
    what, which = single.order[0]
    detail: tuple[object, ...] = ()
    if single.pending:
        detail = (single.pending[0].must_precopy, single.pending[0].can_postcopy)
    elif side is Side.SOURCE and single.sections:
        detail = (single.sections[0].returned,) if single.sections[0].kind != "start" else ()
    elif single.requests:
        which, detail = "", (single.requests[0][1],) if side is Side.SOURCE else ()
    return " ".join(str(each) for each in (what, which, *detail) if each != "")


def compare(ours: Emitted, theirs: Emitted, *, version: str, kind: str, side: Side) -> Comparison:
    """Compare one end's courses.

    Args:
        ours: the engine's.
        theirs: QEMU's.
        version: of QEMU.
        kind: of the capture.
        side: which end.
    """
    made = Comparison(events=len(theirs))
    rows = [row for row in DIFFERENCES_FROM_10_2 if row.applies(version, kind, side)]
    by_thread: dict[Thread | None, list[str]] = {}
    for thread, line in ours:
        by_thread.setdefault(thread, []).append(line)
    rewritten = {thread: _rewrite(lines, thread, rows, made) for thread, lines in by_thread.items()}
    laid = _lay(theirs, rewritten)
    for thread in dict.fromkeys((*rewritten, *laid)):
        other = laid.get(thread, [])
        one = [
            other[index] if index < len(other) and _same(line, other[index]) else line
            for index, line in enumerate(rewritten.get(thread, []))
        ]
        made.unexplained += unified_diff(one, other, f"engine {side} {thread}", f"QEMU {version} {kind}", lineterm="")
    return made


def _rewrite(lines: list[str], thread: Thread | None, rows: Sequence[Difference], made: Comparison) -> list[str]:
    text = "".join(f"{line}\n" for line in lines)
    for row in rows:
        if row.thread is thread:
            text, times = re.subn(row.engine, row.qemu, text, flags=re.MULTILINE)
            made.applied[row] += times
    return text.splitlines()


def _same(our: str, their: str) -> bool:
    """Whether two lines are equal; a row may leave figures open that the engine is never asked for."""
    return our == their or (our.endswith(_ANY) and their.startswith(our[:-1]))


def _lay(theirs: Emitted, ours: dict[Thread | None, list[str]]) -> dict[Thread | None, list[str]]:
    """QEMU's lines by thread; those that the log leaves open go to the thread in which the engine has them next."""
    laid: dict[Thread | None, list[str]] = {}
    for thread, line in theirs:
        next_in = (one for one, lines in ours.items() if _next_is(lines, laid.get(one, []), line))
        laid.setdefault(next(next_in, None) if thread is None else thread, []).append(line)
    return laid


def _next_is(lines: Sequence[str], laid: Sequence[str], line: str) -> bool:
    return len(laid) < len(lines) and _same(lines[len(laid)], line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A capture whose source has a log.

    Attributes:
        path: what the names of its files begin with.
        version: of QEMU.
        kind: the end of its name.
    """

    path: Path
    version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.version}-{self.kind}"


def captures_in(folder: Path) -> list[Capture]:
    """All captures of a folder whose source has a log, compressed or not, in the order of their names."""
    names = {found[0]: found for path in folder.iterdir() if (found := _SOURCE_LOG.fullmatch(path.name))}
    captures = {(found["version"], found["kind"]): folder / found["name"] for found in names.values()}
    return [Capture(path=path, version=each[0], kind=each[1]) for each, path in sorted(captures.items())]


def compare_capture(capture: Capture) -> dict[Side, Comparison]:
    """Drive the engine by a capture, and compare each end of which there is a log."""
    truth = read_truth(capture.path)
    version, kind = capture.version, capture.kind
    return {
        side: compare(ours, theirs, version=version, kind=kind, side=side)
        for side, (ours, theirs) in courses_of(truth, version, kind).items()
    }


def courses_of(truth: TraceTruth, version: str, kind: str) -> dict[Side, tuple[Emitted, Emitted]]:
    """What the engine, driven by a trace, and QEMU did, for each end of which there is a log."""
    driven, number = drive(plan_of(truth, version, kind)), traced_numbers(truth.events)
    return {
        each.side: (
            lines_of(driven.events, each.side, driven.number),
            lines_of(truth.events, each.side, number),
        )
        for each in (truth.source, truth.destination)
        if each is not None
    }


def report(folder: Path) -> str:
    """What the comparison of all captures of a folder finds, as text."""
    lines, rows, events, unexplained = [], Counter[Difference](), 0, 0
    for capture in captures_in(folder):
        for side, made in compare_capture(capture).items():
            rows += made.applied
            events += made.events
            unexplained += len(made.unexplained)
            lines.append(
                f"{capture} {side}: {made.events} events, {sum(made.applied.values())} explained differences"
            )
            lines += made.unexplained
    lines += [f"{times} x {', '.join(row.versions)} {row.side}: {row.event}" for row, times in rows.items()]
    return "\n".join((*lines, f"{events} events, {rows.total()} differences explained, {unexplained} lines not"))


if __name__ == "__main__":
    print(report(Path(sys.argv[1])))
