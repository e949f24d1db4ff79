"""Trying damaged inputs, one after the other, and keeping what should not have come of them."""

import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from random import Random
from types import FrameType
from typing import Final, NoReturn

import savevm_inspect
from savevm_inspect.errors import SavevmError

from .inputs import Files, damaged
from .kinds import KINDS

SECONDS_PER_MIB: Final = 5.0
LEAST_SECONDS: Final = 5.0
"""What any input may take, however short: modules are imported, and the collector has its turn."""
MOST_GROWTH_BYTES: Final = 256 << 20
"""How much an input may add to the most memory that this process ever had."""


class TookTooLong(BaseException):
    """Processor time ran out; not an Exception, so that nobody takes it for a failure of his own."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that did not end as it should.

    Attributes:
        kind: of which kind.
        seed: of the search.
        number: of the input in it.
        what: came of it, one line.
        trace: where.
    """

    kind: str
    seed: int
    number: int
    what: str
    trace: str

    @property
    def signature(self) -> str:
        """What is the same for inputs that fail in one place: the last lines of ours that it went through."""
        ours = [line.strip() for line in self.trace.splitlines() if "savevm_inspect" in line and "line" in line]
        return f"{self.what.partition(':')[0]} {' '.join(ours[-2:])}"

    def save(self, folder: Path) -> Path:
        """Write the input, and how it is tried again."""
        target = folder / f"{self.kind.replace(' ', '-').replace(',', '')}-{self.seed}-{self.number}"
        target.mkdir(parents=True, exist_ok=True)
        for name, data in made(self.kind, self.seed, self.number).items():
            (target / name).write_bytes(data)
        again = f"python -m tests.fuzz --seed {self.seed} --kind '{self.kind}' --number {self.number}"
        (target / "FOUND").write_text(f"{again}\n\n{self.what}\n{self.trace}")
        return target


@dataclass(slots=True)
class Count:
    """What came of the inputs of a kind.

    Attributes:
        ended: as they should, with something read.
        refused: with a SavevmError.
        found: in another way.
        seconds: of processor time, all together.
        slowest: the most seconds that one took.
        slowest_per_mib: the most seconds that one took for each MiB of it, of inputs of 64 KiB and more.
    """

    ended: int = 0
    refused: int = 0
    found: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_per_mib: float = 0.0

    @property
    def tried(self) -> int:
        """How many there were."""
        return self.ended + self.refused + self.found


@dataclass(slots=True)
class Search:
    """A search.

    Args:
        seed: of all that is random; the same one gives the same inputs.

    Attributes:
        counts: by kind.
        findings: one for each place that fails.
    """

    seed: int
    counts: dict[str, Count] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _signatures: Counter[str] = field(default_factory=Counter)

    def try_one(self, kind: str, number: int) -> Finding | None:
        """Try an input.

        Returns:
            What was found, if nothing failed in the same place before.
        """
        count = self.counts.setdefault(kind, Count())
        files = made(kind, self.seed, number)
        size = sum(map(len, files.values()))
        limit = max(LEAST_SECONDS, SECONDS_PER_MIB * size / (1 << 20))
        before, start = peak_bytes(), time.process_time()
        what, trace = _outcome(kind, files, self._chance(kind, number), limit)
        seconds = time.process_time() - start
        grown = peak_bytes() - before
        if what is None and grown > MOST_GROWTH_BYTES:
            what, trace = f"MemoryError: {grown >> 20} MiB more for {size} bytes", ""
        count.seconds += seconds
        count.slowest = max(count.slowest, seconds)
        if size >= 64 << 10:
            count.slowest_per_mib = max(count.slowest_per_mib, seconds / size * (1 << 20))
        if what == "":
            count.refused += 1
        elif what is None:
            count.ended += 1
        else:
            count.found += 1
            return self._keep(Finding(kind, self.seed, number, what, trace))
        return None

    def _chance(self, kind: str, number: int) -> Random:
        return Random(f"work {self.seed} {kind} {number}")

    def _keep(self, finding: Finding) -> Finding | None:
        self._signatures[finding.signature] += 1
        if self._signatures[finding.signature] > 1:
            return None
        self.findings.append(finding)
        return finding

    def table(self) -> Iterator[str]:
        """The counts by kind, as lines."""
        yield (
            f"{'kind':26} {'inputs':>9} {'read':>9} {'refused':>9} {'found':>6} {'ms each':>8} {'slowest':>9} "
            f"{'s/MiB':>6}"
        )
        for kind, count in self.counts.items():
            yield (
                f"{kind:26} {count.tried:>9} {count.ended:>9} {count.refused:>9} {count.found:>6} "
                f"{1000 * count.seconds / max(count.tried, 1):>8.2f} {1000 * count.slowest:>6.0f} ms "
                f"{count.slowest_per_mib:>6.2f}"
            )
        every = self.counts.values()
        yield (
            f"{'all':26} {sum(each.tried for each in every):>9} {sum(each.ended for each in every):>9} "
            f"{sum(each.refused for each in every):>9} {sum(each.found for each in every):>6}   "
            f"peak {peak_bytes() >> 20} MiB"
        )


