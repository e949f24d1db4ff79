"""Which scenario calls which callback how often; ``python -m tests.engine.matrix`` renews the doc."""

from collections import Counter
from pathlib import Path
from typing import Final

from savevm_inspect.engine.play.transport import Transport
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.options import Capability
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from .running import Run, run
from .upstream.rules import NEVER, Mode

DOC: Final = Path(__file__).parents[2] / "docs" / "scenarios.md"
BEGIN: Final = "<!-- drawn by tests/engine/matrix.py -->\n"
NOT_ALLOWED: Final = "never"


def modes(made: Run, side: Side) -> set[Mode]:
    """What kinds of migration a side took part in, by upstream's ways of calling."""
    scenario = made.migration.scenario
    if scenario.transport is Transport.SNAPSHOT:
        return {Mode.SAVEVM if side is Side.SOURCE else Mode.LOADVM}
    if Capability.BACKGROUND_SNAPSHOT in scenario.capabilities:
        return {Mode.SNAPSHOT} if side is Side.SOURCE else {Mode.PRECOPY}
    phases = {event.phase for event in made.of(side)}
    found = {Mode.PRECOPY}
    if scenario.source_options.postcopy and any("start-postcopy" in step.do for step in scenario.script):
        found = {Mode.POSTCOPY}
    if Phase.POSTCOPY_RECOVER in phases:
        found.add(Mode.RECOVERY)
    return found


def calls(made: Run) -> Counter[str]:
    """How often each callback was called, on either side."""
    return Counter(event.handler or "" for event in made.events if event.event is EventKind.CALL)


def forbidden(made: Run) -> set[str]:
    """The callbacks that no side may call in any of the run's modes."""
    return {
        name
        for name, callback in CALLBACKS.items()
        if all(modes(made, side) <= set(NEVER[name]) for side in callback.sides)
    }


def drawn(runs: dict[str, Run]) -> str:
    """The part of the doc that is drawn."""
    names = list(CALLBACKS)
    rows = ((name, made.migration.scenario) for name, made in runs.items())
    lines = ["", "| scenario | what it shows | the source ends |", "|---|---|---|"]
    lines += [f"| `{name}` | {scenario.title} | {scenario.ends} |" for name, scenario in rows]
    lines += ["", "## Calls", ""]
    lines += [
        f"How often each callback is called, on both sides together. What is marked *{NOT_ALLOWED}* QEMU does not"
    ]
    lines += ["call in a migration of that kind, and a test holds that we don't.", ""]
    lines += [" · ".join(f"{number} `{name}`" for number, name in enumerate(names, 1)), ""]
    lines += [f"| scenario | {' | '.join(map(str, range(1, len(names) + 1)))} |", "|---" * (len(names) + 1) + "|"]
    for name, made in runs.items():
        counted, never = calls(made), forbidden(made)
        cells = [str(counted[each]) if counted[each] else f"*{NOT_ALLOWED}*" * (each in never) for each in names]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def renewed(text: str, runs: dict[str, Run]) -> str:
    """The doc with its drawn part renewed."""
    return text[: text.index(BEGIN) + len(BEGIN)] + drawn(runs)


if __name__ == "__main__":
    made = {name: run(scenario) for name, scenario in SCENARIOS.items()}
    DOC.write_text(renewed(DOC.read_text(encoding="utf-8"), made), encoding="utf-8")
