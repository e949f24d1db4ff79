"""The part of docs/handlers.md that is drawn from tables; ``python tests/engine/handlers_doc.py`` renews it."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from savevm_inspect.engine.callbacks import CALLBACKS

HERE: Final = Path(__file__).parent
DOC: Final = HERE.parent.parent / "docs" / "handlers.md"
BEGIN: Final = "<!-- drawn by tests/engine/handlers_doc.py: begin -->\n"
END: Final = "<!-- drawn by tests/engine/handlers_doc.py: end -->\n"

UPSTREAM: Final = runpy.run_path(str(HERE / "upstream_rules.py"))
HEADER: Final = runpy.run_path(str(HERE / "upstream_header.py"))["HEADER"]


def render() -> str:
    """One section for each callback, in the order of register.h."""
    return "\n".join(line for name in CALLBACKS for line in _section(name))


def renewed(text: str) -> str:
    """The document with its drawn part renewed."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{render()}{END}{after}"


def _section(name: str) -> Iterator[str]:
    callback, header = CALLBACKS[name], HEADER[name]
    walks = {key: walk for key, walk in UPSTREAM["WALKS"].items() if _calls(walk, name)}
    ways = [way for way in UPSTREAM["WAYS"] if way.walk in walks]
    own = [walk for walk in walks.values() if walk.callback == name]
    rows = {
        "side": (header.side, _list(way.side for way in ways)),
        "phase": (header.phase, _list(phase for way in ways for phase in way.phases)),
        "called by": ("", "<br>".join(_unique(_chain(way, walks[way.walk]) for way in ways))),
        "thread": (header.thread, _list(way.thread for way in ways)),
        "lock": (header.bql, _lock(name, ways)),
        "guards, in this order": (
            header.guards,
            "<br>".join(_unique(_guards(walk, name) for walk in walks.values())),
        ),
        "section": ("", _list(section for walk in own for section in walk.sections) or "none"),
        "returns": (header.returns, callback.returns.value),
        "failure": (header.failure, "<br>".join(_unique(_failure(walk) for walk in own if walk.failure)) or "none"),
        "without it": ("", callback.absent),
        "never in": ("", _list(UPSTREAM["NEVER"][name]) or "no mode: all call it"),
    }
    yield f"### `{name}`\n\n{callback.promise}\n"
    yield "| | the header says | the code does |\n|---|---|---|"
    for what, (says, does) in rows.items():
        yield f"| {what} | {says or '—'} | {does} |"
    yield "\n" + header.differs


def _calls(walk: Any, name: str) -> bool:
    return walk.callback == name or (
        not walk.spawned_by and any(UPSTREAM["ASKS"].get(guard) == name for guard in walk.guards)
    )


def _chain(way: Any, walk: Any) -> str:
    top = f"`{way.chain[0]}`" + (f" … `{way.chain[-1]}`" if len(way.chain) > 1 else "")
    function, _, told = walk.function.partition(" ")
    return f"{top} → `{function}` {told}".rstrip()


def _guards(walk: Any, name: str) -> str:
    asked = [guard for guard in walk.guards if UPSTREAM["ASKS"].get(guard) == name]
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
    told = [f"held ({held})" if held else "", f"not held ({free})" if free else ""]
    told += [f"{idstr} drops it: {where}" for (idstr, each), where in UPSTREAM["DROPS_BQL"].items() if each == name]
    told += [f"{idstr} takes it: {where}" for (idstr, each), where in UPSTREAM["TAKES_BQL"].items() if each == name]
    return "<br>".join(filter(None, told))


def _unique(texts: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _list(values: Any) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))


if __name__ == "__main__":
    DOC.write_text(renewed(DOC.read_text(encoding="utf-8")), encoding="utf-8")
