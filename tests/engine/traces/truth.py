"""What a real QEMU did in a migration, read off its trace, as plain lists to hold the engine against.

All of it is made from lists of events alone, so that the same functions read the engine's own run: the comparison
is one of two :class:`Course` objects. Lists are in the order of the log, for each end apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.stream.records import SectionKind
from savevm_inspect.trace.follow import REPEATED
from savevm_inspect.trace.recorded import Recorded

KINDS = frozenset(kind.value for kind in SectionKind)
SKIPPED = "savevm_section_skip"
BEGINS = "savevm_section_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One entry of the inventory.

    Attributes:
        section_id: its number, which is that of its registration.
        idstr: its name.
        instance_id: which of that name; by the source's trace counted, by the destination's or the stream's stated.
        version_id: of its format; ``None`` if only the source's trace is there.
        iterates: it has START, PART or END sections.
        skipped: it had nothing to save.
        old_style: it has no description.
    """

    section_id: int
    idstr: str
    instance_id: int
    version_id: int | None
    iterates: bool
    skipped: bool
    old_style: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Pending figures, once reported.

    Attributes:
        name: ``estimate`` or ``exact``.
        must_precopy: bytes.
        can_postcopy: bytes.
        threshold_bytes: ``None`` if the version does not tell.
        repeats: how often the same figures came again in a loop that had nothing to do.
    """

    name: str
    must_precopy: int
    can_postcopy: int
    threshold_bytes: int | None
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section sent or loaded.

    Attributes:
        kind: start, part, end or full.
        section_id: its number.
        idstr: its device.
        returned: what the handler returned, where known.
    """

    kind: str
    section_id: int
    idstr: str
    returned: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one end did, in order.

    Attributes:
        side: which end.
        sections: those that it wrote, or loaded.
        skips: (section_id, idstr) of devices that had nothing to save.
        states: migration statuses.
        commands: names of the commands, sent or obeyed.
        pending: the figures.
        requests: (block, addr) of the pages that were asked for; the destination's trace gives only how many.
        answers: names of the messages of the return path, sent or received.
        calls: (handler, idstr) of the calls, derived for a trace.
        order: everything above in one order, as (what, which).
    """

    side: Side
    sections: list[Section] = field(default_factory=list)
    skips: list[tuple[int, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    pending: list[Figures] = field(default_factory=list)
    requests: list[tuple[str, int | None]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    order: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceTruth:
    """What a capture's traces tell.

    Attributes:
        source: what the source did; ``None`` without its log.
        destination: what the destination did; ``None`` without its log.
        inventory: the devices, in the order of the list that QEMU walks: those saved at once in their order, those
            that iterate in theirs.
        capabilities: names of those that the lines give away; ``xbzrle`` and others leave no mark in a trace.
        events: all of it.
    """

    source: Course | None
    destination: Course | None
    inventory: list[Device]
    capabilities: frozenset[str]
    events: tuple[Event, ...]


def read_truth(path: Path) -> TraceTruth:
    """Read the traces of a capture, and its streams if they are there.

    Args:
        path: a log, or what the names of a capture's files begin with.
    """
    recorded = Recorded.open(path)
    stream = recorded.open_stream(strict=False)
    try:
        events = tuple(recorded.events(stream))
    finally:
        if stream is not None:
            stream.close()
    facts = recorded.origin.facts()  # type: ignore[union-attr]
    sides = {event.side for event in events}
    return TraceTruth(
        source=course(events, Side.SOURCE) if Side.SOURCE in sides else None,
        destination=course(events, Side.DESTINATION) if Side.DESTINATION in sides else None,
        inventory=inventory(events),
        capabilities=frozenset(name for each in facts for name in each.capabilities),
        events=events,
    )


def course(events: Iterable[Event], side: Side) -> Course:
    """What one end did.

    Args:
        events: of a trace or of the engine.
        side: which end.
    """
    course = Course(side=side)
    for event in events:
        if event.side is side:
            _add(course, event)
    return course


def _add(course: Course, event: Event) -> None:
    name = event.name or ""
    match event.event:
        case EventKind.RECORD if name in KINDS and event.section_id is not None:
            section = Section(
                kind=name,
                section_id=event.section_id,
                idstr=event.idstr or "",
                returned=None if event.returned is None else int(event.returned),
            )
            course.sections.append(section)
            course.order.append((f"section {name}", section.idstr))
        case EventKind.RECORD if name.startswith("MIG_RP_MSG_"):
            course.answers.append(name)
            course.order.append(("answer", name))
        case EventKind.STATE:
            course.states.append(name)
            course.order.append(("state", name))
        case EventKind.COMMAND:
            course.commands.append(name)
            course.order.append(("command", name))
        case EventKind.PENDING if event.must_precopy is not None:
            figures = Figures(
                name=name,
                must_precopy=event.must_precopy,
                can_postcopy=event.can_postcopy or 0,
                threshold_bytes=event.threshold_bytes,
            )
            course.pending.append(figures)
            course.order.append(("pending", name))
        case EventKind.PAGE_REQUEST:
            course.requests.append((name, event.addr))
            course.order.append(("request", name))
        case EventKind.CALL:
            course.calls.append((event.handler or "", event.idstr or ""))
        case EventKind.LOG:
            _add_log(course, event, name)


def _add_log(course: Course, event: Event, name: str) -> None:
    if name == SKIPPED and event.section_id is not None:
        course.skips.append((event.section_id, event.idstr or ""))
        course.order.append(("skip", event.idstr or ""))
    elif name == BEGINS:
        course.order.append(("section begins", event.idstr or ""))
    elif name == REPEATED and course.pending and "pending" in (event.upstream or ""):
        last = course.pending[-1]
        course.pending[-1] = replace(last, repeats=last.repeats + (event.repeats or 0))


def inventory(events: Iterable[Event]) -> list[Device]:
    """The devices that had a section, or were asked and had nothing to save, in the order in which they were.

    Args:
        events: of a trace.
    """
    found: dict[int, dict[str, object]] = {}
    old_style: set[str] = set()
    for event in events:
        upstream = event.upstream or ""
        if upstream.startswith(("vmstate_save ", "vmstate_load ")) and upstream.endswith("(old)") and event.idstr:
            old_style.add(event.idstr)
        skipped = event.event is EventKind.LOG and event.name == SKIPPED
        section = event.event is EventKind.RECORD and event.name in KINDS
        if event.section_id is None or not (skipped or section):
            continue
        device = found.setdefault(
            event.section_id,
            {
                "idstr": event.idstr or "",
                "instance_id": event.instance_id or 0,
                "version_id": None,
                "iterates": False,
                "skipped": skipped,
            },
        )
        device["version_id"] = event.version_id if event.version_id is not None else device["version_id"]
        device["iterates"] = bool(device["iterates"]) or (section and event.name != SectionKind.FULL.value)
        if event.version_id is not None and event.instance_id is not None:
            device["instance_id"] = event.instance_id
    return [
        Device(
            section_id=section_id,
            old_style=device["idstr"] in old_style or bool(device["iterates"]),
            **device,  # type: ignore[arg-type]
        )
        for section_id, device in found.items()
    ]
