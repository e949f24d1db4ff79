"""The same row on the engine: what it takes in virtual time."""

from collections.abc import Mapping
from typing import Any, Final

from paced_guest import FIRST_PAGE
from rows import MB, SWITCHED_AFTER_BYTES, Row

import savevm_inspect as si
from savevm_inspect.engine.machine.machine import Machine
from savevm_inspect.rules.status import MigrationStatus

MEMORY_BYTES: Final = 32 << 20
_LINK_WITHOUT_LIMIT: Final = 10**9


def play(row: Row) -> Mapping[str, Any]:
    """Run a row once; the same figures as of a real run, as far as the engine has them.

    Args:
        row: what is migrated, and over what.
    """
    limited = row.limited_by == "qemu"
    rate = row.link_mb_per_s * MB

    def fill(machine: Machine) -> None:
        machine.guest.blocks[0].page_contents[FIRST_PAGE : FIRST_PAGE + row.workload.filled_pages, 0] = 1

    base = si.scenarios["quickstart"]
    switch = si.Step(
        do=si.UserAction.MIGRATE_START_POSTCOPY,
        status=MigrationStatus.ACTIVE,
        after_us=SWITCHED_AFTER_BYTES * 10**6 // rate,
    )
    postcopy = ["postcopy-ram", *(["postcopy-preempt"] if row.preempt else [])] if row.postcopy else []
    run = si.run(
        base,
        ram_bytes=MEMORY_BYTES,
        filled=0.0,
        devices=(*base.devices, fill),
        destination_devices=base.devices,
        script=(switch,) if row.postcopy else (),
        first_page=FIRST_PAGE,
        writes_per_s=row.workload.writes_per_s,
        hot_pages=max(row.workload.hot_pages, 1),
        link_bytes_per_s=_LINK_WITHOUT_LIMIT if limited else rate,
        max_bandwidth_bytes_per_s=rate if limited else 0,
        max_postcopy_bandwidth_bytes_per_s=rate if limited else 0,
        downtime_limit_ms=row.downtime_limit_ms,
        latency_us=row.delay_ms * 1000,
        capabilities=["return-path", *postcopy],
        time_limit_us=12_000_000,
    )
    return {
        "outcome": "completed" if run.outcome is si.Outcome.COMPLETED else "endless",
        "total_ms": run.total_us / 1000,
        "downtime_ms": None if run.downtime_us is None else run.downtime_us / 1000,
        "gap_ms": None if run.gap_us is None else run.gap_us / 1000,
        "rounds": run.rounds,
        "waits_ms": [wait.wait_us / 1000 for wait in run.page_waits if wait.wait_us is not None],
    }
