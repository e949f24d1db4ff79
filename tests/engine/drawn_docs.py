"""The parts of the docs that are drawn from tables; ``python -m tests.engine.drawn_docs`` renews them."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from savevm_inspect.rules.callbacks import CALLBACKS, Callback, Place
from savevm_inspect.rules.compat import CHANGES
from savevm_inspect.rules.interfaces import INTERFACES, ChangeKind, Difference, Interface, differences

from .traces.differences import DIFFERENCES_FROM_10_2
from .upstream.course import COMMANDS, DIFFERENCES, FAILURES, TRANSITIONS
from .upstream.header import HEADER
from .upstream.rules import ASKS, CALL_SITES, DROPS_BQL, NEVER, TAKES_BQL, WALKS

NAMES: Final = ("compat.md", "handlers.md", "migration-course.md", "trace-comparison.md")
DOCS: Final = tuple(Path(__file__).parents[2] / "docs" / name for name in NAMES)

_PART: Final = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end of what is drawn -->\n)", re.DOTALL)


def renewed(text: str) -> str:
    """A document with its drawn parts renewed."""
    return _PART.sub(lambda found: found[1] + PARTS[found[2]]() + found[3], text)


def parts_of(text: str) -> list[str]:
    """Names of the parts of a document that are drawn."""
    return [name for _begin, name, _end in _PART.findall(text)]


def _callbacks() -> str:
    return "\n".join(line for name in CALLBACKS for line in _callback(name))


def _callback(name: str) -> Iterator[str]:
    callback, header = CALLBACKS[name], HEADER[name]
    walks = {key: walk for key, walk in WALKS.items() if _calls(walk, name)}
    ways = [way for way in CALL_SITES if way.walk in walks]
    own = [walk for walk in walks.values() if walk.callback == name]
    rows = {
        "side": (header.side, _list(way.side for way in ways)),
        "phase": (header.phase, _list(phase for way in ways for phase in way.phases)),
        "called by": ("", _lines(_chain(way, walks[way.walk]) for way in ways)),
        "thread": (header.thread, _list(way.thread for way in ways)),
        "lock": (header.bql, _lock(name, ways)),
        "guards, in this order": (header.guards, _lines(_guards(walk, name) for walk in walks.values())),
        "section": ("", _list(section for walk in own for section in walk.sections) or "none"),
        "parameters": (f"`{callback.signature}`", _parameters(callback)),
        "returns": (header.returns, callback.returns.value),
        "failure": (header.failure, _lines(_failure(walk) for walk in own if walk.failure) or "none"),
        "without it": ("", callback.absent),
        "never in": ("", _list(NEVER[name]) or "no mode: all call it"),
    }
    if callback.advice:
        rows["advice"] = (callback.advice, "—")
    if callback.legacy:
        rows["legacy"] = (
            "yes: a VMStateDescription is to take its place",
            "VFIO's configuration, slirp and others keep it",
        )
    yield f"### `{name}`\n\n{callback.promise}\n"
    yield "| | the header says | the code does |\n|---|---|---|"
    for what, (says, does) in rows.items():
        yield f"| {what} | {says or '—'} | {does} |"
    yield "\n" + header.differs


def _parameters(callback: Callback) -> str:
    return _lines(f"`{each.name}`: {each.meaning}" for each in callback.signature.parameters)


def _interfaces() -> str:
    """The structures of other versions: how they are known, what changed, and the callbacks that 10.2 has not."""
    versions = _table(
        "QEMU | callbacks | known from | read off",
        ((each.version, len(each.callbacks), each.source.value, each.evidence) for each in INTERFACES.values()),
    )
    changes = _table(
        "from | to | what | before | after",
        (
            (old.version, new.version, each.change.value, *_before_and_after(old, new, each))
            for old, new in pairwise(INTERFACES.values())
            for each in differences(old, new)
        ),
    )
    others = _table(
        "callback | QEMU | what it is given | parameters | called",
        (
            (f"`{name}`", ", ".join(_versions_with(name)), f"`{found.signature}`", _parameters(found), _places(found))
            for name, found in _of_other_versions().items()
        ),
    )
    return f"{versions}\n{changes}\n{others}"


def _before_and_after(old: Interface, new: Interface, difference: Difference) -> tuple[str, str]:
    sides = ((old, difference.before), (new, difference.after))
    show: Callable[[Callback], str] = {
        ChangeKind.SIGNATURE: lambda callback: f"`{callback.name}`: `{callback.signature}`",
        ChangeKind.PLACES: lambda callback: f"`{callback.name}`: {_lock_of(callback, old, new)}",
    }.get(difference.change, lambda callback: f"`{callback.name}`")
    before, after = (_lines(show(each.callbacks[name]) for name in names) or "—" for each, names in sides)
    return before, after


def _lock_of(callback: Callback, old: Interface, new: Interface) -> str:
    """The places that only one of both versions has."""
    other = (new if old.callbacks.get(callback.name) is callback else old).callbacks[callback.name]
    own = [place for place in callback.places if place not in other.places]
    return "; ".join(_place(place) for place in own) or "no others"


def _place(place: Place) -> str:
    return f"{place.side}, {place.phase}, {place.thread}, {'with' if place.bql else 'without'} the lock"


def _places(callback: Callback) -> str:
    return _lines(_place(place) for place in callback.places)


def _of_other_versions() -> dict[str, Callback]:
    return {
        name: callback
        for each in INTERFACES.values()
        for name, callback in each.callbacks.items()
        if name not in CALLBACKS
    }


def _versions_with(name: str) -> list[str]:
    return [each.version for each in INTERFACES.values() if name in each.callbacks]


def _calls(walk: Any, name: str) -> bool:
    return walk.callback == name or (not walk.spawned_by and any(ASKS.get(guard) == name for guard in walk.guards))


def _chain(way: Any, walk: Any) -> str:
    top = f"`{way.chain[0]}`" + (f" … `{way.chain[-1]}`" if len(way.chain) > 1 else "")
    function, _, detail = walk.function.partition(" ")
    return f"{top} → `{function}` {detail}".rstrip()


def _guards(walk: Any, name: str) -> str:
    asked = [guard for guard in walk.guards if ASKS.get(guard) == name]
    before = walk.guards[: walk.guards.index(asked[0])] if asked else walk.guards
    what = f"for `{walk.callback}`: " if asked else ""
    return what + ("; ".join(f"{number}. {guard}" for number, guard in enumerate(before, 1)) or "none")


def _failure(walk: Any) -> str:
    ends = "" if walk.goes_on else "the walk ends; "
    noted = "the error is set in the QEMUFile; " if walk.file_error else ""
    return f"{ends}{noted}{walk.failure}"


def _lock(name: str, ways: list[Any]) -> str:
    held = _list(way.thread for way in ways if way.bql)
    free = _list(way.thread for way in ways if not way.bql)
    parts = [f"held ({held})" if held else "", f"not held ({free})" if free else ""]
    parts += [f"{idstr} drops it: {where}" for (idstr, each), where in DROPS_BQL.items() if each == name]
    parts += [f"{idstr} takes it: {where}" for (idstr, each), where in TAKES_BQL.items() if each == name]
    return _lines(filter(None, parts))


def _transitions() -> str:
    return _table(
        "side | from | to | set by | when",
        ((each.side, _list(each.before), each.after, f"`{each.function}`", each.why) for each in TRANSITIONS),
    )


def _commands() -> str:
    return _table(
        "command | carries | when | if",
        (
            (f"{'in the package: ' * each.packaged}{each.name}", each.payload or "—", each.when, each.condition)
            for each in COMMANDS
        ),
    )


def _failures() -> str:
    return _table(
        "side | what fails | states | cleanup | the VM",
        (
            (each.side, each.point, " → ".join(each.states) or "unchanged", _list(each.cleanup) or "none", each.guest)
            for each in FAILURES
        ),
    )


def _differences() -> str:
    return _table(
        "QEMU | what | there | in 10.2 | seen in",
        ((each.version, each.what, each.there, each.here, each.evidence) for each in DIFFERENCES),
    )


def _trace_differences() -> str:
    return _table(
        "QEMU | captures | side, thread | event | in 10.2, and the engine | there | upstream",
        (
            (
                ", ".join(row.versions),
                ", ".join(row.kinds) or "all",
                f"{row.side}, {row.thread}",
                row.event,
                row.here,
                row.there,
                row.upstream,
            )
            for row in DIFFERENCES_FROM_10_2
        ),
    )


def _compat() -> str:
    return _table(
        "what | decided by | since | from then on | before | upstream",
        (
            (f"`{name}`", change.keyed_by, change.since, change.then, change.before, change.upstream)
            for name, change in CHANGES.items()
        ),
    )


PARTS: Final[dict[str, Callable[[], str]]] = {
    "callbacks": _callbacks,
    "interfaces": _interfaces,
    "compat": _compat,
    "transitions": _transitions,
    "commands": _commands,
    "failures": _failures,
    "differences": _differences,
    "trace_differences": _trace_differences,
}
"""What is drawn, by the name in the document's mark."""


def _table(head: str, rows: Iterable[Iterable[object]]) -> str:
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(dict.fromkeys(texts))


def _list(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))


if __name__ == "__main__":
    for path in DOCS:
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
