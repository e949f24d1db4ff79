"""Start every machine type and device of real QEMUs, migrate each into a file, and see what the decoder makes of it.

    python benchmarks/survey run FOLDER --work /var/lib/savevm-qemus/work [--chroot DIR ...] [--only PATTERN]
    python benchmarks/survey judge FOLDER [--outcome opaque --outcome refused] [--only PATTERN]
    python benchmarks/survey table FOLDER [--update docs/coverage.md]

``run`` starts the installed QEMU and one in each ``--chroot`` (tests/qemu/bring_qemus.sh with
SAVEVM_PACKAGES=qemu-system brings them), each start paused, with a time-out of 10 s, two at a time. What FOLDER has a
result of is not started again, so it can be stopped and goes on where it was. FOLDER/streams keeps the streams
(compressed), so that ``judge`` can open them again with a decoder that has learnt more. ``table`` draws the results.
"""

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from judge import judge
from qemu_run import NotMigratedError, NotStartedError, migrate
from results import Results
from starts import Start, devices, machines, programs, version_of
from table import draw

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

AT_ONCE = 2
KEEP_BYTES = 4 << 20


async def survey_one(start: Start, results: Results, work: Path) -> None:
    """Start, migrate, judge, and note the result."""
    with tempfile.TemporaryDirectory(dir=work, prefix="survey-") as folder:
        stream = Path(folder) / "stream"
        try:
            await migrate(start.command, stream)
        except NotStartedError as error:
            answer = {"outcome": "not started", "problems": [str(error)[-500:]]}
        except NotMigratedError as error:
            answer = {"outcome": "not migrated", "problems": [str(error)[-500:]]}
        else:
            answer = await judge(stream)
            packed = zstd.compress(stream.read_bytes())
            if len(packed) <= KEEP_BYTES:
                results.stream(start.key).write_bytes(packed)
    results.note(start.key, {
        "qemu": start.qemu, "target": start.target, "machine": start.machine, "device": start.device,
        "port": start.port, "command": " ".join(start.command), **answer,
    })  # fmt: skip
    print(f"{answer['outcome']:12} {start.key}", *answer["problems"][:1], flush=True)


async def in_turn(work: Iterator[Any]) -> None:
    """Run coroutines, two at a time."""

    async def go_on() -> None:
        for each in work:
            await each

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


def all_starts(chosen: argparse.Namespace) -> Iterator[Start]:
    """All that is to be started."""
    prefixes: list[tuple[str, ...]] = [() for _ in range(chosen.installed)]
    prefixes += [("chroot", each) for each in chosen.chroot]
    found = {version_of(all_of[0]): all_of for all_of in map(programs, prefixes)}
    for qemu, all_of in found.items():
        for program in all_of:
            if program[-1] == "qemu-system-x86_64":
                yield from devices(program, qemu)
            yield from machines(program, qemu)


def run(chosen: argparse.Namespace) -> None:
    """Start what has no result yet."""
    results = Results(chosen.folder)

    def is_wanted(key: str) -> bool:
        again = key not in results or results[key]["outcome"] in chosen.outcome
        return again and re.search(chosen.only, key) is not None

    wanted = [each for each in all_starts(chosen) if is_wanted(each.key)]
    random.Random(0).shuffle(wanted)  # so that what is done first is a sample of all
    print(f"{len(wanted)} to start, {len(results)} done", flush=True)
    asyncio.run(in_turn(iter([survey_one(each, results, chosen.work) for each in wanted])))


def judge_again(chosen: argparse.Namespace) -> None:
    """Open the kept streams once more."""
    results = Results(chosen.folder)

    async def again(key: str) -> None:
        before = results[key]
        answer = await judge(results.stream(key))
        results.note(key, before | answer)
        if before["outcome"] != answer["outcome"]:
            print(f"{before['outcome']} -> {answer['outcome']} {key}", *answer["problems"][:1], flush=True)

    keys = [
        key for key in results
        if re.search(chosen.only, key) and results.stream(key).exists()
        and (not chosen.outcome or results[key]["outcome"] in chosen.outcome)
    ]  # fmt: skip
    print(f"{len(keys)} to judge", flush=True)
    asyncio.run(in_turn(iter([again(key) for key in keys])))
    results.tidy()


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, does, what in (
        ("run", run, "start QEMUs"), ("judge", judge_again, "open kept streams again"), ("table", draw, "draw"),
    ):  # fmt: skip
        verb = verbs.add_parser(name, help=what)
        verb.set_defaults(does=does)
        verb.add_argument("folder", type=Path, help="where the results are")
        verb.add_argument("--only", default="", help="a pattern in the keys")
        verb.add_argument("--outcome", action="append", default=[], help="again what has this outcome")
        if name == "run":
            verb.add_argument("--work", type=Path, required=True, help="a folder that every QEMU sees")
            verb.add_argument("--chroot", action="append", default=[], help="a folder with another QEMU")
            verb.add_argument("--no-installed", dest="installed", action="store_false", help="chroots alone")
        if name == "table":
            verb.add_argument("--update", type=Path, help="a file with the marks that the tables go between")
    chosen = parser.parse_args()
    os.nice(10)
    chosen.does(chosen)


if __name__ == "__main__":
    main()
