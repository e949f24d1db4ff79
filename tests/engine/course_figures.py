"""Figures of runs that a course can quote; ``python -m tests.engine.course_figures`` renews the doc."""

from collections.abc import Callable, Iterable
from functools import partial
from math import exp
from pathlib import Path
from statistics import median
from typing import Any, Final

import savevm_inspect as si
from savevm_inspect.engine.play.run import Run
from savevm_inspect.rules.options import Capability

from .waits import RANDOM_WRITER, waits_ms

DOC: Final = Path(__file__).parents[2] / "docs" / "course-figures.md"
BEGIN: Final = "<!-- drawn by tests/engine/course_figures.py -->\n"

_FLUSHES: Final = 7
"""How many flushes of 32 pages a window of 100 ms takes: whole ones, until 8 MB/s are exceeded."""

_SENT_PAGES_PER_S: Final = _FLUSHES * 32 * 10
_THRESHOLD_PAGES: Final = 0.030 * _SENT_PAGES_PER_S * (4096 + 8) / 4096
_RAM_PAGES: Final = 1024


_within_3_s = partial(si.run, time_limit_us=3_000_000)


def _ms(us: int | None) -> str:
    return "—" if us is None else f"{us / 1000:.2f}"


def _end(run: Run) -> str:
    return "not within 3 s" if run.outcome is si.Outcome.NOT_CONVERGED else f"{run.total_us / 1000:.0f} ms"


def _table(head: str, rows: Iterable[Iterable[object]]) -> str:
    names = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)]) + "\n"


def _quickstart() -> str:
    """The quick start, also with other downtime limits, and of a guest that does nothing."""
    runs = {limit: si.run("quickstart", downtime_limit_ms=limit) for limit in (1, 30, 60, 300)}
    run = runs[30]
    history = run.stream.history
    exact = [event.must_precopy // 4096 for event in run.exact if event.must_precopy is not None]
    stats = run.source.stats
    rows = (
        (limit, _ms(each.total_us), each.rounds, _ms(each.downtime_us), _ms(each.gap_us))
        for limit, each in runs.items()
    )
    idle = si.run("idle")
    return (
        f"{len(run.events)} events, {run.sent_bytes:,} bytes; {stats.normal_pages} normal and {stats.zero_pages} "
        f"zero pages, dirty at the exact looks: {exact}; {history.wasted_bytes:,} bytes in vain, "
        f"{int(history.resent.sum())} pages sent again.\n\n"
        + _table("downtime limit, ms | total, ms | rounds | downtime, ms | gap, ms", rows)
        + f"\nA guest that does nothing (`idle`): downtime {_ms(idle.downtime_us)} ms, gap {_ms(idle.gap_us)} ms.\n"
    )


def _rates() -> str:
    """The quick start with guests that write faster."""
    runs = {rate: _within_3_s("quickstart", writes_per_s=rate) for rate in (900, 1500, 2000, 3000)}
    return _table("writes/s | rounds | end", ((rate, run.rounds, _end(run)) for rate, run in runs.items()))


def _series() -> str:
    """Rounds of sequential writers (all pages filled) and of random ones, beside what a formula says."""

    def left_sequential(rate: int, sent: float) -> float:
        return rate * sent / _SENT_PAGES_PER_S

    def left_random(rate: int, sent: float) -> float:
        return 512 * (1 - exp(-rate * sent / _SENT_PAGES_PER_S / 512))

    kinds: tuple[tuple[str, tuple[int, ...], dict[str, Any], Callable[[int, float], float]], ...] = (
        ("sequential", (300, 900, 1500), {"sequential": True, "hot_pages": 0}, left_sequential),
        ("random, 512 pages", (900, 1500), {}, left_random),
    )
    rows = [
        (kind, rate, f"{rate / _SENT_PAGES_PER_S:.3f}", _rounds(rate, changes), _formula(rate, left))
        for kind, rates, changes, left in kinds
        for rate in rates
    ]
    return _table("guest | writes/s | writes a page sent | rounds of the engine | of the formula", rows)


def _rounds(rate: int, changes: dict[str, Any]) -> int:
    return si.run("quickstart", filled=1.0, writes_per_s=rate, **changes).rounds


def _formula(rate: int, left: Callable[[int, float], float]) -> int:
    """Two looks at the dirty log, before the first pass and after the last, and one between each two."""
    rounds, sent = 2, float(_RAM_PAGES)
    while sent > _THRESHOLD_PAGES:
        rounds, sent = rounds + 1, left(rate, sent)
    return rounds


def _cliff() -> str:
    """`hot-set`, with a page more or less."""
    runs = {pages: _within_3_s("hot-set", hot_pages=pages) for pages in (68, 69)}
    rows = ((pages, _end(run), run.pending[-1].threshold_bytes) for pages, run in runs.items())
    return _table("hot pages | end | the last threshold, bytes", rows)


def _xbzrle() -> str:
    """Writers of the scenario `xbzrle`, with and without it, and with smaller caches."""
    plain: dict[str, Any] = {"capabilities": frozenset[Capability]()}
    rates = (500, 5000)
    rows = (
        (
            rate,
            _end(_within_3_s("xbzrle", writes_per_s=rate, **plain)),
            _end(_within_3_s("xbzrle", writes_per_s=rate)),
        )
        for rate in rates
    )
    caches = ((kib, _end(_within_3_s("xbzrle", xbzrle_cache_bytes=kib << 10))) for kib in (256, 1024))
    return _table("writes/s | without | with", rows) + "\n" + _table("cache, KiB | end, at 5000 writes/s", caches)


def _surprises() -> str:
    """What the downtime limit does not bound."""
    names = ("avail-bandwidth-lie", "downtime-by-latency", "postcopy", "vfio-multifd")
    runs = {name: si.run(name) for name in names}
    return _table(
        "scenario | downtime, ms | gap, ms", ((n, _ms(r.downtime_us), _ms(r.gap_us)) for n, r in runs.items())
    )


def _waits() -> str:
    """How long a guest of 8 MiB that writes 1000 words a second to 1024 random pages waits, on a link of 8 MB/s."""
    rows = (
        (latency_us / 1000, *(_median_wait(name, latency_us) for name in _POSTCOPIES))
        for latency_us in (500, 2000, 20_000)
    )
    return _table("latency, ms | without preempt, median in ms | with it", rows)


def _median_wait(name: str, latency_us: int) -> str:
    return f"{median(waits_ms(si.run(name, latency_us=latency_us, **RANDOM_WRITER))):.2f}"


_POSTCOPIES: Final = ("postcopy", "postcopy-preempt")

PARTS: Final = {
    "The quick start": _quickstart,
    "Guests that write faster": _rates,
    "How many rounds": _series,
    "A hot set that just fits": _cliff,
    "Differences instead of pages": _xbzrle,
    "What the limit does not bound": _surprises,
    "Waits for pages": _waits,
}


def drawn() -> str:
    """The part of the doc that is drawn."""
    return "".join(f"\n## {title}\n{part.__doc__}\n\n{part()}" for title, part in PARTS.items())


def renewed(text: str) -> str:
    """The doc with its drawn part renewed."""
    head, begin, _ = text.partition(BEGIN)
    return head + begin + drawn()


if __name__ == "__main__":
    DOC.write_text(renewed(DOC.read_text(encoding="utf-8")), encoding="utf-8")