def made(kind: str, seed: int, number: int) -> Files:
    """The input of a number, which does not hang on those before it."""
    chance = Random(f"{seed} {kind} {number}")
    return damaged(chance.choice(_seeds(kind)), chance)


@cache
def _seeds(kind: str) -> list[Files]:
    return KINDS[kind].seeds()


def turns(seed: int, kinds: list[str]) -> Iterator[tuple[str, int]]:
    """Kinds and numbers of inputs, for ever; each kind as often as its share says."""
    numbers: Counter[str] = Counter()
    chance = Random(f"turns {seed}")
    shares = [KINDS[kind].share for kind in kinds]
    while True:
        for kind in chance.choices(kinds, shares, k=100):
            yield kind, numbers[kind]
            numbers[kind] += 1


def _outcome(kind: str, files: Files, chance: Random, limit: float) -> tuple[str | None, str]:
    """``None`` if it ended, an empty text if it was refused, else what was raised and where."""
    signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        KINDS[kind].work(files, chance)
    except SavevmError as error:
        if "\n" in str(error):
            return f"SavevmError of several lines: {str(error)!r}", traceback.format_exc()
        return "", ""
    except (Exception, TookTooLong) as error:  # noqa: BLE001 - what is looked for
        return " ".join(f"{type(error).__name__}: {error}".split()), traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None, ""


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TookTooLong(f"more than {SECONDS_PER_MIB} s a MiB")


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def search(seed: int, kinds: list[str], *, count: int, seconds: float, folder: Path) -> Search:
    """Try inputs until there were enough, or time is over.

    Args:
        seed: of the search.
        kinds: which ones.
        count: of inputs.
        seconds: of time.
        folder: where what is found is kept.
    """
    import_what_is_late()
    found = Search(seed)
    end = time.monotonic() + seconds
    for tried, (kind, number) in enumerate(turns(seed, kinds), 1):
        try:
            finding = found.try_one(kind, number)
        except KeyboardInterrupt:  # of who has seen enough, and wants the table
            break
        if finding is not None:
            print(f"FOUND {finding.what[:300]}\n  kept in {finding.save(folder)}", flush=True)
        if tried % 5_000 == 0:
            print(*found.table(), sep="\n", flush=True)
        if tried >= count or time.monotonic() > end:
            break
    return found


def import_what_is_late() -> None:
    """No input is charged for it."""
    for name in (
        "pandas",
        "pyarrow",
        "yaml",
        *(each.name for each in walk_packages(savevm_inspect.__path__, "savevm_inspect.")),
    ):
        if not name.endswith("__main__"):
            import_module(name)
