"""The survey's results as Markdown: how many streams were read whole, and what was not and why."""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from results import Results

BEGIN, END = "<!-- survey: made by benchmarks/survey -->", "<!-- end of the survey -->"
OUTCOMES = ("whole", "opaque", "refused")
Row = dict[str, Any]


def _count(rows: Iterable[Row]) -> list[str]:
    outcomes = Counter(row["outcome"] for row in rows)
    return [str(outcomes[each] or "") for each in (*OUTCOMES, "not migrated", "not started")]


def _table(heading: str, groups: dict[str, list[Row]]) -> Iterator[str]:
    yield f"| {heading} | whole | opaque | refused | QEMU does not migrate it | does not start by itself |"
    yield "|---|" + "---:|" * 5
    for name, rows in sorted(groups.items()):
        yield f"| {name} | {' | '.join(_count(rows))} |"
    yield f"| all | {' | '.join(_count(row for rows in groups.values() for row in rows))} |"
    yield ""


def _version(row: Row) -> tuple[int, ...]:
    return tuple(map(int, row["qemu"].split(".")))


def _by(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def _named(idstr: str, path: str, why: str) -> str:
    """Why bytes are opaque, with their device and field if it is not the whole stream."""
    return f"`{idstr}` {path and f'field `{path}`'}: {why}" if idstr else why


def _reasons(rows: Iterable[Row]) -> Iterator[str]:
    """What kept a stream from being whole, the most frequent first."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["outcome"] == "opaque":
            whys = {_named(idstr, path, why) for idstr, path, _, why, _ in row["opaque"]}
        else:
            whys = {re.sub(r"\b(0x[0-9a-f]+|\d+)\b", "N", each) for each in row["problems"][:1]}
        for each in whys:
            found[each].append(row)
    yield "| streams | why | for example |"
    yield "|---:|---|---|"
    for why, of in sorted(found.items(), key=lambda each: (-len(each[1]), each[0])):
        first = min(of, key=_version)
        what = f"{first['device']}{' behind a port' if first['port'] else ''}" if first["device"] else "the machine"
        said = why.replace("|", "\\|").replace("\n", " ")
        yield f"| {len(of)} | {said} | QEMU {first['qemu']}, {first['target']}, {first['machine']}: {what} |"
    yield ""


def lines(rows: list[Row]) -> Iterator[str]:
    """All that the survey found, as lines of Markdown."""
    rows = sorted(rows, key=lambda row: (_version(row), row["key"]))
    machines = [row for row in rows if not row["device"]]
    devices = [row for row in rows if row["device"]]
    yield from (f"{len(rows)} starts.", "")
    yield from ("### By QEMU", "")
    yield from _table("QEMU", _by(rows, "qemu"))
    yield from ("### Machine types, by target", "")
    yield from _table("target", _by(machines, "target"))
    yield from ("### Devices of x86", "")
    groups = {"alone": [row for row in devices if not row["port"]]}
    yield from _table("where", groups | {"behind a pcie-root-port": [row for row in devices if row["port"]]})
    lacking = [row for row in rows if row["outcome"] in OUTCOMES[1:]]
    if lacking:
        yield from ("### What is not whole", "")
        yield from _reasons(lacking)


def draw(chosen: argparse.Namespace) -> None:
    """Print the tables, or put them between the marks of a file."""
    results = Results(chosen.folder)
    text = "\n".join(lines([results[key] for key in results if re.search(chosen.only, key)])).strip()
    if chosen.update is None:
        print(text)
        return
    before, _, rest = chosen.update.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    chosen.update.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
