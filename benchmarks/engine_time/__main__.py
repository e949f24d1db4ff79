"""How long migrations of real QEMUs take, row by row, to hold the engine's virtual time against.

    python benchmarks/engine_time run RESULTS [--qemu 'COMMAND' ...] [--work FOLDER] [--times 5] [--only PATTERN]
    python benchmarks/engine_time table RESULTS

``run`` makes each migration of rows.py on a pair of QEMUs (one command, both ends), several times, and appends a line
of JSON for each to RESULTS; what is there is not made again, so it can be stopped. A run whose guest wrote more than
5 % more or less often than it was to is made again. It needs x86-64, TCG, userfaultfd for postcopy, and a quiet
machine.
``table`` prints the medians, each with the engine's figure for the same row after it.
"""

import argparse
import asyncio
import json
import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from paced_guest import tsc_hz
from played import play
from real import measure
from rows import postcopy_rows, precopy_rows

TOLERANCE: Final = 0.05
TRIES: Final = 3
_FIGURES: Final = ("total_ms", "rounds", "downtime_ms", "gap_ms")


def read(results: Path) -> Iterator[dict[str, Any]]:
    """The runs that were made."""
    if results.exists():
        with results.open() as lines:
            yield from map(json.loads, lines)


def version_of(command: Sequence[str]) -> str:
    """The version that a QEMU says it has."""
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    return ".".join(said.partition("version ")[2].split(".")[:2])


def run(results: Path, commands: Sequence[str], work: Path, times: int, only: str) -> None:
    """Make what is not there yet."""
    made: defaultdict[tuple[str, str], int] = defaultdict(int)
    for each in read(results):
        made[each["qemu"], each["row"]] += 1
    hz = tsc_hz(1)
    rows = [row for row in (*precopy_rows(), *postcopy_rows()) if re.search(only, row.key)]
    with results.open("a") as lines:
        for command in map(shlex.split, commands):
            qemu = version_of(command)
            for row in rows:
                for number in range(made[qemu, row.key], times):
                    for _ in range(TRIES):
                        figures = asyncio.run(measure(command, row, work, hz))
                        pace = figures.get("pace")
                        if pace is None or abs(pace - 1) <= TOLERANCE:
                            break
                    else:
                        print(f"{qemu} {row.key}: the guest writes {pace} times as often as it is to", flush=True)
                        continue
                    lines.write(json.dumps({"qemu": qemu, "row": row.key, "number": number, **figures}) + "\n")
                    lines.flush()
                    print(
                        qemu, row.key, {key: figures.get(key) for key in ("outcome", *_FIGURES, "pace")}, flush=True
                    )


def table(results: Path) -> Iterator[str]:
    """The medians, as Markdown."""
    runs: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in read(results):
        runs[each["qemu"], each["row"]].append(each)
    yield "| QEMU | row | completed | total ms | rounds | downtime ms | gap ms | faults | median wait ms |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    rows = {row.key: row for row in (*precopy_rows(), *postcopy_rows())}
    for (qemu, row), made in sorted(runs.items()):
        played = play(rows[row])
        completed = [each for each in made if each["outcome"] == "completed"]
        waits = [wait for each in completed for wait in each["waits_ms"]]
        cells = [f"{len(completed)}/{len(made)}"]
        if completed:
            cells += [f"{median(each[key] for each in completed):g} / {_shown(played[key])}" for key in _FIGURES]
        else:
            cells += ["", "", "", ""]
        cells += [f"{len(waits)} / {len(played['waits_ms'])}"]
        cells += [f"{median(waits):.2f} / {median(played['waits_ms']):.2f}" if waits and played["waits_ms"] else ""]
        ends = "" if played["outcome"] == "completed" else " (endless on the engine)"
        yield f"| {qemu} | {row}{ends} | {' | '.join(cells)} |"


def _shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:g}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("run", "table"))
    parser.add_argument("results", type=Path)
    parser.add_argument("--qemu", action="append", help="a command; again for each (default: qemu-system-x86_64)")
    parser.add_argument("--work", type=Path, default=Path("/tmp"), help="a folder that QEMU sees at the same path")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--only", default="", metavar="PATTERN", help="rows whose key has this regular expression")
    arguments = parser.parse_args()
    if arguments.verb == "run":
        run(
            arguments.results,
            arguments.qemu or ["qemu-system-x86_64"],
            arguments.work,
            arguments.times,
            arguments.only,
        )
    else:
        print("\n".join(table(arguments.results)))


if __name__ == "__main__":
    main()
