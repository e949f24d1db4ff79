"""Which migrations are made: the workloads, links and limits of the table."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from paced_guest import PacedWrites

MB: Final = 10**6

WORKLOADS: Final = {
    "idle": PacedWrites(),
    "light": PacedWrites(writes_per_s=200, hot_pages=512),
    "mid": PacedWrites(writes_per_s=1500, hot_pages=1024),
    "heavy": PacedWrites(writes_per_s=4000, hot_pages=256),
}
FAULTING: Final = PacedWrites(writes_per_s=1000, hot_pages=1024)
LINKS_MB_PER_S: Final = (4, 8, 16, 32)
DOWNTIME_LIMITS_MS: Final = (100, 300, 1000)
DELAYS_MS: Final = (0, 2, 10)
SWITCHED_AFTER_BYTES: Final = MB // 4
"""How much of RAM goes before the switch to postcopy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One migration.

    Attributes:
        workload: what the guest does.
        link_mb_per_s: the bandwidth, in 10^6 bytes a second.
        limited_by: ``relay``, a line between the two; or ``qemu``, the parameter max-bandwidth.
        downtime_limit_ms: the parameter.
        delay_ms: how long a byte is on its way.
        postcopy: it is switched to postcopy after half of what the guest has.
        preempt: with a channel of its own for pages that are asked for.
    """

    workload: PacedWrites
    name: str
    link_mb_per_s: int
    limited_by: str = "relay"
    downtime_limit_ms: int = 300
    delay_ms: int = 0
    postcopy: bool = False
    preempt: bool = False

    @property
    def key(self) -> str:
        """What its results are kept by."""
        kind = "preempt" if self.preempt else "postcopy" if self.postcopy else "precopy"
        return f"{kind} {self.name} {self.limited_by} {self.link_mb_per_s} {self.downtime_limit_ms} {self.delay_ms}"


def precopy_rows() -> Iterator[Row]:
    """Every workload over every link with every limit, and those that QEMU itself limits."""
    for (name, workload), link, limit in product(WORKLOADS.items(), LINKS_MB_PER_S, DOWNTIME_LIMITS_MS):
        yield Row(name=name, workload=workload, link_mb_per_s=link, downtime_limit_ms=limit)
    for (name, workload), link in product(WORKLOADS.items(), (4, 16)):
        yield Row(name=name, workload=workload, link_mb_per_s=link, limited_by="qemu")


def postcopy_rows() -> Iterator[Row]:
    """With and without preempt, at each delay, over a relay and limited by QEMU."""
    for preempt, (limited_by, link), delay in product((False, True), (("relay", 8), ("qemu", 4)), DELAYS_MS):
        yield Row(
            name="faulting",
            workload=FAULTING,
            link_mb_per_s=link,
            limited_by=limited_by,
            delay_ms=delay,
            postcopy=True,
            preempt=preempt,
        )
