"""Search for what damaged inputs do that they should not: ``python -m tests.fuzz``; ``make fuzz`` calls it."""

import argparse
import secrets
import sys
import warnings
from pathlib import Path

from .kinds import KINDS
from .search import Search, search


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the search; one of its own if none is given")
    parser.add_argument("--count", type=int, default=1_000_000, help="of inputs, over all kinds")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="after which it ends")
    parser.add_argument("--kind", choices=KINDS, action="append", help="one kind alone; again for each")
    parser.add_argument("--number", type=int, help="try this input alone again, and keep it")
    parser.add_argument("--output", type=Path, default=Path("out/fuzz"), help="where what is found is kept")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seed = secrets.randbits(32) if options.seed is None else options.seed
    kinds = options.kind or list(KINDS)
    print(f"python -m tests.fuzz --seed {seed}", flush=True)
    if options.number is not None:
        found = Search(seed)
        finding = found.try_one(kinds[0], options.number)
        print(finding.trace if finding else "nothing found")
    else:
        found = search(seed, kinds, count=options.count, seconds=60 * options.minutes, folder=options.output)
    print(*found.table(), sep="\n")
    for finding in found.findings:
        print(f"FOUND {finding.what[:300]}; repeat: --seed {seed} --kind '{finding.kind}' --number {finding.number}")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
